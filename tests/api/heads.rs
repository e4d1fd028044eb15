//! Heads of answers as firewalls and old gateways write them, and the head of a call.

use super::support::{ACCEPTED, Gateway, Move, Scene, TestApp};

/// TOP's answer with further lines in its head.
fn with_line(line: &[u8]) -> Move {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", ACCEPTED.len());
    Move::Bytes([head.as_bytes(), line, b"\r\n\r\n", ACCEPTED.as_bytes()].concat())
}

#[test]
fn an_invalid_header_field_is_skipped() {
    let scene = Scene::start(&[]);
    let lines: [(&str, &[u8]); 14] = [
        ("a control character in a cookie", b"Set-Cookie: session=a\x01b; Path=/"),
        ("an escape in a value", b"X-Note: \x1b[31mred"),
        ("a DEL in a value", b"X-Note: a\x7fb"),
        ("GBK in a value", b"X-Note: \xb7\xfe\xce\xf1"),
        ("a space in a name", b"Bad Name: x"),
        ("a space behind a name", b"X-Note : x"),
        ("Chinese in a name", "备注: x".as_bytes()),
        ("a slash in a name", b"a/b: x"),
        ("no name", b": x"),
        ("no colon", b"nonsense"),
        ("no value", b"X-Note:"),
        ("a folded value", b"X-Note: a\r\n b"),
        ("a length that is none", b"Content-Length : 3"),
        ("chunks that are none", b"Transfer-Encoding\x01: chunked"),
    ];
    for (name, line) in lines {
        let (reply, calls) = scene.told(with_line(line));
        assert_eq!((name, reply.status, calls), (name, 200, 1), "{}", reply.text());
    }
}

/// RFC 9110 section 5.5 calls these dangerous: different parsers may read different answers.
#[test]
fn an_ambiguous_head_is_a_bad_response() {
    let scene = Scene::start(&[]);
    for (name, line) in [("a zero", &b"X-Note: a\0b"[..]), ("half a line break", b"X-Note: a\rb")] {
        let (reply, calls) = scene.told(with_line(line));
        let body = reply.problem("top_bad_response");
        assert_eq!((name, &body["outcome"], calls), (name, &"unknown".into(), 1));
    }
}

#[test]
fn every_call_requests_an_unencoded_answer() {
    let refuse = Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#);
    let gateway = Gateway::start(move |number, _| if number < 2 { refuse.clone() } else { Move::accepted() });
    let app = TestApp::start(&gateway);
    assert_eq!(app.push_good().json()["attempts"], 3);
    for call in gateway.calls() {
        assert_eq!(call.message.header("accept-encoding"), Some("identity"));
        assert_eq!(
            call.message.header("content-type"),
            Some("application/x-www-form-urlencoded;charset=UTF-8")
        );
        assert_eq!(call.message.start, "POST /router/rest HTTP/1.1", "credentials are in no URL");
    }
}
