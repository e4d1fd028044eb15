//! Web pages of others: no browser pushes for them, or reads an answer.

use super::support::{BODY, CASE, Gateway, Move, Reply, TestApp, wire};

fn push_to(app: &TestApp, host: &str) -> String {
    format!(
        "POST /mediations/{CASE}/result HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
    .replace("PORT", &app.address.port().to_string())
}

/// The status of an answer that the document does not describe.
fn status(app: &TestApp, request: &str) -> u16 {
    Reply::of(wire::send_raw(app.address, request.as_bytes())).status
}

#[test]
fn an_anonymous_loopback_bridge_refuses_foreign_hosts() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let own = ["localhost", "LOCALHOST:PORT", "localhost.", "127.0.0.1:PORT", "127.1.2.3", "[::1]:PORT"];
    for host in own {
        let reply = app.send_raw(push_to(&app, &format!("Host: {host}\r\n")).as_bytes());
        assert_eq!(reply.status, 200, "{host}: {}", reply.text());
    }
    let foreign = [
        "Host: rebound.example.com\r\n",
        "Host: rebound.example.com:PORT\r\n",
        "Host: 10.0.0.1\r\n",
        "Host: localhost.example.com\r\n",
        "Host: 127.0.0.1.example.com\r\n",
        "Host: user@localhost@rebound.example.com\r\n",
        "Host: \r\n",
    ];
    for host in foreign {
        let reply = app.send_raw(push_to(&app, host).as_bytes());
        assert_eq!(reply.problem("misdirected_request")["outcome"], "not_executed", "{host}");
    }
    let whole = push_to(&app, "Host: localhost\r\n").replacen(" /", " http://rebound.example.com/", 1);
    assert_eq!(status(&app, &whole), 421);
    let two = push_to(&app, "Host: localhost\r\nHost: rebound.example.com\r\n");
    assert_eq!(app.send_raw(two.as_bytes()).status, 400, "two hosts are none");
    let page = "GET /swagger-ui/ HTTP/1.1\r\nHost: rebound.example.com\r\n\r\n";
    assert_eq!(status(&app, page), 421, "nor may it read what a push looks like");
    assert_eq!(gateway.calls().len(), own.len());

    // With callers the token decides: a proxy before the bridge may have any name.
    let app = TestApp::with(&gateway, &[("BRIDGE_CALLERS", "wms:token-0123456789abcdef")]);
    let request =
        push_to(&app, "Host: bridge.example.com\r\nAuthorization: Bearer token-0123456789abcdef\r\n");
    assert_eq!(app.send_raw(request.as_bytes()).status, 200);
}

/// A browser asks first, with OPTIONS, before a page of another origin may send JSON or a header of its own.
#[test]
fn no_answer_permits_a_page_of_another_origin() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let origin = ("Origin", "https://page.example.com");
    let path = format!("/mediations/{CASE}/result");
    let asked = [
        origin,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let preflight = app.send("OPTIONS", &path, &asked, b"");
    assert_eq!(preflight.status, 405);
    let mut replies = vec![preflight, app.send("GET", "/openapi.json", &[origin], b"")];
    for simple in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"] {
        let reply = app.push_with(CASE, &[origin, ("Content-Type", simple)], BODY.as_bytes());
        assert_eq!(reply.status, 415, "{simple}");
        replies.push(reply);
    }
    for reply in replies {
        let cors = reply
            .message
            .headers
            .iter()
            .any(|(name, _)| name.to_ascii_lowercase().starts_with("access-control"));
        assert!(!cors, "{:?}", reply.message.headers);
    }
    assert_eq!(gateway.calls().len(), 0);
}
