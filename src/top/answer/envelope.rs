//! The members of an answer's root. They are parsed as leniently as TOP writes them.

use serde_json::value::RawValue;

use super::repair::repair;
use crate::json::Members;
use crate::top::scrub::{MAX_IDENTIFIER, Secrets, truncate};

/// The members of TOP's root. Texts are scrubbed of credentials and bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope(Members<Scalar>);

/// A value of TOP's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A string.
    Text(String),
    /// A number, with all its digits.
    Number(String),
    /// A boolean.
    Boolean(bool),
    /// Null, an array or an object.
    Other,
}

impl Envelope {
    /// An envelope with these members.
    pub(super) fn new(members: Vec<(String, Scalar)>) -> Self {
        Self(Members(members))
    }

    /// The text of a member; a number counts as a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Scalar::Text(text) | Scalar::Number(text) => Some(text),
            Scalar::Boolean(_) | Scalar::Other => None,
        }
    }

    /// The text of an identifier, which is shorter than a message.
    #[must_use]
    pub fn identifier(&self, name: &str) -> Option<String> {
        self.text(name).map(|text| truncate(text, MAX_IDENTIFIER).to_owned())
    }

    /// The value of `true` or `"True"`. A number is not accepted, because its meaning is unknown.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Scalar::Boolean(value) => Some(*value),
            Scalar::Text(text) => text.trim().to_ascii_lowercase().parse().ok(),
            Scalar::Number(_) | Scalar::Other => None,
        }
    }

    /// The value of a whole number in any notation.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i32> {
        whole_number(self.text(name)?)
    }
}

impl Scalar {
    /// Parses a JSON value.
    pub(super) fn read(value: &RawValue, secrets: &Secrets) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'"') => {
                let text = serde_json::from_str(text).or_else(|_| serde_json::from_str(&repair(text)));
                text.map_or(Self::Other, |text: String| Self::Text(secrets.scrub(&text)))
            }
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'-' | b'0'..=b'9') => Self::Number(secrets.scrub(text)),
            _ => Self::Other,
        }
    }
}

/// Parses a whole number in any notation: `7`, `7.0`, `0.7e1`.
fn whole_number<T: TryFrom<i64>>(text: &str) -> Option<T> {
    /// Above this value, not every whole number is a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return number.try_into().ok();
    }
    let number: f64 =
        text.parse().ok().filter(|number: &f64| number.fract() == 0.0 && number.abs() < EXACT)?;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole, and smaller than the bound")]
    let number = number as i64;
    number.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        for number in ["7090000000000000000000001", "500000.0", "5e5", "-0", "1e400"] {
            let value: Box<RawValue> = serde_json::from_str(number).unwrap();
            assert_eq!(Scalar::read(&value, &Secrets::default()), Scalar::Number(number.to_owned()));
        }
    }

    #[test]
    fn a_whole_number_is_accepted_in_any_notation() {
        let table = [
            ("7", Some(7)),
            (" 7.0", Some(7)),
            ("0.7e1", Some(7)),
            ("-3", Some(-3)),
            ("7.5", None),
            ("1e99", None),
            ("inf", None),
            ("NaN", None),
            ("", None),
            ("2147483648", None),
        ];
        for (text, expected) in table {
            assert_eq!(whole_number::<i32>(text), expected, "{text}");
        }
        let exact = ["9007199254740991.0", "9007199254740992.0"].map(whole_number::<i64>);
        assert_eq!(exact, [Some(9_007_199_254_740_991), None]);
    }
}
