//! A violated rule of a request and its location.

use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use crate::api::schema::{self, Sentence};
use crate::mediation::{Rule, Violation};

/// The maximum number of characters of a JSON pointer in an answer. Longer member names are truncated.
pub const MAX_POINTER: usize = 128;
/// The maximum number of characters of a member's name in a sentence.
const MAX_NAME: usize = 64;

/// A violated rule of the request; either `pointer` or `parameter` gives the location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The location in the body as a JSON pointer (RFC 6901); empty for the body itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = pointer_schema)]
    pub pointer: Option<String>,
    /// The path parameter or header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = parameter_schema)]
    pub parameter: Option<&'static str>,
    /// The violated rule.
    pub code: Rule,
    /// What to send instead.
    #[schema(value_type = Sentence)]
    pub detail: String,
}

/// The path parameter that names a case.
pub const CASE_ID: &str = "case_id";
/// The header that makes retries safe.
pub const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

fn pointer_schema() -> RefOr<Schema> {
    let pattern = "^(?:/(?:[^/~]|~[01])*)?$";
    let description = "The location in the body as a JSON pointer (RFC 6901); empty for the body itself.";
    let pointer = schema::string(0, MAX_POINTER, pattern).description(Some(description));
    pointer.examples([serde_json::json!("/completed_time")]).into()
}

fn parameter_schema() -> RefOr<Schema> {
    schema::words([CASE_ID, IDEMPOTENCY_KEY]).description(Some("The path parameter or header.")).into()
}

impl FieldError {
    /// A violation in the member `name` of the body.
    #[must_use]
    pub fn in_member(name: &str, violation: &Violation) -> Self {
        let shown = bounded(name, MAX_NAME).replace(char::is_control, "\u{fffd}");
        Self { pointer: Some(pointer(name)), ..Self::new(&shown, violation) }
    }

    /// A violation of the body as a whole.
    #[must_use]
    pub fn in_body(violation: &Violation) -> Self {
        Self { pointer: Some(String::new()), ..Self::new("the body", violation) }
    }

    /// A violation in the path parameter or header `name`.
    #[must_use]
    pub fn in_parameter(name: &'static str, violation: &Violation) -> Self {
        Self { parameter: Some(name), ..Self::new(name, violation) }
    }

    fn new(subject: &str, violation: &Violation) -> Self {
        let detail = format!("{subject} {}", violation.detail);
        Self { pointer: None, parameter: None, code: violation.rule, detail }
    }

    /// True if both errors are at the same location.
    #[must_use]
    pub fn has_same_location_as(&self, other: &Self) -> bool {
        (&self.pointer, self.parameter) == (&other.pointer, other.parameter)
    }
}

/// The pointer to the member `name`, truncated between characters, never within an escape.
fn pointer(name: &str) -> String {
    let mut pointer = String::from("/");
    let mut length = 1;
    for character in name.chars() {
        let (escape, more) = match character {
            '~' => ("~0", 2),
            '/' => ("~1", 2),
            _ => ("", 1),
        };
        // One character is reserved for the ellipsis.
        if length + more > MAX_POINTER - 1 {
            pointer.push('…');
            break;
        }
        length += more;
        if escape.is_empty() { pointer.push(character) } else { pointer.push_str(escape) }
    }
    pointer
}

fn bounded(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some(_) => text.chars().take(max - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_valid_and_short() {
        assert_eq!(pointer("a/b~c"), "/a~1b~0c");
        assert_eq!(pointer(""), "/");
        let long = pointer(&format!("{}{}", "a".repeat(125), "~".repeat(9)));
        assert_eq!(long, format!("/{}…", "a".repeat(125)));
        assert_eq!(pointer(&"键".repeat(200)).chars().count(), MAX_POINTER);
        assert_eq!(pointer(&"a".repeat(126)).chars().count(), MAX_POINTER - 1);
    }

    #[test]
    fn a_long_text_ends_in_an_ellipsis() {
        assert_eq!(bounded(&"字".repeat(9), 9), "字".repeat(9));
        assert_eq!(bounded(&"字".repeat(10), 9), "字".repeat(8) + "…");
    }
}
