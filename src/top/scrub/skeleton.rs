//! The skeleton of a text: invisible characters are removed, letters are in lower case, and the escapes of URLs, JSON
//! and HTML are decoded, level by level. Each character keeps its range in the original.

use std::ops::Range;

use crate::invisible::is_invisible;

/// The maximum number of levels of encoding.
pub(super) const MAX_ENCODINGS: usize = 4;

/// The skeleton of a text.
#[derive(Default)]
pub(super) struct Skeleton {
    pub(super) text: String,
    /// The position of each character in `text` and its range in the original.
    characters: Vec<(usize, Range<usize>)>,
}

/// A character and its range in the original.
type Located = (char, Range<usize>);

/// The characters that an escape stands for, and its length in characters.
type Decoded = (Vec<Located>, usize);

impl Skeleton {
    /// The skeletons of the visible characters.
    pub(super) fn without_spaces(text: &str) -> Vec<Self> {
        Self::levels(text, |character| !is_invisible(character) && !character.is_control())
    }

    /// The skeletons of the visible characters and the spaces between words.
    pub(super) fn with_spaces(text: &str) -> Vec<Self> {
        let parts = |character: char| character.is_whitespace() || character.is_control();
        Self::levels(text, move |character| parts(character) || !is_invisible(character))
    }

    /// A skeleton for each level of encoding, from the text itself to the one without escapes. All of them count,
    /// because an escape may end in the first characters of a quotation, as in `%26100e23`.
    fn levels(text: &str, keep: impl Fn(char) -> bool) -> Vec<Self> {
        let located = |(at, c): (usize, char)| (c, at..at + c.len_utf8());
        let mut characters: Vec<Located> = text.char_indices().map(located).collect();
        let mut levels = vec![Self::new(&characters, &keep)];
        while levels.len() <= MAX_ENCODINGS && decode(&mut characters) {
            levels.push(Self::new(&characters, &keep));
        }
        levels
    }

    fn new(characters: &[Located], keep: impl Fn(char) -> bool) -> Self {
        let length = characters.len();
        let mut skeleton =
            Self { text: String::with_capacity(length), characters: Vec::with_capacity(length) };
        for (character, range) in characters.iter().filter(|(character, _)| keep(*character)) {
            skeleton.characters.push((skeleton.text.len(), range.clone()));
            skeleton.text.extend(character.to_lowercase().next());
        }
        skeleton
    }

    /// All passages of `length` characters, each with its range in the original.
    pub(super) fn passages(&self, length: usize) -> impl Iterator<Item = (&str, Range<usize>)> {
        let ends = self.characters.iter().skip(length).map(|(at, _)| *at).chain([self.text.len()]);
        self.characters.windows(length.max(1)).zip(ends).filter_map(|(passage, end)| {
            let ((start, first), (_, last)) = (passage.first()?, passage.last()?);
            Some((self.text.get(*start..end)?, first.start..last.end))
        })
    }

    /// Maps a range of the skeleton to a range of the original.
    pub(super) fn original(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let index = |place: usize| self.characters.partition_point(|(at, _)| *at < place);
        let (_, first) = self.characters.get(index(range.start))?;
        let (_, last) = self.characters.get(index(range.end).checked_sub(1)?)?;
        Some(first.start..last.end)
    }
}

/// Removes one level of encoding; false if there was none.
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

/// Decodes the `%XX` escapes at the start, which together are UTF-8.
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

/// Decodes located bytes as UTF-8. Invalid bytes become the replacement character.
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

/// Decodes the JSON escape at the start: a backslash and a character, or `\uXXXX` once or as a surrogate pair.
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

/// Decodes the HTML character reference at the start, such as `&#54;` or `&amp;`.
fn character_reference(characters: &[Located]) -> Option<Decoded> {
    /// The maximum length of a reference to a visible ASCII character.
    const MAX_REFERENCE: usize = 10;
    let length = 1 + characters.iter().take(MAX_REFERENCE).position(|(character, _)| *character == ';')?;
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
    fn encodings_are_removed_level_by_level() {
        let table = [
            ("Ab c\td\u{200b}", "abcd"),
            ("%61%2562%252563", "abc"),
            ("%2525252561", "%61"),
            ("\\u0061\\\\u0062\\\\\\\\u0063", "abc"),
            ("a\\nb\\\\r\\\\nc\\/\\\"", "abc/\""),
            ("&#97;&amp;#x62;%26%2399%3B", "abc"),
            ("\\ud83d\\ude00 %F0%9F%98%80", "😀😀"),
            ("%zz %e4%bd \\u12 \\q \\ud83d & &x; &#; \\", "%zz\u{fffd}\\u12\\q\\ud83d&&x;&#;\\"),
        ];
        for (text, expected) in table {
            let levels = Skeleton::without_spaces(text);
            assert_eq!(levels.last().map(|skeleton| skeleton.text.as_str()), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_range_maps_to_the_original() {
        let text = "x %31%2532 y";
        let skeleton = Skeleton::with_spaces(text).pop().unwrap();
        let at = skeleton.text.find("12").unwrap();
        assert_eq!(&text[skeleton.original(&(at..at + 2)).unwrap()], "%31%2532");
        let skeleton = Skeleton::without_spaces(text).pop().unwrap();
        let passages: Vec<&str> = skeleton.passages(2).map(|(_, range)| &text[range]).collect();
        assert_eq!(passages, ["x %31", "%31%2532", "%2532 y"]);
    }
}
