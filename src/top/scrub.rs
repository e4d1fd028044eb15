//! Makes TOP's texts fit to be shown: HTML entities decoded, credentials and addresses blanked, bounded.
//!
//! TOP quotes application keys, sessions and lists of IP addresses in its messages, and may quote the request.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::ops::Range;

/// What stands where something was taken out.
const BLANK: &str = "***";

/// The most characters of a message, `sub_msg` or `extra_err_msg`.
pub const MAX_MESSAGE: usize = 500;
/// The most characters of an identifier: `sub_code`, `state_code`, `request_id`.
pub const MAX_IDENTIFIER: usize = 128;

/// Decodes, scrubs and bounds a text of TOP. `secrets` are blanked wherever they stand, in any case, and so
/// are IP addresses; control characters become spaces. At most `max` characters are left.
#[must_use]
pub fn scrub(text: &str, secrets: &[&str], max: usize) -> String {
    let mut text = html_escape::decode_html_entities(text);
    if text.contains(char::is_control) {
        text = text.replace(char::is_control, " ").into();
    }
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let found = in_any_case(&text, secret);
        text = without(text, &found);
    }
    let found = addresses(&text);
    let text = without(text, &found);
    match text.char_indices().nth(max) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.into_owned(),
    }
}

/// Blanks every passage of `text` that quotes one of `private`: a whole one, or a part of it at least `part`
/// characters long.
#[must_use]
pub fn blank_quotes<'a>(text: &'a str, private: &[(&str, usize)]) -> Cow<'a, str> {
    private.iter().fold(Cow::Borrowed(text), |text, (whole, part)| {
        let found = quotes(&text, whole, *part);
        without(text, &found)
    })
}

/// Where `secret` stands in `text`, whichever case its ASCII letters have there.
fn in_any_case(text: &str, secret: &str) -> Vec<Range<usize>> {
    let (text, secret) = (text.as_bytes(), secret.as_bytes());
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(passage) = text.get(at..at + secret.len()) {
        if passage.eq_ignore_ascii_case(secret) {
            found.push(at..at + secret.len());
            at += secret.len();
        } else {
            at += 1;
        }
    }
    found
}

fn quotes(text: &str, whole: &str, part: usize) -> Vec<Range<usize>> {
    let window = whole.chars().take(part).count();
    let mut found: Vec<Range<usize>> = Vec::new();
    if window == 0 {
        return found;
    }
    // Most texts quote nothing: a passage with a byte that the whole does not have needs no search.
    let mut known = [false; 256];
    for byte in whole.bytes() {
        if let Some(known) = known.get_mut(usize::from(byte)) {
            *known = true;
        }
    }
    let known = |byte: u8| known.get(usize::from(byte)) == Some(&true);
    for (at, _) in text.char_indices() {
        let behind = text.get(at..).unwrap_or_default();
        if !behind.bytes().next().is_some_and(known) {
            continue;
        }
        let mut ends = behind.char_indices().map(|(end, _)| end).chain([behind.len()]).skip(window);
        let Some(passage) = ends.next().and_then(|end| behind.get(..end)) else { break };
        if passage.bytes().all(known) && whole.contains(passage) {
            let end = at + passage.len();
            match found.last_mut() {
                Some(last) if last.end >= at => last.end = end,
                _ => found.push(at..end),
            }
        }
    }
    found
}

/// Where IP addresses stand: four numbers up to 255 with dots, or anything that reads as IPv6.
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

/// `text` with the passages blanked; they are in order and do not overlap.
fn without<'a>(text: Cow<'a, str>, passages: &[Range<usize>]) -> Cow<'a, str> {
    if passages.is_empty() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for passage in passages {
        out.push_str(text.get(at..passage.start).unwrap_or_default());
        out.push_str(BLANK);
        at = passage.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        scrub(text, &["12345678", "Session-Key"], MAX_MESSAGE)
    }

    #[test]
    fn entities_credentials_and_addresses() {
        let table = [
            ("参数&apos;a&apos; &lt; &#39;b&#39; &amp;", "参数'a' < 'b' &"),
            ("appkey 12345678 is not 123456789", "appkey *** is not ***9"),
            ("session-key SESSION-KEY", "*** ***"),
            ("s&#101;ssion-key", "***"),
            ("ip 10.0.0.1, 192.168.255.255:8080 and 1.2.3.4.", "ip ***, ***:8080 and ***."),
            ("from ::ffff:10.0.0.1 or 2001:db8::1.", "from *** or ***"),
            ("[fe80::1]:80 at 12:30:45 v1.2.3 999.1.1.1", "[***]:80 at 12:30:45 v1.2.3 999.1.1.1"),
            ("add 10.0.0.1/8;10.0.0.2", "add ***/8;***"),
            ("a\r\nb\u{1}", "a  b "),
            ("一二三：四", "一二三：四"),
        ];
        for (text, expected) in table {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(scrub(&"字".repeat(600), &[], MAX_MESSAGE).chars().count(), MAX_MESSAGE);
    }

    #[test]
    fn a_secret_across_the_bound_does_not_show_its_first_half() {
        let text = format!("{}12345678", "x".repeat(MAX_MESSAGE - 4));
        assert!(shown(&text).ends_with("x***"));
    }

    #[test]
    fn quotes_of_the_request_are_blanked() {
        let private = [("张三", 4), ("13812345678", 4), ("双方经调解达成一致意见", 6)];
        let table = [
            ("mediator 张三 (13812345678)", "mediator *** (***)"),
            ("phone 1234 ends", "phone *** ends"),
            ("content 经调解达成一致… is bad", "content ***… is bad"),
            ("content 达成一致 is short", "content 达成一致 is short"),
            ("nothing", "nothing"),
        ];
        for (text, expected) in table {
            assert_eq!(blank_quotes(text, &private), expected);
        }
        assert_eq!(blank_quotes("abc", &[("", 4)]), "abc");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_shows_a_secret(text in "\\PC{0,40}", behind in "[0-9a-f:.&;#\\PC]{0,40}") {
            let hidden = scrub(&format!("{text}Session-Key{behind}"), &["session-key"], 500);
            prop_assert!(!hidden.to_ascii_lowercase().contains("session-key"));
            let quoting = format!("{text}张三李四{behind}");
            let unquoted = blank_quotes(&quoting, &[("张三李四", 4)]);
            prop_assert!(!unquoted.contains("张三李四"));
        }
    }
}
