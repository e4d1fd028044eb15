//! The tour: pushes every case id of the sandbox in the order of its table, and compares the result with its row.

use std::thread;

use mediation_bridge::api::problem::Code;
use mediation_bridge::sandbox::{SCENARIOS, Scenario};
use serde_json::json;
use strum::VariantArray;

use super::support::sandbox::Sandbox;
use super::support::{BODY, Reply, TestApp};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Longer than the slowest row, so that it is accepted. Hanging rows take all of it.
const DEADLINE: (&str, &str) = ("BRIDGE_DEADLINE", "7s");

/// Rows whose answer takes a while. The next rows are pushed meanwhile.
const SLOW: [&str; 4] = ["sandbox-slow-1s", "sandbox-slow-5s", "sandbox-hang", "sandbox-stalled"];

/// The number of calls to TOP for a row, if it is not one.
const ATTEMPTS: [(&str, u64); 5] = [
    ("sandbox-flaky", 2),
    ("sandbox-clock-20m", 2),
    ("sandbox-clock-back", 2),
    ("sandbox-wrong-clock", 2),
    ("sandbox-unreachable", 3),
];

fn bridge(sandbox: &Sandbox) -> TestApp {
    TestApp::of(&[("TOP_GATEWAY_URL", &sandbox.url()), DEADLINE])
}

/// Fails unless the answer matches the row, and the executions in the sandbox match the outcome.
fn assert_shown(row: &Scenario, reply: &Reply, sandbox: &Sandbox) {
    let case_id = row.case_id;
    let body = reply.json();
    let executions = sandbox.executions(case_id);
    assert_eq!(executions, u64::from(row.executes), "{case_id}");
    if row.problem == "200" {
        assert_eq!((case_id, reply.status, &body["outcome"]), (case_id, 200, &"accepted".into()), "{body}");
        assert_eq!(executions, 1, "{case_id}");
        return;
    }
    let code = Code::VARIANTS.iter().find(|code| code.name() == row.problem).expect("a known problem");
    let entry = code.entry();
    let body = reply.problem(row.problem);
    assert_eq!((case_id, reply.status), (case_id, entry.status.as_u16()));
    assert_eq!((case_id, &body["outcome"]), (case_id, &json!(entry.outcome)));
    assert!(executions == 0 || body["outcome"] == "unknown", "{case_id} was executed: {body}");
}

#[test]
fn every_scenario_behaves_as_described_in_the_order_of_the_table() {
    let sandbox = Sandbox::start();
    let app = bridge(&sandbox);
    let (bans, rows): (Vec<_>, Vec<_>) = SCENARIOS.iter().partition(|row| row.case_id.contains("-ban-"));
    thread::scope(|scope| {
        for row in rows {
            let show = || {
                let reply = app.push_with(row.case_id, &[JSON], BODY.as_bytes());
                assert_shown(row, &reply, &sandbox);
                let attempts = ATTEMPTS.iter().find(|(case_id, _)| *case_id == row.case_id);
                let attempts = attempts.map_or(1, |(_, attempts)| *attempts);
                assert_eq!((row.case_id, &reply.json()["attempts"]), (row.case_id, &attempts.into()));
            };
            if SLOW.contains(&row.case_id) {
                scope.spawn(show);
                while sandbox.executions(row.case_id) == 0 {
                    thread::yield_now();
                }
            } else {
                show();
            }
        }
    });
    for row in &bans {
        let reply = app.push_with(row.case_id, &[JSON], BODY.as_bytes());
        assert_shown(row, &reply, &sandbox);
    }
    let last: Vec<&str> = SCENARIOS.iter().rev().take(bans.len()).map(|row| row.case_id).collect();
    assert!(last.iter().all(|case_id| case_id.contains("-ban-")), "bans come last: {last:?}");
    assert_eq!(last.first(), Some(&"sandbox-ban-9h"));
}

#[test]
fn every_ban_is_reported_with_its_length() {
    let sandbox = Sandbox::start();
    for (case_id, wait) in [
        ("sandbox-ban-2s", "2"),
        ("sandbox-ban-71s", "60"),
        ("sandbox-ban-9h", "60"),
        ("sandbox-ban-real-5s", "5"),
    ] {
        let reply = bridge(&sandbox).push_with(case_id, &[JSON], BODY.as_bytes());
        assert_eq!((case_id, reply.header("retry-after")), (case_id, Some(wait)));
        assert_eq!(reply.problem("top_rate_limited")["attempts"], 1);
    }
}

#[test]
fn a_duplicate_after_a_timeout_is_a_refusal_with_prior_outcome() {
    let sandbox = Sandbox::start();
    let app = bridge(&sandbox);
    let push = || {
        let headers = [JSON, ("Idempotency-Key", "one")];
        app.push_with("sandbox-duplicate-after-timeout", &headers, BODY.as_bytes())
    };
    let first = push().problem("top_timeout");
    assert_eq!((&first["outcome"], first.get("prior_outcome")), (&"unknown".into(), None));
    let second = push().problem("top_rejected");
    assert_eq!((&second["outcome"], &second["prior_outcome"]), (&"rejected".into(), &"unknown".into()));
    assert_eq!(second["top"]["sub_code"], "isv.data-duplicate-error");
    let third = push();
    assert_eq!(third.header("idempotent-replayed"), Some("true"));
    assert_eq!(third.problem("top_rejected")["prior_outcome"], "unknown");
    assert_eq!(sandbox.executions("sandbox-duplicate-after-timeout"), 1);
}
