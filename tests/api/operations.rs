//! The files for the one on call: Prometheus' own tool takes them, and they speak of metrics that there are.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::documents::{file, rows};
use super::support::TestApp;
use super::support::promtool::promtool;

const ALERTS: &str = "deploy/prometheus/alerts.yml";
const DASHBOARD: &str = "deploy/grafana/mediation-bridge.json";
const RUNBOOK: &str = "deploy/README.md";

fn path(file: &str) -> String {
    format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn judged(arguments: &[&str]) {
    let Some(mut promtool) = promtool(arguments) else { return };
    let done = promtool.output().unwrap();
    let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(done.status.success() && !said.contains("WARNING"), "{said}");
}

/// The names of metrics in a text, without what a histogram's samples have behind theirs.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("mediation_bridge_") || word.starts_with("process_"));
    ours.map(|name| {
        let ends = ["_bucket", "_count", "_sum"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    })
    .collect()
}

/// What the dashboard asks for, with the template's variables filled in.
fn queries() -> Vec<String> {
    fn find(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("expr").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| find(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| find(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut found = Vec::new();
    find(&serde_json::from_str(&file(DASHBOARD)).unwrap(), &mut found);
    let filled = |query: &String| {
        query.replace("$__rate_interval", "5m").replace("$__range", "1h").replace("$instance", "bridge:8080")
    };
    found.iter().map(filled).collect()
}

#[test]
fn the_alert_rules_are_sound_and_fire_when_they_should() {
    judged(&["check", "rules", "--lint=all", "--lint-fatal", &path(ALERTS)]);
    judged(&["test", "rules", &path("deploy/prometheus/alerts.test.yml")]);
    judged(&["check", "config", "--lint=all", &path("deploy/prometheus/prometheus.yml")]);
}

#[test]
fn the_dashboard_asks_sound_questions() {
    let queries = queries();
    assert!(queries.len() > 15, "{}", queries.len());
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (number, query) in queries.iter().enumerate() {
        assert!(!query.contains('$'), "a variable is left: {query}");
        writeln!(rules, "  - record: dashboard:query{number}\n    expr: {}", Value::from(query.as_str()))
            .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("dashboard.yml");
    std::fs::write(&written, rules).unwrap();
    judged(&["check", "rules", written.to_str().unwrap()]);
}

#[test]
fn alerts_and_dashboard_know_only_metrics_that_there_are() {
    let page = TestApp::accepting(&[]).get("GET", "/metrics").text();
    let there: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .chain(["mediation_bridge_http_request_duration_seconds".to_owned()])
        .collect();
    for (place, named) in [(ALERTS, metrics(&file(ALERTS))), (DASHBOARD, metrics(&queries().join("\n")))] {
        let unknown: Vec<&String> = named.difference(&there).collect();
        assert!(unknown.is_empty() && named.len() > 8, "{place}: {unknown:?}");
    }
}

#[test]
fn every_alert_has_its_row_in_the_runbook() {
    let rules = file(ALERTS);
    let alerts: BTreeSet<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let runbook: BTreeSet<String> = rows(RUNBOOK)
        .iter()
        .filter(|cells| cells.len() == 4)
        .map(|cells| cells[0].trim_matches(['*', '`']).to_owned())
        .filter(|name| name.starts_with("MediationBridge"))
        .collect();
    assert_eq!(runbook, alerts.iter().map(|alert| (*alert).to_owned()).collect());
    for alert in alerts {
        assert!(rules.contains(&format!(r#"runbook: "README, Runbook: {alert}""#)), "{alert}");
    }
}
