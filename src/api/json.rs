//! Serialises the answers of the bridge to JSON.

use serde::Serialize;

/// The JSON text without white space.
///
/// # Panics
/// Never: answers are structs of strings and numbers, which serialise.
#[must_use]
pub fn compact(value: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "answers are structs of strings and numbers, which serialise")]
    serde_json::to_string(value).expect("an answer serialises")
}

/// The JSON text with indentation and a final line break.
///
/// # Panics
/// Never: answers are structs of strings and numbers, which serialise.
#[must_use]
pub fn pretty(value: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "answers are structs of strings and numbers, which serialise")]
    let text = serde_json::to_string_pretty(value).expect("an answer serialises");
    text + "\n"
}
