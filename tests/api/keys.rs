//! Idempotency-Keys in one bridge: the same behaviour with both stores.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::support::redis::RedisServer;
use super::support::{BODY, Gateway, Move, Reply, TestApp};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const ALICE: (&str, &str) = ("Authorization", "Bearer alice-token-0123456789");
const BOB: (&str, &str) = ("Authorization", "Bearer bob-token-0123456789ab");

/// Runs `test` with the variables of each store.
fn with_each_store(test: impl Fn(&[(&str, &str)])) {
    test(&[("BRIDGE_IDEMPOTENCY", "memory")]);
    if let Some(redis) = RedisServer::start() {
        let variables = redis.variables();
        test(&variables.each_ref().map(|(name, value)| (*name, value.as_str())));
    }
}

/// A bridge with two callers and a deadline of two seconds, which makes one call per push.
fn app(gateway: &Gateway, store: &[(&str, &str)]) -> TestApp {
    let callers = "alice:alice-token-0123456789,bob:bob-token-0123456789ab";
    let own = [
        ("BRIDGE_CALLERS", callers),
        ("BRIDGE_DEADLINE", "2s"),
        ("TOP_CONNECT_TIMEOUT", "1s"),
        ("TOP_MAX_ATTEMPTS", "1"),
    ];
    TestApp::with(gateway, &[&own, store].concat())
}

fn push(app: &TestApp, caller: (&str, &str), case: &str, key: &str, body: &str) -> Reply {
    app.push_with(case, &[JSON, caller, ("Idempotency-Key", key)], body.as_bytes())
}

/// The body of an answer without the parts that differ between answers.
fn told(reply: &Reply) -> Value {
    let mut body = reply.json();
    body.as_object_mut().unwrap().remove("request_id");
    body
}

#[test]
fn a_decision_of_top_is_replayed() {
    let no = r#""is_success":false,"result":false,"state_code":"CLOSED","extra_err_msg":"调解案件已结案""#;
    with_each_store(|store| {
        for (case, step, status) in [("yes", Move::accepted(), 200), ("no", Move::success(no), 422)] {
            let gateway = Gateway::always(step);
            let app = app(&gateway, store);
            let first = push(&app, ALICE, case, "key", BODY);
            assert_eq!(first.status, status, "{}", first.text());
            assert_eq!(first.header("idempotent-replayed"), None);
            // A quoted key, and the time in another spelling: the same key and the same request.
            let again = BODY.replace("2025-11-16T16:00:00Z", "2025-11-17 00:00:00");
            for (key, body) in [("key", BODY), ("\"key\"", &again)] {
                let replay = push(&app, ALICE, case, key, body);
                assert_eq!((replay.status, told(&replay)), (status, told(&first)));
                assert_eq!(replay.header("idempotent-replayed"), Some("true"));
                assert_ne!(replay.header("x-request-id"), first.header("x-request-id"));
            }
            assert_eq!(gateway.calls().len(), 1);
        }
    });
}

#[test]
fn null_counts_as_absent_when_requests_are_compared() {
    with_each_store(|store| {
        let gateway = Gateway::always(Move::accepted());
        let app = app(&gateway, store);
        let bodies = [
            r#"{"result":"success","content":null}"#,
            r#"{ "content" : null, "result" : "success" }"#,
            r#"{"result":"succ\u0065ss"}"#,
        ];
        for body in bodies {
            assert_eq!(push(&app, ALICE, "case", "key", body).status, 200);
        }
        assert_eq!(gateway.calls().len(), 1);
    });
}

#[test]
fn a_key_belongs_to_caller_case_and_request() {
    with_each_store(|store| {
        let gateway = Gateway::always(Move::accepted());
        let app = app(&gateway, store);
        assert_eq!(push(&app, ALICE, "case", "key", BODY).status, 200);
        for (caller, case, key) in [(BOB, "case", "key"), (ALICE, "other", "key"), (ALICE, "case", "other")] {
            let reply = push(&app, caller, case, key, BODY);
            assert_eq!((reply.status, reply.header("idempotent-replayed")), (200, None));
        }
        assert_eq!(gateway.calls().len(), 4);
        let reused = push(&app, ALICE, "case", "key", r#"{"result":"other"}"#);
        assert_eq!(reused.status, 422);
        let body = reused.problem("idempotency_key_reused");
        assert_eq!((&body["outcome"], &body["retryable"]), (&"not_executed".into(), &false.into()));
        assert_eq!(gateway.calls().len(), 4);
    });
}

#[test]
fn a_push_that_was_not_executed_is_forgotten() {
    with_each_store(|store| {
        let gateway = Gateway::start(|number, _| match number {
            0 => Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#),
            _ => Move::accepted(),
        });
        let app = app(&gateway, store);
        push(&app, ALICE, "case", "key", BODY).problem("top_unreachable");
        let reply = push(&app, ALICE, "case", "key", r#"{"result":"other"}"#);
        assert_eq!((reply.status, reply.json().get("prior_outcome")), (200, None));
    });
}

#[test]
fn a_doubt_stays_until_top_decides() {
    with_each_store(|store| {
        let gateway = Gateway::start(|number, _| match number {
            0 => Move::error(r#""code":15,"sub_code":"isp.remote-service-timeout""#),
            1 => Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#),
            2 => Move::Reset,
            _ => Move::accepted(),
        });
        let app = app(&gateway, store);
        let first = push(&app, ALICE, "case", "key", BODY).problem("top_timeout");
        assert_eq!(first.get("prior_outcome"), None);
        for code in ["top_unreachable", "top_bad_response"] {
            let problem = push(&app, ALICE, "case", "key", BODY).problem(code);
            assert_eq!(problem["prior_outcome"], "unknown");
            push(&app, ALICE, "case", "key", r#"{"result":"other"}"#).problem("idempotency_key_reused");
        }
        let decided = push(&app, ALICE, "case", "key", BODY);
        assert_eq!((decided.status, &decided.json()["prior_outcome"]), (200, &"unknown".into()));
        assert_eq!(decided.header("idempotent-replayed"), None);
        let replay = push(&app, ALICE, "case", "key", BODY);
        assert_eq!((replay.status, told(&replay)), (200, told(&decided)));
        assert_eq!(replay.header("idempotent-replayed"), Some("true"));
        assert_eq!(gateway.calls().len(), 4);
    });
}

#[test]
fn a_key_in_flight_is_reported_without_using_a_permit() {
    with_each_store(|store| {
        let gateway = Gateway::start(|number, _| match number {
            0 => Move::accepted(),
            _ => Move::After(Duration::from_millis(700), Box::new(Move::accepted())),
        });
        let app = app(&gateway, &[store, &[("BRIDGE_MAX_IN_FLIGHT", "1")]].concat());
        assert_eq!(push(&app, ALICE, "decided", "key", BODY).status, 200);
        thread::scope(|scope| {
            let first = scope.spawn(|| push(&app, ALICE, "case", "key", BODY));
            while gateway.calls().len() < 2 {
                thread::yield_now();
            }
            let second = push(&app, ALICE, "case", "key", BODY);
            assert_eq!((second.status, second.header("retry-after")), (409, Some("1")));
            let body = second.problem("idempotency_in_flight");
            assert_eq!((&body["outcome"], &body["retryable"]), (&"unknown".into(), &true.into()));
            push(&app, ALICE, "case", "key", r#"{"result":"other"}"#).problem("idempotency_key_reused");
            assert_eq!(push(&app, ALICE, "decided", "key", BODY).header("idempotent-replayed"), Some("true"));
            // The push was refused as overloaded and so forgotten: the key is free again.
            push(&app, ALICE, "shed", "key", BODY).problem("overloaded");
            assert_eq!(first.join().unwrap().status, 200);
        });
        assert_eq!(push(&app, ALICE, "shed", "key", r#"{"result":"other"}"#).status, 200);
        assert_eq!(push(&app, ALICE, "case", "key", BODY).header("idempotent-replayed"), Some("true"));
    });
}

#[test]
fn a_push_is_recorded_after_its_caller_hung_up() {
    with_each_store(|store| {
        let gateway = Gateway::always(Move::After(Duration::from_millis(300), Box::new(Move::accepted())));
        let app = app(&gateway, store);
        let mut socket = TcpStream::connect(app.address).unwrap();
        write!(
            socket,
            "POST /mediations/case/result HTTP/1.1\r\nHost: localhost\r\n{}: {}\r\nContent-Type: application/json\r\n\
             Idempotency-Key: key\r\nContent-Length: {}\r\n\r\n{BODY}",
            ALICE.0,
            ALICE.1,
            BODY.len()
        )
        .unwrap();
        while gateway.calls().is_empty() {
            thread::yield_now();
        }
        drop(socket);
        let replay = loop {
            let reply = push(&app, ALICE, "case", "key", BODY);
            if reply.status != 409 {
                break reply;
            }
        };
        assert_eq!((replay.status, replay.header("idempotent-replayed")), (200, Some("true")));
        assert_eq!(gateway.calls().len(), 1);
    });
}

#[test]
fn an_invalid_key_is_reported_with_all_other_violations() {
    let gateway = Gateway::always(Move::accepted());
    let app = app(&gateway, &[]);
    let long = "k".repeat(256);
    for (key, rule) in [
        ("", "too_short"),
        ("\"\"", "too_short"),
        ("a b", "bad_character"),
        ("钥匙", "bad_character"),
        ("\"open", "bad_format"),
        (long.as_str(), "too_long"),
    ] {
        let problem = push(&app, ALICE, "no!", key, r#"{"resault":"x"}"#).problem("validation_failed");
        let errors = problem["errors"].as_array().unwrap();
        let of_key = errors.iter().find(|error| error["parameter"] == "Idempotency-Key").expect(key);
        assert_eq!(of_key["code"], rule, "{key}");
        assert!(errors.len() >= 3, "{errors:?}");
    }
    let twice = app.push_with(
        "case",
        &[JSON, ALICE, ("Idempotency-Key", "a"), ("Idempotency-Key", "a")],
        BODY.as_bytes(),
    );
    assert_eq!(twice.problem("validation_failed")["errors"][0]["code"], "repeated");
    assert_eq!(push(&app, ALICE, "case", &"k".repeat(255), BODY).status, 200);
    assert_eq!(gateway.calls().len(), 1);
}

#[test]
fn a_bridge_without_a_key_store_refuses_keys() {
    let app = TestApp::accepting(&[("BRIDGE_IDEMPOTENCY", "off")]);
    let headers = [JSON, ("Idempotency-Key", "key")];
    let error = &app.push_with("case", &headers, BODY.as_bytes()).problem("validation_failed")["errors"][0];
    assert_eq!((&error["parameter"], &error["code"]), (&"Idempotency-Key".into(), &"not_available".into()));
}
