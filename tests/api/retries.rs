//! Retries as the callers' guide describes them, through a gateway that does not always answer, with and without keys.

use std::collections::HashMap;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::replicas::{KEY, case_of, push, request};
use super::support::flipping::Random;
use super::support::{BODY, Gateway, Move, TestApp, wire};

/// How long a caller waits for an answer that it does not wait to get.
const CALLER_PATIENCE: Duration = Duration::from_millis(10);
/// How long a caller waits before it tries again.
const CALLER_PAUSE: Duration = Duration::from_millis(30);

/// The result of retries.
#[derive(Debug, Default)]
struct Tally {
    /// The number of requests, including retries.
    pushes: usize,
    executed_twice: usize,
    lies: usize,
    missing: usize,
}

/// Pushes 500 cases through a gateway that executes them but does not always answer, from callers that do not always
/// wait for the answer. Each push is retried as the callers' guide describes, with or without keys.
fn retried(keyed: bool) -> Tally {
    const CASES: usize = 500;
    let random = Arc::new(Mutex::new(Random::default()));
    let executed: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
    let gateway = Gateway::start({
        let (random, executed) = (Arc::clone(&random), Arc::clone(&executed));
        move |_, call| {
            let draw = random.lock().unwrap().below(100);
            if draw >= 92 {
                return Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#);
            }
            *executed.lock().unwrap().entry(case_of(call)).or_default() += 1;
            let answer = match draw {
                0..4 => Move::Stall(Vec::new()),
                4..8 => Move::Reset,
                8..12 => Move::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"alibaba_".to_vec()),
                _ => Move::accepted(),
            };
            Move::After(Duration::from_millis(20), Box::new(answer))
        }
    });
    let app = TestApp::with(
        &gateway,
        &[("BRIDGE_DEADLINE", "300ms"), ("TOP_CONNECT_TIMEOUT", "200ms"), ("TOP_MAX_ATTEMPTS", "1")],
    );
    let (next, pushes, lies) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for caller in 0..16 {
            let (next, pushes, lies, executed, address) = (&next, &pushes, &lies, &executed, app.address);
            scope.spawn(move || {
                let mut own = Random::default();
                for _ in 0..=caller {
                    own.below(2);
                }
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= CASES {
                        return;
                    }
                    let case = format!("case-{number}");
                    // As in the guide: the same key until there is an answer that is not retryable.
                    let mut doubt = false;
                    loop {
                        pushes.fetch_add(1, Ordering::SeqCst);
                        if own.below(5) == 0 {
                            // This time the caller does not wait for the answer, so the outcome is unknown to it.
                            let mut socket = wire::connect(address);
                            socket.write_all(request(&case, keyed.then_some(KEY), BODY).as_bytes()).unwrap();
                            thread::sleep(CALLER_PATIENCE);
                            doubt = true;
                            continue;
                        }
                        let reply = push(address, &case, keyed.then_some(KEY));
                        let body = reply.json();
                        doubt |= body["outcome"] == "unknown" || body["prior_outcome"] == "unknown";
                        let told = body["outcome"] == "not_executed" && reply.status != 409;
                        if told && !doubt && executed.lock().unwrap().contains_key(&case) {
                            lies.fetch_add(1, Ordering::SeqCst);
                        }
                        if reply.status == 200 {
                            break;
                        }
                        assert_eq!(body["retryable"], true, "{body}");
                        thread::sleep(CALLER_PAUSE);
                    }
                }
            });
        }
    });
    let executed = executed.lock().unwrap();
    Tally {
        pushes: pushes.into_inner(),
        executed_twice: executed.values().filter(|times| **times > 1).count(),
        lies: lies.into_inner(),
        missing: CASES - executed.len(),
    }
}

#[test]
fn retries_with_keys_execute_everything_and_fewer_pushes_twice() {
    let (with, without) = thread::scope(|scope| {
        let (with, without) = (scope.spawn(|| retried(true)), scope.spawn(|| retried(false)));
        (with.join().unwrap(), without.join().unwrap())
    });
    println!("with keys: {with:?}\nwithout: {without:?}");
    for tally in [&with, &without] {
        assert_eq!((tally.missing, tally.lies), (0, 0), "{tally:?}");
        assert!(tally.pushes > 500, "nothing was retried: {tally:?}");
    }
    assert!(with.executed_twice * 3 < without.executed_twice * 2, "{with:?} {without:?}");
}
