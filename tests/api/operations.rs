//! The files for the operator: Prometheus' own tool accepts them, they use existing metrics, and each alert has a
//! section in the runbook.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use mediation_bridge::api::problem::Code;
use serde_json::Value;
use strum::VariantArray;

use super::documents::file;
use super::support::TestApp;
use super::support::markdown::Page;
use super::support::promtool::promtool;

const ALERTS: &str = "deploy/prometheus/alerts.yml";
const DASHBOARD: &str = "deploy/grafana/mediation-bridge.json";
const RUNBOOKS: [Runbook; 2] = [
    Runbook {
        path: "deploy/runbook.md",
        wakes: "**Wakes.**",
        ends: ["**Stop when** ", "**Tell callers** "],
        other: "any other code",
    },
    Runbook {
        path: "deploy/runbook.zh-CN.md",
        wakes: "**叫醒。**",
        ends: ["**何时结束：** ", "**告诉调用方：** "],
        other: "其他 code",
    },
];

/// A runbook, with the texts at the start and at the end of a section in its language, and its words for any other code.
struct Runbook {
    path: &'static str,
    wakes: &'static str,
    ends: [&'static str; 2],
    other: &'static str,
}

fn path(file: &str) -> String {
    format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn judged(arguments: &[&str]) {
    let Some(mut promtool) = promtool(arguments) else { return };
    let done = promtool.output().unwrap();
    let said = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
    assert!(done.status.success() && !said.contains("WARNING"), "{said}");
}

/// The names of metrics in a text, without the suffixes of a histogram's samples. The names of recording rules have a
/// colon.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let ours = words.filter(|word| {
        let recorded = word.contains(":mediation_bridge_");
        recorded || word.starts_with("mediation_bridge_") || word.starts_with("process_")
    });
    ours.map(|name| {
        let ends = ["_bucket", "_count", "_sum"];
        ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    })
    .collect()
}

/// The values of `key` in the alert rules, such as the names of all alerts.
fn values<'a>(rules: &'a str, key: &str) -> Vec<&'a str> {
    let begins = format!("{key}: ");
    rules.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix(&begins)).collect()
}

/// The blocks of a document in a language, such as `promql`.
fn blocks(path: &str, language: &str) -> Vec<String> {
    let blocks = Page::read(path).blocks().into_iter();
    blocks.filter(|block| block.language == language).map(|block| block.lines.join("\n")).collect()
}

/// The sections of a runbook: each heading with the text below it.
fn sections(runbook: &str) -> Vec<(&str, &str)> {
    runbook.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap()).collect()
}

/// The queries of the dashboard, with the template's variables replaced.
fn dashboard_queries() -> Vec<String> {
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
fn the_alert_rules_are_valid_and_fire_as_expected() {
    judged(&["check", "rules", "--lint=all", "--lint-fatal", &path(ALERTS)]);
    judged(&["test", "rules", &path("deploy/prometheus/alerts.test.yml")]);
    judged(&["check", "config", "--lint=all", &path("deploy/prometheus/prometheus.yml")]);
}

#[test]
fn the_queries_of_dashboard_and_runbook_are_valid() {
    let queries = [dashboard_queries(), blocks(RUNBOOKS[0].path, "promql")].concat();
    assert!(queries.len() > 30, "{}", queries.len());
    let mut rules = "groups:\n- name: queries\n  rules:\n".to_owned();
    for (number, query) in queries.iter().enumerate() {
        assert!(!query.contains('$'), "a variable is left: {query}");
        writeln!(rules, "  - record: queries:query{number}\n    expr: {}", Value::from(query.as_str()))
            .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("queries.yml");
    std::fs::write(&written, rules).unwrap();
    judged(&["check", "rules", written.to_str().unwrap()]);
}

#[test]
fn alerts_dashboard_and_runbook_use_only_existing_metrics() {
    let page = TestApp::accepting(&[]).get("GET", "/metrics").text();
    let alerts = file(ALERTS);
    let recorded = values(&alerts, "record").into_iter().map(str::to_owned);
    let there: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .chain(["mediation_bridge_http_request_duration_seconds".to_owned()])
        .chain(recorded)
        .collect();
    let texts = [
        (ALERTS, alerts.clone()),
        (DASHBOARD, dashboard_queries().join("\n")),
        (RUNBOOKS[0].path, file(RUNBOOKS[0].path)),
        (RUNBOOKS[1].path, file(RUNBOOKS[1].path)),
    ];
    for (place, text) in texts {
        let named = metrics(&text);
        let unknown: Vec<&String> = named.difference(&there).collect();
        assert!(unknown.is_empty() && named.len() > 5, "{place}: {unknown:?}");
    }
}

#[test]
fn every_alert_has_a_section_in_both_runbooks() {
    let rules = file(ALERTS);
    let (alerts, severities) = (values(&rules, "alert"), values(&rules, "labels"));
    let urls = values(&rules, "runbook_url");
    assert!(alerts.len() > 10 && alerts.len() == severities.len() && alerts.len() == urls.len());
    for Runbook { path, wakes, ends, .. } in RUNBOOKS {
        let runbook = file(path);
        let sections = sections(&runbook);
        let headings: BTreeSet<&str> = sections.iter().map(|(heading, _)| *heading).collect();
        assert_eq!(headings, alerts.iter().copied().collect(), "{path}");
        assert_eq!(headings.len(), sections.len(), "{path}: a heading comes twice");
        for (heading, text) in &sections {
            let number = alerts.iter().position(|alert| alert == heading).unwrap();
            let wanted = format!("/{}#{}", RUNBOOKS[0].path, heading.to_lowercase());
            assert!(urls[number].starts_with("https://") && urls[number].ends_with(&wanted), "{heading}");
            let critical = severities[number] == "{severity: critical}";
            assert_eq!(text.trim().starts_with(wakes), critical, "{path}: {heading}");
            for part in ["\n1. ", "\n2. ", "\n3. "].iter().chain(&ends) {
                assert_eq!(text.matches(part).count(), 1, "{path}: {heading}: {part:?}");
            }
        }
    }
}

#[test]
fn the_runbooks_have_a_remedy_for_any_refusal_of_the_bridge() {
    for Runbook { path, other, .. } in RUNBOOKS {
        let section = Page::read(path).section("mediationbridgecredentialsrefused");
        let table = section.table("24, 25");
        let (last, earlier) = table.split_last().unwrap();
        assert_eq!(last[..2], ["*", other], "{path}");
        for wanted in ["`top.sub_code`", "`top.sub_msg`", "`top.request_id`"] {
            assert!(last[2].contains(wanted), "{path}: {wanted}");
        }
        assert!(earlier.iter().all(|row| row[0] != "*"), "{path}");
    }
}

#[test]
fn the_runbooks_have_the_same_commands_and_search_for_logged_texts() {
    let [english, chinese] = RUNBOOKS.map(|runbook| Page::read(runbook.path).blocks());
    assert_eq!(english, chinese);
    let commands = blocks(RUNBOOKS[0].path, "sh").concat();
    let codes: BTreeSet<&str> = Code::VARIANTS.iter().map(|code| code.name()).collect();
    let sought: Vec<&str> = commands.split("\"push.code\":\"").skip(1).collect();
    assert!(sought.len() > 5);
    for code in sought.iter().map(|rest| rest.split('"').next().unwrap()).filter(|code| !code.contains('(')) {
        assert!(codes.contains(code), "{code}");
    }
    for (text, source) in [
        ("is not recorded under its Idempotency-Key", "src/api/push/record.rs"),
        ("TOP refused a timestamp", "src/delivery/clock.rs"),
    ] {
        assert!(commands.contains(text) && file(source).contains(text), "{text}");
    }
}

#[test]
fn the_rules_for_kubernetes_equal_the_alerts() {
    let rules = file(ALERTS);
    let groups = rules.split_once("\ngroups:\n").map(|(_, groups)| format!("groups:\n{groups}")).unwrap();
    let wanted: String = groups
        .lines()
        .filter(|line| !line.is_empty())
        .fold(String::new(), |text, line| text + "  " + line + "\n");
    let made = file("deploy/kubernetes/monitoring/prometheusrule.yaml");
    let (_, made) = made.split_once("\nspec:\n").unwrap();
    assert!(made == wanted, "they differ; the first lines of prometheusrule.yaml say how it is made");
}

#[test]
fn image_tags_equal_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    for (place, line) in [
        ("Dockerfile", format!("\nARG VERSION={version}\n")),
        ("deploy/kubernetes/overlays/production/kustomization.yaml", format!("\n    newTag: {version}\n")),
    ] {
        assert!(file(place).contains(&line), "{place} needs the line{line}");
    }
}
