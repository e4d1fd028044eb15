//! The documents are up to date: OpenAPI as committed, and the tables of the guides as in the code, in both languages.
//!
//! Texts that only people can write, such as the meaning of a variable in Chinese, are not checked. Every name, number
//! and word from the code is compared, row by row.

use std::path::Path;

use mediation_bridge::api::problem::Code;
use mediation_bridge::api::problem::catalogue::Actor;
use mediation_bridge::api::problem::explanation::{Explanation, Language};
use mediation_bridge::mediation::CompletedTime;
use mediation_bridge::sandbox::SCENARIOS;
use mediation_bridge::settings::VARIABLES;
use serde_json::Value;
use strum::{IntoEnumIterator, VariantArray};

use super::support::markdown::{Page, Row};
use super::support::program::run;
use super::support::{CASE, TestApp};

/// The guide for callers in each language.
pub(crate) const fn callers_guide(language: Language) -> &'static str {
    match language {
        Language::English => "openapi/README.md",
        Language::Chinese => "openapi/README.zh-CN.md",
    }
}

/// The guide for operators in each language.
pub(crate) const fn operators_guide(language: Language) -> &'static str {
    match language {
        Language::English => "deploy/README.md",
        Language::Chinese => "deploy/README.zh-CN.md",
    }
}

pub(crate) fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// Fails unless the table of `path` that starts with the first of `expected` has exactly these rows in this order. A
/// row may have further cells; none is empty.
pub(crate) fn assert_table(path: &str, expected: &[Row]) {
    let table = Page::read(path).table(&expected[0][0]);
    for (row, expected) in table.iter().zip(expected) {
        assert!(row.starts_with(expected), "{path} needs this row:\n| {} |", expected.join(" | "));
        let free = row.len() - expected.len();
        assert!(free <= 1 && row.iter().all(|cell| !cell.is_empty()), "{path}: {row:?}");
    }
    assert_eq!(table.len(), expected.len(), "{path}: rows from {}", expected[0][0]);
}

const fn yes_or_no(yes: bool, language: Language) -> &'static str {
    match (language, yes) {
        (Language::English, true) => "yes",
        (Language::English, false) => "no",
        (Language::Chinese, true) => "是",
        (Language::Chinese, false) => "否",
    }
}

fn document() -> Value {
    serde_json::from_str(&file("openapi/openapi.json")).unwrap()
}

fn schema(name: &str) -> Value {
    document()["components"]["schemas"][name].clone()
}

fn words(list: &Value) -> Vec<String> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_committed_openapi_document_equals_the_served_one() {
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
fn the_examples_of_the_document_are_accepted() {
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
fn the_guides_list_every_problem() {
    for language in Language::iter() {
        let row = |problem: &Code| {
            let (entry, words) = (problem.entry(), Explanation::new(*problem, language));
            let actor = match (language, entry.actor) {
                (Language::English, actor) => actor.into(),
                (Language::Chinese, Actor::Caller) => "调用方",
                (Language::Chinese, Actor::Operator) => "运维人员",
                (Language::Chinese, Actor::Nobody) => "无需人工",
            };
            assert!(words.actor.to_lowercase().contains(actor), "{actor} is not how /problems says it");
            let or = if language == Language::English { " or " } else { " 或 " };
            let outcomes: Vec<String> =
                problem.outcomes().into_iter().map(|outcome| code(outcome.into())).collect();
            vec![
                code(problem.name()),
                entry.status.as_str().to_owned(),
                outcomes.join(or),
                yes_or_no(entry.retryable, language).to_owned(),
                actor.to_owned(),
                words.title.to_owned(),
            ]
        };
        let expected: Vec<Row> = Code::VARIANTS.iter().map(row).collect();
        assert_table(callers_guide(language), &expected);
    }
}

#[test]
fn the_guides_list_every_member_of_a_push() {
    let push = schema("MediationResult");
    let required = words(&push["required"]);
    for language in Language::iter() {
        let row = |(name, member): (&String, &Value)| {
            let target = member["$ref"].as_str().and_then(|path| path.rsplit('/').next()).map(schema);
            let rule = target.as_ref().unwrap_or(member);
            let characters = format!("{}–{}", rule["minLength"], rule["maxLength"]);
            // The lengths of its three spellings are not useful.
            let characters = if name == "completed_time" { "–".to_owned() } else { characters };
            let required = yes_or_no(required.contains(name), language).to_owned();
            vec![code(name), required, characters]
        };
        let expected: Vec<Row> = push["properties"].as_object().unwrap().iter().map(row).collect();
        assert_table(callers_guide(language), &expected);
    }
}

#[test]
fn the_guides_list_every_header_of_a_push() {
    let push = document()["paths"]["/mediations/{case_id}/result"]["post"]["parameters"].clone();
    let headers = push.as_array().unwrap().iter().filter(|parameter| parameter["in"] == "header");
    let headers: Vec<&str> = headers.map(|parameter| parameter["name"].as_str().unwrap()).collect();
    // The document has no parameters with these names: OpenAPI describes them in other ways.
    let names = [&["Authorization", "Content-Type"], &headers[..], &["Accept-Language"]].concat();
    let expected: Vec<Row> = names.into_iter().map(|name| vec![code(name)]).collect();
    for language in Language::iter() {
        let table = Page::read(callers_guide(language)).table(&expected[0][0]);
        let names: Vec<Row> = table.into_iter().map(|row| row[..1].to_vec()).collect();
        assert_eq!(names, expected);
    }
}

#[test]
fn the_guides_list_every_member_of_an_answer() {
    let (accepted, problem) = (schema("AcceptedPush"), schema("Problem"));
    let own = |answer: &Value| answer["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut expected: Vec<String> = [own(&accepted), own(&problem)].concat();
    expected.sort_unstable();
    expected.dedup();
    for language in Language::iter() {
        let (always, sometimes) = match language {
            Language::English => ("always", "sometimes"),
            Language::Chinese => ("总有", "可能有"),
        };
        let presence = |answer: &Value, name: &String| {
            if words(&answer["required"]).contains(name) {
                always
            } else if own(answer).contains(name) {
                sometimes
            } else {
                "–"
            }
        };
        let table = Page::read(callers_guide(language)).table("`outcome`");
        let mut names: Vec<String> = Vec::new();
        for row in &table {
            let name = row[0].trim_matches('`').to_owned();
            let expected = [presence(&accepted, &name), presence(&problem, &name)];
            assert_eq!(row[1..3], expected, "{name}");
            names.push(name);
        }
        names.sort_unstable();
        assert_eq!(names, expected);
    }
}

#[test]
fn every_guide_lists_every_outcome() {
    let outcomes =
        [words(&schema("AcceptedOutcome")["enum"]), words(&schema("ProblemOutcome")["enum"])].concat();
    let expected: Vec<Row> = outcomes.iter().map(|outcome| vec![code(outcome)]).collect();
    for path in Language::iter().map(callers_guide).chain(["README.md"]) {
        let table = Page::read(path).table(&expected[0][0]);
        let names: Vec<Row> = table.into_iter().map(|row| row[..1].to_vec()).collect();
        assert_eq!(names, expected, "{path}");
    }
}

#[test]
fn the_guides_list_every_scenario_of_the_sandbox() {
    for language in Language::iter() {
        let known = if language == Language::English { 3 } else { 2 };
        let row = |scenario: &mediation_bridge::sandbox::Scenario| {
            let all = [code(scenario.case_id), code(scenario.problem), scenario.does.to_owned()];
            all[..known].to_vec()
        };
        let expected: Vec<Row> = SCENARIOS.iter().map(row).collect();
        assert_table(callers_guide(language), &expected);
    }
}

#[test]
fn the_guides_list_the_spellings_of_a_time() {
    for language in Language::iter() {
        let known = if language == Language::English { 3 } else { 2 };
        let row = |(name, example): (&str, &str)| {
            let sent = CompletedTime::parse(example).unwrap().to_string();
            [code(example), code(&sent), name.to_owned()][..known].to_vec()
        };
        assert_table(callers_guide(language), &CompletedTime::SPELLINGS.map(row));
    }
}

#[test]
fn the_guides_list_every_variable() {
    for language in Language::iter() {
        let known = if language == Language::English { 3 } else { 2 };
        let row = |variable: &mediation_bridge::settings::Variable| {
            let file = if variable.is_secret() { " (`_FILE`)" } else { "" };
            let default = variable.default.map_or_else(|| "–".to_owned(), code);
            let all = [code(variable.name) + file, default, variable.meaning.to_owned()];
            all[..known].to_vec()
        };
        let expected: Vec<Row> = VARIABLES.iter().map(row).collect();
        assert_table(operators_guide(language), &expected);
    }
}

#[test]
fn the_guides_list_every_subcommand() {
    let help = String::from_utf8(run(&["--help"], &[]).stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let expected: Vec<Row> = names.map(|name| vec![code(name)]).collect();
    assert!(expected.len() > 4, "{help}");
    Language::iter().for_each(|language| assert_table(operators_guide(language), &expected));
}
