//! An Idempotency-Key as a caller writes it.

use std::fmt;

use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::mediation::{Rule, Violation};

/// By which a caller tells retries of one push from other pushes: 1 to 255 visible ASCII characters. Its value is the
/// caller's own business, so it does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The most characters, quotes and escapes not counted.
    pub const MAX: usize = 255;
    /// The two forms as an ECMA-262 pattern: bare, or a quoted string in which `"` and `\` are escaped.
    pub const PATTERN: &str = r#"^(?:[!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")$"#;

    /// Reads the header's value, quoted (RFC 9651, section 3.3.3, without spaces) or bare.
    ///
    /// # Errors
    /// One violation.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let key =
            if text.starts_with('"') { unquoted(text).ok_or_else(bad_quotes)? } else { text.to_owned() };
        if key.is_empty() {
            return Err(Violation::new(
                Rule::TooShort,
                "must have at least 1 character; leave the header out if there is none",
            ));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Violation::new(
                Rule::BadCharacter,
                "must contain visible ASCII characters only, no spaces",
            ));
        }
        if key.len() > Self::MAX {
            let detail = format!("must have at most {} characters, has {}", Self::MAX, key.len());
            return Err(Violation::new(Rule::TooLong, detail));
        }
        Ok(Self(key))
    }

    /// The key, without quotes and escapes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialSchema for IdempotencyKey {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            // Quotes around it, and every character escaped.
            .max_length(Some(2 * Self::MAX + 2))
            .pattern(Some(Self::PATTERN))
            .examples([json!("7c4a8d09-ca37-4f2e-9d1b-2f0b3a5e6c11")])
            .into()
    }
}

impl ToSchema for IdempotencyKey {}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(***)")
    }
}

fn unquoted(text: &str) -> Option<String> {
    let mut inside = text.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut key = String::new();
    while let Some(character) = inside.next() {
        match character {
            '"' => return None,
            '\\' => key.push(inside.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            _ => key.push(character),
        }
    }
    Some(key)
}

fn bad_quotes() -> Violation {
    let detail = r#"that begins with a quote must be one quoted string, with " and \ in it escaped by \"#;
    Violation::new(Rule::BadFormat, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bare_or_quoted() {
        let long = "k".repeat(255);
        let quoted = format!("\"{long}\"");
        let table: [(&str, Result<&str, Rule>); 18] = [
            ("k", Ok("k")),
            ("\"k\"", Ok("k")),
            ("7f3c-~!#", Ok("7f3c-~!#")),
            ("a\"b", Ok("a\"b")),
            ("a\\b", Ok("a\\b")),
            (r#""a\"b\\c""#, Ok(r#"a"b\c"#)),
            (&long, Ok(&long)),
            (&quoted, Ok(&long)),
            ("", Err(Rule::TooShort)),
            ("\"\"", Err(Rule::TooShort)),
            ("\"", Err(Rule::BadFormat)),
            ("\"k", Err(Rule::BadFormat)),
            ("\"k\"; a=1", Err(Rule::BadFormat)),
            (r#""a"b""#, Err(Rule::BadFormat)),
            (r#""a\b""#, Err(Rule::BadFormat)),
            ("a b", Err(Rule::BadCharacter)),
            ("钥匙", Err(Rule::BadCharacter)),
            ("\"a b\"", Err(Rule::BadCharacter)),
        ];
        for (text, expected) in table {
            let read = IdempotencyKey::parse(text);
            assert_eq!(
                read.as_ref().map(IdempotencyKey::as_str).map_err(|found| found.rule),
                expected,
                "{text}"
            );
        }
        let read = IdempotencyKey::parse(&"k".repeat(256));
        assert_eq!(read.map_err(|found| found.rule), Err(Rule::TooLong));
        assert_eq!(format!("{:?}", IdempotencyKey::parse("k").unwrap()), "IdempotencyKey(***)");
    }

    #[test]
    fn the_longest_header_is_a_key_of_which_every_character_is_escaped() {
        let longest = format!("\"{}\"", "\\\"".repeat(IdempotencyKey::MAX));
        assert_eq!(IdempotencyKey::parse(&longest).unwrap().as_str().len(), IdempotencyKey::MAX);
        let schema = serde_json::json!(IdempotencyKey::schema());
        assert_eq!((&schema["minLength"], &schema["maxLength"]), (&json!(1), &json!(longest.len())));
    }
}
