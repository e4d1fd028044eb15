//! The head of a request, in the form `PATH` and header fields, and the same fields in an answer of TOP: what is accepted
//! follows the pattern that is documented for it.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mediation_bridge::api::auth::Authenticator;
use mediation_bridge::api::problem::explanation::Language;
use mediation_bridge::fuzzing::{Head, read_answer, read_head};
use mediation_bridge::settings::{Caller, Callers};
use mediation_bridge::top::CallError;
use mediation_bridge::top::scrub::Secrets;
use mediation_bridge_fuzz::Message;
use regex::bytes::Regex;

const TOKEN: &str = "alice-token-0123456789";

macro_rules! pattern {
    ($name:ident, $pattern:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("a pattern"));
    };
}

pattern!(REQUEST_ID, r"^[A-Za-z0-9._-]{1,128}$");
pattern!(TRACE, r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?-u:-.*)?$");
pattern!(KEY, r#"^(?:[!#-~][!-~]{0,254}|"(?:[!#-\[\]-~]|\\["\\]){1,255}")$"#);
pattern!(MEDIA_TYPE, r"(?i-u)^[ \t]*application/json[ \t]*(?:;.*)?$");
pattern!(OTHER_CHARSET, r#"(?i-u)^[^"]*;[ \t]*charset[ \t]*=[ \t]*(?:gbk|utf8|iso-8859-1)[ \t]*(?:;|$)"#);
pattern!(
    LOOPBACK,
    r"(?i-u)^(?:.*@)?\[*(?:localhost|127\.[0-9.]+|[0:]*:0*1|[0:]*:ffff:(?:127\.[0-9.]+|7f[0-9a-f]{2}:[0-9a-f]{1,4}))[\].]*(?::[0-9]*)?$"
);
pattern!(CASE, r"^[A-Za-z0-9_-]{1,64}$");

static CALLERS: LazyLock<Authenticator> = LazyLock::new(|| {
    let caller = Caller { name: "alice".to_owned(), token: TOKEN.into() };
    Authenticator::new(Some(&Callers(vec![caller])))
});

fuzz_target!(|data: &[u8]| {
    let Some(message) = Message::parse(data) else { return };
    check_head(&message, &read_head(message.start, &message.fields, &CALLERS));
    check_answer(&message);
});

/// The one valid value of a field.
fn single<'a>(message: &Message<'a>, name: &str) -> Option<&'a [u8]> {
    let values = message.values(name);
    if let [value] = values[..] { Some(value) } else { None }
}

fn check_head(message: &Message, head: &Head) {
    let id = head.request_id.as_str();
    assert!(REQUEST_ID.is_match(id.as_bytes()), "{id}");
    match single(message, "X-Request-Id") {
        Some(sent) if REQUEST_ID.is_match(sent) => assert_eq!(id.as_bytes(), sent),
        _ => assert_eq!(id.len(), 32, "a new identifier"),
    }
    if let Some(trace) = &head.trace_id {
        let sent = single(message, "traceparent").expect("one traceparent");
        assert!(TRACE.is_match(sent) && sent[3..35] == *trace.as_str().as_bytes());
        assert!(!sent.starts_with(b"ff") && trace.as_str() != "0".repeat(32));
    }
    let keys = message.values("Idempotency-Key");
    match (&head.key, &keys[..]) {
        (Ok(None), []) | (Err(_), [_, _, ..]) => {}
        (Ok(Some(key)), [sent]) => {
            assert!(KEY.is_match(sent), "{sent:?}");
            assert!((1..=255).contains(&key.as_str().len()));
            assert!(key.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        }
        (Err(violation), [sent]) => assert!(!KEY.is_match(sent), "{violation:?} {sent:?}"),
        (key, sent) => panic!("{key:?} {sent:?}"),
    }
    if head.media_type.is_ok() {
        let sent = single(message, "Content-Type").expect("one Content-Type");
        assert!(MEDIA_TYPE.is_match(sent) && !OTHER_CHARSET.is_match(sent), "{sent:?}");
        assert!(message.values("Content-Encoding").is_empty());
    }
    if head.caller.is_ok() {
        let sent = single(message, "Authorization").expect("one Authorization");
        assert!(sent[..7].eq_ignore_ascii_case(b"Bearer ") && sent.ends_with(TOKEN.as_bytes()));
    }
    if head.language == Language::Chinese {
        let sent = message.values("Accept-Language")[0].to_ascii_lowercase();
        assert!(sent.windows(2).any(|tag| tag == b"zh") || sent.contains(&b'*'));
    }
    if head.is_loopback {
        assert!(message.values("Host").iter().all(|host| LOOPBACK.is_match(host)), "{message:?}");
    }
    if let Ok(case_id) = &head.case_id {
        assert!(CASE.is_match(case_id.as_str().as_bytes()), "{case_id}");
    }
}

/// The fields of an answer that is not TOP's, and `Date` of a refusal.
fn check_answer(message: &Message) {
    for status in [200, 429, 502, 503] {
        let attempt = read_answer(status, &message.fields, b"slow down".to_vec(), &Secrets::default());
        let error = attempt.and_then(|attempt| attempt.error).expect("an error");
        let CallError::Foreign(answer) = &error else { panic!("{error:?}") };
        let wait = answer.retry_after.map(|wait| wait.as_secs());
        assert!(wait.is_none_or(|wait| matches!(status, 429 | 503) && (1..=3600).contains(&wait)));
        let described = answer.to_string();
        assert!(described.len() < 300 && described.is_ascii() && !described.contains('\n'), "{described}");
    }
    let refusal = br#"{"error_response":{"code":31}}"#.to_vec();
    let attempt = read_answer(200, &message.fields, refusal, &Secrets::default()).expect("an answer");
    let date = message.values("Date").first().is_some_and(|date| !date.is_empty());
    assert!(attempt.date.is_none() || date);
}
