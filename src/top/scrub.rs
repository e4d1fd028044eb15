//! Makes TOP's texts fit to be shown: HTML entities decoded, credentials and quotations blanked, bounded.
//!
//! TOP quotes application keys, sessions and lists of IP addresses in its messages, and may quote the request. Texts are
//! compared by their skeleton: without characters that show as nothing, in lower case, and with URL and JSON escapes
//! decoded, so that a quotation is found however it was broken or encoded.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::ops::Range;

use secrecy::ExposeSecret;

use super::credentials::Credentials;
use super::sign::Signature;
use crate::invisible::is_invisible;

/// What replaces a passage.
const BLANK: &str = "***";
/// The most characters of a message, `sub_msg` or `extra_err_msg`.
pub const MAX_MESSAGE: usize = 500;
/// The most characters of an identifier: `sub_code`, `state_code`, `request_id`.
pub const MAX_IDENTIFIER: usize = 128;
/// The most characters of a text that are read at all.
const MAX_READ: usize = 8 * MAX_MESSAGE;
/// A part of a secret that is at least so long is blanked.
const SHORTEST_PART: usize = 8;
/// How often a text may have been encoded.
const MAX_ENCODINGS: usize = 4;

/// What no text of TOP may repeat: secrets as a whole and in parts. It does not print.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Quotable>);

impl Secrets {
    /// What an application's texts must not repeat.
    #[must_use]
    pub fn of(credentials: &Credentials) -> Self {
        let session = credentials.session.as_ref().map_or("", |session| session.expose_secret());
        Self(vec![
            Quotable::new(credentials.app_secret.expose_secret(), SHORTEST_PART),
            Quotable::new(session, SHORTEST_PART),
            Quotable::new(&credentials.app_key, usize::MAX),
        ])
    }

    /// The same for one call, which has a signature, too.
    #[must_use]
    pub fn with_signature(&self, signature: &Signature) -> Self {
        let signature = Quotable::new(signature.as_str(), SHORTEST_PART);
        Self(self.0.iter().cloned().chain([signature]).collect())
    }

    /// Decodes and bounds a text of TOP, and blanks the secrets in it; control characters become spaces.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        let mut text = Cow::Borrowed(truncate(text, MAX_READ));
        for _ in 0..MAX_ENCODINGS {
            match html_escape::decode_html_entities(&text) {
                Cow::Borrowed(_) => break,
                Cow::Owned(decoded) => text = decoded.into(),
            }
        }
        if text.contains(char::is_control) {
            text = text.replace(char::is_control, " ").into();
        }
        truncate(&blank_quotations(&text, &self.0), MAX_MESSAGE).to_owned()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(***)")
    }
}

/// Something that a text may quote. It does not print.
#[derive(Clone)]
pub struct Quotable {
    skeleton: String,
    /// How many characters of it count as a quotation.
    window: usize,
}

impl Quotable {
    /// Quoted by a text that repeats all of `whole`, or `part` characters of it.
    #[must_use]
    pub fn new(whole: &str, part: usize) -> Self {
        let skeleton = Skeleton::of(whole).text;
        let window = skeleton.chars().count().min(part);
        Self { skeleton, window }
    }
}

/// The first `max` characters.
#[must_use]
pub fn truncate(text: &str, max: usize) -> &str {
    text.char_indices().nth(max).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Blanks every passage of `text` that quotes one of these.
#[must_use]
pub fn blank_quotations<'a>(text: &'a str, quotables: &[Quotable]) -> Cow<'a, str> {
    // Most texts are shorter than any quotation, and a single character is none.
    let fits = |quotable: &&Quotable| (2..=text.len()).contains(&quotable.window);
    let mut quotables = quotables.iter().filter(fits).peekable();
    if quotables.peek().is_none() {
        return text.into();
    }
    let skeleton = Skeleton::of(text);
    let mut found: Vec<Range<usize>> = quotables.flat_map(|quotable| skeleton.quotations(quotable)).collect();
    found.sort_unstable_by_key(|passage| passage.start);
    without(text, &found)
}

/// Blanks IP addresses.
#[must_use]
pub fn blank_addresses(text: &str) -> Cow<'_, str> {
    without(text, &addresses(text))
}

/// A text without what hides a quotation, and where each character of it comes from.
struct Skeleton {
    text: String,
    /// For each character its place in `text` and its range in the original.
    characters: Vec<(usize, Range<usize>)>,
}

/// A character and its range in the original.
type Located = (char, Range<usize>);

impl Skeleton {
    fn of(text: &str) -> Self {
        let located = |(at, c): (usize, char)| (c, at..at + c.len_utf8());
        let mut characters: Vec<Located> = text.char_indices().map(located).collect();
        for _ in 0..MAX_ENCODINGS {
            if !decode_escapes(&mut characters) {
                break;
            }
        }
        let mut skeleton = Self { text: String::with_capacity(text.len()), characters: Vec::new() };
        for (character, range) in characters {
            if !is_invisible(character) && !character.is_control() {
                skeleton.characters.push((skeleton.text.len(), range));
                skeleton.text.extend(character.to_lowercase().next());
            }
        }
        skeleton
    }

    /// The passages of the original that quote something, each range once or several that overlap.
    fn quotations(&self, quotable: &Quotable) -> Vec<Range<usize>> {
        let ends = self.characters.iter().skip(quotable.window).map(|(at, _)| *at).chain([self.text.len()]);
        let passages = self.characters.windows(quotable.window).zip(ends);
        let quoted = passages.filter_map(|(passage, end)| {
            let ((start, first), (_, last)) = (passage.first()?, passage.last()?);
            let quotes = quotable.skeleton.contains(self.text.get(*start..end)?);
            quotes.then_some(first.start..last.end)
        });
        quoted.collect()
    }
}

/// Decodes `%XX` and `\uXXXX`; whether there was any.
fn decode_escapes(characters: &mut Vec<Located>) -> bool {
    let any = characters.iter().any(|(character, _)| matches!(character, '%' | '\\'));
    if !any {
        return false;
    }
    let mut decoded: Vec<Located> = Vec::with_capacity(characters.len());
    let mut rest = characters.as_slice();
    while let Some(next) = rest.first() {
        let (bytes, length) = percent_escapes(rest);
        let code_unit = unicode_escape(rest);
        if !bytes.is_empty() {
            decoded.extend(characters_of(&bytes));
            rest = rest.get(length..).unwrap_or_default();
        } else if let Some((character, range)) = code_unit {
            decoded.push((character, range));
            rest = rest.get(6..).unwrap_or_default();
        } else {
            decoded.push(next.clone());
            rest = rest.get(1..).unwrap_or_default();
        }
    }
    let changed = decoded.len() != characters.len();
    *characters = decoded;
    changed
}

/// The bytes of the `%XX` escapes at the start, each with its range, and how many characters they take.
fn percent_escapes(characters: &[Located]) -> (Vec<(u8, Range<usize>)>, usize) {
    let mut bytes = Vec::new();
    for escape in characters.chunks_exact(3) {
        let [('%', start), (high, _), (low, end)] = escape else { break };
        let (Some(high), Some(low)) = (high.to_digit(16), low.to_digit(16)) else { break };
        let Ok(byte) = u8::try_from(high * 16 + low) else { break };
        bytes.push((byte, start.start..end.end));
    }
    let length = 3 * bytes.len();
    (bytes, length)
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

/// The character of the `\uXXXX` escape at the start. Surrogates hide no secret, which is ASCII.
fn unicode_escape(characters: &[Located]) -> Option<Located> {
    let [('\\', start), ('u', _), digits @ ..] = characters.get(..6)? else { return None };
    let code = digits.iter().try_fold(0, |code, (digit, _)| Some(code * 16 + digit.to_digit(16)?))?;
    let end = digits.last()?.1.end;
    char::from_u32(code).map(|character| (character, start.start..end))
}

/// The ranges of IP addresses: four numbers up to 255 with dots, or what reads as IPv6.
fn addresses(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length =
            rest.find(|c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':')).unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or_default();
        if is_ipv6(run) {
            found.push(at..at + length);
        } else {
            found.extend(ipv4(run).into_iter().map(|part| at + part.start..at + part.end));
        }
        let other = rest.get(length..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        at += length + other;
    }
    found
}

fn is_ipv6(run: &str) -> bool {
    let run = run.trim_end_matches('.');
    let run = if run.ends_with("::") { run } else { run.trim_end_matches(':') };
    run.len() > 2 && run.parse::<Ipv6Addr>().is_ok()
}

fn ipv4(run: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in run.split_inclusive(|c: char| !(c.is_ascii_digit() || c == '.')) {
        let numbers: Vec<&str> = word.trim_matches(|c: char| !c.is_ascii_digit()).split('.').collect();
        if numbers.len() >= 4 && numbers.iter().all(|number| number.parse::<u8>().is_ok()) {
            found.push(at..at + word.trim_end_matches(|c: char| !c.is_ascii_digit()).len());
        }
        at += word.len();
    }
    found
}

/// `text` with each run of overlapping passages blanked; they are in the order of their starts.
fn without<'a>(text: &'a str, passages: &[Range<usize>]) -> Cow<'a, str> {
    if passages.is_empty() {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for passage in passages {
        // Only the first passage of a run begins at or behind the end of the last one.
        if passage.start >= at {
            out.push_str(text.get(at..passage.start).unwrap_or_default());
            out.push_str(BLANK);
        }
        at = at.max(passage.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SESSION: &str = "6100e23ZZ1f6fc1dd5fd7Session-Key2049b54ee6fd2ae9b1cd13";

    fn shown(text: &str) -> String {
        let secrets = ["helloworld-secret", SESSION, "66987CB115214E59E6EC978214934FB8"];
        let parts = secrets.map(|secret| Quotable::new(secret, SHORTEST_PART));
        Secrets(parts.into_iter().chain([Quotable::new("12345678", usize::MAX)]).collect()).scrub(text)
    }

    #[test]
    fn entities_are_decoded_and_secrets_blanked() {
        let table = [
            ("参数&apos;a&apos; &lt; &#39;b&#39; &amp;", "参数'a' < 'b' &"),
            ("appkey 12345678 is not 1234567", "appkey *** is not 1234567"),
            (SESSION, "***"),
            (&SESSION.to_lowercase(), "***"),
            ("the beginning 6100e23ZZ1f6…", "the beginning ***…"),
            ("seven 6100e23", "seven 6100e23"),
            ("its tail: 2ae9b1cd13", "its tail: ***"),
            ("half 66987CB115214E59 of it", "half *** of it"),
            ("HELLOWORLD-SECRET", "***"),
            ("broken 6100e23Z\nZ1f6fc1d", "broken ***"),
            ("broken 6100e23Z\r\n Z1f6fc1d", "broken ***"),
            ("6\u{200b}1\u{200b}00e2\u{200b}3ZZ", "***"),
            ("s&amp;#101;ssion", "session"),
            ("6100e23ZZ&#49;f6", "***"),
            ("6100e23ZZ&amp;#49;f6", "***"),
            ("6100e23ZZ%31f6", "***"),
            ("6100e23ZZ%2531f6", "***"),
            ("6100e23ZZ\\u0031f6", "***"),
            ("a\r\nb\u{1}", "a  b "),
            ("100 % of %zz and \\u12", "100 % of %zz and \\u12"),
            ("一二三：四", "一二三：四"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(shown(&"字".repeat(6_000)).chars().count(), MAX_MESSAGE);
    }

    #[test]
    fn a_secret_across_the_bound_does_not_show_its_first_half() {
        let text = format!("{}{SESSION}", "x".repeat(MAX_MESSAGE - 20));
        assert!(shown(&text).ends_with("x***"));
    }

    #[test]
    fn addresses_are_blanked() {
        let table = [
            ("ip 10.0.0.1, 192.168.255.255:8080 and 1.2.3.4.", "ip ***, ***:8080 and ***."),
            ("from ::ffff:10.0.0.1 or 2001:db8::1.", "from *** or ***"),
            ("[fe80::1]:80 at 12:30:45 v1.2.3 999.1.1.1", "[***]:80 at 12:30:45 v1.2.3 999.1.1.1"),
            ("add 10.0.0.1/8;10.0.0.2", "add ***/8;***"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in table {
            assert_eq!(blank_addresses(text), expected, "{text}");
        }
    }

    #[test]
    fn quotations_of_the_request_are_blanked() {
        let private = [("张三", 4), ("138 1234 5678", 4), ("双方经调解达成一致意见", 6)]
            .map(|(whole, part)| Quotable::new(whole, part));
        let table = [
            ("mediator 张三 (13812345678)", "mediator *** (***)"),
            ("phone 1234 ends", "phone *** ends"),
            ("content 经调解达成一致… is bad", "content ***… is bad"),
            ("content 达成一致 is short", "content 达成一致 is short"),
            ("escaped %E5%BC%A0%E4%B8%89 and \\u5f20\\u4e09", "escaped *** and ***"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in table {
            assert_eq!(blank_quotations(text, &private), expected);
        }
        assert_eq!(blank_quotations("abc", &[Quotable::new("", 4)]), "abc");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_shows_a_secret(
            before in "\\PC{0,40}",
            behind in "[0-9a-f:.&;#%\\\\u\\PC]{0,40}",
            part in 0..SESSION.len() - SHORTEST_PART,
            strewn in proptest::option::of(proptest::sample::select(vec!["\u{200b}", "\n", "\u{ad}", " "])),
        ) {
            let part = &SESSION[part..part + SHORTEST_PART];
            let quoted: Vec<String> = part.chars().map(String::from).collect();
            let hidden = shown(&format!("{before}{}{behind}", quoted.join(strewn.unwrap_or_default())));
            let skeleton = Skeleton::of(&hidden).text;
            prop_assert!(!skeleton.contains(&part.to_lowercase()), "{hidden}");
            prop_assert_eq!(shown(&hidden), hidden, "once more changes nothing");
        }
    }
}
