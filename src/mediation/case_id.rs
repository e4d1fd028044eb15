//! The identifier of a mediation case, TOP's `mediation_case_id` (调解案件ID).

use std::fmt;

use serde_json::json;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schema;
use super::text::EMPTY;
use super::violation::{Rule, Violation};

/// The identifier of a case: 1 to 64 of `A-Z a-z 0-9 _ -`. It is not personal data and may be logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CaseId(String);

impl CaseId {
    /// The maximum number of characters.
    pub const MAX: usize = 64;
    /// The rule as an ECMA-262 pattern.
    pub const PATTERN: &str = "^[A-Za-z0-9_-]{1,64}$";

    /// Parses the identifier, which must already be percent-decoded.
    ///
    /// # Errors
    /// All violations.
    pub fn parse(text: &str) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        let length = text.chars().count();
        if length == 0 {
            violations.push(Violation::new(Rule::TooShort, EMPTY));
        }
        if length > Self::MAX {
            let detail = format!("must have at most {} characters, has {length}", Self::MAX);
            violations.push(Violation::new(Rule::TooLong, detail));
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            let detail = "may contain only the letters A-Z and a-z, digits, \"_\" and \"-\"";
            violations.push(Violation::new(Rule::BadCharacter, detail));
        }
        if violations.is_empty() { Ok(Self(text.to_owned())) } else { Err(violations) }
    }

    /// The text of the identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialSchema for CaseId {
    fn schema() -> RefOr<Schema> {
        schema::string(1, Self::MAX, Self::PATTERN, "A case (调解案件ID).").examples([json!("DEMO-1")]).into()
    }
}

impl ToSchema for CaseId {}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<Rule> {
        CaseId::parse(text)
            .map_or_else(|violations| violations.iter().map(|v| v.rule).collect(), |_| Vec::new())
    }

    #[test]
    fn valid_and_invalid_case_ids() {
        for good in ["1", "1290293148910", "sandbox-reset_2", "-", &"a".repeat(64)] {
            assert_eq!(CaseId::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(rules(""), [Rule::TooShort]);
        assert_eq!(rules(&"a".repeat(65)), [Rule::TooLong]);
        for bad in ["a/b", "a b", "a%2F", "案件", "a\0", "１２"] {
            assert_eq!(rules(bad), [Rule::BadCharacter], "{bad:?}");
        }
        assert_eq!(rules(&"é".repeat(65)), [Rule::TooLong, Rule::BadCharacter]);
    }
}
