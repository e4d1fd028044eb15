//! Bans and clocks: what TOP says once holds for every worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use super::support::{BODY, Gateway, Move, TestApp};

fn ban(seconds: u64) -> Move {
    Move::error(&format!(
        r#""code":7,"sub_code":"accesscontrol.limited-by-api-access-count","sub_msg":"This ban will last for {seconds} more seconds""#
    ))
}

/// Code 31, under a `Date` header so many seconds from the right time.
fn wrong_time(ahead: i64) -> Move {
    let now = SystemTime::now();
    let apart = Duration::from_secs(ahead.unsigned_abs());
    let date = httpdate::fmt_http_date(if ahead < 0 { now - apart } else { now + apart });
    Move::Answer(
        200,
        vec![("Date", date)],
        br#"{"error_response":{"code":31,"msg":"Invalid timestamp"}}"#.to_vec(),
    )
}

/// What `/metrics` says of one gauge.
fn gauge(app: &TestApp, name: &str) -> i64 {
    let page = app.get("GET", "/metrics").text();
    let line = page.lines().find_map(|line| line.strip_prefix(name)).expect("the gauge");
    line.trim().parse().expect("a number")
}

fn unix_seconds(timestamp: &str) -> i64 {
    let civil: jiff::civil::DateTime = timestamp.parse().unwrap();
    jiff::tz::Offset::constant(8).to_timestamp(civil).unwrap().as_second()
}

#[test]
fn a_ban_holds_for_every_worker_without_calling_top() {
    let gateway = Gateway::always(ban(50));
    let app = TestApp::with(&gateway, &[("BRIDGE_WORKERS", "2")]);
    assert_eq!(app.push_good().problem("top_rate_limited")["attempts"], 1);
    // Connections are spread over the workers.
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
fn a_retry_that_meets_a_ban_says_so_and_nothing_of_the_call_before() {
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
fn throttling_without_a_number_is_no_ban() {
    let gateway = Gateway::always(Move::error(r#""code":7"#));
    let app = TestApp::start(&gateway);
    for _ in 0..3 {
        assert_eq!(app.push_good().problem("top_rate_limited")["attempts"], 1);
    }
    assert_eq!(gateway.calls().len(), 3);
}

#[test]
fn a_wrong_clock_is_corrected_once_and_stays_corrected() {
    let gateway = Gateway::start(|number, _| if number == 0 { wrong_time(1_200) } else { Move::accepted() });
    let app = TestApp::with(&gateway, &[("BRIDGE_WORKERS", "2")]);
    let first = app.push_good();
    assert_eq!((first.status, &first.json()["attempts"]), (200, &2.into()));
    for _ in 0..4 {
        assert_eq!(app.push(BODY).json()["attempts"], 1);
    }
    assert!((1_195..=1_205).contains(&gauge(&app, "mediation_bridge_top_clock_skew_seconds")));
    let stamps: Vec<i64> = gateway.calls().iter().map(|call| unix_seconds(&call.form["timestamp"])).collect();
    gateway.calls().iter().for_each(super::support::Call::assert_signed);
    assert!(stamps[1..].iter().all(|stamp| (1_195..=1_210).contains(&(stamp - stamps[0]))), "{stamps:?}");
}

#[test]
fn a_clock_that_is_refused_again_is_not_tried_a_third_time() {
    let gateway = Gateway::start(|number, _| wrong_time(if number % 2 == 0 { -3_600 } else { 3_600 }));
    let reply = TestApp::start(&gateway).push_good();
    let body = reply.problem("top_access_denied");
    assert_eq!((reply.status, &body["attempts"]), (502, &2.into()));
    assert_eq!(body["top"]["code"], 31);
}

#[test]
fn a_missing_near_or_lying_date_corrects_nothing() {
    let dateless = Move::error(r#""code":31"#);
    for (name, refusal) in [
        ("no date", dateless),
        ("near", wrong_time(50)),
        ("two days ahead", wrong_time(172_800)),
        ("two days behind", wrong_time(-172_800)),
        (
            "no date at all",
            Move::Answer(
                200,
                vec![("Date", "yesterday".to_owned())],
                br#"{"error_response":{"code":31}}"#.to_vec(),
            ),
        ),
    ] {
        let gateway =
            Gateway::start(move |number, _| if number == 0 { refusal.clone() } else { Move::accepted() });
        let app = TestApp::start(&gateway);
        assert_eq!((name, &app.push_good().problem("top_access_denied")["attempts"]), (name, &1.into()));
        assert_eq!(app.push_good().status, 200);
        let stamps: Vec<i64> =
            gateway.calls().iter().map(|call| unix_seconds(&call.form["timestamp"])).collect();
        assert!((stamps[1] - stamps[0]).abs() <= 5, "{name}: {stamps:?}");
    }
    let gateway = Gateway::always(wrong_time(1_200));
    let reply = TestApp::with(&gateway, &[("TOP_MAX_ATTEMPTS", "1")]).push_good();
    assert_eq!(reply.problem("top_access_denied")["attempts"], 1);
}
