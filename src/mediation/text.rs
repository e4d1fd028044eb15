//! The members that are free text, and the one rule that they share.

use std::fmt;

use super::violation::{Rule, Violation};

/// What a text member must keep to. Lengths count Unicode scalar values.
#[derive(Debug, Clone, Copy)]
pub struct TextRule {
    /// The fewest characters.
    pub min: usize,
    /// The most characters.
    pub max: usize,
    /// Whether CR, LF and TAB are allowed; other control characters (Unicode Cc) never are.
    pub line_breaks: bool,
}

impl TextRule {
    fn check(self, text: &str) -> Vec<Violation> {
        let mut violations = Vec::new();
        let (mut length, mut blank, mut control) = (0, true, false);
        for character in text.chars() {
            length += 1;
            blank = blank && character.is_whitespace();
            control = control || (character.is_control() && !self.allows(character));
        }
        if length < self.min {
            violations.push(Violation::new(
                Rule::TooShort,
                format!("must have at least {} character{}", self.min, if self.min == 1 { "" } else { "s" }),
            ));
        } else if blank {
            violations.push(Violation::new(Rule::Blank, "must not be blank; leave it out if there is none"));
        }
        if length > self.max {
            let detail = format!("must have at most {} characters, has {length}", self.max);
            violations.push(Violation::new(Rule::TooLong, detail));
        }
        if control {
            let except = if self.line_breaks { " other than line breaks and tabs" } else { "" };
            let detail = format!("must not hold control characters{except}");
            violations.push(Violation::new(Rule::ControlCharacter, detail));
        }
        violations
    }

    fn allows(self, control: char) -> bool {
        self.line_breaks && matches!(control, '\r' | '\n' | '\t')
    }

    /// The rule, lengths aside, as an ECMA-262 pattern: no control characters, and one that is no white space.
    /// White space at the front is taken as such, so that no engine has to try twice.
    #[must_use]
    pub fn pattern(self) -> String {
        let (control, breaks) = if self.line_breaks {
            (r"\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F", r"\t\n\r")
        } else {
            (r"\u0000-\u001F\u007F-\u009F", "")
        };
        let space = r"\u0020\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000";
        format!(r"^[{breaks}{space}]*[^\u0000-\u001F\u007F-\u009F{space}][^{control}]*$")
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $rule:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// What it must keep to.
            pub const RULE: TextRule = $rule;

            /// Takes the text as it stands.
            ///
            /// # Errors
            /// Every rule it breaks.
            pub fn parse(text: String) -> Result<Self, Vec<Violation>> {
                let violations = Self::RULE.check(&text);
                if violations.is_empty() { Ok(Self(text)) } else { Err(violations) }
            }

            /// The text, unmasked.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text! {
    /// How the mediation ended, TOP's `result` (调解结果). The one value TOP's page shows is `success`.
    #[derive(Debug)]
    ResultText, TextRule { min: 1, max: 64, line_breaks: false }
}
text! {
    /// The number of the complaint's work order, TOP's `work_number` (投诉工单号).
    #[derive(Debug)]
    WorkNumber, TextRule { min: 1, max: 64, line_breaks: false }
}
text! {
    /// The mediator's name, TOP's `mediator_name` (调解员姓名). Personal data: prints as `张*`.
    MediatorName, TextRule { min: 1, max: 64, line_breaks: false }
}
text! {
    /// What was said, TOP's `content` (沟通情况). Personal data: prints as its length alone.
    Content, TextRule { min: 1, max: 10_000, line_breaks: true }
}

impl fmt::Display for MediatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Nothing that a terminal does not show, or that turns what stands behind it.
        self.0.chars().find(|c| c.is_alphanumeric()).map_or(Ok(()), |first| write!(f, "{first}"))?;
        f.write_str("*")
    }
}

impl fmt::Debug for MediatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} characters)", self.0.chars().count())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    fn name(text: &str) -> Vec<Rule> {
        MediatorName::RULE.check(text).iter().map(|violation| violation.rule).collect()
    }

    fn content(text: &str) -> Vec<Rule> {
        Content::RULE.check(text).iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn every_broken_rule_is_told() {
        assert_eq!(name(""), [Rule::TooShort]);
        assert_eq!(name("\u{3000} "), [Rule::Blank]);
        assert_eq!(name("张\n三"), [Rule::ControlCharacter]);
        assert_eq!(name("\u{85}"), [Rule::Blank, Rule::ControlCharacter]);
        assert_eq!(name(&"\u{7f}".repeat(65)), [Rule::TooLong, Rule::ControlCharacter]);
        assert_eq!(name(&"𠮷".repeat(64)), []);
        assert_eq!(content("一\r\n\t二"), []);
        assert_eq!(content("\r\n\t"), [Rule::Blank]);
        assert_eq!(content("a\u{b}"), [Rule::ControlCharacter]);
        assert_eq!(content(&"字".repeat(10_000)), []);
        assert_eq!(content(&"字".repeat(10_001)), [Rule::TooLong]);
    }

    proptest! {
        #[test]
        fn pattern_and_lengths_are_the_rule(
            text in "\\PC{0,70}|[ \u{3000}\t\r\na\u{85}]{0,5}|\\s{0,3}.?\\s{0,3}|(?s:.){0,4}",
        ) {
            for rule in [MediatorName::RULE, Content::RULE] {
                let pattern = Regex::new(&rule.pattern()).unwrap();
                let length = text.chars().count();
                let matched = pattern.is_match(&text) && (rule.min..=rule.max).contains(&length);
                prop_assert_eq!(matched, rule.check(&text).is_empty(), "{:?}", text);
            }
        }
    }

    #[test]
    fn personal_data_masks_itself() {
        let name = MediatorName::parse("张三丰".to_owned()).unwrap();
        assert_eq!(format!("{name} {name:?}"), "张* 张*");
        let masked = |text: &str| MediatorName::parse(text.to_owned()).unwrap().to_string();
        assert_eq!([masked("\u{202e}(张三)"), masked("\u{200b}-")], ["张*", "*"]);
        let content = Content::parse("双方同意".to_owned()).unwrap();
        assert_eq!(format!("{content} {content:?}"), "(4 characters) (4 characters)");
    }
}
