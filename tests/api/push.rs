//! An accepted push and its call on the wire.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::json;

use super::support::{ACCEPTED, APP_KEY, BODY, CASE, Gateway, Move, Program, TestApp, wire};

#[test]
fn an_accepted_push_arrives_in_the_documented_form() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let reply = app.push_good();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(
        reply.json(),
        json!({
            "case_id": CASE,
            "outcome": "accepted",
            "completed_time": "2025-11-17 00:00:00",
            "attempts": 1,
            "top": { "request_id": "top-request-1", "state_code": "20000" },
        })
    );

    let call = gateway.only_call();
    assert_eq!(call.message.start, "POST /router/rest HTTP/1.1");
    assert_eq!(call.message.header("content-type"), Some("application/x-www-form-urlencoded;charset=UTF-8"));
    call.assert_signed();
    let names: BTreeSet<&str> = call.form.keys().map(String::as_str).collect();
    let expected = ["app_key", "format", "method", "req", "sign", "sign_method", "timestamp", "v"];
    assert_eq!(names, BTreeSet::from(expected));
    assert_eq!(call.form["method"], "alibaba.jym.servicecenter.mediation.result.push");
    assert_eq!(call.form["app_key"], APP_KEY);
    assert_eq!(call.form["v"], "2.0");
    assert_eq!(call.form["format"], "json");
    assert_eq!(
        call.req(),
        json!({
            "mediation_case_id": CASE,
            "result": "success",
            "work_number": "123123",
            "completed_time": "2025-11-17 00:00:00",
            "mediator_name": "张三",
            "mediator_phone": "13812345678",
            "content": "沟通内容",
        })
    );
    assert!(call.form["req"].contains("张三") && !call.form["req"].contains(": "), "compact, raw UTF-8");
}

#[test]
fn absent_members_are_not_sent() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let nulls =
        r#"{"result":"失败","work_number":null,"completed_time":null,"mediator_name":null,"content":null}"#;
    let reply = app.push(nulls);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.json().get("completed_time").is_none());
    assert!(reply.text().is_ascii() || reply.text().contains("失败"), "Chinese is never escaped");
    assert_eq!(gateway.only_call().req(), json!({ "mediation_case_id": CASE, "result": "失败" }));
}

#[test]
fn accepted_values_reach_top_unchanged() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let content = "  一行\r\n\t\"二\" \\ & + = % ü 𠮷 \u{2028} ";
    let body = json!({ "result": " ok ", "content": content, "mediator_phone": " +86 (571) 1*2#3,x" });
    let reply = app.push(&body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let call = gateway.only_call();
    call.assert_signed();
    assert_eq!(call.req()["content"], content);
    assert_eq!(call.req()["result"], " ok ");
    assert_eq!(call.req()["mediator_phone"], " +86 (571) 1*2#3,x");
}

#[test]
fn every_sign_method_and_the_session_are_signed_as_sent() {
    for (method, length) in [("md5", 32), ("hmac", 32), ("hmac-sha256", 64)] {
        let gateway = Gateway::always(Move::accepted());
        let app =
            TestApp::with(&gateway, &[("TOP_SIGN_METHOD", method), ("TOP_SESSION", "a-session-key+/=")]);
        assert_eq!(app.push_good().status, 200);
        let call = gateway.only_call();
        call.assert_signed();
        assert_eq!(call.form["sign_method"], method);
        assert_eq!(call.form["session"], "a-session-key+/=");
        assert_eq!(call.form["sign"].len(), length);
    }
}

#[test]
fn the_largest_valid_body_fits_even_if_fully_escaped() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let escaped = |text: &str, times: usize| text.repeat(times);
    let pair = "\\ud842\\udfb7";
    let body = format!(
        r#"{{"result":"{0}","work_number":"{0}","mediator_name":"{0}","mediator_phone":"{1}","completed_time":"{2}","content":"{3}"}}"#,
        escaped(pair, 64),
        escaped("\\u0031", 32),
        "2025-11-17T00:00:00Z".bytes().map(|byte| format!("\\u{byte:04x}")).collect::<Vec<_>>().concat(),
        escaped(pair, 10_000),
    );
    let reply = app.push(&body);
    assert_eq!(reply.status, 200, "{} bytes: {}", body.len(), reply.text());
    assert_eq!(gateway.only_call().req()["content"], "𠮷".repeat(10_000));
}

#[test]
fn a_push_refused_inside_a_200_is_never_a_success() {
    let gateway =
        Gateway::always(Move::success(r#""is_success":false,"result":true,"extra_err_msg":"已关闭""#));
    let reply = TestApp::start(&gateway).push_good();
    assert_eq!(reply.status, 422);
    let body = reply.problem("top_rejected");
    assert_eq!(body["top"]["sub_msg"], "已关闭");
    assert!(reply.text().contains("已关闭"), "Chinese is never escaped");
}

#[test]
fn connections_are_reused_and_bodies_may_be_chunked() {
    let gateway = Gateway::always(Move::Answer(200, Vec::new(), ACCEPTED.as_bytes().to_vec()));
    let app = TestApp::with(&gateway, &[("BRIDGE_WORKERS", "1")]);
    let chunked = format!(
        "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{BODY}\r\n0\r\n\r\n",
        BODY.len()
    );
    assert_eq!(app.send_raw(chunked.as_bytes()).status, 200);
    assert_eq!(app.push_good().status, 200);
    assert_eq!(gateway.calls().len(), 2);
}

/// Timestamps and times must not depend on the time zone of the machine or container.
#[test]
fn the_time_zone_of_the_machine_has_no_effect() {
    for zone in ["America/New_York", "UTC", "Asia/Shanghai", ":/nonsense"] {
        let gateway = Gateway::always(Move::accepted());
        let mut bridge = Program::serve(&gateway.url(), &[("TZ", zone)]);
        let request = format!(
            "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        let before = Timestamp::now();
        let answer = wire::send_raw(bridge.address(), request.as_bytes());
        assert!(answer.start.contains("200"), "{zone}: {answer:?}");
        let call = gateway.only_call();
        call.assert_signed();
        assert_eq!(call.req()["completed_time"], "2025-11-17 00:00:00", "{zone}");
        let stamp: DateTime = call.form["timestamp"].parse().unwrap();
        assert_eq!(call.form["timestamp"], stamp.strftime("%Y-%m-%d %H:%M:%S").to_string());
        let sent = Offset::constant(8).to_timestamp(stamp).unwrap();
        let apart = sent.as_second() - before.as_second();
        assert!((0..=10).contains(&apart), "{zone}: {apart} s apart");
    }
}
