//! Faults on the way to TOP and back: what they prove.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::support::tls::TlsGateway;
use super::support::wire::connect;
use super::support::{ACCEPTED, BODY, CASE, Gateway, Move, Program, Reply, TestApp, wire};

/// Deadlines that keep the tests short although gateways hang.
const SHORT: [(&str, &str); 2] = [("BRIDGE_DEADLINE", "600ms"), ("TOP_CONNECT_TIMEOUT", "150ms")];
/// The maximum time after the deadline until the bridge answers.
const GRACE: Duration = Duration::from_millis(250);

/// The expected answer: status, code, outcome, attempts.
type Told = (u16, &'static str, &'static str, u32);

const BAD: Told = (502, "top_bad_response", "unknown", 1);
const TIMEOUT: Told = (504, "top_timeout", "unknown", 1);

fn assert_told(name: &str, reply: &Reply, told: Told) {
    let (status, code, outcome, attempts) = told;
    let body = reply.problem(code);
    let found = (reply.status, body["outcome"].as_str().unwrap(), body["attempts"].as_u64().unwrap());
    assert_eq!((name, found), (name, (status, outcome, u64::from(attempts))), "{body}");
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes(), body].concat()
}

/// Faults of a gateway that has read the whole request.
fn faults_after_reading() -> Vec<(&'static str, Move, Told)> {
    let whole = Move::answer_bytes(200, &[], ACCEPTED.as_bytes());
    let half = whole[..whole.len() - 20].to_vec();
    let length = format!("Content-Length: {}\r\n", ACCEPTED.len() + 1);
    let chunked = "Transfer-Encoding: chunked\r\n";
    let chunk = format!("{:x}\r\n{ACCEPTED}\r\n", ACCEPTED.len());
    let oversized = answer("", &[ACCEPTED.as_bytes(), &vec![b' '; 1 << 20]].concat());
    let many_headers = (0..500).map(|n| format!("X-{n}: {n}\r\n")).collect::<Vec<_>>().concat();
    let redirect = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /router/rest\r\nContent-Length: 0\r\n\r\n";
    let late = |bytes: &[u8]| Move::After(Duration::from_secs(2), Box::new(Move::Bytes(bytes.to_vec())));
    vec![
        ("closed without a byte", Move::Bytes(Vec::new()), BAD),
        ("reset without a byte", Move::Reset, BAD),
        ("never answered", Move::Stall(Vec::new()), TIMEOUT),
        ("answered too late", late(&whole), TIMEOUT),
        ("stalled in the status line", Move::Stall(b"HTTP/1.".to_vec()), TIMEOUT),
        ("stalled in the headers", Move::Stall(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()), TIMEOUT),
        ("stalled behind the headers", Move::Stall(answer(&length, b"")), TIMEOUT),
        ("stalled in the body", Move::Stall(half.clone()), TIMEOUT),
        ("stalled in a chunk", Move::Stall(answer(chunked, &chunk.as_bytes()[..50])), TIMEOUT),
        ("stalled behind the chunks", Move::Stall(answer(chunked, chunk.as_bytes())), TIMEOUT),
        ("closed in the status line", Move::Bytes(b"HTTP/1.1 2".to_vec()), BAD),
        ("closed in the headers", Move::Bytes(b"HTTP/1.1 200 OK\r\nContent-".to_vec()), BAD),
        ("closed in the body", Move::Bytes(half), BAD),
        ("one byte short", Move::Bytes(answer(&length, ACCEPTED.as_bytes())), BAD),
        ("closed in a chunk", Move::Bytes(answer(chunked, &chunk.as_bytes()[..50])), BAD),
        ("closed before the last chunk", Move::Bytes(answer(chunked, chunk.as_bytes())), BAD),
        ("chunks that are none", Move::Bytes(answer(chunked, b"zz\r\nx\r\n0\r\n\r\n")), BAD),
        ("no HTTP", Move::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), BAD),
        ("HTTP of another kind", Move::Bytes(b"HTTP/3.9 200 OK\r\n\r\n".to_vec()), BAD),
        ("a status that is none", Move::Bytes(b"HTTP/1.1 abc OK\r\n\r\n".to_vec()), BAD),
        ("TLS where none was asked for", Move::Bytes(b"\x15\x03\x01\x00\x02\x02\x28".to_vec()), BAD),
        ("zeros", Move::Bytes(vec![0; 100]), BAD),
        ("a head without an end", Move::Bytes(answer(&many_headers, b"")), BAD),
        ("two lengths", Move::Bytes(answer("Content-Length: 1\r\nContent-Length: 2\r\n", b"xx")), BAD),
        ("a negative length", Move::Bytes(answer("Content-Length: -1\r\n", b"")), BAD),
        ("too large, until it closes", Move::Bytes(oversized), BAD),
        (
            "too large, declared",
            Move::Stall(answer("Content-Length: 99999999\r\n", &vec![b' '; 1_100_000])),
            BAD,
        ),
        ("a redirect", Move::Bytes(redirect.to_vec()), BAD),
        (
            "a redirect that never ends",
            Move::Stall(b"HTTP/1.1 302 Found\r\nContent-Length: 9\r\n\r\n".to_vec()),
            BAD,
        ),
        ("not modified", Move::Bytes(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()), BAD),
        ("no content", Move::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()), BAD),
        ("only an interim answer", Move::Bytes(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()), BAD),
        (
            "switching protocols",
            Move::Bytes(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_vec(),
            ),
            BAD,
        ),
        ("HTML until it closes", Move::Bytes(answer("Content-Type: text/html\r\n", b"<html>")), BAD),
        (
            "gzip that was not asked for",
            Move::Bytes(answer("Content-Encoding: gzip\r\n", b"\x1f\x8b\x08\x00")),
            BAD,
        ),
    ]
}

#[test]
fn no_fault_after_the_request_was_read_is_not_executed() {
    for (name, fault, told) in faults_after_reading() {
        let gateway = Gateway::always(fault);
        let app = TestApp::with(&gateway, &SHORT);
        let begun = Instant::now();
        let reply = app.push_good();
        let took = begun.elapsed();
        assert_told(name, &reply, told);
        assert!(took < Duration::from_millis(600) + GRACE, "{name}: {took:?}");
        assert_eq!(gateway.calls().len(), 1, "{name}: tried again");
    }
}

#[test]
fn unusual_but_complete_answers_are_accepted() {
    let chunked = format!("{:x};x=y\r\n{ACCEPTED}\r\n0\r\nX-Trailer: 1\r\n\r\n", ACCEPTED.len());
    let interim =
        [b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n".as_slice(), &answer("", ACCEPTED.as_bytes())]
            .concat();
    for (name, bytes) in [
        ("until it closes", answer("", ACCEPTED.as_bytes())),
        ("in chunks", answer("Transfer-Encoding: chunked\r\n", chunked.as_bytes())),
        ("HTTP/1.0", [b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), ACCEPTED.as_bytes()].concat()),
        ("behind an interim answer", interim),
        ("under a wrong media type", answer("Content-Type: text/html; charset=gbk\r\n", ACCEPTED.as_bytes())),
    ] {
        let gateway = Gateway::always(Move::Bytes(bytes));
        let reply = TestApp::with(&gateway, &SHORT).push_good();
        assert_eq!((name, reply.status), (name, 200), "{}", reply.text());
    }
}

/// A listener that handles each connection with `each`.
fn sockets(each: impl Fn(TcpStream) + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let (each, counted) = (Arc::new(each), Arc::clone(&count));
    thread::spawn(move || {
        for socket in listener.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            let each = Arc::clone(&each);
            thread::spawn(move || each(socket.unwrap()));
        }
    });
    (address, count)
}

fn bridge_to(url: &str) -> TestApp {
    TestApp::of(&[&SHORT[..], &[("TOP_GATEWAY_URL", url), ("TOP_ALLOW_PLAINTEXT", "true")]].concat())
}

#[test]
fn calls_that_never_reached_the_gateway_are_repeated() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (hanging, _) = sockets(|mut socket| drop(socket.read_to_end(&mut Vec::new())));
    let (closing, tries) = sockets(drop);
    let (resetting, _) = sockets(|socket| SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap());
    let (plain, _) = sockets(|mut socket| {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    let untrusted = TlsGateway::start(&["localhost", "127.0.0.1"]);
    for (name, url) in [
        ("refused", format!("http://{closed}/router/rest")),
        ("name not resolved", "http://no-such-host.invalid/router/rest".to_owned()),
        ("TLS refused", format!("https://{closed}/router/rest")),
        ("TLS hangs", format!("https://{hanging}/router/rest")),
        ("TLS closed", format!("https://{closing}/router/rest")),
        ("TLS reset", format!("https://{resetting}/router/rest")),
        ("TLS answered in plain", format!("https://{plain}/router/rest")),
        ("certificate not trusted", format!("https://localhost:{}/router/rest", untrusted.address.port())),
    ] {
        let app = bridge_to(&url);
        let begun = Instant::now();
        let reply = app.push_good();
        let took = begun.elapsed();
        let body = reply.problem("top_unreachable");
        assert_eq!((name, body["outcome"].as_str()), (name, Some("not_executed")));
        assert_eq!((name, reply.header("retry-after")), (name, Some("2")));
        // Hanging handshakes may use up the deadline before the third attempt.
        let attempts = body["attempts"].as_u64().unwrap();
        assert!((2..=3).contains(&attempts), "{name}: {attempts}");
        assert!(took < Duration::from_millis(600) + GRACE, "{name}: {took:?}");
    }
    assert!(tries.load(Ordering::SeqCst) >= 3);
}

#[test]
fn a_connect_timeout_proves_that_nothing_was_sent() {
    // A full queue of one: further connections are neither accepted nor refused.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let fill: Vec<TcpStream> = (0..4)
        .filter_map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok())
        .collect();
    assert!(!fill.is_empty() && fill.len() < 4, "the queue is full");

    let url = format!("http://{address}/router/rest");
    let changes =
        [("BRIDGE_DEADLINE", "5s"), ("TOP_CONNECT_TIMEOUT", "150ms"), ("TOP_GATEWAY_URL", url.as_str())];
    let reply = TestApp::of(&changes).push_good();
    assert_told("connect timeout", &reply, (503, "top_unreachable", "not_executed", 3));

    // The deadline passes while the connection is being established: one attempt, with the same proof.
    let changes =
        [("BRIDGE_DEADLINE", "200ms"), ("TOP_CONNECT_TIMEOUT", "199ms"), ("TOP_GATEWAY_URL", url.as_str())];
    assert_told("deadline", &TestApp::of(&changes).push_good(), (503, "top_unreachable", "not_executed", 1));
}

#[test]
fn retries_stop_at_their_maximum_and_at_the_first_answer() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/router/rest");
    for (allowed, attempts) in [("1", 1), ("2", 2), ("5", 5)] {
        let app = TestApp::of(&[("TOP_GATEWAY_URL", &url), ("TOP_MAX_ATTEMPTS", allowed)]);
        assert_told(allowed, &app.push_good(), (503, "top_unreachable", "not_executed", attempts));
    }
    let refuse = Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#);
    let gateway = Gateway::start(move |number, _| if number < 2 { refuse.clone() } else { Move::accepted() });
    let reply = TestApp::start(&gateway).push_good();
    assert_eq!((reply.status, reply.json()["attempts"].as_u64()), (200, Some(3)));
    let calls = gateway.calls();
    calls.iter().for_each(super::support::Call::assert_signed);
    let mut stamps: Vec<&str> = calls.iter().map(|call| call.form["timestamp"].as_str()).collect();
    stamps.dedup();
    assert_eq!(stamps.len(), 3, "no two attempts have the same timestamp");
}

#[test]
fn a_trusted_certificate_is_valid_only_for_its_names() {
    let gateway = TlsGateway::start(&["localhost"]);
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &gateway.authority).unwrap();
    let port = gateway.address.port();
    for (host, status) in [("localhost", "200"), ("127.0.0.1", "503")] {
        let url = format!("https://{host}:{port}/router/rest");
        let trust = [("SSL_CERT_FILE", authority.to_str().unwrap()), ("TOP_MAX_ATTEMPTS", "1")];
        let mut bridge = Program::serve(&url, &trust);
        let request = format!(
            "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        let answer = wire::send_raw(bridge.address(), request.as_bytes());
        assert!(answer.start.contains(status), "{host}: {}", String::from_utf8_lossy(&answer.body));
    }
}

#[test]
fn an_answer_cut_after_any_byte_is_neither_accepted_nor_not_executed() {
    let bytes =
        Move::answer_bytes(200, &[("Content-Type", "application/json".to_owned())], ACCEPTED.as_bytes());
    let chunked = format!("{:x}\r\n{ACCEPTED}\r\n0\r\n\r\n", ACCEPTED.len());
    for whole in
        [bytes, answer("Transfer-Encoding: chunked\r\n", chunked.as_bytes()), answer("", ACCEPTED.as_bytes())]
    {
        let length = whole.len();
        let gateway = Gateway::start(move |number, _| Move::Bytes(whole[..number].to_vec()));
        let app = TestApp::with(&gateway, &[("BRIDGE_WORKERS", "1")]);
        for cut in 0..length {
            let reply = app.push_good();
            // The last bytes of the last chunk are not necessary, but the answer itself is.
            if reply.status == 200 {
                assert!(cut + 4 >= length, "accepted after {cut} of {length} bytes");
            } else {
                assert_told("cut", &reply, BAD);
            }
        }
        assert_eq!(app.push_good().status, 200, "whole, it is accepted");
        assert_eq!(gateway.calls().len(), length + 1, "one call each");
    }
}

#[test]
fn a_request_cut_after_any_byte_is_never_a_false_not_executed() {
    let gateway = Gateway::always(Move::accepted());
    TestApp::start(&gateway).push_good();
    let call = gateway.only_call();
    let head: usize = call.message.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let length = call.message.start.len() + 2 + head + 2 + call.message.body.len();

    let turn = Arc::new(AtomicUsize::new(0));
    let (address, _) = sockets({
        let turn = Arc::clone(&turn);
        move |mut socket| {
            let cut = turn.load(Ordering::SeqCst);
            let _ = socket.read_exact(&mut vec![0; cut]);
            if cut.is_multiple_of(2) {
                SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
            }
        }
    });
    let url = format!("http://{address}/router/rest");
    let app = TestApp::of(&[("TOP_GATEWAY_URL", &url), ("BRIDGE_WORKERS", "1")]);
    let mut unknown = 0;
    for cut in 0..=length {
        turn.store(cut, Ordering::SeqCst);
        let reply = app.push_good();
        let outcome = reply.json()["outcome"].as_str().unwrap().to_owned();
        assert!(matches!(outcome.as_str(), "unknown" | "not_executed"), "{cut}: {outcome}");
        assert!(cut < length || outcome == "unknown", "read in whole, yet {outcome}");
        unknown += usize::from(outcome == "unknown");
    }
    assert!(unknown > length / 2, "once begun, it is unknown: {unknown} of {length}");
}

#[test]
fn a_push_that_began_continues_without_its_caller() {
    let gateway = Gateway::always(Move::After(Duration::from_millis(300), Box::new(Move::accepted())));
    let mut bridge = Program::serve(&gateway.url(), &[]);
    let mut caller = connect(bridge.address());
    write!(
        caller,
        "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: gone\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
    .unwrap();
    let begun = Instant::now();
    while gateway.calls().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        thread::yield_now();
    }
    drop(caller);
    // The stop waits for it, although no connection is left.
    bridge.signal("TERM");
    let line = bridge.line_with("\"message\":\"push\"");
    assert!(line.contains("\"push.outcome\":\"accepted\"") && line.contains("gone"), "{line}");
    assert_eq!(bridge.ended().0.code(), Some(0));
}
