//! What must not get out: canaries through every success and every problem of the table, at the noisiest log level,
//! looked for in log, answers, metrics, `check-config` and Redis.

use std::collections::BTreeSet;
use std::io::{BufReader, Write};
use std::net::SocketAddr;
use std::thread;

use mediation_bridge::api::problem::Code;
use strum::VariantArray;

use super::support::program::run;
use super::support::redis::RedisServer;
use super::support::wire::{self, read_message};
use super::support::{APP_KEY, APP_SECRET, Call, Gateway, Move, Program, Reply};

const SESSION: &str = "canary-session-91c2";
const TOKEN: &str = "canary-token-b7e4a1d0";
const OTHER_TOKEN: &str = "canary-token-of-nobody";
const PASSWORD: &str = "canary-redis-password";
const NAME: &str = "金丝雀名字";
const PHONE: &str = "13987654321";
const CONTENT: &str = "金丝雀内容：双方同意退款并撤回投诉";
const ADDRESS: &str = "10.9.8.7";
/// An invalid case with a space after it.
const BAD_CASE: &str = "canary-case";

/// How many of [`every_answer`] are to requests that are no pushes: two of another path or method, five documents and
/// health, one metrics, two of the stop.
const OTHER_REQUESTS: usize = 10;

/// TOP's answer to a push, by its case. The text quotes everything that TOP knows of the call.
fn scripted(call: &Call) -> Move {
    let form = &call.form;
    let quote = format!(
        "key {} session {SESSION} sign {} name {NAME} phone {PHONE} content {CONTENT} ip {ADDRESS}",
        form["app_key"], form["sign"]
    );
    let error = |code: &str| {
        Move::error(&format!(r#"{code},"sub_msg":"{quote}","msg":"{quote}","request_id":"{SESSION}""#))
    };
    let success = |members: &str| {
        Move::success(&format!(
            r#"{members},"extra_err_msg":"{quote}","state_code":"{quote}","request_id":"{quote}""#
        ))
    };
    match call.req()["mediation_case_id"].as_str().unwrap() {
        "accepted" => success(r#""is_success":true,"result":true"#),
        "top_rejected" => error(r#""code":15,"sub_code":"isv.x""#),
        "top_rejected-2" => success(r#""is_success":false,"result":true"#),
        "top_rate_limited" => error(r#""code":7"#),
        "top_access_denied" => error(r#""code":29,"sub_code":"isv.appkey-not-exists""#),
        "top_access_denied-2" => error(r#""code":31"#),
        "top_system_error" => Move::error(&format!(r#""code":999,"sub_code":"{quote}","sub_msg":"{quote}""#)),
        "top_unreachable" => error(r#""code":15,"sub_code":"isp.http-connection-refuse""#),
        "top_unavailable" => error(&format!(r#""code":15,"sub_code":"isp.x:{NAME}""#)),
        "top_timeout" => error(r#""code":15,"sub_code":"isp.remote-service-timeout""#),
        "top_timeout-2" => {
            Move::Stall(format!("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{quote}").into_bytes())
        }
        "top_bad_response" => Move::ok(&quote),
        "top_bad_response-2" => {
            Move::Answer(302, vec![("Location", format!("http://127.0.0.1/?session={SESSION}"))], Vec::new())
        }
        "top_bad_response-3" => Move::Bytes(quote.into_bytes()),
        _ => Move::Reset,
    }
}

fn good() -> String {
    format!(
        r#"{{"result":"success","mediator_name":"{NAME}","mediator_phone":"{PHONE}","content":"{CONTENT}"}}"#
    )
}

/// A push; `more` are further lines of its head.
fn request(case: &str, more: &str, body: &str) -> String {
    format!(
        "POST /mediations/{case}/result HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n{more}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn send(address: SocketAddr, request: &str) -> Reply {
    Reply::of(wire::send_raw(address, request.as_bytes()))
}

/// Starts a push that TOP never answers, waits until TOP has it, calls `meanwhile`, and returns the answer.
fn during(gateway: &Gateway, address: SocketAddr, more: &str, meanwhile: impl FnOnce()) -> Reply {
    let calls = gateway.calls().len();
    thread::scope(|scope| {
        let under_way = scope.spawn(|| send(address, &request("top_timeout-2", more, &good())));
        while gateway.calls().len() == calls {
            thread::yield_now();
        }
        meanwhile();
        under_way.join().unwrap()
    })
}

/// One answer for each problem that a caller can cause and for each success, and the content of Redis before it
/// crashed.
fn every_answer(gateway: &Gateway, redis: &mut RedisServer, bridge: &mut Program) -> (Vec<Reply>, String) {
    let address = bridge.address();
    let mut answers = Vec::new();
    let mut push =
        |case: &str, more: &str, body: &str| answers.push(send(address, &request(case, more, body)));
    let by_top = [
        "accepted",
        "top_rejected",
        "top_rejected-2",
        "top_rate_limited",
        "top_access_denied",
        "top_access_denied-2",
        "top_system_error",
        "top_unreachable",
        "top_unavailable",
        "top_timeout",
        "top_bad_response",
        "top_bad_response-2",
        "top_bad_response-3",
        "reset",
    ];
    for case in by_top {
        push(case, "", &good());
        push(case, &format!("Idempotency-Key: {case}\r\n"), &good());
        push(case, &format!("Idempotency-Key: {case}\r\n"), &good());
    }
    push("accepted", "Idempotency-Key: accepted\r\n", &good().replace("success", "another"));
    push("1", "", &good().replace("\"success\"", "{"));
    push("%zz", "", &good().replace("success", ""));
    push(&format!("{BAD_CASE}%20"), "", &good());
    push("1", "Content-Encoding: gzip\r\n", &good());
    push("1", "", &" ".repeat(2_000));
    let stranger = request("1", "", &good()).replace(TOKEN, OTHER_TOKEN);
    answers.push(send(address, &stranger));
    answers.push(send(address, &request("1", "", &good()).replace("/mediations/", "/elsewhere/")));
    answers.push(send(address, &request("1", "", &good()).replace("POST", "PATCH")));
    let slow = request("1", "", &good());
    answers.push(send(address, &slow[..slow.len() - 2]));
    let key = "Idempotency-Key: held\r\n";
    let mut in_between = Vec::new();
    let held = during(gateway, address, key, || {
        in_between.push(send(address, &request("top_timeout-2", key, &good())));
        in_between.push(send(address, &request("accepted", "", &good())));
    });
    answers.push(held);
    answers.append(&mut in_between);
    for path in ["/livez", "/readyz", "/openapi.json", "/swagger-ui/", "/nothing"] {
        answers.push(send(
            address,
            &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"),
        ));
    }
    let stored = format!("{:?}", redis.dump());
    redis.kill();
    answers.push(send(address, &request("accepted", "Idempotency-Key: new\r\n", &good())));
    answers.push(send(address, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    // A connection from before the stop, for a request while the last push waits.
    let mut open_connection = wire::connect(address);
    let mut reader = BufReader::new(open_connection.try_clone().unwrap());
    let mut ask = |path: &str| {
        open_connection
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
            .unwrap();
        Reply::of(read_message(&mut reader, true).unwrap().unwrap())
    };
    let mut ready = vec![ask("/readyz")];
    let last = during(gateway, address, "", || {
        bridge.signal("TERM");
        bridge.line_with("stopping");
        ready.push(ask("/readyz"));
    });
    answers.append(&mut ready);
    answers.push(last);
    (answers, stored)
}

#[test]
fn secrets_never_leak() {
    let Some(mut redis) = RedisServer::guarded(PASSWORD) else { return };
    let redis_url = redis.url();
    let gateway = Gateway::start(|_, call| scripted(call));
    let callers = format!("wms:{TOKEN}");
    let variables = [
        ("TOP_SESSION", SESSION),
        ("BRIDGE_CALLERS", callers.as_str()),
        ("BRIDGE_LOG", "trace"),
        ("BRIDGE_DEADLINE", "1s"),
        ("TOP_CONNECT_TIMEOUT", "500ms"),
        ("BRIDGE_MAX_IN_FLIGHT", "1"),
        ("BRIDGE_MAX_BODY", "1000"),
        ("BRIDGE_IDEMPOTENCY", "redis"),
        ("BRIDGE_REDIS_URL", redis_url.as_str()),
        // One worker for all pushes and answers, so that the stop finds the open connection.
        ("BRIDGE_WORKERS", "1"),
    ];
    let mut bridge = Program::serve(&gateway.url(), &variables);
    let (answers, stored) = every_answer(&gateway, &mut redis, &mut bridge);
    let (status, lines) = bridge.ended();
    assert_eq!(status.code(), Some(0));

    let seen: BTreeSet<String> = answers
        .iter()
        .filter(|answer| answer.status >= 400)
        .map(|answer| answer.json()["code"].as_str().unwrap().to_owned())
        .collect();
    // Two problems do not occur here: an error of the bridge, which no caller can cause (a unit test checks that the
    // text of a panic is not logged), and a problem that occurs only without callers.
    let elsewhere = [Code::InternalError, Code::MisdirectedRequest];
    let met = Code::VARIANTS.iter().filter(|code| !elsewhere.contains(code));
    let all = met.map(|code| code.name().to_owned());
    assert_eq!(seen, all.collect(), "every problem was seen");
    assert!(answers.iter().filter(|answer| answer.status == 200).count() > 6);

    let log = lines.join("\n");
    let signs: Vec<String> = gateway.calls().iter().map(|call| call.form["sign"].clone()).collect();
    let secrets = [APP_SECRET, SESSION, TOKEN, OTHER_TOKEN, PASSWORD];
    let config = run(
        &["check-config"],
        &[&[("TOP_APP_KEY", APP_KEY), ("TOP_APP_SECRET", APP_SECRET)], &variables[..]].concat(),
    );
    assert_eq!(config.status.code(), Some(0));
    let config = String::from_utf8([config.stdout, config.stderr].concat()).unwrap();
    let shown: Vec<String> =
        answers.iter().map(|answer| format!("{:?} {}", answer.message.headers, answer.text())).collect();
    for place in shown.iter().chain([&log, &config, &stored]) {
        for secret in secrets.iter().copied().chain(signs.iter().map(String::as_str)) {
            assert!(!place.contains(secret), "{secret} in\n{place}");
        }
    }
    for private in [NAME, PHONE, CONTENT, "金丝雀内容", "同意退款并撤回", BAD_CASE] {
        assert!(!log.contains(private), "{private} in\n{log}");
        assert!(!config.contains(private), "{private} in\n{config}");
    }
    // The operator finds there which address a whitelist lacks; callers do not need it.
    assert!(log.contains(ADDRESS) && !shown.iter().any(|answer| answer.contains(ADDRESS)));
    assert!(log.contains("金*") && log.contains("139****4321"), "masked, they are there");
    let metrics =
        shown.iter().find(|page| page.contains("mediation_bridge_build_info")).expect("the metrics");
    for word in [NAME, PHONE, CONTENT, "held", "top_rejected-2", APP_KEY, ADDRESS] {
        assert!(!metrics.contains(word), "{word} in\n{metrics}");
    }
    let by_caller = "mediation_bridge_caller_pushes_total{caller=\"wms\",";
    assert!(metrics.lines().all(|line| line.starts_with(by_caller) || !line.contains("wms")), "{metrics}");
    // TOP's message in a rejection is part of its answer, which is replayed.
    assert!(
        stored.contains("rejected") && !stored.contains(APP_KEY) && !stored.contains(ADDRESS),
        "{stored}"
    );
    let pushes = lines.iter().filter(|line| line.contains("\"message\":\"push\"")).count();
    assert_eq!(pushes, answers.len() - OTHER_REQUESTS, "one line a push");
}
