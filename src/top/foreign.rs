//! An answer that is not an envelope of TOP: its meaning, and a description for the operator that contains no byte of
//! it.
//!
//! Firewalls, login pages, wrong paths and compressing proxies all look the same to a caller. The operator can
//! distinguish them by HTTP status, media type, encoding, size, and the kind of text at the start of the body.

use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, RETRY_AFTER, TRANSFER_ENCODING,
};
use strum::Display;

use super::failure::Failure;
use super::method::{ERROR_ROOT, Method};

/// The minimum and maximum wait that is passed on from a proxy before TOP.
const RETRY_AFTER_RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
/// The replacement for a content coding that cannot be shown.
const UNREADABLE: &str = "unreadable";
/// The maximum number of characters of a media type or encoding in a description.
const MAX_TOKEN: usize = 64;

/// An answer that is not an envelope of TOP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ForeignAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The meaning of the answer.
    pub failure: Failure,
    /// The time that the caller has to wait.
    pub retry_after: Option<Duration>,
    media_type: Option<String>,
    encoding: Option<String>,
    size: usize,
    kind: Kind,
}

/// The kind of text at the start of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display)]
enum Kind {
    /// The body is empty.
    #[strum(serialize = "")]
    Empty,
    /// An HTML page.
    #[strum(serialize = " of HTML")]
    Html,
    /// Markup other than HTML.
    #[strum(serialize = " of XML")]
    Xml,
    /// Valid JSON.
    #[strum(serialize = " of JSON")]
    Json,
    /// Text that starts like JSON and is invalid.
    #[strum(serialize = " of invalid JSON")]
    BrokenJson,
    /// Other text.
    #[strum(serialize = " of text")]
    Text,
    /// Data that is not UTF-8 text.
    #[strum(serialize = " of non-UTF-8 data")]
    Binary,
}

impl ForeignAnswer {
    /// Describes an answer to a call of `method` that is complete and not an envelope.
    pub(super) fn describe(method: Method, status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let encoding = encoding(headers);
        let kind = Kind::detect(body);
        let names_root = || {
            let plain = without_escapes(body);
            let named = |root: &str| contains(body, root.as_bytes()) || plain.contains(root);
            [method.success_root, ERROR_ROOT].into_iter().any(named)
        };
        let other_charset = header(CONTENT_TYPE).is_some_and(names_other_charset) && !body.is_ascii();
        let may_be_tops = || {
            !has_detectable_end(headers)
                || encoding.is_some()
                || other_charset
                || matches!(kind, Kind::Xml | Kind::BrokenJson | Kind::Binary)
                || names_root()
        };
        let failure = match status {
            // Throttling proves that nothing was executed, unless the body may be TOP's own report of an execution.
            429 if !may_be_tops() => Failure::RateLimited { ban: None },
            502..=504 => Failure::Unavailable,
            _ => Failure::BadResponse,
        };
        let waits = matches!(status, 429 | 503);
        Self {
            status,
            failure,
            retry_after: header(RETRY_AFTER).filter(|_| waits).and_then(retry_after),
            media_type: header(CONTENT_TYPE).and_then(token),
            encoding,
            size: body.len(),
            kind,
        }
    }
}

impl fmt::Display for ForeignAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}, {}", self.status, self.media_type.as_deref().unwrap_or("no media type"))?;
        if let Some(encoding) = &self.encoding {
            write!(f, " in {encoding}")?;
        }
        let s = if self.size == 1 { "" } else { "s" };
        write!(f, ", {} byte{s}{}: not TOP's envelope", grouped(self.size), self.kind)
    }
}

impl Kind {
    fn detect(body: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(body) else { return Self::Binary };
        // UTF-16 contains zeros, which no text of TOP contains.
        if text.contains('\0') {
            return Self::Binary;
        }
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let begins =
            |start: &str| text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
        if text.is_empty() {
            Self::Empty
        } else if begins("<!doctype html") || begins("<html") {
            Self::Html
        } else if begins("<") {
            Self::Xml
        } else if serde_json::from_str::<serde_json::Value>(text).is_ok() {
            Self::Json
        } else if text.starts_with(['{', '[', '"']) {
            Self::BrokenJson
        } else {
            Self::Text
        }
    }
}

/// Parses `Retry-After` in seconds or as a date, RFC 9110 section 10.2.3, and applies the bounds.
fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).unwrap_or_default()
    };
    let (shortest, longest) = RETRY_AFTER_RANGE;
    Some(wait.clamp(shortest, longest))
}

/// True if a truncated body would be detected: it has a length or chunks, RFC 9112 section 6.3.
fn has_detectable_end(headers: &HeaderMap) -> bool {
    match headers.get_all(TRANSFER_ENCODING).iter().next_back() {
        Some(codings) => {
            let last = codings.to_str().ok().and_then(|codings| codings.rsplit(',').next());
            last.is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
        }
        None => headers.contains_key(CONTENT_LENGTH),
    }
}

/// The first content coding other than identity.
fn encoding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter().chain(headers.get_all(TRANSFER_ENCODING));
    let mut codings = values.flat_map(|value| value.to_str().unwrap_or(UNREADABLE).split(','));
    let is_none =
        |coding: &str| ["", "identity", "chunked"].iter().any(|none| coding.eq_ignore_ascii_case(none));
    let coding = codings.find(|coding| !is_none(coding.trim()))?;
    Some(token(coding).unwrap_or_else(|| UNREADABLE.to_owned()))
}

/// True if a media type names a charset other than UTF-8.
fn names_other_charset(media_type: &str) -> bool {
    let lower = media_type.to_ascii_lowercase();
    let charset = lower.split_once("charset=").map(|(_, charset)| charset.trim_matches(['"', ' ', ';']));
    charset.is_some_and(|charset| !matches!(charset, "utf-8" | "utf8" | "us-ascii"))
}

/// The first token of a header's value, if it is safe to show.
fn token(value: &str) -> Option<String> {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "!#$&^_.+/*-".contains(*c);
    let token: String = value.trim().chars().take_while(allowed).take(MAX_TOKEN).collect();
    (!token.is_empty()).then(|| token.to_ascii_lowercase())
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

/// The JSON of a body without the escapes that are not needed; empty if it is no JSON.
fn without_escapes(body: &[u8]) -> String {
    serde_json::from_slice(body).map(|value: serde_json::Value| value.to_string()).unwrap_or_default()
}

/// A number with its digits in groups of three.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    const METHOD: Method = Method { name: "a.b", success_root: "a_b_response" };
    const LENGTH: (HeaderName, &str) = (CONTENT_LENGTH, "1");

    fn describe(status: u16, headers: &[(HeaderName, &str)], body: impl AsRef<[u8]>) -> ForeignAnswer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        ForeignAnswer::describe(METHOD, status, &headers.collect(), body.as_ref())
    }

    /// A row: its name, headers, body and meaning.
    type Row<'a> = (&'a str, &'a [(HeaderName, &'a str)], &'a [u8], Failure);

    #[test]
    fn throttling_is_proof_unless_the_body_may_be_from_top() {
        let limited = Failure::RateLimited { ban: None };
        let gzip = (CONTENT_ENCODING, "gzip");
        let gbk = (CONTENT_TYPE, "text/html;charset=GBK");
        let utf16: Vec<u8> = r#"{"a_b_r":1}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let latin = (CONTENT_TYPE, "text/html; charset=iso-8859-1");
        let chunked = |codings| (TRANSFER_ENCODING, codings);
        let utf8 = (CONTENT_TYPE, "text/plain; charset=\"UTF-8\"");
        let table: [Row; 32] = [
            ("a page", &[LENGTH], b"<html>Too Many Requests</html>", limited),
            ("a page with a prologue", &[LENGTH], b"\n<!DOCTYPE html><html>", limited),
            ("text", &[LENGTH], b"slow down", limited),
            ("JSON", &[LENGTH], br#"{"message":"slow down"}"#, limited),
            (
                "JSON with an escaped root",
                &[LENGTH],
                br#"{"x":{"error\u005fresponse":1}}"#,
                Failure::BadResponse,
            ),
            ("nothing", &[LENGTH], b"", limited),
            ("in chunks", &[chunked("chunked")], b"slow down", limited),
            ("in chunks at last", &[chunked("identity , Chunked")], b"slow down", limited),
            ("encoded, in chunks at last", &[chunked("gzip , Chunked")], b"x", Failure::BadResponse),
            ("chunks that are not the last coding", &[chunked("chunked, gzip")], b"x", Failure::BadResponse),
            ("no chunks", &[LENGTH, chunked("identity")], b"slow down", Failure::BadResponse),
            ("no chunks that anyone can read", &[LENGTH, chunked("\u{e9}")], b"x", Failure::BadResponse),
            ("identity", &[LENGTH, (CONTENT_ENCODING, "identity")], b"slow down", limited),
            ("no detectable end", &[], b"slow down", Failure::BadResponse),
            ("a page without its end", &[], b"<html>Too Many", Failure::BadResponse),
            ("an empty body without a detectable end", &[], b"", Failure::BadResponse),
            ("the success root", &[LENGTH], b"slow down a_b_response", Failure::BadResponse),
            ("the error root", &[LENGTH], b"<html>error_response</html>", Failure::BadResponse),
            ("XML", &[LENGTH], b"<?xml version=\"1.0\"?><x/>", Failure::BadResponse),
            ("XML without a prologue", &[LENGTH], b"<Error><Code>1</Code></Error>", Failure::BadResponse),
            ("JSON cut short", &[LENGTH], br#"{"error_resp"#, Failure::BadResponse),
            ("JSON with a comment", &[LENGTH], b"{}<!-- padding -->", Failure::BadResponse),
            ("JSON with a bad escape", &[LENGTH], br#"{"msg":"\x"}"#, Failure::BadResponse),
            ("GBK", &[LENGTH], b"\xb7\xfe\xce\xf1\xc6\xf7", Failure::BadResponse),
            ("GBK that is UTF-8 by chance", &[LENGTH, gbk], b"\xcf\xb5\xcd\xb3", Failure::BadResponse),
            ("Chinese in UTF-8", &[LENGTH, utf8], "请求过多".as_bytes(), limited),
            ("ASCII under another charset", &[LENGTH, latin], b"<html>slow down</html>", limited),
            ("UTF-16", &[LENGTH], &utf16, Failure::BadResponse),
            ("gzip", &[LENGTH, gzip.clone()], b"x", Failure::BadResponse),
            (
                "gzip behind identity",
                &[LENGTH, (CONTENT_ENCODING, "identity"), gzip],
                b"x",
                Failure::BadResponse,
            ),
            ("identity twice", &[LENGTH, (CONTENT_ENCODING, "identity, identity")], b"x", limited),
            ("no coding", &[LENGTH, (CONTENT_ENCODING, "\u{e9}")], b"x", Failure::BadResponse),
        ];
        for (name, headers, body, expected) in table {
            assert_eq!((name, describe(429, headers, body).failure), (name, expected));
        }
    }

    #[test]
    fn other_statuses_do_not_depend_on_the_body() {
        for (status, expected) in [
            (502, Failure::Unavailable),
            (503, Failure::Unavailable),
            (504, Failure::Unavailable),
            (200, Failure::BadResponse),
            (404, Failure::BadResponse),
            (500, Failure::BadResponse),
        ] {
            assert_eq!(describe(status, &[], "<html>a_b_response</html>").failure, expected, "{status}");
        }
    }

    #[test]
    fn the_description_names_status_type_size_and_kind() {
        let table = [
            (
                describe(404, &[LENGTH, (CONTENT_TYPE, "text/html; charset=gbk")], vec![b' '; 1234]),
                "HTTP 404, text/html, 1,234 bytes: not TOP's envelope",
            ),
            (
                describe(200, &[(CONTENT_TYPE, "Application/JSON"), (CONTENT_ENCODING, "gzip")], b"\x1f\x8b"),
                "HTTP 200, application/json in gzip, 2 bytes of non-UTF-8 data: not TOP's envelope",
            ),
            (describe(403, &[], "<html>"), "HTTP 403, no media type, 6 bytes of HTML: not TOP's envelope"),
            (describe(200, &[], "<x/>"), "HTTP 200, no media type, 4 bytes of XML: not TOP's envelope"),
            (describe(200, &[], "{}"), "HTTP 200, no media type, 2 bytes of JSON: not TOP's envelope"),
            (describe(200, &[], "{"), "HTTP 200, no media type, 1 byte of invalid JSON: not TOP's envelope"),
            (describe(200, &[], "ok"), "HTTP 200, no media type, 2 bytes of text: not TOP's envelope"),
        ];
        for (answer, expected) in table {
            assert_eq!(answer.to_string(), expected);
        }
        assert_eq!([0, 999, 1_000, 1_048_576].map(grouped), ["0", "999", "1,000", "1,048,576"]);
    }

    #[test]
    fn a_wait_is_passed_on_within_bounds() {
        let wait = |status, value: &str| {
            describe(status, &[(RETRY_AFTER, value)], "").retry_after.map(|wait| wait.as_secs())
        };
        let in_two_minutes = httpdate::fmt_http_date(SystemTime::now() + Duration::from_mins(2));
        assert!(matches!(wait(503, &in_two_minutes), Some(118..=120)));
        let in_two_hours = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(2));
        assert_eq!(wait(503, &in_two_hours), Some(3600));
        for (status, value, expected) in [
            (429, "120", Some(120)),
            (503, " 7 ", Some(7)),
            (429, "0", Some(1)),
            (429, "86400", Some(3600)),
            (429, "99999999999999999999999", Some(3600)),
            (429, "+5", None),
            (429, "", None),
            (503, "Sun, 06 Nov 1994 08:49:37 GMT", Some(1)),
            (503, "soon", None),
            (503, "-1", None),
            (502, "120", None),
        ] {
            assert_eq!(wait(status, value), expected, "{status} {value}");
        }
    }
}
