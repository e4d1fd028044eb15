//! The body of a push: it is malformed, has violations that name a member, or becomes a `req` within all limits.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mediation_bridge::api::problem::{Code, Problem};
use mediation_bridge::delivery::method::req;
use mediation_bridge::fuzzing::read_body;
use mediation_bridge::mediation::{CaseId, MediationResult};
use regex::Regex;
use serde_json::{Map, Value};

/// The longest value of each member, in characters.
const LIMITS: [(&str, usize); 6] = [
    ("result", 64),
    ("work_number", 64),
    ("completed_time", 19),
    ("mediator_name", 64),
    ("mediator_phone", 32),
    ("content", 10_000),
];

static POINTER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^(?:/(?:[^/~]|~[01])*)?$").expect("a pattern"));
static PHONE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[ +()#*,x0-9-]{3,32}$").expect("a pattern"));

fuzz_target!(|body: &[u8]| {
    let is_json = serde_json::from_slice::<Value>(body);
    match read_body(body) {
        Err(problem) if problem.code == Code::MalformedJson => {
            assert!(is_json.is_err(), "valid JSON is malformed: {}", problem.detail);
            assert!(problem.errors.is_empty() && !problem.detail.is_empty());
        }
        Err(problem) => {
            assert!(is_json.is_ok(), "{problem:?}");
            check_violations(&problem);
        }
        Ok(result) => check_push(&result, &is_json.expect("an accepted body is JSON")),
    }
});

fn check_violations(problem: &Problem) {
    assert_eq!(problem.code, Code::ValidationFailed);
    assert!((1..=100).contains(&problem.errors.len()));
    for error in &problem.errors {
        let pointer = error.pointer.as_deref().expect("a violation of the body has a pointer");
        assert!(POINTER.is_match(pointer) && pointer.chars().count() <= 128, "{pointer:?}");
        assert!(error.parameter.is_none());
        assert!(!error.detail.contains(char::is_control) && error.detail.contains(' '), "{:?}", error.detail);
    }
}

fn check_push(result: &MediationResult, body: &Value) {
    let case_id = CaseId::parse("1290293148910").expect("a case");
    let mut sent: Map<String, Value> =
        serde_json::from_str(&req(&case_id, result)).expect("req is a JSON object");
    assert_eq!(sent.remove("mediation_case_id"), Some(case_id.as_str().into()));
    let body = body.as_object().expect("an accepted body is an object");
    for (name, value) in body {
        assert_eq!(value.is_null(), !sent.contains_key(name), "{name}");
    }
    for (name, value) in &sent {
        let text = value.as_str().expect("a string");
        let (_, longest) = LIMITS.iter().find(|(known, _)| known == name).expect("a documented member");
        assert!((1..=*longest).contains(&text.chars().count()), "{name}");
        assert!(!text.trim().is_empty(), "{name} is blank");
        let allowed = |c: char| name == "content" && matches!(c, '\r' | '\n' | '\t');
        assert!(!text.chars().any(|c| c.is_control() && !allowed(c)), "{name}");
        assert!(name == "completed_time" || body.get(name) == Some(value), "{name} is changed");
    }
    assert!(sent.contains_key("result"));
    if let Some(phone) = sent.get("mediator_phone").and_then(Value::as_str) {
        assert!(PHONE.is_match(phone) && phone.bytes().filter(u8::is_ascii_digit).count() >= 3, "{phone}");
    }
    // What is sent is a body itself.
    let again = read_body(Value::Object(sent).to_string().as_bytes());
    assert_eq!(again.as_ref().ok(), Some(result), "{again:?}");
}
