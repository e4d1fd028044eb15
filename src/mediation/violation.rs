//! Why a value is refused: the rule that it violates, and a sentence for the person who sent it.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

/// The rules that a request can violate, as closed codes for programs: the member `code` of a problem's `errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A required member is absent or null.
    Required,
    /// A member that this API does not have.
    Unknown,
    /// A member or header appears twice.
    Repeated,
    /// The JSON type is wrong.
    WrongType,
    /// Fewer characters than allowed.
    TooShort,
    /// More characters than allowed.
    TooLong,
    /// Nothing but white space and characters that show as nothing.
    Blank,
    /// A control character (Unicode Cc).
    ControlCharacter,
    /// A character outside the allowed set.
    BadCharacter,
    /// Not the spelling that is asked for.
    BadFormat,
    /// A date or time that the calendar does not have.
    NoSuchTime,
    /// A real time, outside the years that are accepted.
    OutOfRange,
    /// Not available as this bridge is configured.
    NotAvailable,
}

/// A violated rule. It never quotes the value: values are personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// What to send instead, as the end of a sentence that begins with the member's name.
    pub detail: Cow<'static, str>,
}

impl Violation {
    /// A violation of `rule`, explained by `detail`.
    pub fn new(rule: Rule, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { rule, detail: detail.into() }
    }
}
