//! The members that are free text, and the rule that they share.

use std::fmt;

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schema;
use super::violation::{Rule, Violation};
use crate::invisible::{INVISIBLE, is_invisible};

/// The rule for a text member. Lengths are counted in Unicode scalar values.
#[derive(Debug, Clone, Copy)]
pub struct TextRule {
    /// The maximum number of characters.
    pub max: usize,
    /// True if CR, LF and TAB are allowed. Other control characters (Unicode Cc) are never allowed.
    pub line_breaks: bool,
}

impl TextRule {
    fn check(self, text: &str) -> Vec<Violation> {
        let mut violations = Vec::new();
        if text.is_empty() {
            violations.push(Violation::new(Rule::TooShort, EMPTY));
        } else if text.chars().all(is_invisible) {
            violations.push(Violation::new(Rule::Blank, BLANK));
        }
        let length = text.chars().count();
        if length > self.max {
            let detail = format!("must have at most {} characters, has {length}", self.max);
            violations.push(Violation::new(Rule::TooLong, detail));
        }
        if text.contains(|character: char| character.is_control() && !self.allows(character)) {
            let except = if self.line_breaks { " other than line breaks and tabs" } else { "" };
            let detail = format!("must not contain control characters{except}");
            violations.push(Violation::new(Rule::ControlCharacter, detail));
        }
        violations
    }

    fn allows(self, control: char) -> bool {
        self.line_breaks && matches!(control, '\r' | '\n' | '\t')
    }

    /// The rule without lengths, as an ECMA-262 pattern: no control characters, and at least one visible character.
    /// Invisible characters at the start are matched first, to avoid backtracking. Characters above U+FFFF, which
    /// engines spell in different ways, count as visible here.
    #[must_use]
    pub fn pattern(self) -> String {
        let (control, breaks) = if self.line_breaks {
            (r"\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F", r"\t\n\r")
        } else {
            (r"\u0000-\u001F\u007F-\u009F", "")
        };
        let printable = |(first, _): &&(char, char)| !first.is_control() && *first <= '\u{ffff}';
        let range = |(first, last): &(char, char)| match (u32::from(*first), u32::from(*last)) {
            (first, last) if first == last => format!(r"\u{first:04X}"),
            (first, last) => format!(r"\u{first:04X}-\u{last:04X}"),
        };
        let invisible: String = INVISIBLE.iter().filter(printable).map(range).collect();
        format!(r"^[{breaks}{invisible}]*[^\u0000-\u001F\u007F-\u009F{invisible}][^{control}]*$")
    }
}

/// The message for an empty value.
pub(super) const EMPTY: &str = "must have at least 1 character";
/// The message for a blank value.
pub(super) const BLANK: &str = "must not be blank: it needs a visible character";

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $rule:expr, $description:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The rule for this member.
            pub const RULE: TextRule = $rule;

            /// Checks the text and stores it unchanged.
            ///
            /// # Errors
            /// All violations.
            pub fn parse(text: String) -> Result<Self, Vec<Violation>> {
                let violations = Self::RULE.check(&text);
                if violations.is_empty() { Ok(Self(text)) } else { Err(violations) }
            }

            /// The unmasked text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let rule = Self::RULE;
                let text = schema::string(1, rule.max, rule.pattern(), $description);
                text.examples([serde_json::json!($example)]).into()
            }
        }

        impl ToSchema for $name {}
    };
}

text! {
    /// How the mediation ended, TOP's `result` (调解结果). The one value that TOP's page shows is `success`.
    #[derive(Debug)]
    ResultText, TextRule { max: 64, line_breaks: false },
    "How a mediation ended (调解结果). TOP documents no list of values.", "success"
}
text! {
    /// The number of the complaint's work order, TOP's `work_number` (投诉工单号).
    #[derive(Debug)]
    WorkNumber, TextRule { max: 64, line_breaks: false },
    "The number of the complaint's work order (投诉工单号).", "123123"
}
text! {
    /// The mediator's name, TOP's `mediator_name` (调解员姓名). It is personal data and prints as `张*`.
    MediatorName, TextRule { max: 64, line_breaks: false },
    "The mediator's name (调解员姓名).", "张三"
}
text! {
    /// What was said, TOP's `content` (沟通情况). It is personal data; only its length is printed.
    Content, TextRule { max: 10_000, line_breaks: true },
    "What was said (沟通情况); line breaks and tabs are allowed.", "双方经调解达成一致意见。"
}

impl fmt::Display for MediatorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first character is shown only if it is visible and does not change the direction of the text.
        let shown = |c: &char| c.is_alphanumeric() && !is_invisible(*c);
        self.0.chars().find(shown).map_or(Ok(()), |first| write!(f, "{first}"))?;
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
    fn every_violation_is_reported() {
        assert_eq!(name(""), [Rule::TooShort]);
        assert_eq!(MediatorName::RULE.check("")[0].detail, "must have at least 1 character");
        for blank in ["\u{3000} ", "\u{200b}", "\u{3164}", "\u{2800}\u{2800}", "\u{ad}\u{feff}", "\u{e0001}"]
        {
            assert_eq!(name(blank), [Rule::Blank], "{blank:?}");
        }
        assert_eq!(name("张\n三"), [Rule::ControlCharacter]);
        assert_eq!(name("\u{85}"), [Rule::Blank, Rule::ControlCharacter]);
        assert_eq!(name(&"\u{7f}".repeat(65)), [Rule::TooLong, Rule::ControlCharacter]);
        assert_eq!(name(&"𠮷".repeat(64)), []);
        assert_eq!(name("\u{200b}三\u{200b}"), []);
        assert_eq!(content("一\r\n\t二"), []);
        assert_eq!(content("\r\n\t"), [Rule::Blank]);
        assert_eq!(content("a\u{b}"), [Rule::ControlCharacter]);
        assert_eq!(content(&"字".repeat(10_000)), []);
        assert_eq!(content(&"字".repeat(10_001)), [Rule::TooLong]);
    }

    proptest! {
        #[test]
        fn pattern_and_lengths_agree_with_the_parser(
            text in "\\PC{0,70}|[ \u{3000}\t\r\na\u{85}]{0,5}|[\\s\u{200b}\u{3164}\u{2800}\u{2061}]{0,3}.?\\s{0,3}|(?s:.){0,4}",
        ) {
            prop_assume!(!text.chars().any(|c| c > '\u{ffff}' && is_invisible(c)));
            for rule in [MediatorName::RULE, Content::RULE] {
                let pattern = Regex::new(&rule.pattern()).unwrap();
                let length = text.chars().count();
                let matched = pattern.is_match(&text) && (1..=rule.max).contains(&length);
                prop_assert_eq!(matched, rule.check(&text).is_empty(), "{:?}", text);
            }
        }
    }

    #[test]
    fn personal_data_is_masked() {
        let name = MediatorName::parse("张三丰".to_owned()).unwrap();
        assert_eq!(format!("{name} {name:?}"), "张* 张*");
        let masked = |text: &str| MediatorName::parse(text.to_owned()).unwrap().to_string();
        assert_eq!(
            [masked("\u{202e}(张三)"), masked("\u{3164}张三"), masked("\u{200b}-")],
            ["张*", "张*", "*"]
        );
        let content = Content::parse("双方同意".to_owned()).unwrap();
        assert_eq!(format!("{content} {content:?}"), "(4 characters) (4 characters)");
    }
}
