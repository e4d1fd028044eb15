//! The OpenAPI document is complete: operations have all parts, and every value is bounded.

use std::path::Path;

use serde_json::{Map, Value};

use super::support::program::run;

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every operation by its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item = item.as_object().unwrap();
            item.iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

/// Follows a reference; other values are returned unchanged.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect(reference),
        None => value,
    }
}

#[test]
fn the_committed_document_is_what_the_program_prints() {
    let printed: Value = serde_json::from_slice(&run(&["openapi"], &[]).stdout).unwrap();
    let committed = document();
    // Part by part, so that a failure shows what differs.
    for (name, part) in committed["paths"].as_object().unwrap() {
        assert_eq!(part, &printed["paths"][name], "{name}");
    }
    assert_eq!(committed, printed);
}

#[test]
fn the_document_identifies_the_api_and_its_audience() {
    let document = document();
    let info = &document["info"];
    for member in ["title", "description", "version", "x-api-id"] {
        assert!(info[member].as_str().is_some_and(|text| !text.is_empty()), "{member}");
    }
    assert_eq!(info["x-audience"], "company-internal");
    for member in ["name", "url", "email"] {
        assert!(info["contact"][member].is_string(), "{member}");
    }
    assert_eq!(info["license"]["identifier"], "MIT");
    assert!(document["servers"][0]["description"].is_string());
}

#[test]
fn every_operation_is_complete() {
    let document = document();
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let operations = operations(&document);
    assert_eq!(operations.len(), 7);
    for (name, operation) in operations {
        for member in ["operationId", "summary", "description"] {
            assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {member}");
        }
        assert!(operation["tags"].as_array().unwrap().iter().all(|tag| tags.contains(&tag)), "{name}");
        assert!(operation["security"].is_array(), "{name}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("500") && responses.contains_key("default"), "{name}");
        assert!(responses.keys().any(|status| status.starts_with('4')), "{name}");
        for (status, response) in responses {
            let response = resolved(&document, response);
            assert!(response["description"].is_string(), "{name}: {status}");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{name}: {status}");
            let problem = response["content"].get("application/problem+json");
            assert_eq!(problem.is_some(), !status.starts_with('2'), "{name}: {status}");
            let Some(problem) = problem else { continue };
            for example in problem["examples"].as_object().unwrap().values() {
                if status != "default" {
                    assert_eq!(example["value"]["status"].to_string(), *status, "{name}");
                }
            }
        }
        let parameters = operation["parameters"].as_array().unwrap();
        for wanted in ["X-Request-Id", "traceparent"] {
            let parameter = parameters.iter().find(|parameter| parameter["name"] == wanted);
            assert_eq!(parameter.unwrap_or_else(|| panic!("{name}: {wanted}"))["required"], false);
        }
    }
}

#[test]
fn every_value_is_bounded() {
    let document = document();
    let mut seen = 0;
    walk(&document, "", &mut seen);
    assert!(seen > 50, "{seen}");
}

/// Checks every schema below `value`.
fn walk(value: &Value, place: &str, seen: &mut usize) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            // A schema has one type or a list of types.
            let kinds = members.get("type").map_or_else(Vec::new, |kind| {
                kind.as_array().map_or_else(|| vec![kind], |kinds| kinds.iter().collect())
            });
            for kind in kinds.into_iter().filter_map(Value::as_str) {
                *seen += 1;
                assert!(is_bounded(kind, members), "{place} is an unbounded {kind}");
            }
            members.iter().map(|(name, member)| (format!("{place}/{name}"), member)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(number, item)| (format!("{place}/{number}"), item)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    // The contents of examples are not schemas.
    let below = below
        .into_iter()
        .filter(|(place, _)| !["/example", "/examples", "/value"].iter().any(|name| place.ends_with(name)));
    for (place, value) in below {
        walk(value, &place, seen);
    }
}

fn is_bounded(kind: &str, schema: &Map<String, Value>) -> bool {
    let has = |names: &[&str]| names.iter().all(|name| schema.contains_key(*name));
    match kind {
        "string" => has(&["enum"]) || has(&["maxLength", "pattern"]),
        "integer" => has(&["format", "minimum", "maximum"]),
        "array" => has(&["items", "maxItems"]),
        // A request has a closed schema; an answer has an open one with its known members.
        "object" => {
            schema.get("additionalProperties") == Some(&Value::Bool(false))
                || has(&["maxProperties"])
                || (has(&["properties"]) && !schema.contains_key("additionalProperties"))
        }
        "boolean" | "null" => true,
        // The type of the security scheme.
        "http" => has(&["scheme"]),
        other => panic!("an unknown type: {other}"),
    }
}
