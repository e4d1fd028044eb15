//! A text without what hides a quotation: characters that show as nothing left out, in lower case, and with the escapes of
//! URLs, JSON and HTML decoded, each character with its place in the original.

use std::ops::Range;

use crate::invisible::is_invisible;

/// How often a text may have been encoded.
pub(super) const MAX_ENCODINGS: usize = 4;

/// The skeleton of a text.
pub(super) struct Skeleton {
    pub(super) text: String,
    /// For each character its place in `text` and its range in the original.
    characters: Vec<(usize, Range<usize>)>,
}

/// A character and its range in the original.
type Located = (char, Range<usize>);

/// What an escape at the start stands for, and how many characters it takes.
type Decoded = (Vec<Located>, usize);

impl Skeleton {
    /// Of the characters that show.
    pub(super) fn of(text: &str) -> Self {
        Self::with(text, |character| !is_invisible(character) && !character.is_control())
    }

    /// Of the characters that show, and of those that part words.
    pub(super) fn with_spaces(text: &str) -> Self {
        let parts = |character: char| character.is_whitespace() || character.is_control();
        Self::with(text, move |character| parts(character) || !is_invisible(character))
    }

    fn with(text: &str, keep: impl Fn(char) -> bool) -> Self {
        let located = |(at, c): (usize, char)| (c, at..at + c.len_utf8());
        let mut characters: Vec<Located> = text.char_indices().map(located).collect();
        for _ in 0..MAX_ENCODINGS {
            if !decode(&mut characters) {
                break;
            }
        }
        let mut skeleton = Self { text: String::with_capacity(text.len()), characters: Vec::new() };
        for (character, range) in characters.into_iter().filter(|(character, _)| keep(*character)) {
            skeleton.characters.push((skeleton.text.len(), range));
            skeleton.text.extend(character.to_lowercase().next());
        }
        skeleton
    }

    /// Every passage of so many characters, with its range in the original.
    pub(super) fn passages(&self, length: usize) -> impl Iterator<Item = (&str, Range<usize>)> {
        let ends = self.characters.iter().skip(length).map(|(at, _)| *at).chain([self.text.len()]);
        self.characters.windows(length.max(1)).zip(ends).filter_map(|(passage, end)| {
            let ((start, first), (_, last)) = (passage.first()?, passage.last()?);
            Some((self.text.get(*start..end)?, first.start..last.end))
        })
    }

    /// The range in the original of a range of the skeleton.
    pub(super) fn original(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let index = |place: usize| self.characters.partition_point(|(at, _)| *at < place);
        let (_, first) = self.characters.get(index(range.start))?;
        let (_, last) = self.characters.get(index(range.end).checked_sub(1)?)?;
        Some(first.start..last.end)
    }
}

/// Removes one level of encoding; whether there was any.
fn decode(characters: &mut Vec<Located>) -> bool {
    if !characters.iter().any(|(character, _)| matches!(character, '%' | '\\' | '&')) {
        return false;
    }
    let mut decoded: Vec<Located> = Vec::with_capacity(characters.len());
    let mut rest = characters.as_slice();
    while let Some(next) = rest.first() {
        let escape = match next.0 {
            '%' => percent_escapes(rest),
            '\\' => json_escape(rest),
            '&' => character_reference(rest),
            _ => None,
        };
        let (found, length) = escape.unwrap_or_else(|| (vec![next.clone()], 1));
        decoded.extend(found);
        rest = rest.get(length..).unwrap_or_default();
    }
    let changed = decoded.len() != characters.len();
    *characters = decoded;
    changed
}

/// The `%XX` escapes at the start, which are UTF-8 together.
fn percent_escapes(characters: &[Located]) -> Option<Decoded> {
    let mut bytes = Vec::new();
    for escape in characters.chunks_exact(3) {
        let [('%', start), (high, _), (low, end)] = escape else { break };
        let (Some(high), Some(low)) = (high.to_digit(16), low.to_digit(16)) else { break };
        let Ok(byte) = u8::try_from(high * 16 + low) else { break };
        bytes.push((byte, start.start..end.end));
    }
    (!bytes.is_empty()).then(|| (characters_of(&bytes), 3 * bytes.len()))
}

/// The UTF-8 characters that located bytes are; what is none becomes the replacement character.
fn characters_of(bytes: &[(u8, Range<usize>)]) -> Vec<Located> {
    let plain: Vec<u8> = bytes.iter().map(|(byte, _)| *byte).collect();
    let mut at = 0;
    let mut characters = Vec::new();
    let mut push = |character: char, length: usize| {
        let located = bytes.get(at..at + length).unwrap_or_default();
        if let (Some((_, first)), Some((_, last))) = (located.first(), located.last()) {
            characters.push((character, first.start..last.end));
        }
        at += length;
    };
    for chunk in plain.utf8_chunks() {
        chunk.valid().chars().for_each(|character| push(character, character.len_utf8()));
        if !chunk.invalid().is_empty() {
            push(char::REPLACEMENT_CHARACTER, chunk.invalid().len());
        }
    }
    characters
}

/// The JSON escape at the start: a backslash and a character, or `\uXXXX` once or as a surrogate pair.
fn json_escape(characters: &[Located]) -> Option<Decoded> {
    let (kind, end) = characters.get(1)?;
    let (character, length) = match kind {
        'u' => unicode_escape(characters)?,
        'n' | 'r' | 't' | 'b' | 'f' => ('\n', 2),
        '"' | '/' | '\\' => (*kind, 2),
        _ => return None,
    };
    let start = characters.first()?.1.start;
    let end = characters.get(length - 1).map_or(end.end, |(_, last)| last.end);
    Some((vec![(character, start..end)], length))
}

fn unicode_escape(characters: &[Located]) -> Option<(char, usize)> {
    let unit = |escape: &[Located]| {
        let [('\\', _), ('u', _), digits @ ..] = escape else { return None };
        let value = digits.iter().try_fold(0, |unit, (digit, _)| Some(unit * 16 + digit.to_digit(16)?))?;
        u16::try_from(value).ok()
    };
    let first = unit(characters.get(..6)?)?;
    let units = [first].into_iter().chain(characters.get(6..12).and_then(unit));
    let character = char::decode_utf16(units).next()?.ok()?;
    Some((character, 6 * character.len_utf16()))
}

/// The character reference of HTML at the start, such as `&#54;` or `&amp;`.
fn character_reference(characters: &[Located]) -> Option<Decoded> {
    /// None that stands for a visible ASCII character is longer.
    const LONGEST: usize = 10;
    let length = 1 + characters.iter().take(LONGEST).position(|(character, _)| *character == ';')?;
    let reference: String = characters.get(..length)?.iter().map(|(character, _)| character).collect();
    let decoded = html_escape::decode_html_entities(&reference);
    let range = characters.first()?.1.start..characters.get(length - 1)?.1.end;
    let found = decoded.chars().map(|character| (character, range.clone())).collect();
    (decoded != reference).then_some((found, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_a_text_is_left_out_level_by_level() {
        let table = [
            ("Ab c\td\u{200b}", "abcd"),
            ("%61%2562%252563", "abc"),
            ("\\u0061\\\\u0062\\\\\\\\u0063", "abc"),
            ("a\\nb\\\\r\\\\nc\\/\\\"", "abc/\""),
            ("&#97;&amp;#x62;%26%2399%3B", "abc"),
            ("\\ud83d\\ude00 %F0%9F%98%80", "😀😀"),
            ("%zz %e4%bd \\u12 \\q \\ud83d & &x; &#; \\", "%zz\u{fffd}\\u12\\q\\ud83d&&x;&#;\\"),
        ];
        for (text, expected) in table {
            assert_eq!(Skeleton::of(text).text, expected, "{text}");
        }
    }

    #[test]
    fn a_range_leads_back_to_the_original() {
        let text = "x %31%2532 y";
        let skeleton = Skeleton::with_spaces(text);
        let at = skeleton.text.find("12").unwrap();
        assert_eq!(&text[skeleton.original(&(at..at + 2)).unwrap()], "%31%2532");
        let passages: Vec<&str> = Skeleton::of(text).passages(2).map(|(_, range)| &text[range]).collect();
        assert_eq!(passages, ["x %31", "%31%2532", "%2532 y"]);
    }
}
