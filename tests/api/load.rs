//! Many concurrent requests, and a stop during them.

use std::io::{BufReader, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::support::wire::{connect, read_message};
use super::support::{ACCEPTED, Gateway, Move, Program, Reply, TestApp, wire};

fn request(case: &str) -> String {
    format!(
        "POST /mediations/{case}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 20\r\n\r\n{{\"result\":\"success\"}}"
    )
}

fn waiting(delay: Duration) -> Move {
    Move::After(delay, Box::new(Move::accepted()))
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        thread::yield_now();
    }
}

#[test]
fn overload_is_refused_at_once_and_health_stays_fast() {
    let gateway = Gateway::always(waiting(Duration::from_secs(1)));
    let app = TestApp::with(&gateway, &[("BRIDGE_MAX_IN_FLIGHT", "3")]);
    let callers: Vec<_> = (0..3)
        .map(|number| {
            let address = app.address;
            thread::spawn(move || wire::send_raw(address, request(&format!("slow-{number}")).as_bytes()))
        })
        .collect();
    wait_until("three calls", || gateway.calls().len() == 3);
    let begun = Instant::now();
    let reply = app.push_good();
    let body = reply.problem("overloaded");
    assert_eq!(
        (reply.status, &body["outcome"], &body["retryable"]),
        (503, &"not_executed".into(), &true.into())
    );
    assert!(reply.header("retry-after").is_some());
    for path in ["/livez", "/readyz"] {
        assert_eq!(app.get("GET", path).status, 200);
    }
    assert!(app.get("GET", "/metrics").text().contains("mediation_bridge_pushes_in_flight 3\n"));
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    for caller in callers {
        assert!(caller.join().unwrap().start.contains("200"));
    }
    assert_eq!(app.push_good().status, 200);
}

/// A caller with its own connection pushes until the connection or the bridge ends. Everything that TOP executed for it
/// must have been answered.
fn push_until_refused(address: SocketAddr, caller: usize, answered: &Mutex<Vec<String>>, over: &AtomicBool) {
    let mut number = 0;
    while !over.load(Ordering::SeqCst) {
        let Ok(mut socket) = std::net::TcpStream::connect(address) else { return };
        let mut reader = BufReader::new(socket.try_clone().unwrap());
        loop {
            let case = format!("c{caller}-{number}");
            number += 1;
            if socket.write_all(request(&case).as_bytes()).is_err() {
                break;
            }
            let Ok(Some(message)) = read_message(&mut reader, true) else { break };
            let reply = Reply::of(message);
            match reply.status {
                200 => answered.lock().unwrap().push(case),
                503 => drop(reply.problem("shutting_down")),
                other => panic!("{other}: {}", reply.text()),
            }
            if reply.header("connection") == Some("close") {
                break;
            }
        }
    }
}

#[test]
fn a_stop_under_load_interrupts_no_request() {
    for (signal, delay) in [("TERM", "500ms"), ("INT", "0s")] {
        let gateway = Gateway::always(waiting(Duration::from_millis(300)));
        let mut bridge =
            Program::serve(&gateway.url(), &[("BRIDGE_DRAIN_DELAY", delay), ("BRIDGE_LOG", "info")]);
        let address = bridge.address();
        let answered = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        // 160 callers that wait 300 ms for each push make about 500 pushes per second.
        let callers: Vec<_> = (0..160)
            .map(|caller| {
                let (answered, over) = (Arc::clone(&answered), Arc::clone(&over));
                thread::spawn(move || push_until_refused(address, caller, &answered, &over))
            })
            .collect();
        wait_until("load", || answered.lock().unwrap().len() >= 400);
        // The connection exists before the stop: without a drain delay no new ones are accepted.
        let mut health = connect(address);
        let mut reader = BufReader::new(health.try_clone().unwrap());
        bridge.signal(signal);
        bridge.line_with("no longer ready");
        if delay != "0s" {
            health.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            let reply = Reply::of(read_message(&mut reader, true).unwrap().unwrap());
            assert_eq!(reply.status, 503);
            reply.problem("shutting_down");
            assert_eq!(
                Reply::of(wire::send_raw(address, request("late").as_bytes())).status,
                200,
                "still taken"
            );
        }
        let (status, _) = bridge.ended();
        over.store(true, Ordering::SeqCst);
        assert_eq!(status.code(), Some(0), "{signal}");
        for caller in callers {
            caller.join().unwrap();
        }
        let mut answered = answered.lock().unwrap().clone();
        answered.push("late".to_owned());
        let answered: std::collections::HashSet<String> = answered.into_iter().collect();
        let executed = gateway.calls();
        for call in &executed {
            let case = call.req()["mediation_case_id"].as_str().unwrap().to_owned();
            assert!(answered.contains(&case), "{case} was executed and its caller cut off ({signal})");
        }
        assert!(executed.len() >= 400);
    }
}

#[test]
fn signals_in_quick_succession_count_as_one() {
    for signals in [&["HUP"][..], &["INT", "INT"], &["TERM", "HUP", "INT", "TERM"]] {
        let gateway = Gateway::always(waiting(Duration::from_millis(500)));
        let mut bridge = Program::serve(&gateway.url(), &[]);
        let address = bridge.address();
        let caller = thread::spawn(move || Reply::of(wire::send_raw(address, request("one").as_bytes())));
        wait_until("a call", || !gateway.calls().is_empty());
        for signal in signals {
            bridge.signal(signal);
        }
        assert_eq!(caller.join().unwrap().status, 200, "{signals:?}");
        let (status, lines) = bridge.ended();
        assert_eq!(status.code(), Some(0), "{signals:?}");
        assert_eq!(lines.iter().filter(|line| line.contains("\"push.outcome\":\"accepted\"")).count(), 1);
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let gateway = Gateway::always(Move::Stall(Vec::new()));
    let mut bridge = Program::serve(&gateway.url(), &[("BRIDGE_DRAIN_DELAY", "60s")]);
    let address = bridge.address();
    let caller = thread::spawn(move || {
        let mut socket = connect(address);
        socket.write_all(request("hanging").as_bytes()).unwrap();
        read_message(&mut BufReader::new(socket), true).is_ok_and(|message| message.is_some())
    });
    wait_until("a call", || !gateway.calls().is_empty());
    bridge.signal("TERM");
    bridge.line_with("no longer ready");
    let begun = Instant::now();
    // Signals in the first second count as the first.
    while bridge.is_running() {
        bridge.signal("TERM");
    }
    let (status, lines) = bridge.ended();
    assert!((900..5_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert_eq!(status.code(), Some(1), "{lines:?}");
    assert!(!caller.join().unwrap(), "its connection ended without an answer");
}

/// The number of concurrent pushes.
const CONCURRENT_PUSHES: usize = 5_000;

#[test]
fn thousands_of_concurrent_pushes_are_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let peak = Arc::new(AtomicUsize::new(0));
    let gateway = {
        let _within = runtime.enter();
        slow_gateway(Arc::clone(&peak))
    };
    let url = format!("http://{gateway}/router/rest");
    let limits =
        [("BRIDGE_MAX_IN_FLIGHT", "5000"), ("BRIDGE_DEADLINE", "20s"), ("TOP_CONNECT_TIMEOUT", "10s")];
    let mut bridge = Program::serve(&url, &limits);
    let address = bridge.address();
    let before = bridge.memory_kb();
    let good = runtime.block_on(async {
        let pushes: Vec<_> =
            (0..CONCURRENT_PUSHES).map(|number| tokio::spawn(push(address, number))).collect();
        let mut good = 0;
        for push in pushes {
            good += usize::from(push.await.unwrap().starts_with("HTTP/1.1 200"));
        }
        good
    });
    assert_eq!(good, CONCURRENT_PUSHES);
    assert_eq!(peak.load(Ordering::SeqCst), CONCURRENT_PUSHES, "all were under way at once");
    let after = bridge.memory_peak_kb();
    println!("{CONCURRENT_PUSHES} under way: {before} kB before, {after} kB at the peak");
    assert!(after < 2_000_000, "{after} kB");
}

async fn push(address: SocketAddr, number: usize) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let close = request(&format!("m{number}")).replacen("Host", "Connection: close\r\nHost", 1);
    socket.write_all(close.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Answers each call once the last of [`CONCURRENT_PUSHES`] has arrived, or after ten seconds.
fn slow_gateway(peak: Arc<AtomicUsize>) -> SocketAddr {
    let listener = tokio::net::TcpSocket::new_v4().unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener: TcpListener = listener.listen(4096).unwrap();
    let address = listener.local_addr().unwrap();
    let (all_here, waiting) = tokio::sync::watch::channel(false);
    let all_here = Arc::new(all_here);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (peak, all_here, mut waiting) = (Arc::clone(&peak), Arc::clone(&all_here), waiting.clone());
            tokio::spawn(async move {
                let mut read = Vec::new();
                while !read.ends_with(b"v=2.0") && !read.windows(6).any(|part| part == b"&sign=") {
                    let mut part = [0; 2048];
                    let length = socket.read(&mut part).await.unwrap();
                    assert!(length > 0, "the bridge gave up");
                    read.extend_from_slice(&part[..length]);
                }
                if peak.fetch_add(1, Ordering::SeqCst) + 1 == CONCURRENT_PUSHES {
                    all_here.send_replace(true);
                }
                let _ = tokio::time::timeout(Duration::from_secs(10), waiting.wait_for(|all| *all)).await;
                let _ = socket.write_all(&Move::answer_bytes(200, &[], ACCEPTED.as_bytes())).await;
            });
        }
    });
    address
}

#[test]
fn a_slow_body_does_not_delay_a_stop() {
    let gateway = Gateway::always(waiting(Duration::from_millis(1_500)));
    let mut app = TestApp::start(&gateway);
    let mut standing = connect(app.address);
    let mut answers = BufReader::new(standing.try_clone().unwrap());
    standing.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(Reply::of(read_message(&mut answers, true).unwrap().unwrap()).status, 200);
    let address = app.address;
    let under_way = thread::spawn(move || wire::send_raw(address, request("slow").as_bytes()));
    wait_until("a call", || gateway.calls().len() == 1);
    app.ask_to_stop();
    wait_until("no more connections", || std::net::TcpStream::connect(address).is_err());
    let begun = Instant::now();
    let request = request("late");
    standing.write_all(&request.as_bytes()[..request.len() - 1]).unwrap();
    let reply = Reply::of(read_message(&mut answers, true).unwrap().unwrap());
    assert_eq!(reply.problem("shutting_down")["outcome"], "not_executed");
    assert!(begun.elapsed() < Duration::from_secs(3), "not at its deadline of 5 s: {:?}", begun.elapsed());
    assert!(under_way.join().unwrap().start.contains("200"));
}
