//! A violated rule and its description for the person who sent the value.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

/// The rules that a request can violate. Programs read them in the member `code` of a problem's `errors`.
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
    /// The value has only white space and invisible characters.
    Blank,
    /// A control character (Unicode Cc).
    ControlCharacter,
    /// A character outside the allowed set.
    BadCharacter,
    /// The spelling is not one of the required ones.
    BadFormat,
    /// The date or time does not exist in the calendar.
    NoSuchTime,
    /// The time exists, but its year is not accepted.
    OutOfRange,
    /// The member is not available in this configuration of the bridge.
    NotAvailable,
}

/// A violated rule. It never quotes the value, because values are personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The violated rule.
    pub rule: Rule,
    /// What to send instead, as the end of a sentence that starts with the member's name.
    pub detail: Cow<'static, str>,
}

impl Violation {
    /// A violation of `rule`, explained by `detail`.
    pub fn new(rule: Rule, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { rule, detail: detail.into() }
    }
}
