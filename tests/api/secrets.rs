//! What must not get out: canaries through every success and failure, at the noisiest log level.

use super::support::{APP_SECRET, CASE, Gateway, Move, Program, Reply, wire};

const SESSION: &str = "canary-session-91c2";
const TOKEN: &str = "canary-token-b7e4a1d0";
const NAME: &str = "金丝雀名字";
const PHONE: &str = "13987654321";
const CONTENT: &str = "金丝雀内容：双方同意退款并撤回投诉";

/// Moves that quote back whatever TOP knows of the call.
fn quoting(call: &super::support::Call) -> Vec<Move> {
    let form = &call.form;
    let quote = format!(
        "key {} session {SESSION} sign {} name {NAME} phone {PHONE} content {CONTENT} ip 10.9.8.7",
        form["app_key"], form["sign"]
    );
    let error = |code: &str| {
        Move::error(&format!(r#"{code},"sub_msg":"{quote}","msg":"{quote}","request_id":"{SESSION}""#))
    };
    vec![
        Move::accepted(),
        Move::success(&format!(
            r#""is_success":true,"result":true,"extra_err_msg":"{quote}","state_code":"{quote}""#
        )),
        Move::success(&format!(
            r#""is_success":false,"result":true,"state_code":"500","extra_err_msg":"{quote}""#
        )),
        error(r#""code":7"#),
        error(r#""code":29,"sub_code":"isv.appkey-not-exists""#),
        error(r#""code":31"#),
        error(&format!(r#""code":15,"sub_code":"isp.x:{NAME}""#)),
        error(r#""code":15,"sub_code":"isp.remote-service-timeout""#),
        error(r#""code":999"#),
        Move::ok(&quote),
        Move::Answer(302, vec![("Location", format!("http://127.0.0.1/?session={SESSION}"))], Vec::new()),
        Move::Bytes(quote.clone().into_bytes()),
        Move::Reset,
    ]
}

#[test]
fn no_canary_leaves_by_log_or_answer() {
    let gateway = Gateway::start(|number, call| quoting(call)[number].clone());
    let mut bridge = Program::serve(
        &gateway.url(),
        &[
            ("TOP_SESSION", SESSION),
            ("BRIDGE_CALLERS", &format!("wms:{TOKEN}")),
            ("BRIDGE_LOG", "trace"),
            ("TOP_MAX_ATTEMPTS", "1"),
        ],
    );
    let address = bridge.address();
    let good = format!(
        r#"{{"result":"success","mediator_name":"{NAME}","mediator_phone":"{PHONE}","content":"{CONTENT}"}}"#
    );
    let push = |token: &str, case: &str, body: &str| {
        let request = format!(
            "POST /mediations/{case}/result HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Reply::of(wire::send_raw(address, request.as_bytes()))
    };
    let moves = 13;
    let mut answers: Vec<Reply> = (0..moves).map(|_| push(TOKEN, CASE, &good)).collect();
    assert_eq!(gateway.calls().len(), moves);
    answers.push(push(&format!("{TOKEN}x"), CASE, &good));
    answers.push(push(TOKEN, "%zz", &good.replace("success", "")));
    answers.push(push(TOKEN, CASE, &good.replace("\"success\"", "{")));
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 2);

    bridge.signal("TERM");
    let (status, lines) = bridge.ended();
    assert_eq!(status.code(), Some(0));
    let log = lines.join("\n");
    let signs: Vec<String> = gateway.calls().iter().map(|call| call.form["sign"].clone()).collect();
    let secrets: Vec<&str> = signs.iter().map(String::as_str).chain([APP_SECRET, SESSION, TOKEN]).collect();
    for secret in &secrets {
        assert!(!log.contains(secret), "{secret} in\n{log}");
        for answer in &answers {
            let whole = format!("{:?} {}", answer.message.headers, answer.text());
            assert!(!whole.contains(secret), "{secret} in {whole}");
        }
    }
    for private in [NAME, PHONE, CONTENT, "金丝雀内容", "同意退款并撤回", "10.9.8.7"] {
        assert!(!log.contains(private), "{private} in\n{log}");
    }
    assert!(log.contains("金*") && log.contains("139****4321"), "masked, they are there");
    let pushes = lines.iter().filter(|line| line.contains("\"message\":\"push\"")).count();
    assert_eq!(pushes, answers.len(), "one line a push");
    let named = lines.iter().filter(|line| line.contains(&format!("\"push.case_id\":\"{CASE}\""))).count();
    assert_eq!(named, answers.len() - 1, "each names its case, but for the one without a sound one");
}
