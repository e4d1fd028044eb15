//! The documents tell the truth: OpenAPI as committed, README tables as in the code.

use std::collections::BTreeSet;
use std::path::Path;

use mediation_bridge::api::problem::Code;
use mediation_bridge::mediation::CompletedTime;
use mediation_bridge::sandbox::SCENARIOS;
use mediation_bridge::settings::VARIABLES;
use serde_json::Value;
use strum::VariantArray;

use super::support::program::run;
use super::support::{CASE, TestApp};

pub(crate) fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of the README's tables, their cells trimmed.
pub(crate) fn rows() -> BTreeSet<Vec<String>> {
    let readme = file("README.md");
    let table = readme.lines().filter(|line| line.starts_with('|'));
    table.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

pub(crate) fn assert_row(cells: &[&str]) {
    let row: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
    assert!(rows().contains(&row), "the README lacks this row:\n| {} |", cells.join(" | "));
}

pub(crate) fn code(text: &str) -> String {
    format!("`{text}`")
}

#[test]
fn the_committed_openapi_document_is_the_one_that_is_served() {
    let app = TestApp::accepting(&[]);
    let served = app.get("GET", "/openapi.json");
    assert_eq!(served.header("content-type"), Some("application/json"));
    let committed = file("openapi/openapi.json");
    let hint = "run: cargo run -- openapi > openapi/openapi.json";
    assert!(served.text() == committed, "openapi/openapi.json differs from what is served; {hint}");
    let printed = run(&["openapi"], &[]);
    assert_eq!(printed.status.code(), Some(0));
    assert!(String::from_utf8(printed.stdout).unwrap() == committed, "{hint}");
}

#[test]
fn the_document_describes_every_problem_by_a_real_example() {
    let document: Value = serde_json::from_str(&file("openapi/openapi.json")).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["license"]["identifier"], "MIT");
    let responses =
        document["paths"]["/mediations/{case_id}/result"]["post"]["responses"].as_object().unwrap();
    for code in Code::VARIANTS {
        let (name, entry) = (code.name(), code.entry());
        if matches!(code, Code::NotFound | Code::MethodNotAllowed | Code::MisdirectedRequest) {
            continue;
        }
        let response = &responses[&entry.status.as_u16().to_string()];
        assert!(response["description"].as_str().unwrap().contains(name), "{name}");
        let example = &response["content"]["application/problem+json"]["examples"][name]["value"];
        assert_eq!(example["code"], name);
        assert_eq!(example["outcome"], serde_json::json!(entry.outcome));
        assert_eq!(example["status"], entry.status.as_u16());
    }
}

#[test]
fn the_examples_of_the_document_are_accepted_as_they_stand() {
    let document: Value = serde_json::from_str(&file("openapi/openapi.json")).unwrap();
    let body = &document["paths"]["/mediations/{case_id}/result"]["post"]["requestBody"];
    let examples = body["content"]["application/json"]["examples"].as_object().unwrap();
    assert!(examples.len() >= 4);
    let app = TestApp::accepting(&[]);
    for (name, example) in examples {
        let reply = app.push(&example["value"].to_string());
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        assert_eq!(reply.json()["case_id"], CASE);
    }
}

#[test]
fn the_readme_lists_every_problem() {
    for (problem, entry) in Code::VARIANTS.iter().map(|code| (code, code.entry())) {
        let outcomes: Vec<&str> = problem.outcomes().into_iter().map(Into::into).collect();
        let outcome = outcomes.join(" or ");
        let retryable = if entry.retryable { "yes" } else { "no" };
        let actor: &str = entry.actor.into();
        let (name, status) = (code(problem.name()), entry.status);
        assert_row(&[&name, status.as_str(), &outcome, retryable, actor, entry.en.meaning, entry.en.action]);
    }
}

#[test]
fn the_readme_lists_every_variable() {
    for variable in VARIABLES {
        let file = if variable.is_secret() { " (`_FILE`)" } else { "" };
        let default = variable.default.map_or_else(|| "–".to_owned(), code);
        assert_row(&[&(code(variable.name) + file), &default, variable.meaning]);
    }
}

#[test]
fn the_readme_lists_every_scenario_of_the_sandbox() {
    for scenario in SCENARIOS {
        assert_row(&[&code(scenario.case_id), &code(scenario.problem), scenario.does]);
    }
}

#[test]
fn the_readme_lists_the_spellings_of_a_time() {
    for (name, example) in CompletedTime::SPELLINGS {
        let read = CompletedTime::parse(example).unwrap().to_string();
        assert_row(&[name, &code(example), &code(&read)]);
    }
}

#[test]
fn the_tests_that_the_readme_names_exist() {
    let readme = file("README.md");
    let security =
        readme.split("## Security").nth(1).and_then(|behind| behind.split("\n## ").next()).unwrap();
    let risks: Vec<&str> = security.lines().filter(|line| line.starts_with("| API")).collect();
    assert_eq!(risks.len(), 10);
    let sources = sources(Path::new(env!("CARGO_MANIFEST_DIR")));
    for risk in risks {
        let tests = risk.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        for name in tests.split(", ").map(|name| name.trim().trim_matches('`')) {
            assert!(sources.contains(&format!("fn {name}(")), "{name} of {risk}");
        }
    }
}

/// Everything that is compiled, in one.
fn sources(root: &Path) -> String {
    let mut folders = vec![root.join("src"), root.join("tests")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(rs) if rs == "rs" => text += &std::fs::read_to_string(path).unwrap(),
                _ => {}
            }
        }
    }
    text
}
