//! The members of an answer's root, each read as leniently as TOP writes them.

use serde_json::value::RawValue;

use super::repair::repair;
use crate::json::Members;
use crate::top::scrub::{MAX_IDENTIFIER, Secrets, truncate};

/// The members of the root that holds TOP's answer; texts are scrubbed of credentials and bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope(Members<Scalar>);

/// A value as far as TOP's answers use it.
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
    /// An envelope of these members.
    pub(super) fn of(members: Vec<(String, Scalar)>) -> Self {
        Self(Members(members))
    }

    /// A text; a number counts as one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name)? {
            Scalar::Text(text) | Scalar::Number(text) => Some(text),
            Scalar::Boolean(_) | Scalar::Other => None,
        }
    }

    /// A text that is an identifier, which is shorter than a message.
    #[must_use]
    pub fn identifier(&self, name: &str) -> Option<String> {
        self.text(name).map(|text| truncate(text, MAX_IDENTIFIER).to_owned())
    }

    /// `true`, `"True"`, but no number: what a number would mean is not known.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.0.get(name)? {
            Scalar::Boolean(value) => Some(*value),
            Scalar::Text(text) => text.trim().to_ascii_lowercase().parse().ok(),
            Scalar::Number(_) | Scalar::Other => None,
        }
    }

    /// A whole number, however it is written.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i32> {
        whole_number(self.text(name)?)
    }
}

impl Scalar {
    /// A JSON value.
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

/// A whole number, however it is written: `7`, `7.0`, `0.7e1`.
fn whole_number<T: TryFrom<i64>>(text: &str) -> Option<T> {
    /// Beyond it not every whole number is a double.
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
    fn a_whole_number_is_one_however_it_is_written() {
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
    }
}
