//! The metrics: correct counts, labels from closed sets, and a format that Prometheus' own tool accepts.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use mediation_bridge::api::problem::explanation::Language;
use mediation_bridge::delivery::idempotency::KeyStanding;
use mediation_bridge::top::Failure;
use strum::{IntoEnumIterator, VariantNames};

use super::documents::{code, operators_guide};
use super::support::markdown::{Page, Row};
use super::support::promtool::promtool;
use super::support::{BODY, CASE, Gateway, Move, Reply, TestApp};

/// The first row of the table of metrics.
const PUSHES: &str = "`mediation_bridge_pushes_total`";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn page(app: &TestApp) -> String {
    let reply = app.get("GET", "/metrics");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    reply.text()
}

/// Fails unless the page holds this sample.
fn assert_sample(page: &str, sample: &str) {
    let name = sample.split(['{', ' ']).next().unwrap();
    let alike: Vec<&str> = page.lines().filter(|line| line.starts_with(name)).collect();
    assert!(alike.contains(&sample), "{sample} among {alike:#?}");
}

fn keyed(app: &TestApp, key: &str, body: &str) -> Reply {
    app.push_with(CASE, &[JSON, ("Idempotency-Key", key)], body.as_bytes())
}

/// A bridge after all kinds of traffic: every answer of TOP, keys, refusals, paths and methods.
fn busy() -> (TestApp, Gateway) {
    let gateway = Gateway::start(|number, _| match number {
        0 | 1 | 8 => Move::accepted(),
        2 => Move::error(r#""code":15,"sub_code":"isv.canary-sub-code","sub_msg":"canary-text""#),
        3..=5 => Move::error(r#""code":15,"sub_code":"isp.http-connection-refuse""#),
        6 => Move::error(r#""code":29,"sub_code":"isv.appkey-not-exists""#),
        7 => Move::Reset,
        _ => Move::error(r#""code":7,"sub_msg":"This ban will last for 71 more seconds""#),
    });
    let app = TestApp::start(&gateway);
    let mut statuses = vec![app.push_good().status];
    statuses.extend((0..2).map(|_| keyed(&app, "k1", BODY).status));
    statuses.push(keyed(&app, "k1", r#"{"result":"other"}"#).status);
    statuses.extend((0..3).map(|_| app.push_good().status));
    statuses.extend((0..2).map(|_| keyed(&app, "k2", BODY).status));
    statuses.extend((0..2).map(|_| app.push_good().status));
    statuses.push(app.push("{").status);
    assert_eq!(statuses, [200, 200, 200, 422, 422, 503, 502, 502, 200, 429, 429, 400]);
    for (method, path) in [
        ("GET", "/livez"),
        ("HEAD", "/livez"),
        ("CANARY-METHOD", "/livez"),
        ("GET", "/canary-path"),
        ("GET", "/canary-path/2"),
        ("GET", "/swagger-ui/canary-file"),
        ("GET", "/mediations/canary-case/result"),
    ] {
        app.get(method, path);
    }
    (app, gateway)
}

#[test]
fn every_event_is_counted() {
    let (app, _gateway) = busy();
    let page = page(&app);
    let pushed = |code: &str, outcome: &str, times: u32| {
        assert_sample(
            &page,
            &format!("mediation_bridge_pushes_total{{code=\"{code}\",outcome=\"{outcome}\"}} {times}"),
        );
    };
    pushed("accepted", "accepted", 4);
    pushed("top_rejected", "rejected", 1);
    pushed("top_unreachable", "not_executed", 1);
    pushed("top_access_denied", "not_executed", 1);
    pushed("top_bad_response", "unknown", 1);
    pushed("top_rate_limited", "not_executed", 2);
    pushed("idempotency_key_reused", "not_executed", 1);
    pushed("malformed_json", "not_executed", 1);
    pushed("internal_error", "unknown", 0);
    pushed("internal_error", "not_executed", 0);

    let calls = |class: &str, times: u32| {
        let name = "mediation_bridge_top_attempt_duration_seconds_count";
        assert_sample(&page, &format!("{name}{{class=\"{class}\"}} {times}"));
    };
    calls("accepted", 3);
    calls("rejected", 1);
    calls("unreachable", 3);
    calls("access_denied", 1);
    calls("bad_response", 1);
    calls("rate_limited", 1);
    calls("timeout", 0);

    for (standing, times) in [("new", 2), ("replayed", 1), ("reused", 1), ("in_doubt", 1), ("in_flight", 0)] {
        assert_sample(
            &page,
            &format!("mediation_bridge_idempotency_keys_total{{standing=\"{standing}\"}} {times}"),
        );
    }
    assert_sample(&page, "mediation_bridge_top_bans_total 1");
    assert_sample(&page, "mediation_bridge_pushes_in_flight 0");
    assert_sample(&page, "mediation_bridge_pushes_in_flight_limit 1024");
    assert_sample(&page, "mediation_bridge_log_lines_dropped_total 0");

    let answered = |method: &str, route: &str, status: u16, times: u32| {
        let name = "mediation_bridge_http_request_duration_seconds_count";
        let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
        assert_sample(&page, &format!("{name}{{{labels}}} {times}"));
    };
    answered("POST", "/mediations/{case_id}/result", 200, 4);
    answered("POST", "/mediations/{case_id}/result", 503, 1);
    answered("GET", "/mediations/{case_id}/result", 405, 1);
    answered("GET", "/livez", 200, 1);
    answered("HEAD", "/livez", 200, 1);
    answered("other", "/livez", 405, 1);
    answered("GET", "unmatched", 404, 2);
    answered("GET", "/swagger-ui/{file:.*}", 404, 1);
}

#[test]
fn a_push_counts_for_its_caller_once_the_token_is_known() {
    let counted = |app: &TestApp| -> Vec<String> {
        let page = page(app);
        let ours = page.lines().filter_map(|line| line.strip_prefix("mediation_bridge_caller_pushes_total"));
        ours.map(str::to_owned).collect()
    };
    let with = |caller: &str, numbers: [u32; 4]| -> Vec<String> {
        let outcomes = ["accepted", "not_executed", "rejected", "unknown"];
        let samples = outcomes.iter().zip(numbers);
        samples
            .map(|(outcome, number)| format!("{{caller=\"{caller}\",outcome=\"{outcome}\"}} {number}"))
            .collect()
    };

    // Two tokens of one caller, and a caller that never pushes.
    let callers = "wms:old-token-0123456789,wms:new-token-0123456789,erp:erp-token-0123456789";
    let app = TestApp::accepting(&[("BRIDGE_CALLERS", callers)]);
    let none = [0; 4];
    assert_eq!(counted(&app), [with("erp", none), with("wms", none)].concat());
    let push = |token: &str, body: &str| {
        let authorization = format!("Bearer {token}");
        app.push_with(CASE, &[JSON, ("Authorization", &authorization)], body.as_bytes()).status
    };
    assert_eq!(push("old-token-0123456789", BODY), 200);
    assert_eq!(push("new-token-0123456789", BODY), 200);
    assert_eq!(push("new-token-0123456789", "{"), 400);
    assert_eq!(push("canary-token-0123456789", BODY), 401);
    assert_eq!(app.push_good().status, 401);
    assert_eq!(counted(&app), [with("erp", none), with("wms", [2, 1, 0, 0])].concat());

    let app = TestApp::accepting(&[]);
    assert_eq!(counted(&app), with("anonymous", none));
    assert_eq!(app.push_good().status, 200);
    assert_eq!(counted(&app), with("anonymous", [1, 0, 0, 0]));
}

#[test]
fn no_label_has_a_value_from_a_caller_or_top() {
    let (app, _gateway) = busy();
    let page = page(&app);
    for canary in ["canary", "CANARY", CASE, "k1", "BREW"] {
        assert!(!page.contains(canary), "{canary}");
    }
}

#[test]
fn the_guides_list_every_metric() {
    let (app, _gateway) = busy();
    let page = page(&app);
    let text = |kind: &str| -> BTreeSet<(String, String)> {
        let lines = page.lines().filter_map(|line| line.strip_prefix(&format!("# {kind} ")));
        lines
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .collect()
    };
    let (helps, kinds) = (text("HELP"), text("TYPE"));
    assert!(kinds.len() > 12 && helps.len() == kinds.len());
    let labels = |name: &str| -> String {
        let sample = page.lines().find(|line| {
            line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name}_count{{"))
        });
        let Some((_, labels)) = sample.and_then(|sample| sample.split_once('{')) else {
            return "–".to_owned();
        };
        let names: Vec<String> = labels
            .split("\",")
            .filter_map(|label| label.split_once("=\""))
            .map(|(name, _)| code(name))
            .collect();
        names.join(", ")
    };
    let row = |((name, help), (_, kind)): (&(String, String), &(String, String))| {
        vec![code(name), kind.clone(), labels(name), help.trim_end_matches('.').to_owned()]
    };
    let mut expected: Vec<Row> = helps.iter().zip(&kinds).map(row).collect();
    expected.retain(|row| row[0].starts_with("`mediation_bridge_"));
    expected.sort_unstable();
    for language in Language::iter() {
        let path = operators_guide(language);
        let mut table = Page::read(path).table(PUSHES);
        table.sort_unstable();
        let known = if language == Language::English { 4 } else { 3 };
        assert_eq!(table.len(), expected.len(), "{path}");
        for (row, expected) in table.iter().zip(&expected) {
            let expected = &expected[..known];
            assert!(row.starts_with(expected), "{path} needs this row:\n| {} |", expected.join(" | "));
        }
    }
}

#[test]
fn the_guides_list_the_values_of_every_label() {
    let values = |words: &[&[&str]]| words.concat().into_iter().map(code).collect::<Vec<_>>().join(", ");
    let class = values(&[&["accepted"], Failure::VARIANTS]);
    let standing = values(&[KeyStanding::VARIANTS]);
    for path in Language::iter().map(operators_guide) {
        let guide = Page::read(path);
        let used: String = guide.table(PUSHES).iter().map(|row| row[2].as_str()).collect();
        let table = guide.table("`outcome`");
        assert!(table.iter().all(|row| used.contains(&row[0])), "{path}: no metric has such a label");
        for (label, values) in [("class", &class), ("standing", &standing)] {
            let row = table.iter().find(|row| row[0] == code(label));
            assert_eq!(row.map(|row| &row[1]), Some(values), "{path}: {label}");
        }
    }
}

#[test]
fn promtool_accepts_the_metrics() {
    let Some(mut promtool) = promtool(&["check", "metrics"]) else { return };
    let (app, _gateway) = busy();
    let mut tool =
        promtool.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    tool.stdin.take().unwrap().write_all(page(&app).as_bytes()).unwrap();
    let done = tool.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(done.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
