//! The committed OpenAPI document, which must describe every answer in these tests.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::app::Reply;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).expect("the document")).expect("JSON")
});

/// The headers that only some answers with a status have.
const SOMETIMES: [&str; 1] = ["Idempotent-Replayed"];

/// Fails unless the document describes this answer: its status, media type, headers and body.
pub(crate) fn assert_described(method: &str, target: &str, reply: &Reply) {
    let path = target.split('?').next().unwrap();
    let told = format!("{method} {path}: {} {}", reply.status, String::from_utf8_lossy(&reply.message.body));
    let response = match operation(method, path) {
        Some(operation) => {
            let responses = &operation["responses"];
            let response = responses.get(reply.status.to_string()).or_else(|| responses.get("default"));
            resolved(response.unwrap_or_else(|| panic!("no such status in the document: {told}")))
        }
        // The files of Swagger UI are not in the document.
        None if reply.status < 400 && (path == "/" || path.starts_with("/swagger-ui")) => return,
        // A path that does not exist is answered in a documented form.
        None => {
            let shared = &DOCUMENT["components"]["responses"];
            match reply.status {
                404 => &shared["OtherProblem"],
                405 => &shared["MethodNotAllowed"],
                _ => panic!("not in the document: {told}"),
            }
        }
    };

    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let header = resolved(header);
        let value = reply.header(name);
        assert!(value.is_some() || SOMETIMES.contains(&name.as_str()), "{name} is missing: {told}");
        let number = header["schema"]["type"] == "integer";
        if let Some(text) = value {
            let value =
                if number { text.parse::<i64>().map_or(json!(text), Value::from) } else { json!(text) };
            assert_valid(&header["schema"], &value, &format!("{name}: {told}"));
        }
    }
    let media_type = reply.header("content-type").expect("a media type").split(';').next().unwrap();
    let content = response["content"]
        .get(media_type)
        .unwrap_or_else(|| panic!("{media_type} is not in the document: {told}"));
    if method != "HEAD" {
        let body = if media_type.ends_with("json") { reply.json() } else { json!(reply.text()) };
        assert_valid(&content["schema"], &body, &told);
    }
}

/// The operation of a request; HEAD counts as GET.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
    let fits = |pattern: &str| {
        let (pattern, path) = (pattern.split('/'), path.split('/'));
        pattern.clone().count() == path.clone().count()
            && pattern
                .zip(path)
                .all(|(known, given)| known == given || (known.starts_with('{') && !given.is_empty()))
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let (_, item) = paths.iter().find(|(pattern, _)| fits(pattern))?;
    item.get(method)
}

/// Follows a reference.
fn resolved(value: &'static Value) -> &'static Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).expect("what it refers to"),
        None => value,
    }
}

fn assert_valid(schema: &Value, value: &Value, told: &str) {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let validator = {
        let mut validators = VALIDATORS.lock().unwrap();
        let make = || {
            let mut schema = schema.clone();
            schema["components"] = DOCUMENT["components"].clone();
            Arc::new(jsonschema::draft202012::new(&schema).expect("a sound schema"))
        };
        Arc::clone(validators.entry(schema.to_string()).or_insert_with(make))
    };
    let wrong: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}: {told}");
}
