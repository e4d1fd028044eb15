//! The promise, checked against the gateway's own record of what it executed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::support::flipping::Flipping;
use super::support::{TestApp, wire};

/// Pushes made at least.
const PUSHES: usize = 1_000;
/// Pushes made at most, on a machine whose timing favours one outcome.
const MOST_PUSHES: usize = 20_000;
/// Each outcome is seen this often before the test is content.
const EACH: usize = 20;
const OUTCOMES: [&str; 4] = ["accepted", "rejected", "not_executed", "unknown"];
const CALLERS: usize = 24;

type Told = Vec<(String, String, serde_json::Value)>;

fn enough(told: &Told) -> bool {
    let seen = |outcome| told.iter().filter(|(_, told, _)| told == outcome).count();
    told.len() >= MOST_PUSHES
        || (told.len() >= PUSHES && OUTCOMES.iter().all(|outcome| seen(*outcome) >= EACH))
}

#[test]
fn a_thousand_pushes_through_a_moody_gateway_are_all_told_the_truth() {
    let gateway = Flipping::start();
    let url = format!("http://{}/router/rest", gateway.address);
    let app = TestApp::of(&[
        ("TOP_GATEWAY_URL", url.as_str()),
        ("BRIDGE_DEADLINE", "250ms"),
        ("TOP_CONNECT_TIMEOUT", "100ms"),
    ]);
    let told = Arc::new(Mutex::new(Told::new()));
    let next = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (told, next, address) = (Arc::clone(&told), Arc::clone(&next), app.address);
            thread::spawn(move || {
                loop {
                    if enough(&told.lock().unwrap()) {
                        return;
                    }
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let case = format!("case-{number}");
                    let request = format!(
                        "POST /mediations/{case}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                         Content-Length: 20\r\n\r\n{{\"result\":\"success\"}}"
                    );
                    let answer = wire::send_raw(address, request.as_bytes());
                    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
                    told.lock().unwrap().push((case, body["outcome"].as_str().unwrap().to_owned(), body));
                }
            })
        })
        .collect();
    for caller in callers {
        caller.join().unwrap();
    }

    let executed = gateway.executed();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (case, outcome, body) in told.lock().unwrap().iter() {
        let times = executed.get(case).copied().unwrap_or(0);
        match outcome.as_str() {
            "accepted" => assert_eq!(times, 1, "{case}: {body}"),
            "rejected" | "not_executed" => assert_eq!(times, 0, "{case}: {body}"),
            "unknown" => assert!(times <= 1, "{case} was sent twice: {body}"),
            other => panic!("{other}"),
        }
        *counts.entry(outcome.clone()).or_default() += 1;
    }
    assert_eq!(counts.values().sum::<usize>(), next.load(Ordering::SeqCst), "a push was not answered");
    for outcome in OUTCOMES {
        assert!(counts.get(outcome).is_some_and(|count| *count >= EACH), "too few {outcome}: {counts:?}");
    }
}
