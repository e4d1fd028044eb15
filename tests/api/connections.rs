//! Connections to TOP: they are reused, closed at their end, and never mix up answers.

use std::io::{BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::support::wire::read_message;
use super::support::{ACCEPTED, BODY, Gateway, Move, TestApp};

/// What a gateway writes for one request.
enum Turn {
    /// These bytes; the connection stays open.
    Write(Vec<u8>),
    /// These bytes; then the connection is closed.
    WriteAndClose(Vec<u8>),
}

/// A gateway that calls `turn` with the number of the connection for each request.
fn gateway(turn: impl Fn(usize) -> Turn + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/router/rest", listener.local_addr().unwrap());
    let (turn, made) = (Arc::new(turn), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&made);
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, number) = (socket.unwrap(), count.fetch_add(1, Ordering::SeqCst));
            let turn = Arc::clone(&turn);
            thread::spawn(move || serve(&socket, || turn(number)));
        }
    });
    (url, made)
}

fn serve(mut socket: &TcpStream, turn: impl Fn() -> Turn) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while let Ok(Some(_)) = read_message(&mut reader, true) {
        match turn() {
            Turn::Write(bytes) => socket.write_all(&bytes).unwrap(),
            Turn::WriteAndClose(bytes) => return socket.write_all(&bytes).unwrap(),
        }
    }
}

fn accepted() -> Vec<u8> {
    Move::answer_bytes(200, &[], ACCEPTED.as_bytes())
}

fn rejected() -> Vec<u8> {
    let body = ACCEPTED.replace("true", "false");
    Move::answer_bytes(200, &[], body.as_bytes())
}

fn bridge(url: &str) -> TestApp {
    TestApp::of(&[
        ("TOP_GATEWAY_URL", url),
        ("BRIDGE_WORKERS", "1"),
        ("BRIDGE_DEADLINE", "2s"),
        ("TOP_CONNECT_TIMEOUT", "1s"),
    ])
}

fn assert_accepted_at_once(app: &TestApp) {
    let reply = app.push_good();
    assert_eq!((reply.status, reply.json()["attempts"].as_u64()), (200, Some(1)), "{}", reply.text());
}

#[test]
fn every_call_has_the_head_that_a_gateway_needs() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    (0..2).for_each(|_| assert_accepted_at_once(&app));
    for call in gateway.calls() {
        assert_eq!(call.message.start, "POST /router/rest HTTP/1.1");
        let head = |name| call.message.header(name).unwrap_or_default();
        assert_eq!(head("host"), gateway.address.to_string());
        assert_eq!(head("content-type"), "application/x-www-form-urlencoded;charset=UTF-8");
        assert_eq!(head("content-length"), call.message.body.len().to_string());
        assert_eq!(head("user-agent"), concat!("mediation-bridge/", env!("CARGO_PKG_VERSION")));
        assert_eq!(head("accept"), "*/*");
    }
}

#[test]
fn one_connection_serves_several_pushes() {
    let (url, made) = gateway(|_| Turn::Write(accepted()));
    let app = bridge(&url);
    (0..50).for_each(|_| assert_accepted_at_once(&app));
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[test]
fn a_connection_that_announces_its_end_is_not_reused() {
    for (name, answer) in [
        (
            "Connection: close",
            Move::answer_bytes(200, &[("Connection", "close".to_owned())], ACCEPTED.as_bytes()),
        ),
        ("HTTP/1.0", [b"HTTP/1.0 200 OK\r\n\r\n".as_slice(), ACCEPTED.as_bytes()].concat()),
        ("no length", [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), ACCEPTED.as_bytes()].concat()),
    ] {
        let (url, made) = gateway(move |_| Turn::WriteAndClose(answer.clone()));
        let app = bridge(&url);
        (0..10).for_each(|_| assert_accepted_at_once(&app));
        assert_eq!((name, made.load(Ordering::SeqCst)), (name, 10));
    }
}

#[test]
fn bytes_after_an_answer_do_not_answer_the_next_push() {
    let (url, made) = gateway(|_| Turn::Write([accepted(), rejected()].concat()));
    let app = bridge(&url);
    (0..10).for_each(|_| assert_accepted_at_once(&app));
    assert_eq!(made.load(Ordering::SeqCst), 10, "none was used again");
}

#[test]
fn an_event_on_an_idle_connection_is_noticed_before_the_next_push() {
    let closing: fn(&TcpStream) = |socket| socket.shutdown(Shutdown::Both).unwrap();
    let talking: fn(&TcpStream) = |mut socket| socket.write_all(&rejected()).unwrap();
    for (name, disturb) in [("closed by the gateway", closing), ("an answer to nothing", talking)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/router/rest", listener.local_addr().unwrap());
        let (tell, done) = channel();
        let (answered, wait) = channel();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = socket.unwrap();
                let mut reader = BufReader::new(socket.try_clone().unwrap());
                read_message(&mut reader, true).unwrap().unwrap();
                (&socket).write_all(&accepted()).unwrap();
                if wait.recv().is_err() {
                    return;
                }
                disturb(&socket);
                tell.send(socket).unwrap();
            }
        });
        let app = bridge(&url);
        let mut kept = Vec::new();
        for _ in 0..10 {
            let reply = app.push_good();
            assert_eq!((name, reply.status), (name, 200), "{}", reply.text());
            answered.send(()).unwrap();
            kept.push(done.recv().unwrap());
        }
    }
}

#[test]
fn an_idle_connection_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/router/rest", listener.local_addr().unwrap());
    let (tell, closed) = channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        read_message(&mut reader, true).unwrap().unwrap();
        socket.write_all(&accepted()).unwrap();
        let idle = Instant::now();
        assert!(read_message(&mut reader, true).unwrap().is_none());
        tell.send(idle.elapsed()).unwrap();
    });
    let app = bridge(&url);
    assert_accepted_at_once(&app);
    let idle = closed.recv_timeout(Duration::from_secs(30)).expect("the end of the connection");
    assert!(idle > Duration::from_secs(9), "{idle:?}");
}

#[test]
fn an_answer_after_the_deadline_is_discarded() {
    let (second_came, wait) = channel();
    let wait = Mutex::new(wait);
    let (url, made) = gateway(move |connection| {
        if connection == 0 {
            wait.lock().unwrap().recv().unwrap();
            return Turn::WriteAndClose(rejected());
        }
        second_came.send(()).unwrap();
        Turn::Write(accepted())
    });
    let app = bridge(&url);
    app.push_good().problem("top_timeout");
    assert_accepted_at_once(&app);
    assert_eq!(made.load(Ordering::SeqCst), 2);
}

#[test]
fn concurrent_pushes_get_their_own_answers() {
    const CALLERS: usize = 24;
    const EACH: usize = 20;
    let gateway = Gateway::start(|_, call| {
        let req: serde_json::Value = serde_json::from_str(&call.form["req"]).unwrap();
        let case = req["mediation_case_id"].as_str().unwrap();
        Move::success(&format!(r#""is_success":true,"result":true,"request_id":"of-{case}""#))
    });
    let app = TestApp::with(&gateway, &[("BRIDGE_WORKERS", "2")]);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let app = &app;
            scope.spawn(move || {
                for turn in 0..EACH {
                    let case = format!("{caller}-{turn}");
                    let reply =
                        app.push_with(&case, &[("Content-Type", "application/json")], BODY.as_bytes());
                    let answer = reply.json();
                    assert_eq!((reply.status, answer["case_id"].as_str()), (200, Some(case.as_str())));
                    assert_eq!(answer["top"]["request_id"], format!("of-{case}"));
                }
            });
        }
    });
    assert_eq!(gateway.calls().len(), CALLERS * EACH);
}
