//! Time limits of connections, and the answers to clients that offer an upgrade or wait for `100 Continue`.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::support::wire::{connect, read_message};
use super::support::{BODY, CASE, Gateway, Move, Reply, TestApp};

/// The limit for an unfinished head, or for the rest of an answered body.
const BOUND: Duration = Duration::from_secs(5);
const HEALTH: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
const HALF_HEAD: &str = "GET /livez HTTP/1.1\r\nHost: loc";

fn push(more: &str) -> String {
    let length = BODY.len();
    format!(
        "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}\
         Content-Length: {length}\r\n\r\n{BODY}"
    )
}

fn chunked(path: &str, media_type: &str, chunks: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    )
}

/// Reads until the connection is closed, and returns the number of answers.
fn read_to_the_end(socket: &mut TcpStream) -> usize {
    let mut bytes = Vec::new();
    // A reset also ends it.
    let _ = socket.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).matches("HTTP/1.1 ").count()
}

#[test]
fn unfinished_requests_are_closed_in_time() {
    let app = TestApp::accepting(&[("BRIDGE_MAX_BODY", "1000")]);
    let path = format!("/mediations/{CASE}/result");
    let json = "application/json";
    let begun = chunked(&path, json, &format!("{:x}\r\n{BODY}\r\n", BODY.len()));
    let large = "x".repeat(2_000);
    // The pieces that are sent, of which all but the last are answered, and the number of answers.
    let cases: [(&str, Vec<String>, usize); 9] = [
        ("a second head", vec![HEALTH.to_owned(), HALF_HEAD.to_owned()], 1),
        ("a head behind a push", vec![push(""), HALF_HEAD.to_owned()], 1),
        ("a head in one piece with a push", vec![push("") + HALF_HEAD], 1),
        ("a head in one piece with another request", vec![HEALTH.to_owned() + HALF_HEAD], 1),
        ("a head behind chunks", vec![begun.clone() + "0\r\n\r\n" + HALF_HEAD], 1),
        ("empty lines", vec![HEALTH.to_owned(), "\r\n\r\n".to_owned()], 1),
        ("chunks behind a 404", vec![chunked("/nowhere", json, "5\r\nhello\r\n")], 1),
        ("chunks behind a 415", vec![chunked(&path, "text/plain", "5\r\nhello\r\n")], 1),
        ("chunks behind a 413", vec![chunked(&path, json, &format!("7d0\r\n{large}\r\n"))], 1),
    ];
    let address = app.address;
    thread::scope(|scope| {
        for (name, pieces, answers) in &cases {
            scope.spawn(move || {
                let mut socket = connect(address);
                let begun = Instant::now();
                let (last, answered) = pieces.split_last().unwrap();
                for piece in answered {
                    socket.write_all(piece.as_bytes()).unwrap();
                    let mut reader = BufReader::new(socket.try_clone().unwrap());
                    read_message(&mut reader, true).unwrap().unwrap();
                }
                socket.write_all(last.as_bytes()).unwrap();
                let here = read_to_the_end(&mut socket);
                let took = begun.elapsed();
                assert_eq!(here + answered.len(), *answers, "{name}");
                assert!(took < BOUND + Duration::from_secs(1), "{name}: {took:?}");
            });
        }
    });
}

#[test]
fn a_connection_without_the_body_is_closed_after_the_answer() {
    // Longer than the limit itself, so that nothing of the limit for the head is left.
    let deadline = Duration::from_millis(5_500);
    let app = TestApp::accepting(&[("BRIDGE_DEADLINE", "5500ms")]);
    let path = format!("/mediations/{CASE}/result");
    let whole = push("");
    let address = app.address;
    thread::scope(|scope| {
        for (name, request) in [
            ("no chunk", chunked(&path, "application/json", "")),
            ("some chunks", chunked(&path, "application/json", "5\r\n{\"res\r\n")),
            ("no byte of a known length", whole.replace(BODY, "")),
            ("some bytes of a known length", whole[..whole.len() - 5].to_owned()),
        ] {
            scope.spawn(move || {
                let mut socket = connect(address);
                let begun = Instant::now();
                socket.write_all(request.as_bytes()).unwrap();
                let mut reader = BufReader::new(socket.try_clone().unwrap());
                Reply::of(read_message(&mut reader, true).unwrap().unwrap()).problem("request_timeout");
                assert_eq!(read_to_the_end(&mut socket), 0, "{name}");
                let took = begun.elapsed();
                assert!(took < deadline + BOUND + Duration::from_secs(2), "{name}: {took:?}");
            });
        }
    });
}

#[test]
fn a_body_after_its_answer_is_read_for_a_limited_time() {
    let app = TestApp::accepting(&[("BRIDGE_CALLERS", "wms:0123456789abcdef")]);
    let mut socket = connect(app.address);
    let begun = Instant::now();
    let path = format!("/mediations/{CASE}/result");
    socket.write_all(chunked(&path, "application/json", "").as_bytes()).unwrap();
    let answer =
        Reply::of(read_message(&mut BufReader::new(socket.try_clone().unwrap()), true).unwrap().unwrap());
    answer.problem("unauthenticated");
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    while socket.write_all(chunk.as_bytes()).is_ok() {
        assert!(begun.elapsed() < BOUND + Duration::from_secs(1), "{:?}", begun.elapsed());
    }
    assert!(begun.elapsed() >= BOUND, "{:?}", begun.elapsed());
}

#[test]
fn an_unread_answer_is_abandoned() {
    let app = TestApp::accepting(&[("BRIDGE_DEADLINE", "300ms"), ("TOP_CONNECT_TIMEOUT", "200ms")]);
    let mut socket = connect(app.address);
    let file = "GET /swagger-ui/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(file.repeat(16).as_bytes()).unwrap();
    let begun = Instant::now();
    // Further writes show whether the connection is closed, because it is no longer read.
    while socket.write_all(HEALTH.as_bytes()).is_ok() {
        assert!(begun.elapsed() < BOUND + Duration::from_secs(3), "{:?}", begun.elapsed());
        thread::yield_now();
    }
    assert!(begun.elapsed() > BOUND, "{:?}", begun.elapsed());
}

#[test]
fn an_idle_connection_stays_open() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::with(&gateway, &[]);
    let chunks = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    let path = format!("/mediations/{CASE}/result");
    let requests = [push(""), chunked(&path, "application/json", &chunks), HEALTH.to_owned()];
    let address = app.address;
    thread::scope(|scope| {
        for request in &requests {
            scope.spawn(move || {
                let mut socket = connect(address);
                let mut reader = BufReader::new(socket.try_clone().unwrap());
                assert_eq!(ask(&mut socket, &mut reader, &[request.as_bytes()]).status, 200);
                // In pieces that break the head.
                let (first, rest) = request.as_bytes().split_at(request.find("\r\n\r\n").unwrap() + 2);
                assert_eq!(ask(&mut socket, &mut reader, &[first, rest]).status, 200);
                // Longer than the limit for anything unfinished.
                socket.set_read_timeout(Some(BOUND + Duration::from_secs(1))).unwrap();
                let nothing = socket.read(&mut [0]);
                assert!(nothing.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{request}");
                assert_eq!(ask(&mut socket, &mut reader, &[request.as_bytes()]).status, 200);
            });
        }
    });
}

/// Sends a request in these pieces and reads its answer.
fn ask(socket: &mut TcpStream, reader: &mut BufReader<TcpStream>, pieces: &[&[u8]]) -> Reply {
    for piece in pieces {
        socket.write_all(piece).unwrap();
    }
    Reply::of(read_message(reader, true).unwrap().unwrap())
}

#[test]
fn an_upgrade_offer_gets_the_ordinary_answer() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::with(&gateway, &[]);
    let offers = [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n",
        "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "upgrade: WebSocket\r\nconnection: upgrade\r\n",
    ];
    for offer in offers {
        let request = push(offer);
        let mut socket = connect(app.address);
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        for _ in 0..3 {
            let begun = Instant::now();
            socket.write_all(request.as_bytes()).unwrap();
            let reply = Reply::of(read_message(&mut reader, true).unwrap().unwrap());
            assert_eq!((reply.status, reply.header("upgrade")), (200, None), "{offer}");
            assert_eq!(reply.header("connection"), None, "{offer}");
            assert!(begun.elapsed() < Duration::from_secs(1), "{offer}");
        }
        // A head in pieces is also answered, although the connection may end after it.
        let mut socket = connect(app.address);
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        for piece in request.as_bytes().chunks(40) {
            socket.write_all(piece).unwrap();
            socket.flush().unwrap();
            thread::yield_now();
        }
        let begun = Instant::now();
        let reply = Reply::of(read_message(&mut reader, true).unwrap().unwrap());
        assert_eq!((reply.status, reply.header("upgrade")), (200, None), "{offer}");
        assert!(matches!(reply.header("connection"), None | Some("close")), "{offer}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{offer}");
    }
    assert_eq!(gateway.calls().len(), 4 * offers.len());
}

#[test]
fn no_100_continue_is_sent_if_the_head_is_refused() {
    let app = TestApp::accepting(&[("BRIDGE_MAX_BODY", "1000"), ("BRIDGE_CALLERS", "wms:0123456789abcdef")]);
    let path = format!("/mediations/{CASE}/result");
    let known = "Authorization: Bearer 0123456789abcdef\r\n";
    let json = "Content-Type: application/json\r\n";
    for (target, headers, length, code) in [
        (path.as_str(), json.to_owned(), 20, "unauthenticated"),
        (&path, known.to_owned(), 20, "unsupported_media_type"),
        (&path, known.to_owned() + json, 2_000, "payload_too_large"),
        ("/nowhere", String::new(), 20, "not_found"),
        ("/livez", String::new(), 20, "method_not_allowed"),
    ] {
        let mut socket = connect(app.address);
        write!(
            socket,
            "POST {target} HTTP/1.1\r\nHost: localhost\r\n{headers}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
        .unwrap();
        let reply = Reply::of(read_message(&mut BufReader::new(&socket), true).unwrap().unwrap());
        reply.problem(code);
        socket.shutdown(Shutdown::Both).unwrap();
    }
}
