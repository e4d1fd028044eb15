//! A text of TOP: no part of a secret is shown, whether plain or in the escapes of URLs, JSON and HTML.
//!
//! The bytes `{0}` to `{9}` in the input stand for parts of secrets, so that the fuzzer puts them anywhere. A letter
//! before the digit disguises a part: `{u3}`.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use mediation_bridge::invisible::is_invisible;
use mediation_bridge::top::scrub::{Quotable, Secrets, blank_addresses, blank_quotations};
use mediation_bridge::top::{Credentials, SignMethod};

const SESSION: &str = "6100e23ZZ1f6fc1dd5fd7Session-Key2049b54ee6fd2ae9b1cd13f00d";
const SECRET: &str = "canary-app-secret-5e7d";
const NAME: &str = "𠮷田三四";
/// The number of characters of a secret that may not be shown.
const PART: usize = 8;
/// The number of encodings that are undone.
const LEVELS: usize = 4;

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| {
    Secrets::from_credentials(&Credentials {
        app_key: "87654321".to_owned(),
        app_secret: SECRET.into(),
        session: Some(SESSION.into()),
        sign_method: SignMethod::Md5,
    })
});

static CANARIES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let parts = |secret: &str| {
        let secret = secret.to_lowercase();
        (0..=secret.len() - PART).map(|at| secret[at..at + PART].to_owned()).collect::<Vec<_>>()
    };
    [SESSION, SECRET].iter().flat_map(|secret| parts(secret)).collect()
});

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let text = with_parts(text);
    let shown = SECRETS.scrub(&text);
    let length = shown.chars().count();
    assert!(length <= 500.min(text.chars().count()), "{shown:?} from {text:?}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    let mut level = shown.clone();
    for _ in 0..=LEVELS {
        let legible = legible(&level);
        let canary = CANARIES.iter().find(|canary| legible.contains(canary.as_str()));
        assert_eq!(canary, None, "{shown:?} from {text:?}");
        level = decoded(&level);
    }
    if is_decoded(&shown) {
        assert_eq!(SECRETS.scrub(&shown), shown, "a second pass changes nothing: {text:?}");
    }
    check_addresses(&text);
    check_name(&text);
    Corpus::Keep
});

/// The text with parts of secrets in place of `{0}`.
fn with_parts(text: &str) -> String {
    let mut pieces = text.split('{');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let replaced = piece.split_once('}').and_then(|(inside, rest)| {
            let (kind, digit) = match inside.as_bytes() {
                [digit] => (b'p', digit),
                [kind, digit] => (*kind, digit),
                _ => return None,
            };
            let number = char::from(*digit).to_digit(10)? as usize;
            let secret = if number < 7 { SESSION } else { SECRET };
            let part = secret.get(7 * (number % 7)..)?;
            let part: String = part.chars().take(PART + number % 3).collect();
            Some(part.chars().map(|c| disguised(kind, c)).collect::<String>() + rest)
        });
        match replaced {
            Some(replaced) => out.push_str(&replaced),
            None => out.extend(["{", piece]),
        }
    }
    out
}

fn disguised(kind: u8, c: char) -> String {
    let code = u32::from(c);
    match kind {
        b'w' => format!("{c}\u{200b}"),
        b'n' => format!("{c}\\n"),
        b'l' => format!("{c}\n"),
        b'c' => format!("%{code:02X}"),
        b'd' => format!("%25{code:02x}"),
        b'u' => format!("\\u{code:04x}"),
        b'v' => format!("\\\\u{code:04X}"),
        b'h' => format!("&#{code};"),
        b'x' => format!("&#x{code:x};"),
        b'a' => format!("&amp;#{code};"),
        _ => c.to_string(),
    }
}

/// What a reader sees: no invisible characters, letters in one case.
fn legible(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c) && !c.is_control()).flat_map(char::to_lowercase).collect()
}

fn is_decoded(text: &str) -> bool {
    html_escape::decode_html_entities(text) == text
}

/// One level of escapes removed, read from left to right.
fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (found, length) = match character {
            '%' => percent(rest),
            '\\' => backslash(rest),
            '&' => reference(rest),
            _ => None,
        }
        .unwrap_or_else(|| (character.to_string(), character.len_utf8()));
        out.push_str(&found);
        rest = &rest[length..];
    }
    out
}

fn percent(text: &str) -> Option<(String, usize)> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(digits) = rest.strip_prefix('%').and_then(|rest| rest.get(..2)) {
        let Some(byte) = hex(digits) else { break };
        bytes.push(u8::try_from(byte).ok()?);
        rest = &rest[3..];
    }
    let length = text.len() - rest.len();
    (length > 0).then(|| (String::from_utf8_lossy(&bytes).into_owned(), length))
}

fn backslash(text: &str) -> Option<(String, usize)> {
    let unit = |at: usize| u16::try_from(hex(text.get(at..)?.strip_prefix("\\u")?.get(..4)?)?).ok();
    match text.as_bytes().get(1)? {
        b'n' | b'r' | b't' | b'b' | b'f' => Some(("\n".to_owned(), 2)),
        b'"' | b'/' | b'\\' => Some((text[1..2].to_owned(), 2)),
        b'u' => {
            let first = unit(0)?;
            let pair = unit(6).and_then(|second| String::from_utf16(&[first, second]).ok());
            match (pair, String::from_utf16(&[first])) {
                (_, Ok(single)) => Some((single, 6)),
                (Some(pair), Err(_)) => Some((pair, 12)),
                (None, Err(_)) => None,
            }
        }
        _ => None,
    }
}

fn reference(text: &str) -> Option<(String, usize)> {
    let end = text.char_indices().take(10).find_map(|(at, c)| (c == ';').then_some(at + 1))?;
    let found = html_escape::decode_html_entities(&text[..end]).into_owned();
    (found != text[..end]).then_some((found, end))
}

fn hex(digits: &str) -> Option<u32> {
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if all { u32::from_str_radix(digits, 16).ok() } else { None }
}

/// No text that is one IPv4 address is left.
fn check_addresses(text: &str) {
    let shown = blank_addresses(text);
    assert!(shown.len() <= text.len(), "{shown:?} from {text:?}");
    let parts = |c: &char| c.is_whitespace() || c.is_control() || !is_invisible(*c);
    let visible: String = shown.chars().filter(parts).collect();
    for run in visible.split(|c: char| !(c.is_ascii_digit() || c == '.')) {
        let parts: Vec<Option<u8>> = run.split('.').map(|part| part.parse().ok()).collect();
        assert!(parts.len() != 4 || parts.contains(&None), "{shown:?} from {text:?}");
    }
    assert_eq!(blank_addresses(&shown), shown, "a second pass changes nothing: {text:?}");
}

/// A name, of which every character counts.
fn check_name(text: &str) {
    let shown = blank_quotations(text, &[Quotable::new(NAME, 4)]).into_owned();
    let mut level = shown.clone();
    for _ in 0..=LEVELS {
        assert!(!legible(&level).contains(NAME), "{shown:?} from {text:?}");
        level = decoded(&level);
    }
}
