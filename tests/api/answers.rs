//! TOP's answers and the problems that they lead to: every row of the table.

use serde_json::{Value, json};

use super::support::{ACCEPTED, Gateway, Move, Reply, TestApp};

/// A row: the name, TOP's answer, and the code of the problem or "200".
type Row = (&'static str, Move, &'static str);

fn html(status: u16) -> Move {
    Move::Answer(status, vec![("Content-Type", "text/html".to_owned())], b"<html>no</html>".to_vec())
}

fn with_status(status: u16, body: &str) -> Move {
    Move::Answer(status, Vec::new(), body.as_bytes().to_vec())
}

#[expect(clippy::too_many_lines, reason = "a table, a line a row")]
fn rows() -> Vec<Row> {
    let bad_success = r#""is_success":false,"result":true,"state_code":"#;
    vec![
        ("both true", Move::accepted(), "200"),
        ("both true as text", Move::success(r#""is_success":"TRUE","result":"True""#), "200"),
        ("success under HTTP 500", with_status(500, ACCEPTED), "200"),
        ("success behind a mark", Move::ok(&format!("\u{feff}{ACCEPTED}")), "200"),
        (
            "raw control characters",
            Move::success("\"is_success\":true,\"result\":true,\"x\":\"\u{1}\n\""),
            "200",
        ),
        ("no booleans", Move::success(r#""state_code":"20000""#), "top_bad_response"),
        ("one boolean", Move::success(r#""is_success":true"#), "top_bad_response"),
        ("numbers as booleans", Move::success(r#""is_success":1,"result":1"#), "top_bad_response"),
        ("result false", Move::success(r#""is_success":true,"result":false"#), "top_rejected"),
        ("5xx state", Move::success(&format!(r#"{bad_success}"500000""#)), "top_system_error"),
        ("5xx state as a number", Move::success(&format!("{bad_success}500001")), "top_system_error"),
        ("system state", Move::success(&format!(r#"{bad_success}"a_system_error""#)), "top_system_error"),
        ("internal state", Move::success(&format!(r#"{bad_success}"Internal""#)), "top_system_error"),
        ("another state", Move::success(&format!(r#"{bad_success}"20001""#)), "top_rejected"),
        ("no state", Move::success(r#""is_success":false,"result":false"#), "top_rejected"),
        ("code 4", Move::error(r#""code":4"#), "top_rate_limited"),
        ("code 8", Move::error(r#""code":8"#), "top_rate_limited"),
        ("access control", Move::error(r#""code":15,"sub_code":"accesscontrol.x""#), "top_rate_limited"),
        ("call limited", Move::error(r#""code":15,"sub_code":"isp.call-limited""#), "top_rate_limited"),
        ("business limit", Move::error(r#""sub_code":"isv.BUSINESS_LIMIT_CONTROL""#), "top_rate_limited"),
        ("code 25", Move::error(r#""code":25"#), "top_access_denied"),
        (
            "code 29 as text",
            Move::error(r#""code":"29","sub_code":"isv.appkey-not-exists""#),
            "top_access_denied",
        ),
        ("code 31 without a date", Move::error(r#""code":31"#), "top_access_denied"),
        ("code 53", Move::error(r#""code":53"#), "top_access_denied"),
        (
            "permission",
            Move::error(r#""code":50,"sub_code":"isv.permission-ip-whitelist-limit""#),
            "top_access_denied",
        ),
        ("unauthorized", Move::error(r#""sub_code":"isv.error-unauthorized""#), "top_access_denied"),
        (
            "back end refuses",
            Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#),
            "top_unreachable",
        ),
        (
            "back end not there",
            Move::error(r#""sub_code":"isp.top-remote-connection-error""#),
            "top_unreachable",
        ),
        ("back end not in time", Move::error(r#""sub_code":"isp.http-connection-timeout""#), "top_timeout"),
        (
            "service timeout",
            Move::error(r#""code":15,"sub_code":"isp.remote-service-timeout:x""#),
            "top_timeout",
        ),
        (
            "connection timeout",
            Move::error(r#""sub_code":"isp.top-remote-connection-timeout""#),
            "top_timeout",
        ),
        ("read timeout", Move::error(r#""sub_code":"isp.http-read-timeout""#), "top_timeout"),
        ("closed", Move::error(r#""sub_code":"isp.http-closed""#), "top_timeout"),
        ("parameters", Move::error(r#""code":15,"sub_code":"isp.invalid-parameters""#), "top_rejected"),
        ("mapping", Move::error(r#""code":15,"sub_code":"isp.top-mapping-parse-error""#), "top_rejected"),
        ("code 41", Move::error(r#""code":41,"msg":"Invalid arguments:req""#), "top_rejected"),
        ("another isv", Move::error(r#""code":50,"sub_code":"isv.invalid-parameter""#), "top_rejected"),
        (
            "null pointer",
            Move::error(r#""code":15,"sub_code":"isp.null-pointer-exception""#),
            "top_system_error",
        ),
        ("parse error", Move::error(r#""code":15,"sub_code":"isp.top-parse-error""#), "top_system_error"),
        ("another isp", Move::error(r#""code":15,"sub_code":"isp.never-seen""#), "top_unavailable"),
        ("code 1", Move::error(r#""code":1"#), "top_unavailable"),
        ("code 10", Move::error(r#""code":10"#), "top_unavailable"),
        ("code 15 alone", Move::error(r#""code":15"#), "top_unavailable"),
        ("code 50 with a bare sub-code", Move::error(r#""code":50,"sub_code":"17""#), "top_system_error"),
        ("code 88", Move::error(r#""code":88"#), "top_unavailable"),
        ("another code", Move::error(r#""code":999"#), "top_system_error"),
        ("no code", Move::error(""), "top_system_error"),
        (
            "both roots",
            Move::ok(&ACCEPTED.replacen('{', r#"{"error_response":{"code":7},"#, 1)),
            "top_bad_response",
        ),
        (
            "both roots, one of them null",
            Move::ok(&ACCEPTED.replacen('{', r#"{"error_response":null,"#, 1)),
            "200",
        ),
        ("HTTP 429", html(429), "top_rate_limited"),
        ("HTTP 502", html(502), "top_unavailable"),
        ("HTTP 503", html(503), "top_unavailable"),
        ("HTTP 504", html(504), "top_unavailable"),
        ("HTTP 500", html(500), "top_bad_response"),
        ("HTTP 404", html(404), "top_bad_response"),
        ("HTML under 200", html(200), "top_bad_response"),
        ("nothing", Move::ok(""), "top_bad_response"),
        ("another root", Move::ok(r#"{"result":true,"is_success":true}"#), "top_bad_response"),
        ("XML", Move::ok("<error_response><code>7</code></error_response>"), "top_bad_response"),
        (
            "not UTF-8",
            Move::Answer(200, Vec::new(), [ACCEPTED.as_bytes(), b"\xff"].concat()),
            "top_bad_response",
        ),
        (
            "redirect",
            Move::Answer(302, vec![("Location", "/".to_owned())], ACCEPTED.into()),
            "top_bad_response",
        ),
        ("oversized", Move::ok(&format!("{ACCEPTED}{}", " ".repeat(1 << 20))), "top_bad_response"),
        ("largest", Move::ok(&format!("{ACCEPTED}{}", " ".repeat((1 << 20) - ACCEPTED.len()))), "200"),
    ]
}

/// The values of the catalogue for each problem that TOP's answers lead to.
fn promise(code: &str) -> (u16, &'static str, bool, bool) {
    match code {
        "top_rejected" => (422, "rejected", false, false),
        "top_rate_limited" => (429, "not_executed", true, true),
        "top_access_denied" => (502, "not_executed", false, false),
        "top_system_error" | "top_bad_response" => (502, "unknown", true, false),
        "top_unreachable" => (503, "not_executed", true, true),
        "top_unavailable" => (503, "unknown", true, true),
        "top_timeout" => (504, "unknown", true, false),
        other => panic!("{other}"),
    }
}

fn assert_promise(name: &str, reply: &Reply, code: &str) -> Value {
    let body = reply.problem(code);
    let (status, outcome, retryable, waits) = promise(code);
    assert_eq!(reply.status, status, "{name}");
    assert_eq!(body["outcome"], outcome, "{name}");
    assert_eq!(body["retryable"], retryable, "{name}");
    assert_eq!(reply.header("retry-after").is_some(), waits, "{name}");
    body
}

#[test]
fn every_answer_of_top_leads_to_the_problem_in_the_table() {
    for (name, answer, expected) in rows() {
        let gateway = Gateway::always(answer);
        let app = TestApp::with(&gateway, &[("TOP_MAX_ATTEMPTS", "1"), ("BRIDGE_WORKERS", "1")]);
        let reply = app.push_good();
        if expected == "200" {
            assert_eq!((name, reply.status), (name, 200), "{}", reply.text());
        } else {
            let body = assert_promise(name, &reply, expected);
            assert_eq!(body["attempts"], 1, "{name}");
        }
        gateway.only_call();
    }
}

#[test]
fn tops_messages_are_passed_on_only_if_they_help() {
    let said = r#""code":50,"msg":"Remote service error","sub_code":"isv.invalid-parameter:result","sub_msg":"&lt;非法参数&gt; 87654321 10.1.2.3","request_id":"r1""#;
    let reply = TestApp::start(&Gateway::always(Move::error(said))).push_good();
    assert_eq!(
        reply.problem("top_rejected")["top"],
        json!({
            "code": 50,
            "sub_code": "isv.invalid-parameter:result",
            "sub_msg": "<非法参数> *** ***",
            "request_id": "r1",
        })
    );
    assert!(!reply.text().contains("Remote service error"), "msg is never passed on");

    let said = r#""is_success":false,"result":false,"state_code":"CLOSED","extra_err_msg":"已结案","request_id":"r2""#;
    let reply = TestApp::start(&Gateway::always(Move::success(said))).push_good();
    let expected = json!({ "sub_msg": "已结案", "state_code": "CLOSED", "request_id": "r2" });
    assert_eq!(reply.problem("top_rejected")["top"], expected);

    let said = r#""code":29,"sub_code":"isv.appkey-not-exists","sub_msg":"for the operator alone","request_id":"r3""#;
    let reply = TestApp::start(&Gateway::always(Move::error(said))).push_good();
    let expected = json!({ "code": 29, "sub_code": "isv.appkey-not-exists", "request_id": "r3" });
    assert_eq!(reply.problem("top_access_denied")["top"], expected);

    let said =
        format!(r#""code":41,"sub_msg":"{}","sub_code":"isv.{}""#, "长".repeat(5_000), "x".repeat(5_000));
    let reply = TestApp::start(&Gateway::always(Move::error(&said))).push_good();
    let top = &reply.problem("top_rejected")["top"];
    assert_eq!(top["sub_msg"].as_str().unwrap().chars().count(), 500);
    assert_eq!(top["sub_code"].as_str().unwrap().len(), 128);
}

#[test]
fn the_wait_in_a_ban_is_its_length_up_to_a_minute() {
    let said = r#""code":7,"sub_code":"accesscontrol.limited-by-api-access-count","sub_msg":"This ban will last for 71 more seconds""#;
    let reply = TestApp::start(&Gateway::always(Move::error(said))).push_good();
    assert_eq!(reply.header("retry-after"), Some("60"), "a ban can be lifted early");
    assert_eq!(reply.problem("top_rate_limited")["attempts"], 1);
    let reply = TestApp::start(&Gateway::always(Move::error(r#""code":7"#))).push_good();
    assert_eq!(reply.header("retry-after"), Some("1"));
}
