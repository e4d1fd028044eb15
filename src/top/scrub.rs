//! Makes TOP's texts safe to show: HTML entities are decoded, credentials and quotations are blanked, and the length is
//! bounded.
//!
//! TOP quotes application keys, sessions and lists of IP addresses in its messages, and may quote the request. Texts
//! are compared by their `skeleton`, so that a quotation is found even if it is split or encoded.

mod addresses;
mod skeleton;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use secrecy::ExposeSecret;

use super::credentials::Credentials;
use super::sign::Signature;
use addresses::addresses;
use skeleton::{MAX_ENCODINGS, Skeleton};

/// The replacement for a passage.
const BLANK: &str = "***";
/// The maximum number of characters of a message, `sub_msg` or `extra_err_msg`.
pub const MAX_MESSAGE: usize = 500;
/// The maximum number of characters of an identifier: `sub_code`, `state_code`, `request_id`.
pub const MAX_IDENTIFIER: usize = 128;
/// The maximum number of characters of a text that are processed.
const MAX_READ: usize = 8 * MAX_MESSAGE;
/// The minimum number of characters of a part of a secret that is blanked.
const MIN_SECRET_PART: usize = 8;

/// The secrets that no text of TOP may repeat, as a whole or in parts. It does not print.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Quotable>);

impl Secrets {
    /// The secrets of an application.
    #[must_use]
    pub fn from_credentials(credentials: &Credentials) -> Self {
        let session = credentials.session.as_ref().map_or("", |session| session.expose_secret());
        Self(vec![
            Quotable::new(credentials.app_secret.expose_secret(), MIN_SECRET_PART),
            Quotable::new(session, MIN_SECRET_PART),
            Quotable::new(&credentials.app_key, usize::MAX),
        ])
    }

    /// Adds the signature of a call.
    #[must_use]
    pub fn with_signature(&self, signature: &Signature) -> Self {
        let signature = Quotable::new(signature.as_str(), MIN_SECRET_PART);
        Self(self.0.iter().cloned().chain([signature]).collect())
    }

    /// Decodes and bounds a text of TOP and blanks the secrets in it. Control characters become spaces.
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

/// A value that a text may quote. It does not print.
#[derive(Clone)]
pub struct Quotable {
    skeleton: String,
    /// The number of characters that count as a quotation.
    window: usize,
}

impl Quotable {
    /// A text quotes it if it repeats all of `whole`, or `part` consecutive characters of it.
    #[must_use]
    pub fn new(whole: &str, part: usize) -> Self {
        let skeleton = if whole.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            whole.to_ascii_lowercase()
        } else {
            Skeleton::without_spaces(whole).pop().unwrap_or_default().text
        };
        let window = skeleton.chars().count().min(part);
        Self { skeleton, window }
    }
}

/// The first `max` characters.
#[must_use]
pub fn truncate(text: &str, max: usize) -> &str {
    text.char_indices().nth(max).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Blanks every passage of `text` that quotes one of `quotables`.
#[must_use]
pub fn blank_quotations<'a>(text: &'a str, quotables: &[Quotable]) -> Cow<'a, str> {
    // Most texts are shorter than any quotation, and a single character does not count.
    let fits = |quotable: &&Quotable| (2..=text.len()).contains(&quotable.window);
    let mut quotables = quotables.iter().filter(fits).peekable();
    if quotables.peek().is_none() {
        return text.into();
    }
    let levels = Skeleton::without_spaces(text);
    let found = quotables.flat_map(|quotable| {
        let passages = levels.iter().flat_map(|skeleton| skeleton.passages(quotable.window));
        passages.filter_map(|(passage, range)| quotable.skeleton.contains(passage).then_some(range))
    });
    without(text, found.collect())
}

/// Blanks IP addresses.
#[must_use]
pub fn blank_addresses(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    // What is left beside an address may be one, too. Each pass leaves fewer digits.
    while let Cow::Owned(blanked) = blank_found_addresses(&text) {
        text = blanked.into();
    }
    text
}

fn blank_found_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains(['.', ':', '%', '&', '\\']) {
        return text.into();
    }
    let found = Skeleton::with_spaces(text).into_iter().flat_map(|spaced| {
        let addresses = addresses(&spaced.text).into_iter();
        addresses.filter_map(|range| spaced.original(&range)).collect::<Vec<_>>()
    });
    without(text, found.collect())
}

/// Blanks each run of overlapping passages in `text`.
fn without(text: &str, mut passages: Vec<Range<usize>>) -> Cow<'_, str> {
    if passages.is_empty() {
        return text.into();
    }
    passages.sort_unstable_by_key(|passage| passage.start);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for passage in passages {
        // Only the first passage of a run starts at or after the end of the previous run.
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
        let parts = secrets.map(|secret| Quotable::new(secret, MIN_SECRET_PART));
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
            ("6100e23ZZ\\\\\\\\u0031f6", "***"),
            ("6\\n1\\r\\n00e2\\\\n3ZZ", "***"),
            ("6100e23ZZ%26%2349%3Bf6", "***"),
            ("6100e23ZZ\\u002531f6", "***"),
            ("%26100e23Z", "%2***"),
            ("\\u00%36100e23Z", "\\u00***"),
            ("a\r\nb\u{1}", "a  b "),
            ("100 % of %zz and \\u12", "100 % of %zz and \\u12"),
            ("一二三：四", "一二三：四"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(shown(&"字".repeat(6_000)).chars().count(), MAX_MESSAGE);
        assert_eq!(shown(&"&#38;".repeat(400)), "&".repeat(400));
        assert_eq!(format!("{:?}", Secrets::default()), "Secrets(***)");
    }

    #[test]
    fn a_secret_across_the_bound_is_blanked_in_part() {
        let text = format!("{}{SESSION}", "x".repeat(MAX_MESSAGE - 20));
        assert!(shown(&text).ends_with("x***"));
    }

    #[test]
    fn addresses_are_blanked_in_any_notation() {
        let table = [
            ("ip 10.0.0.1, 192.168.255.255:8080 and 1.2.3.4.", "ip ***, ***:8080 and ***."),
            ("from ::ffff:10.0.0.1 or 2001:db8::1.", "from *** or ***."),
            ("IP:2001:db8::1,来源：fe80::1%eth0", "IP:***,来源：***%eth0"),
            ("[10.0.0.1]%5B2001%3Adb8%3A%3A1%5D", "[***]%5B***%5D"),
            ("10.0\u{200b}.0.1 10&#46;0.0.1 10\\u002e0.0.1", "*** *** ***"),
            ("10.0.0.1 8080", "*** 8080"),
            ("%a1.2.3.4 \\u0aa1.2.3.4", "%a*** \\u0aa***"),
            ("10.0.0.1:20::1:801:db8::1:80", "***:******"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in table {
            assert_eq!(blank_addresses(text), expected, "{text}");
        }
    }

    #[test]
    fn quotations_of_the_request_are_blanked() {
        let private = [("张三", 4), ("𠮷田", 4), ("138 1234 5678", 4), ("双方经调解达成一致意见", 6)]
            .map(|(whole, part)| Quotable::new(whole, part));
        let table = [
            ("mediator 张三 (13812345678)", "mediator *** (***)"),
            ("phone 1234 ends", "phone *** ends"),
            ("content 经调解达成一致… is bad", "content ***… is bad"),
            ("content 达成一致 is short", "content 达成一致 is short"),
            ("escaped %E5%BC%A0%E4%B8%89 and \\u5f20\\u4e09", "escaped *** and ***"),
            ("rare \\ud842\\udfb7\\u7530", "rare ***"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in table {
            assert_eq!(blank_quotations(text, &private), expected);
        }
        assert_eq!(blank_quotations("abc", &[Quotable::new("", 4)]), "abc");
    }

    /// Notations of a character that a reader can still recognise.
    const DISGUISES: [fn(char) -> String; 9] = [
        |c| c.to_string(),
        |c| format!("{c}\u{200b}"),
        |c| format!("{c}\n"),
        |c| format!("{c}\\n"),
        |c| format!("%{:02x}", u32::from(c)),
        |c| format!("%25{:02X}", u32::from(c)),
        |c| format!("\\u{:04x}", u32::from(c)),
        |c| format!("\\\\u{:04x}", u32::from(c)),
        |c| format!("&#{};", u32::from(c)),
    ];

    proptest! {
        #[test]
        fn no_text_causes_a_panic_or_shows_a_secret(
            before in "\\PC{0,40}",
            behind in "[0-9a-f:.&;#%\\\\u\\PC]{0,40}",
            part in 0..=SESSION.len() - MIN_SECRET_PART,
            disguises in proptest::collection::vec(0..DISGUISES.len(), MIN_SECRET_PART),
        ) {
            let part = &SESSION[part..part + MIN_SECRET_PART];
            let quoted: String = part.chars().zip(&disguises).map(|(c, disguise)| DISGUISES[*disguise](c)).collect();
            let hidden = shown(&format!("{before}{quoted}{behind}"));
            let levels = Skeleton::without_spaces(&hidden);
            prop_assert!(!levels.iter().any(|level| level.text.contains(&part.to_lowercase())), "{hidden}");
            prop_assert_eq!(shown(&hidden), hidden, "a second pass changes nothing");
        }
    }
}
