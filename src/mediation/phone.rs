//! The mediator's telephone number (联系电话).

use std::fmt;

use super::violation::{Rule, Violation};

/// A telephone number as people write it: 3 to 32 of digits, space, `+ - ( ) # * ,` or `x`, at least 3 of
/// them digits. It goes to TOP unchanged. Personal data: prints as `138****5678`.
#[derive(Clone, PartialEq, Eq)]
pub struct MediatorPhone(String);

impl MediatorPhone {
    /// The fewest characters, and the fewest digits.
    pub const MIN: usize = 3;
    /// The most characters.
    pub const MAX: usize = 32;
    /// The rule, lengths aside, as an ECMA-262 pattern.
    pub const PATTERN: &str = r"^[ +()#*,x-]*(?:[0-9][ +()#*,x-]*){3}[0-9 +()#*,x-]*$";
    /// What may stand beside digits.
    const SIGNS: &str = " +-()#*,x";
    /// How many digits stay readable at the front and at the end.
    const SHOWN: (usize, usize) = (3, 4);

    /// Takes the number as it stands.
    ///
    /// # Errors
    /// Every rule it breaks.
    pub fn parse(text: String) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let length = text.chars().count();
        if length < Self::MIN {
            let detail = format!("must have at least {} characters", Self::MIN);
            violations.push(Violation::new(Rule::TooShort, detail));
        } else if text.chars().all(char::is_whitespace) {
            violations.push(Violation::new(Rule::Blank, "must not be blank; leave it out if there is none"));
        } else if text.bytes().filter(u8::is_ascii_digit).count() < Self::MIN {
            let detail = format!("must hold at least {} digits", Self::MIN);
            violations.push(Violation::new(Rule::BadFormat, detail));
        }
        if length > Self::MAX {
            let detail = format!("must have at most {} characters, has {length}", Self::MAX);
            violations.push(Violation::new(Rule::TooLong, detail));
        }
        if text.chars().any(char::is_control) {
            violations.push(Violation::new(Rule::ControlCharacter, "must not hold control characters"));
        } else if !text.chars().all(|c| c.is_ascii_digit() || Self::SIGNS.contains(c)) {
            let detail = "may hold only digits, spaces, + - ( ) # * , and x";
            violations.push(Violation::new(Rule::BadCharacter, detail));
        }
        if violations.is_empty() { Ok(Self(text)) } else { Err(violations) }
    }

    /// The number, unmasked.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediatorPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (front, end) = Self::SHOWN;
        let digits: Vec<char> = self.0.chars().filter(char::is_ascii_digit).collect();
        let shown = |some: &[char]| some.iter().collect::<String>();
        match (digits.get(..front), digits.len().checked_sub(end).and_then(|from| digits.get(from..))) {
            (Some(first), Some(last)) if digits.len() > front + end => {
                write!(f, "{}****{}", shown(first), shown(last))
            }
            _ => f.write_str("****"),
        }
    }
}

impl fmt::Debug for MediatorPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn rules(text: &str) -> Vec<Rule> {
        MediatorPhone::parse(text.to_owned())
            .map_or_else(|found| found.iter().map(|v| v.rule).collect(), |_| Vec::new())
    }

    #[test]
    fn what_is_a_phone_number_and_what_is_not() {
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
        fn pattern_and_lengths_are_the_rule(text in "[0-9 +()#*,x-]{0,40}|[0-9]{2,33}|\\PC{0,8}|[ +x]{0,3}[0-9]{0,3}\\s?") {
            let length = text.chars().count();
            let pattern = Regex::new(MediatorPhone::PATTERN).unwrap();
            let matched = pattern.is_match(&text) && (MediatorPhone::MIN..=MediatorPhone::MAX).contains(&length);
            prop_assert_eq!(matched, MediatorPhone::parse(text.clone()).is_ok(), "{:?}", text);
        }
    }

    #[test]
    fn it_masks_itself() {
        let shown = |text: &str| format!("{:?}", MediatorPhone::parse(text.to_owned()).unwrap());
        assert_eq!(shown("13812345678"), "138****5678");
        assert_eq!(shown("+86 138-1234-5678"), "861****5678");
        assert_eq!(shown("1234567"), "****");
    }
}
