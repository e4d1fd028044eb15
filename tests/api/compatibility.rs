//! The document is compatible with the last release, whose document is stored under `openapi/releases`. Each release
//! adds its document there.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::documents::file;

/// The known differences, and why they break no client.
const KNOWN: [(&str, &str); 1] = [(
    ": the pattern is another; is what was accepted still accepted?",
    "an invisible text was accepted by mistake, and TOP has no use for it",
)];

/// The document of the last release.
const RELEASED: &str = "openapi/releases/0.1.0.json";

/// Two documents, and the differences that break a client.
struct Comparison {
    before: Value,
    after: Value,
    breaks: Vec<String>,
}

/// The direction of a schema's values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// From the client: values that it sends must still be accepted.
    Sent,
    /// To the client: values that it reads must still be present.
    Read,
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn texts(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Array(all) => all.iter().map(ToString::to_string).collect(),
        Value::Null => BTreeSet::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            BTreeSet::from([value.to_string()])
        }
    }
}

/// Follows references to the value.
fn resolved<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
        value = document.pointer(reference.trim_start_matches('#')).expect("what it refers to");
    }
    value
}

impl Comparison {
    fn of(before: Value, after: Value) -> Vec<String> {
        let mut comparison = Self { before, after, breaks: Vec::new() };
        for (path, item) in members(&comparison.before["paths"].clone()) {
            for (method, operation) in members(item) {
                let place = format!("{method} {path}");
                let now = comparison.after["paths"][path][method].clone();
                if now.is_null() {
                    comparison.breaks.push(format!("{place} is gone"));
                } else {
                    comparison.operation(&place, operation, &now);
                }
            }
        }
        comparison.breaks
    }

    fn operation(&mut self, place: &str, before: &Value, after: &Value) {
        if before["operationId"] != after["operationId"] {
            self.breaks.push(format!("{place} has another operationId"));
        }
        for parameter in after["parameters"].as_array().into_iter().flatten() {
            let same = |other: &&Value| other["name"] == parameter["name"] && other["in"] == parameter["in"];
            let known = before["parameters"].as_array().into_iter().flatten().find(same).cloned();
            let place = format!("{place}: parameter {}", parameter["name"]);
            match known {
                Some(known) => self.schema(&place, &known["schema"], &parameter["schema"], Direction::Sent),
                None if parameter["required"] == true => self.breaks.push(format!("{place} is required now")),
                None => {}
            }
        }
        for (media, content) in members(&before["requestBody"]["content"]) {
            let now = after["requestBody"]["content"][media]["schema"].clone();
            self.schema(&format!("{place}: body"), &content["schema"], &now, Direction::Sent);
        }
        for (status, response) in members(&before["responses"]) {
            let response = resolved(&self.before, response).clone();
            let now = resolved(&self.after, &after["responses"][status]).clone();
            let place = format!("{place}: {status}");
            if now.is_null() {
                self.breaks.push(format!("{place} is gone"));
                continue;
            }
            for (name, _) in members(&response["headers"]) {
                if now["headers"][name].is_null() {
                    self.breaks.push(format!("{place}: header {name} is gone"));
                }
            }
            for (media, content) in members(&response["content"]) {
                let now = now["content"][media]["schema"].clone();
                self.schema(&format!("{place}: {media}"), &content["schema"], &now, Direction::Read);
            }
        }
    }

    fn schema(&mut self, place: &str, before: &Value, after: &Value, direction: Direction) {
        let before = resolved(&self.before, before).clone();
        let after = resolved(&self.after, after).clone();
        let empty = Map::new();
        let (Some(before), Some(after)) = (before.as_object(), after.as_object().or(Some(&empty))) else {
            return;
        };
        let part = |schema: &Map<String, Value>, name: &str| schema.get(name).cloned().unwrap_or(Value::Null);
        let (old, new) = (texts(&part(before, "type")), texts(&part(after, "type")));
        let narrowed = match direction {
            Direction::Sent => !old.is_subset(&new) && !new.is_empty(),
            Direction::Read => !new.is_subset(&old) && !old.is_empty(),
        };
        if narrowed {
            self.breaks.push(format!("{place}: the type {old:?} became {new:?}"));
        }
        let (old, new) = (texts(&part(before, "enum")), texts(&part(after, "enum")));
        if direction == Direction::Sent && !new.is_empty() && !old.is_subset(&new) {
            self.breaks.push(format!("{place}: words are gone: {:?}", &old - &new));
        }
        self.bounds(place, before, after, direction);
        let (old, new) = (texts(&part(before, "required")), texts(&part(after, "required")));
        for name in if direction == Direction::Sent { &new - &old } else { &old - &new } {
            self.breaks.push(format!(
                "{place}: {name} is {} required",
                if direction == Direction::Sent { "now" } else { "no longer" }
            ));
        }
        for (name, member) in members(&part(before, "properties")) {
            let now = part(after, "properties").get(name).cloned();
            let place = format!("{place}/{name}");
            match now {
                Some(now) => self.schema(&place, member, &now, direction),
                None => self.breaks.push(format!("{place} is gone")),
            }
        }
        if before.contains_key("items") {
            self.schema(&format!("{place}/*"), &part(before, "items"), &part(after, "items"), direction);
        }
    }

    /// The bounds of values that are sent must not become narrower.
    fn bounds(
        &mut self,
        place: &str,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        direction: Direction,
    ) {
        if direction == Direction::Read {
            return;
        }
        for (name, narrower) in [("maxLength", f64::lt as fn(&f64, &f64) -> bool), ("minLength", f64::gt)] {
            let bound = |schema: &Map<String, Value>| schema.get(name).and_then(Value::as_f64);
            if let (Some(old), Some(new)) = (bound(before), bound(after))
                && narrower(&new, &old)
            {
                self.breaks.push(format!("{place}: {name} was {old}, is {new}"));
            }
        }
        if before.get("pattern") != after.get("pattern") && after.contains_key("pattern") {
            self.breaks
                .push(format!("{place}: the pattern is another; is what was accepted still accepted?"));
        }
    }
}

fn document(path: &str) -> Value {
    serde_json::from_str(&file(path)).unwrap()
}

#[test]
fn the_document_is_compatible_with_the_last_release() {
    let mut breaks = Comparison::of(document(RELEASED), document("openapi/openapi.json"));
    for (end, reason) in KNOWN {
        let before = breaks.len();
        breaks.retain(|found| !found.ends_with(end));
        assert!(breaks.len() < before, "no longer needed: {reason}");
    }
    assert!(breaks.is_empty(), "{breaks:#?}");
}

#[test]
fn incompatible_changes_are_found() {
    let push = "/paths/~1mediations~1{case_id}~1result/post";
    let whole = document("openapi/openapi.json");
    let with = |pointer: &str, value: Value| {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        Comparison::of(whole.clone(), changed)
    };
    assert!(Comparison::of(whole.clone(), whole.clone()).is_empty());
    let body = "/components/schemas/MediationResult";
    for (pointer, value, expected) in [
        (push.to_owned(), Value::Null, "is gone"),
        (format!("{push}/operationId"), "another".into(), "operationId"),
        (format!("{push}/responses/503"), Value::Null, "503 is gone"),
        (format!("{body}/required"), serde_json::json!(["result", "content"]), "now required"),
        ("/components/schemas/ResultText/maxLength".to_owned(), 32.into(), "maxLength was 64"),
        (format!("{body}/properties/content/type"), "string".into(), "type"),
        (format!("{body}/properties"), serde_json::json!({}), "result is gone"),
        ("/components/schemas/ProblemStatus/type".to_owned(), "string".into(), "type"),
        ("/components/schemas/Problem/required".to_owned(), serde_json::json!([]), "no longer required"),
    ] {
        let breaks = with(&pointer, value);
        assert!(breaks.iter().any(|found| found.contains(expected)), "{pointer}: {breaks:?}");
    }
}
