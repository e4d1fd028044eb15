//! Bans: an announcement of TOP applies to every worker.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use super::support::{BODY, Gateway, Move, TestApp};

fn ban(seconds: u64) -> Move {
    Move::error(&format!(
        r#""code":7,"sub_code":"accesscontrol.limited-by-api-access-count","sub_msg":"This ban will last for {seconds} more seconds""#
    ))
}

/// The value of a gauge in `/metrics`.
pub(crate) fn gauge(app: &TestApp, name: &str) -> i64 {
    let page = app.get("GET", "/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)).expect("the gauge");
    line.trim().parse().expect("a number")
}

#[test]
fn a_ban_holds_for_every_worker_without_calling_top() {
    let gateway = Gateway::always(ban(50));
    let app = TestApp::with(&gateway, &[("BRIDGE_WORKERS", "2")]);
    assert_eq!(app.push_good().problem("top_rate_limited")["attempts"], 1);
    // Connections are distributed over the workers.
    for _ in 0..20 {
        let reply = app.push_good();
        let body = reply.problem("top_rate_limited");
        assert_eq!((&body["attempts"], &body["outcome"]), (&0.into(), &"not_executed".into()));
        let remaining: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((45..=50).contains(&remaining), "{remaining}");
    }
    assert_eq!(gateway.calls().len(), 1);
    assert!((45..=50).contains(&gauge(&app, "mediation_bridge_top_ban_remaining_seconds")));
}

#[test]
fn a_retry_during_a_ban_reports_only_the_ban() {
    const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];
    let banned = Arc::new(AtomicBool::new(false));
    let gateway = Gateway::start({
        let banned = Arc::clone(&banned);
        move |_, call| {
            if call.req()["mediation_case_id"] == "second" {
                return Move::error(r#""code":7,"sub_msg":"This ban will last for 9 more seconds""#);
            }
            while !banned.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#)
        }
    });
    let app = TestApp::start(&gateway);
    let body = thread::scope(|scope| {
        let first = scope.spawn(|| app.push_with("first", &JSON, BODY.as_bytes()));
        while gateway.calls().is_empty() {
            thread::yield_now();
        }
        assert_eq!(app.push_with("second", &JSON, BODY.as_bytes()).status, 429);
        banned.store(true, Ordering::SeqCst);
        first.join().unwrap().problem("top_rate_limited")
    });
    assert_eq!(
        (&body["outcome"], &body["attempts"], body.get("top")),
        (&"not_executed".into(), &1.into(), None)
    );
    assert!(body["detail"].as_str().unwrap().starts_with("A ban that TOP announced still lasts"), "{body}");
}

#[test]
fn a_ban_ends_by_itself() {
    let gateway = Gateway::start(|number, _| if number == 0 { ban(1) } else { Move::accepted() });
    let app = TestApp::start(&gateway);
    let banned = std::time::Instant::now();
    assert_eq!(app.push_good().status, 429);
    loop {
        let reply = app.push_good();
        if reply.status == 200 {
            break;
        }
        assert_eq!(reply.header("retry-after"), Some("1"));
        assert!(banned.elapsed() < Duration::from_secs(3));
    }
    assert!(banned.elapsed() >= Duration::from_millis(990), "{:?}", banned.elapsed());
    assert_eq!(gateway.calls().len(), 2);
}

#[test]
fn throttling_without_a_number_is_not_a_ban() {
    let gateway = Gateway::always(Move::error(r#""code":7"#));
    let app = TestApp::start(&gateway);
    for _ in 0..3 {
        assert_eq!(app.push_good().problem("top_rate_limited")["attempts"], 1);
    }
    assert_eq!(gateway.calls().len(), 3);
}

#[test]
fn a_caller_is_never_asked_to_wait_for_more_than_a_minute() {
    for (seconds, first) in [(1, 1), (59, 59), (60, 60), (61, 60), (71, 60), (31_000, 60), (2_678_400, 60)] {
        let gateway = Gateway::always(ban(seconds));
        let app = TestApp::start(&gateway);
        let wait = || -> u64 {
            let reply = app.push_good();
            assert_eq!(reply.problem("top_rate_limited")["outcome"], "not_executed");
            reply.header("retry-after").unwrap().parse().unwrap()
        };
        assert_eq!((seconds, wait()), (seconds, first));
        if seconds > 1 {
            assert!((first - 5..=first).contains(&wait()), "{seconds}");
            let remaining = gauge(&app, "mediation_bridge_top_ban_remaining_seconds");
            let whole = i64::try_from(seconds).unwrap();
            assert!(
                (whole - 5..=whole).contains(&remaining),
                "the ban itself is as long as TOP said: {remaining}"
            );
            assert_eq!(gateway.calls().len(), 1);
        }
    }
}

#[test]
fn of_concurrent_bans_the_longest_counts() {
    for (one, other) in [(40, 20), (20, 40)] {
        let both = Arc::new(Barrier::new(2));
        let gateway = Gateway::start(move |number, _| {
            both.wait();
            ban(if number == 0 { one } else { other })
        });
        let app = TestApp::start(&gateway);
        thread::scope(|scope| {
            let first = scope.spawn(|| app.push_good());
            assert_eq!((app.push_good().status, first.join().unwrap().status), (429, 429));
        });
        let remaining = gauge(&app, "mediation_bridge_top_ban_remaining_seconds");
        assert!((35..=40).contains(&remaining), "{remaining}");
    }
}
