//! Invisible characters. A value that consists of them is blank, and a secret is also found if they are inserted into
//! it.

/// White space, format characters (Cf), default-ignorable code points and the blank Braille pattern, as sorted ranges
/// with their first and last character.
pub const INVISIBLE: [(char, char); 32] = [
    ('\u{9}', '\u{d}'),
    (' ', ' '),
    ('\u{85}', '\u{85}'),
    ('\u{a0}', '\u{a0}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2000}', '\u{200f}'),
    ('\u{2028}', '\u{202f}'),
    ('\u{205f}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// True if `character` is invisible.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    if character.is_ascii_graphic() {
        return false;
    }
    let index = INVISIBLE.partition_point(|(_, last)| *last < character);
    INVISIBLE.get(index).is_some_and(|(first, _)| *first <= character)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn the_table_agrees_with_unicode() {
        let unicode =
            Regex::new(r"^[\p{White_Space}\p{Cf}\p{Default_Ignorable_Code_Point}\u{2800}]$").unwrap();
        for character in '\0'..=char::MAX {
            let mut buffer = [0; 4];
            let expected = unicode.is_match(character.encode_utf8(&mut buffer));
            assert_eq!(is_invisible(character), expected, "{character:?}");
        }
    }
}
