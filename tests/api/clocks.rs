//! TOP's clock and this machine's: when a refused timestamp corrects the clock, and when the correction is reverted.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};

use super::bans::gauge;
use super::support::{BODY, Call, Gateway, Move, TestApp};

/// Code 31 with a `Date` header that is this many seconds from the right time.
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

/// Code 31 without a `Date` header.
fn wrong_time_without_date() -> Move {
    Move::error(r#""code":31,"msg":"Invalid timestamp""#)
}

/// Accepts timestamps within TOP's ten minutes of the right time, and refuses all others without a `Date` header.
fn judge(call: &Call) -> Move {
    let now = jiff::Timestamp::now().as_second();
    if stamp(call).abs_diff(now) <= 600 { Move::accepted() } else { wrong_time_without_date() }
}

fn skew(app: &TestApp) -> i64 {
    gauge(app, "mediation_bridge_top_clock_skew_seconds")
}

fn unix_seconds(timestamp: &str) -> i64 {
    let civil: jiff::civil::DateTime = timestamp.parse().unwrap();
    jiff::tz::Offset::constant(8).to_timestamp(civil).unwrap().as_second()
}

fn stamp(call: &Call) -> i64 {
    unix_seconds(&call.form["timestamp"])
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
    gateway.calls().iter().for_each(Call::assert_signed);
    assert!(stamps[1..].iter().all(|stamp| (1_195..=1_210).contains(&(stamp - stamps[0]))), "{stamps:?}");
}

#[test]
fn a_corrected_clock_that_is_refused_gets_no_third_attempt() {
    let gateway = Gateway::start(|number, _| wrong_time(if number % 2 == 0 { -3_600 } else { 3_600 }));
    let reply = TestApp::start(&gateway).push_good();
    let body = reply.problem("top_access_denied");
    assert_eq!((reply.status, &body["attempts"]), (502, &2.into()));
    assert_eq!(body["top"]["code"], 31);
}

#[test]
fn a_missing_near_or_implausible_date_corrects_nothing() {
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

#[test]
fn one_wrong_date_is_not_an_outage() {
    const HOURS: i64 = 8 * 3600;
    for ahead in [HOURS, -HOURS, 300, -86_000] {
        // The first attempt is refused with the wrong `Date`. The second is refused for its timestamp, with or without
        // a `Date`.
        for second_has_date in [false, true] {
            let gateway = Gateway::start(move |number, call| match number {
                0 => wrong_time(ahead),
                1 if second_has_date => wrong_time(0),
                1 => wrong_time_without_date(),
                _ => judge(call),
            });
            let app = TestApp::start(&gateway);
            let refused = app.push_good().problem("top_access_denied");
            assert_eq!((&refused["outcome"], &refused["attempts"]), (&"not_executed".into(), &2.into()));
            assert_eq!(skew(&app), 0, "{ahead}: the previous clock is back");
            let next = app.push_good();
            assert_eq!((next.status, &next.json()["attempts"]), (200, &1.into()), "{ahead}");
            gateway.calls().iter().for_each(Call::assert_signed);
        }
    }
}

#[test]
fn one_wrong_date_is_not_an_outage_without_a_second_attempt() {
    let gateway = Gateway::start(|number, call| if number == 0 { wrong_time(28_800) } else { judge(call) });
    let app = TestApp::with(&gateway, &[("TOP_MAX_ATTEMPTS", "1")]);
    assert_eq!(app.push_good().problem("top_access_denied")["attempts"], 1);
    app.push_good().problem("top_access_denied");
    assert_eq!(skew(&app), 0);
    assert_eq!(app.push_good().status, 200);
}

#[test]
fn concurrent_refusals_leave_no_wrong_clock() {
    const AT_ONCE: usize = 8;
    let barrier = Barrier::new(AT_ONCE);
    let gateway = Gateway::start(move |number, call| {
        if number < AT_ONCE {
            barrier.wait();
            // Each is a second later, like answers that arrive one after the other.
            return wrong_time(28_800 + i64::try_from(number).unwrap());
        }
        judge(call)
    });
    let app = TestApp::start(&gateway);
    thread::scope(|scope| {
        let pushes: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| app.push_good())).collect();
        for push in pushes {
            let reply = push.join().unwrap();
            // A second attempt may be stamped after another push has corrected the clock.
            assert!(reply.status == 200 || reply.problem("top_access_denied")["attempts"] == 2);
        }
    });
    assert_eq!(skew(&app), 0);
    assert_eq!(app.push_good().status, 200);
}

#[test]
fn a_failed_correction_reverts_to_the_confirmed_clock() {
    let gateway = Gateway::start(|number, _| match number {
        0 => wrong_time(1_200),
        // The same clock is refused again: first with a wrong `Date`, then without one.
        2 => wrong_time(28_800),
        3 | 5 => wrong_time_without_date(),
        _ => Move::accepted(),
    });
    let app = TestApp::start(&gateway);
    assert_eq!(app.push_good().status, 200);
    let right = skew(&app);
    assert!((1_195..=1_205).contains(&right), "{right}");
    app.push_good().problem("top_access_denied");
    assert_eq!(skew(&app), right);
    assert_eq!(app.push_good().status, 200);
    app.push_good().problem("top_access_denied");
    assert_eq!(skew(&app), right, "without a Date it stays, too");
}

#[test]
fn a_date_corrects_between_a_minute_and_a_day() {
    // A second or two pass between the timestamp and its answer.
    for (ahead, corrects) in [
        (50, false),
        (-50, false),
        (65, true),
        (-65, true),
        (86_390, true),
        (-86_390, true),
        (86_410, false),
        (-86_410, false),
    ] {
        let gateway =
            Gateway::start(move |number, _| if number == 0 { wrong_time(ahead) } else { Move::accepted() });
        let app = TestApp::start(&gateway);
        let status = app.push_good().status;
        assert_eq!((ahead, status), (ahead, if corrects { 200 } else { 502 }));
        assert_eq!((ahead, skew(&app) != 0), (ahead, corrects));
        let stamps: Vec<i64> = gateway.calls().iter().map(stamp).collect();
        assert_eq!(stamps.len(), if corrects { 2 } else { 1 }, "{ahead}");
        assert_ne!(stamps.first(), stamps.get(1), "{ahead}");
    }
}
