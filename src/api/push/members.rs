//! Parses a body into the members of a push and reports all violations at once.

use serde_json::{Value, json};
use utoipa::PartialSchema;

use crate::api::problem::{Code, FieldError, Problem};
use crate::json::Members;
use crate::mediation::{
    CompletedTime, Content, MediationResult, MediatorName, MediatorPhone, ResultText, Rule, Violation,
    WorkNumber,
};

/// The members of a push, in the order of the documentation.
const MEMBERS: [&str; 6] =
    ["result", "work_number", "completed_time", "mediator_name", "mediator_phone", "content"];

/// A push with every member: the examples of their schemas.
pub(super) fn example() -> Value {
    let example = |schema: &Value| schema.pointer("/examples/0").cloned();
    let whole = json!(MediationResult::schema());
    let required = json!(ResultText::schema());
    let members = MEMBERS.map(|name| {
        let own = whole.pointer(&format!("/properties/{name}")).and_then(example);
        (name.to_owned(), own.or_else(|| example(&required)).unwrap_or_default())
    });
    Value::Object(members.into_iter().collect())
}

/// The members of a body. The outer error is `malformed_json`; the inner one means that the body is not an object.
pub(crate) fn members(body: &[u8]) -> Result<Result<Members<Value>, Vec<FieldError>>, Problem> {
    let malformed = |detail: String| Problem::new(Code::MalformedJson, detail);
    if body.trim_ascii().is_empty() {
        return Err(malformed("The body is empty; a push is a JSON object.".to_owned()));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        malformed(format!("The body is not UTF-8: byte {} is invalid.", error.valid_up_to() + 1))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(malformed("The body begins with a byte order mark; send UTF-8 without it.".to_owned()));
    }
    let not_json = |error: serde_json::Error| {
        if is_lone_surrogate(text, &error) {
            let (line, column) = (error.line(), error.column());
            let reason = "a \\u escape of half a surrogate pair";
            return malformed(format!("The body is not JSON: {reason} at line {line} column {column}."));
        }
        malformed(format!("The body is not JSON: {error}."))
    };
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map(Ok).map_err(not_json);
    }
    let kind = kind(&serde_json::from_str(text).map_err(not_json)?);
    let violation = Violation::new(Rule::WrongType, format!("must be a JSON object, is {kind}"));
    Ok(Err(vec![FieldError::in_body(&violation)]))
}

/// True if the parser stopped at a lone surrogate, which the library reports under other names.
fn is_lone_surrogate(text: &str, error: &serde_json::Error) -> bool {
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let read = line.as_bytes().get(..error.column().min(line.len())).unwrap_or_default();
    // It stops behind the escape or behind the next one.
    let ends = read.windows(b"\\uXXXX".len()).rev().take(b"\\uXXXX".len() + 1);
    let in_escape = error.to_string().contains("hex escape");
    in_escape
        && ends.filter_map(|window| window.strip_prefix(b"\\u")).any(|digits| {
            let digits = std::str::from_utf8(digits).unwrap_or_default();
            u16::from_str_radix(digits, 16).is_ok_and(|unit| (0xD800..=0xDFFF).contains(&unit))
        })
}

/// The JSON type of a value, for people.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Checks all members, even after a violation.
pub(crate) fn mediation_result(members: Members<Value>) -> Result<MediationResult, Vec<FieldError>> {
    let mut draft = Draft::default();
    for (name, value) in members.0 {
        draft.add(&name, value);
    }
    let result = draft.member("result", ResultText::parse);
    let work_number = draft.member("work_number", WorkNumber::parse);
    let completed_time = draft
        .member("completed_time", |text| CompletedTime::parse(&text).map_err(|violation| vec![violation]));
    let mediator_name = draft.member("mediator_name", MediatorName::parse);
    let mediator_phone = draft.member("mediator_phone", MediatorPhone::parse);
    let content = draft.member("content", Content::parse);
    match result {
        Some(result) if draft.errors.is_empty() => Ok(MediationResult {
            result,
            work_number,
            completed_time,
            mediator_name,
            mediator_phone,
            content,
        }),
        Some(_) => Err(draft.errors),
        None => Err(draft.without("result")),
    }
}

/// The members parsed so far and the violations found.
#[derive(Default)]
struct Draft {
    values: [Option<Value>; MEMBERS.len()],
    errors: Vec<FieldError>,
}

impl Draft {
    fn add(&mut self, name: &str, value: Value) {
        let index = MEMBERS.iter().position(|known| *known == name);
        match index.and_then(|index| self.values.get_mut(index)) {
            Some(member @ None) => *member = Some(value),
            Some(Some(_)) => self.refuse(name, &Violation::new(Rule::Repeated, "must appear once")),
            None => {
                let known = MEMBERS.join(", ");
                let detail = format!("is not a member of a push; the members are {known}");
                self.refuse(name, &Violation::new(Rule::Unknown, detail));
            }
        }
    }

    /// Parses the member `name`; `None` if it is absent, null or invalid.
    fn member<T>(&mut self, name: &str, parse: fn(String) -> Result<T, Vec<Violation>>) -> Option<T> {
        let index = MEMBERS.iter().position(|known| *known == name)?;
        match self.values.get_mut(index)?.take()? {
            Value::Null => None,
            Value::String(text) => {
                let parsed = parse(text);
                let violations = parsed.as_ref().err().into_iter().flatten();
                self.errors.extend(violations.map(|violation| FieldError::in_member(name, violation)));
                parsed.ok()
            }
            value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                let detail = format!("must be a string, is {}", kind(&value));
                self.refuse(name, &Violation::new(Rule::WrongType, detail));
                None
            }
        }
    }

    /// All errors. If `name`, which is required, is absent and no error refers to it, one is added.
    fn without(mut self, name: &str) -> Vec<FieldError> {
        let required = FieldError::in_member(name, &Violation::new(Rule::Required, "is required"));
        if !self.errors.iter().any(|error| error.has_same_location_as(&required)) {
            self.errors.push(required);
        }
        self.errors
    }

    fn refuse(&mut self, name: &str, violation: &Violation) {
        self.errors.push(FieldError::in_member(name, violation));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_members_mask_themselves() {
        let harmless = ["result", "work_number", "completed_time"];
        let example = example();
        let members = MEMBERS.map(|name| (name.to_owned(), example[name].clone()));
        let body: Members<Value> = Members(members.into());
        let result = mediation_result(body).unwrap();
        let shown = format!("{result:?}");
        for name in MEMBERS.iter().filter(|name| !harmless.contains(name)) {
            assert!(!shown.contains(example[*name].as_str().unwrap()), "{name} in {shown}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_reported_as_such() {
        for text in [
            r#"{"result":"\ud83d"}"#,
            r#"{"result":"\ud83d\u0041"}"#,
            r#"{"result":"\ud83dx"}"#,
            r#"{"result":"\udc00"}"#,
            "{\n\"\\udc00\":1}",
        ] {
            let detail = members(text.as_bytes()).unwrap_err().detail;
            assert!(detail.contains("half a surrogate pair"), "{text}: {detail}");
        }
        let detail = members(br#"{"result":"\ud83d\ude00",}"#).unwrap_err().detail;
        assert!(!detail.contains("surrogate"), "{detail}");
    }
}
