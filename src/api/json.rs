//! The JSON text of our own answers. A leaf.

use serde::Serialize;

/// For programs.
///
/// # Panics
/// Never: answers are structs of strings and numbers, which serialise.
#[must_use]
pub fn compact(value: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "answers are structs of strings and numbers, which serialise")]
    serde_json::to_string(value).expect("an answer serialises")
}

/// For people to read.
///
/// # Panics
/// Never: answers are structs of strings and numbers, which serialise.
#[must_use]
pub fn pretty(value: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "answers are structs of strings and numbers, which serialise")]
    let text = serde_json::to_string_pretty(value).expect("an answer serialises");
    text + "\n"
}
