//! Where a request ends, and the next one begins.

use std::io::{BufReader, Write};

use super::support::wire::{connect, read_message};
use super::support::{BODY, CASE, Gateway, Move, Reply, TestApp};

#[test]
fn pipelined_requests_are_answered_in_order() {
    let app = TestApp::accepting(&[]);
    let mut socket = connect(app.address);
    let get = |path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {}\r\n\r\n", path.trim_matches('/'))
    };
    socket.write_all((get("/livez") + &get("/nothing") + &get("/readyz")).as_bytes()).unwrap();
    let mut reader = BufReader::new(socket);
    for id in ["livez", "nothing", "readyz"] {
        let reply = Reply::of(read_message(&mut reader, true).unwrap().unwrap());
        assert_eq!(reply.header("x-request-id"), Some(id));
    }
}

/// A proxy and the bridge must not see different requests: RFC 9112, section 6.3.
#[test]
fn a_request_has_one_end() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let head = format!(
        "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    );
    let chunks = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    for framing in [
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 3, 3\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 100\r\n",
    ] {
        let reply = app.send_raw(format!("{head}{framing}\r\n{chunks}").as_bytes());
        assert_eq!(reply.status, 400, "{framing}");
    }
    assert_eq!(gateway.calls().len(), 0);
    assert_eq!(
        app.send_raw(format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes()).status,
        200
    );
}
