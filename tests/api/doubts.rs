//! A refusal after an unknown outcome: the earlier try may be the one that was executed, and the answer says so.

use super::support::{ACCEPTED, BODY, Gateway, Move, Reply, TestApp};

/// The text of a refusal if an earlier try may have been executed.
const DOUBT: &str = "An earlier push with this Idempotency-Key may have been executed";

fn duplicate() -> Move {
    Move::error(r#""code":15,"sub_code":"isv.data-duplicate-error","sub_msg":"重复提交""#)
}

fn closed() -> Move {
    Move::success(r#""is_success":false,"result":false,"state_code":"CLOSED","extra_err_msg":"已结案""#)
}

fn push(app: &TestApp, key: &str) -> Reply {
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", key)];
    app.push_with("1", &headers, BODY.as_bytes())
}

/// Fails unless a refusal reports `doubt` in its member and in its text.
fn assert_doubt(name: &str, refusal: &Reply, doubt: bool) {
    let body = refusal.problem("top_rejected");
    assert_eq!((name, refusal.status, &body["outcome"]), (name, 422, &"rejected".into()));
    assert_eq!((name, body.get("prior_outcome").is_some()), (name, doubt), "{body}");
    let detail = body["detail"].as_str().unwrap();
    assert_eq!((name, detail.contains(DOUBT)), (name, doubt), "{detail}");
    assert!(detail.starts_with("TOP decided on the push and refused it"), "{name}: {detail}");
}

#[test]
fn a_refusal_after_an_unknown_outcome_reports_the_doubt() {
    let words = |status, body: &str| Move::Answer(status, Vec::new(), body.into());
    let doubts = [
        ("a timeout", Move::error(r#""code":15,"sub_code":"isp.remote-service-timeout""#)),
        ("a connection that timed out", Move::error(r#""code":15,"sub_code":"isp.http-connection-timeout""#)),
        ("a code of the back end", Move::error(r#""code":50,"sub_code":"20000""#)),
        ("a reset", Move::Reset),
        ("a contradiction", Move::error(r#""code":7,"code":7"#)),
        ("TOP's words under 429", words(429, &format!("{ACCEPTED}<!-- -->"))),
        ("a page", words(404, "<html>")),
    ];
    for (name, doubt) in doubts {
        for refusal in [duplicate(), closed()] {
            let doubt = doubt.clone();
            let gateway =
                Gateway::start(move |number, _| if number == 0 { doubt.clone() } else { refusal.clone() });
            let app = TestApp::start(&gateway);
            assert_eq!((name, &push(&app, "key").json()["outcome"]), (name, &"unknown".into()));
            assert_doubt(name, &push(&app, "key"), true);
            let replay = push(&app, "key");
            assert_eq!(replay.header("idempotent-replayed"), Some("true"));
            assert_doubt(name, &replay, true);
            assert_doubt(name, &push(&app, "another"), false);
            assert_eq!(gateway.calls().len(), 3, "{name}");
        }
    }
}

#[test]
fn a_refusal_after_not_executed_reports_no_doubt() {
    for proof in [
        Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#),
        Move::error(r#""code":7"#),
        Move::error(r#""code":29"#),
        Move::Answer(429, Vec::new(), b"<html>slow down</html>".to_vec()),
    ] {
        let gateway = Gateway::start(move |number, _| if number == 0 { proof.clone() } else { duplicate() });
        let app = TestApp::with(&gateway, &[("TOP_MAX_ATTEMPTS", "1")]);
        assert_eq!(push(&app, "key").json()["outcome"], "not_executed");
        assert_doubt("proven", &push(&app, "key"), false);
    }
}
