//! One envelope for everything that is not a success: RFC 9457, `application/problem+json`.

use std::borrow::Cow;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::catalogue::Code;
use super::context::Context;
use crate::delivery::Outcome;
use crate::mediation::Violation;
use crate::top::Said;

/// The media type of every problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// The header of an answer that repeats what an earlier push with the same key came to.
pub const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
/// The most violations that one answer lists; `detail` says so where there are more.
pub const MAX_ERRORS: usize = 100;
/// The most characters of a JSON pointer in an answer; longer member names are cut.
pub const MAX_POINTER: usize = 128;

/// A problem, before it is tied to a request.
#[derive(Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// This one, in a sentence or two, for whoever sent the request.
    pub detail: Cow<'static, str>,
    /// Whether the push was executed.
    pub outcome: Outcome,
    /// Calls to TOP, where it came to calling.
    pub attempts: Option<u32>,
    /// Whether an earlier push with the same key may have been executed.
    pub in_doubt: bool,
    /// Whether this is the answer to an earlier push with the same key.
    pub replayed: bool,
    /// What the request breaks.
    pub errors: Vec<FieldError>,
    /// What TOP said.
    pub top: Option<Box<TopDetails>>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// `Allow`.
    pub allow: Option<&'static str>,
}

/// One broken rule and where it was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The place.
    #[serde(flatten)]
    pub place: Place,
    /// The rule, [`crate::mediation::Rule::code`].
    pub code: &'static str,
    /// What to send instead, in a sentence.
    pub detail: String,
}

/// Where a rule was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the body: a JSON pointer, RFC 6901.
    Pointer(String),
    /// In the path or a header: its name.
    Parameter(&'static str),
}

/// TOP's own words in an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TopDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_msg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// The wire form.
#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    outcome: &'a str,
    retryable: bool,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prior_outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<&'a TopDetails>,
}

impl Problem {
    /// A problem with what its row of the catalogue says.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let entry = code.entry();
        Self {
            code,
            detail: detail.into(),
            outcome: entry.outcome,
            attempts: None,
            in_doubt: false,
            replayed: false,
            errors: Vec::new(),
            top: None,
            retry_after: entry.retry_after,
            allow: None,
        }
    }

    /// `validation_failed` for all that a request breaks.
    #[must_use]
    pub fn validation(mut errors: Vec<FieldError>) -> Self {
        let listed = errors.len().min(MAX_ERRORS);
        let detail = match errors.len() {
            1 => "The request breaks 1 rule.".to_owned(),
            all if all > listed => format!("The request breaks {all} rules; the first {listed} are listed."),
            all => format!("The request breaks {all} rules."),
        };
        errors.truncate(MAX_ERRORS);
        Self { errors, ..Self::new(Code::ValidationFailed, detail) }
    }

    /// A fault of the bridge. `begun` tells whether a call to TOP had begun: then nobody knows its outcome.
    #[must_use]
    pub fn internal(begun: bool) -> Self {
        let outcome = if begun { Outcome::Unknown } else { Outcome::NotExecuted };
        let detail =
            "The bridge failed while it handled the request; its log says more under the request_id.";
        Self { outcome, ..Self::new(Code::InternalError, detail) }
    }

    /// The answer to `request`.
    #[must_use]
    pub fn respond(&self, request: &HttpRequest) -> HttpResponse {
        self.render(&Context::of(request), request.path())
    }

    /// The answer to the request that `context` tells of, at `path`.
    #[must_use]
    pub fn render(&self, context: &Context, path: &str) -> HttpResponse {
        let entry = self.code.entry();
        let mut response = HttpResponse::build(entry.status);
        response.insert_header((header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)));
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(allow) = self.allow {
            response.insert_header((header::ALLOW, HeaderValue::from_static(allow)));
        }
        if self.replayed {
            response.insert_header(REPLAYED);
        }
        if self.code == Code::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        response.body(self.body(context, path))
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self, context: &Context, path: &str) -> String {
        let entry = self.code.entry();
        let body = ProblemBody {
            r#type: type_of(self.code),
            title: entry.en.title,
            status: entry.status.as_u16(),
            detail: &self.detail,
            instance: path,
            code: entry.name,
            outcome: self.outcome.name(),
            retryable: entry.retryable,
            request_id: context.request_id.as_str(),
            attempts: self.attempts,
            prior_outcome: prior_outcome(self.in_doubt),
            errors: &self.errors,
            top: self.top.as_deref(),
        };
        super::json(&body)
    }
}

/// The member `prior_outcome` of an answer: set where an earlier push with the same key may have been executed.
#[must_use]
pub fn prior_outcome(in_doubt: bool) -> Option<&'static str> {
    in_doubt.then(|| Outcome::Unknown.name())
}

/// The URI reference that names a kind of problem.
#[must_use]
pub fn type_of(code: Code) -> String {
    format!("/problems/{}", code.entry().name)
}

impl FieldError {
    /// A violation in the member `name` of the body.
    #[must_use]
    pub fn in_member(name: &str, violation: &Violation) -> Self {
        let shown = bounded(name, 64).replace(char::is_control, "\u{fffd}");
        Self::new(Place::Pointer(pointer(name)), &shown, violation)
    }

    /// A violation by the body as a whole.
    #[must_use]
    pub fn in_body(violation: &Violation) -> Self {
        Self::new(Place::Pointer(String::new()), "the body", violation)
    }

    /// A violation in the path parameter or header `name`.
    #[must_use]
    pub fn in_parameter(name: &'static str, violation: &Violation) -> Self {
        Self::new(Place::Parameter(name), name, violation)
    }

    fn new(place: Place, subject: &str, violation: &Violation) -> Self {
        Self { place, code: violation.rule.code(), detail: format!("{subject} {}", violation.detail) }
    }
}

impl From<Said> for TopDetails {
    fn from(said: Said) -> Self {
        let Said { code, sub_code, sub_msg, state_code, request_id } = said;
        Self { code, sub_code, sub_msg, state_code, request_id }
    }
}

impl TopDetails {
    /// Whether TOP said nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The pointer to the member `name`, cut between characters of the name, never within an escape.
fn pointer(name: &str) -> String {
    let mut pointer = String::from("/");
    let mut length = 1;
    for character in name.chars() {
        let (piece, more) = match character {
            '~' => ("~0", 2),
            '/' => ("~1", 2),
            _ => ("", 1),
        };
        // One character is kept for the mark of what was cut.
        if length + more > MAX_POINTER - 1 {
            pointer.push('…');
            break;
        }
        length += more;
        if piece.is_empty() { pointer.push(character) } else { pointer.push_str(piece) }
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
    fn a_pointer_is_whole_and_short() {
        assert_eq!(pointer("a/b~c"), "/a~1b~0c");
        assert_eq!(pointer(""), "/");
        let long = pointer(&format!("{}{}", "a".repeat(125), "~".repeat(9)));
        assert_eq!(long, format!("/{}…", "a".repeat(125)));
        assert_eq!(pointer(&"键".repeat(200)).chars().count(), MAX_POINTER);
        assert_eq!(pointer(&"a".repeat(126)).chars().count(), MAX_POINTER - 1);
    }
}
