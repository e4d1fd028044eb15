//! Repairs the known JSON errors of TOP inside strings. Well-formed text is not changed.

use std::fmt::Write as _;

/// Repairs JSON text: raw control characters inside strings become escapes, and `\u` escapes of lone surrogates become
/// the replacement character.
pub(super) fn repair(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    let mut in_string = false;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        match character {
            '"' => {
                in_string = !in_string;
                out.push(character);
            }
            // Outside of a string, a backslash is not JSON, whatever becomes of it.
            '\\' => {
                let escape = escape(rest);
                length = escape.len();
                let lone = surrogate(escape).is_some() && escape.len() == SINGLE_ESCAPE;
                out.push_str(if lone { "\u{fffd}" } else { escape });
            }
            '\0'..' ' if in_string => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

/// The length of a `\u` escape.
const SINGLE_ESCAPE: usize = 6;

/// The escape at the start of `text`: a whole surrogate pair, a `\u` escape, or a backslash and a character.
fn escape(text: &str) -> &str {
    let single = |text: &str| text.get(..SINGLE_ESCAPE).and_then(surrogate);
    let length = match (single(text), text.get(SINGLE_ESCAPE..).and_then(single)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 2 * SINGLE_ESCAPE,
        (Some(_), _) => SINGLE_ESCAPE,
        (None, _) => text.char_indices().nth(2).map_or(text.len(), |(at, _)| at),
    };
    text.get(..length).unwrap_or(text)
}

/// The surrogate at the start of an escape.
fn surrogate(escape: &str) -> Option<u16> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok().filter(|unit| (0xD800..=0xDFFF).contains(unit))
}
