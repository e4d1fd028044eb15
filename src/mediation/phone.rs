//! The mediator's telephone number (联系电话).

use serde_json::json;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schema;
use std::fmt;

use super::text::BLANK;
use super::violation::{Rule, Violation};
use crate::invisible::is_invisible;

/// A telephone number: 3 to 32 of digits, space, `+ - ( ) # * ,` or `x`, with at least 3 digits. It is sent to TOP
/// unchanged. It is personal data: a mobile number prints as `138****5678`, any other with at most a third of its
/// digits.
#[derive(Clone, PartialEq, Eq)]
pub struct MediatorPhone(String);

impl MediatorPhone {
    /// The minimum number of characters, and of digits.
    pub const MIN: usize = 3;
    /// The maximum number of characters.
    pub const MAX: usize = 32;
    /// The allowed characters and the minimum of digits, as an ECMA-262 pattern.
    pub const PATTERN: &str = r"^[ +()#*,x-]*(?:[0-9][ +()#*,x-]*){3}[0-9 +()#*,x-]*$";
    /// The allowed characters other than digits.
    const SIGNS: &str = " +-()#*,x";
    /// The number of digits of a mobile number without the country code.
    const MOBILE: usize = 11;
    /// The spellings of the country code of China.
    const COUNTRIES: [&str; 4] = ["+86", "0086", "86", ""];
    /// The maximum number of digits that are shown at the end of any other number.
    const MAX_SHOWN: usize = 4;

    /// Checks the number and stores it unchanged.
    ///
    /// # Errors
    /// All violations.
    pub fn parse(text: String) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let length = text.chars().count();
        if length < Self::MIN {
            let detail = format!("must have at least {} characters", Self::MIN);
            violations.push(Violation::new(Rule::TooShort, detail));
        } else if text.chars().all(is_invisible) {
            violations.push(Violation::new(Rule::Blank, BLANK));
        } else if text.bytes().filter(u8::is_ascii_digit).count() < Self::MIN {
            let detail = format!("must contain at least {} digits", Self::MIN);
            violations.push(Violation::new(Rule::BadFormat, detail));
        }
        if length > Self::MAX {
            let detail = format!("must have at most {} characters, has {length}", Self::MAX);
            violations.push(Violation::new(Rule::TooLong, detail));
        }
        if text.chars().any(char::is_control) {
            violations.push(Violation::new(Rule::ControlCharacter, "must not contain control characters"));
        } else if !text.chars().all(|c| c.is_ascii_digit() || Self::SIGNS.contains(c)) {
            let detail = "may contain only digits, spaces, + - ( ) # * , and x";
            violations.push(Violation::new(Rule::BadCharacter, detail));
        }
        if violations.is_empty() { Ok(Self(text)) } else { Err(violations) }
    }

    /// The unmasked number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediatorPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The plus is kept, because it distinguishes a foreign number from a mobile number of China.
        let dialled: String = self.0.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let digits: String = dialled.chars().filter(char::is_ascii_digit).collect();
        let mobile = Self::COUNTRIES
            .iter()
            .filter_map(|country| dialled.strip_prefix(country))
            .find(|rest| is_mobile(rest));
        let (front, end) = match mobile {
            Some(mobile) => (mobile.get(..3), mobile.get(Self::MOBILE - 4..)),
            None => (None, digits.get(digits.len() - (digits.len() / 3).min(Self::MAX_SHOWN)..)),
        };
        write!(f, "{}****{}", front.unwrap_or_default(), end.unwrap_or_default())
    }
}

/// True for a mobile number of China without the country code.
fn is_mobile(number: &str) -> bool {
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    digits && number.len() == MediatorPhone::MOBILE && matches!(number.as_bytes(), [b'1', b'3'..=b'9', ..])
}

impl fmt::Debug for MediatorPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialSchema for MediatorPhone {
    fn schema() -> RefOr<Schema> {
        let description = "How to reach the mediator (联系电话): at least 3 digits; forwarded unchanged.";
        schema::string(Self::MIN, Self::MAX, Self::PATTERN, description)
            .examples([json!("13812345678")])
            .into()
    }
}

impl ToSchema for MediatorPhone {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn rules(text: &str) -> Vec<Rule> {
        MediatorPhone::parse(text.to_owned())
            .map_or_else(|violations| violations.iter().map(|v| v.rule).collect(), |_| Vec::new())
    }

    #[test]
    fn valid_and_invalid_phone_numbers() {
        for good in ["110", "13812345678", "+86 (0571) 8502-2088,123#", "400*1x2"] {
            assert_eq!(MediatorPhone::parse(good.to_owned()).unwrap().as_str(), good);
        }
        assert_eq!(rules(""), [Rule::TooShort]);
        assert_eq!(rules("12"), [Rule::TooShort]);
        assert_eq!(rules("    "), [Rule::Blank]);
        assert_eq!(rules("+-+-1"), [Rule::BadFormat]);
        assert_eq!(rules("138 1234 abcd"), [Rule::BadCharacter]);
        assert_eq!(rules("１３８１２３４５６７８"), [Rule::BadFormat, Rule::BadCharacter]);
        assert_eq!(rules("138\n1234"), [Rule::ControlCharacter]);
        assert_eq!(rules(&"1".repeat(33)), [Rule::TooLong]);
    }

    proptest! {
        #[test]
        fn pattern_and_lengths_agree_with_the_parser(text in "[0-9 +()#*,x-]{0,40}|[0-9]{2,33}|\\PC{0,8}|[ +x]{0,3}[0-9]{0,3}\\s?") {
            let length = text.chars().count();
            let pattern = Regex::new(MediatorPhone::PATTERN).unwrap();
            let matched = pattern.is_match(&text) && (MediatorPhone::MIN..=MediatorPhone::MAX).contains(&length);
            prop_assert_eq!(matched, MediatorPhone::parse(text.clone()).is_ok(), "{:?}", text);
        }
    }

    #[test]
    fn a_phone_number_is_masked() {
        let shown = |text: &str| format!("{:?}", MediatorPhone::parse(text.to_owned()).unwrap());
        for (number, masked) in [
            ("13812345678", "138****5678"),
            ("+86 138-1234-5678", "138****5678"),
            ("0086 13812345678", "138****5678"),
            ("(+86)13812345678", "138****5678"),
            ("+1 (415) 555-2671", "****671"),
            ("001 415 555 2671", "****2671"),
            ("+85213812345", "****345"),
            ("1380000+000", "****000"),
            ("110", "****0"),
            ("1234567", "****67"),
            ("88127858", "****58"),
            ("010-12345678", "****678"),
            ("02112345678", "****678"),
            ("12345678901", "****901"),
            ("400-820-8820 x 12345678901234567", "****4567"),
        ] {
            assert_eq!(shown(number), masked, "{number}");
        }
    }
}
