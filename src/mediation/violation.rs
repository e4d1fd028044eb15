//! How a value is told that it is wrong: the rule it broke, and a sentence for the person who sent it.

use std::borrow::Cow;

/// The rules that a request can break, as closed codes for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// A required member is absent or null.
    Required,
    /// A member that this API does not have.
    Unknown,
    /// A member or header stands twice.
    Repeated,
    /// The JSON type is wrong.
    WrongType,
    /// Fewer characters than allowed.
    TooShort,
    /// More characters than allowed.
    TooLong,
    /// Nothing but white space.
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

impl Rule {
    /// Every rule, for the OpenAPI document.
    pub const ALL: [Self; 13] = [
        Self::Required,
        Self::Unknown,
        Self::Repeated,
        Self::WrongType,
        Self::TooShort,
        Self::TooLong,
        Self::Blank,
        Self::ControlCharacter,
        Self::BadCharacter,
        Self::BadFormat,
        Self::NoSuchTime,
        Self::OutOfRange,
        Self::NotAvailable,
    ];

    /// The code in a problem's `errors`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Unknown => "unknown",
            Self::Repeated => "repeated",
            Self::WrongType => "wrong_type",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Blank => "blank",
            Self::ControlCharacter => "control_character",
            Self::BadCharacter => "bad_character",
            Self::BadFormat => "bad_format",
            Self::NoSuchTime => "no_such_time",
            Self::OutOfRange => "out_of_range",
            Self::NotAvailable => "not_available",
        }
    }
}

/// One broken rule. It never quotes the value: values are personal data.
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
