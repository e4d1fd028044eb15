//! Makes TOP's texts fit to be shown: HTML entities decoded, credentials and addresses blanked, bounded.
//!
//! TOP quotes application keys, sessions and lists of IP addresses in its messages, and may quote the request.

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
    let mut text = html_escape::decode_html_entities(text).replace(char::is_control, " ");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let (lower, secret) = (text.to_ascii_lowercase(), secret.to_ascii_lowercase());
        let found: Vec<_> = lower.match_indices(&secret).map(|(at, found)| at..at + found.len()).collect();
        text = without(&text, &found);
    }
    let text = without(&text, &addresses(&text));
    text.chars().take(max).collect()
}

/// Blanks every passage of `text` that quotes one of `private`: a whole one, or a part of it at least `part`
/// characters long.
#[must_use]
pub fn blank_quotes(text: &str, private: &[(&str, usize)]) -> String {
    private.iter().fold(text.to_owned(), |text, (whole, part)| {
        let found = quotes(&text, whole, *part);
        without(&text, &found)
    })
}

fn quotes(text: &str, whole: &str, part: usize) -> Vec<Range<usize>> {
    let window = part.min(whole.chars().count());
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.char_indices() {
        let Some(behind) = text.get(at..).filter(|_| window > 0) else { continue };
        let end = behind.char_indices().nth(window).map_or(behind.len(), |(end, _)| end);
        let Some(passage) = behind.get(..end).filter(|passage| passage.chars().count() == window) else {
            break;
        };
        if whole.contains(passage) {
            match found.last_mut() {
                Some(last) if last.end >= at => last.end = at + end,
                _ => found.push(at..at + end),
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
fn without(text: &str, passages: &[Range<usize>]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for passage in passages {
        out.push_str(text.get(at..passage.start).unwrap_or_default());
        out.push_str(BLANK);
        at = passage.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
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
            let unquoted = blank_quotes(&format!("{text}张三李四{behind}"), &[("张三李四", 4)]);
            prop_assert!(!unquoted.contains("张三李四"));
        }
    }
}
