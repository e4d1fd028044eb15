//! Parses the answers of TOP. Any bytes lead to an [`Envelope`] or an error.
//!
//! The Content-Type is not reliable. Numbers and booleans may be strings, there are undocumented members, and strings
//! may contain raw control characters and lone surrogates, after a byte order mark. All of this is accepted. XML, HTML
//! and invalid UTF-8 are not an envelope, and an answer that contradicts itself is refused.

mod envelope;
mod repair;

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap};
use serde_json::value::RawValue;

use super::details::UpstreamDetails;
use super::error::{CallError, Refusal};
use super::failure::Failure;
use super::foreign::ForeignAnswer;
use super::method::{ERROR_ROOT, Method};
use super::scrub::Secrets;
use crate::json::Members;
pub use envelope::{Envelope, Scalar};
use repair::repair;

/// An HTTP answer that is complete and not a redirect.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Parses the answer to a call of `method`.
pub(crate) fn read(method: Method, answer: &HttpAnswer, secrets: &Secrets) -> Result<Envelope, CallError> {
    let Some(roots) = object(&answer.body) else {
        return Err(foreign(method, answer));
    };
    let root = |name| roots.get(name).filter(|root| root.get() != "null");
    let (refusal, success) = (root(ERROR_ROOT), root(method.success_root));
    if roots.has_repeated_names() || (refusal.is_some() && success.is_some()) {
        return Err(CallError::Contradictory);
    }
    match (refusal, success) {
        (Some(root), _) => {
            let envelope = envelope(root, secrets)?;
            Err(CallError::Refused(Box::new(refused(&envelope, date(&answer.headers)))))
        }
        (None, Some(root)) => envelope(root, secrets),
        (None, None) => Err(foreign(method, answer)),
    }
}

/// The members of a body that is a JSON object.
fn object(body: &[u8]) -> Option<Members<Box<RawValue>>> {
    let text = std::str::from_utf8(body).ok()?;
    members(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn members(text: &str) -> Option<Members<Box<RawValue>>> {
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&repair(text))).ok()
}

/// The members of a root. A root that is not an object has none.
fn envelope(root: &RawValue, secrets: &Secrets) -> Result<Envelope, CallError> {
    let members = members(root.get()).unwrap_or_default();
    if members.has_repeated_names() {
        return Err(CallError::Contradictory);
    }
    let scalars = members.0.into_iter().map(|(name, value)| (name, Scalar::read(&value, secrets)));
    Ok(Envelope::new(scalars.collect()))
}

fn refused(envelope: &Envelope, date: Option<SystemTime>) -> Refusal {
    let code = envelope.integer("code");
    let word = || envelope.identifier("code").filter(|_| code.is_none());
    let sub_code = envelope.identifier("sub_code").filter(|sub_code| !sub_code.trim().is_empty());
    let details = UpstreamDetails {
        code,
        sub_code: sub_code.or_else(word),
        sub_msg: envelope.text("sub_msg").map(str::to_owned),
        request_id: envelope.identifier("request_id"),
        ..UpstreamDetails::default()
    };
    let ban = ["sub_msg", "msg"].iter().find_map(|name| ban(envelope.text(name)?));
    Refusal { failure: Failure::from_codes(code, details.sub_code.as_deref(), ban), details, date }
}

fn foreign(method: Method, answer: &HttpAnswer) -> CallError {
    CallError::Foreign(ForeignAnswer::describe(method, answer.status, &answer.headers, &answer.body))
}

/// The gateway's `Date` header.
fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// The seconds in "This ban will last for N more seconds".
fn ban(text: &str) -> Option<Duration> {
    /// The maximum that is applied. The longest ban observed was nine hours.
    const MAX_BAN: u64 = 31 * 24 * 3600;
    let (_, rest) = text.split_once("This ban will last for ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let counted = rest.strip_prefix(&digits)?.trim_start().starts_with("more second") && !digits.is_empty();
    counted.then(|| Duration::from_secs(digits.parse().unwrap_or(MAX_BAN).min(MAX_BAN)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const METHOD: Method = Method { name: "a.b", success_root: "a_b_response" };

    fn read_body(status: u16, body: impl Into<Vec<u8>>) -> Result<Envelope, CallError> {
        let answer = HttpAnswer { status, headers: HeaderMap::new(), body: body.into() };
        read(METHOD, &answer, &Secrets::default())
    }

    fn success(members: &str) -> Envelope {
        read_body(200, format!(r#"{{"a_b_response":{{{members}}}}}"#)).unwrap()
    }

    fn refusal(members: &str) -> Refusal {
        match read_body(200, format!(r#"{{"error_response":{{{members}}}}}"#)) {
            Err(CallError::Refused(refusal)) => *refusal,
            other => panic!("{members}: {other:?}"),
        }
    }

    #[test]
    fn a_sub_code_that_only_begins_like_a_code_is_another_one() {
        for length in [128, 500, 5_000] {
            let long = format!("isp.http-connection-refuse{}x", " ".repeat(length));
            let refusal = refusal(&format!(r#""code":15,"sub_code":"{long}""#));
            assert_eq!(refusal.failure, Failure::Unavailable, "{length}");
        }
    }

    #[test]
    fn codes_and_sub_codes_decide_in_the_order_of_the_table() {
        let limited = Failure::RateLimited { ban: None };
        let banned = |seconds| Failure::RateLimited { ban: Some(Duration::from_secs(seconds)) };
        let table = [
            (r#""code":7"#, limited),
            (r#""code":"7","sub_msg":"This ban will last for 71 more seconds""#, banned(71)),
            (r#""code":7.0,"msg":"This ban will last for 1 more second""#, banned(1)),
            (
                r#""code":7,"sub_msg":"This ban will last for 99999999999999999999 more seconds""#,
                banned(2_678_400),
            ),
            (r#""code":7,"sub_msg":"This ban will last for a few more seconds""#, limited),
            (r#""code":7,"sub_msg":"This ban will last for more seconds""#, limited),
            (r#""code":7,"sub_msg":"This ban will last for 5 hours""#, limited),
            (r#""code":15,"sub_code":"accesscontrol.limited-by-app-access-count""#, limited),
            (r#""code":15,"sub_code":"isp.call-limited""#, limited),
            (r#""code":15,"sub_code":"isv.BUSINESS_LIMIT_CONTROL""#, limited),
            (r#""code":25,"sub_code":"accesscontrol.x""#, limited),
            (r#""code":29"#, Failure::AccessDenied),
            (r#""code":"2.9e1""#, Failure::AccessDenied),
            (r#""code":15,"sub_code":"isv.permission-ip-whitelist-limit""#, Failure::AccessDenied),
            (r#""code":40,"sub_code":"isv.appkey-not-exists:x""#, Failure::AccessDenied),
            (r#""sub_code":"isv.invalid-permission""#, Failure::AccessDenied),
            (r#""code":31"#, Failure::InvalidTimestamp),
            (r#""code":31,"sub_code":"isv.timestamp-limit-error""#, Failure::InvalidTimestamp),
            (r#""code":15,"sub_code":"isp.http-connection-refuse""#, Failure::Unreachable),
            (r#""code":15,"sub_code":" isp.http-connection-refuse :x""#, Failure::Unreachable),
            (r#""code":15,"sub_code":"isp.top-remote-connection-error""#, Failure::Unreachable),
            (r#""code":15,"sub_code":"isp.http-connection-timeout""#, Failure::Timeout),
            (r#""code":15,"sub_code":"isp.remote-service-timeout:x""#, Failure::Timeout),
            (r#""code":41,"sub_code":"isp.http-closed""#, Failure::Timeout),
            (r#""code":15,"sub_code":"isv.system-error:256""#, Failure::SystemError),
            (r#""code":50,"sub_code":"isv.SYSTEM_ERROR""#, Failure::SystemError),
            (r#""code":50,"sub_code":"isv.INTERNAL_ERROR""#, Failure::SystemError),
            (r#""code":50,"sub_code":"isv.trade-internal-server-error""#, Failure::SystemError),
            (r#""code":50,"sub_code":"isv.systemError""#, Failure::SystemError),
            (r#""code":50,"sub_code":"isv.InternalException""#, Failure::SystemError),
            (r#""code":50,"sub_code":"isv.system-code-invalid""#, Failure::Rejected),
            (r#""code":50,"sub_code":"isv.item-service-error:x""#, Failure::Rejected),
            (r#""code":50,"sub_code":"isv.invalid-parameter:result""#, Failure::Rejected),
            (r#""code":15,"sub_code":"isp.invalid-parameters""#, Failure::Rejected),
            (r#""code":15,"sub_code":"isp.top-mapping-parse-error""#, Failure::Rejected),
            (r#""code":"41""#, Failure::Rejected),
            (r#""code":15,"sub_code":"isp.null-pointer-exception""#, Failure::SystemError),
            (r#""code":15,"sub_code":"isp.top-parse-error""#, Failure::SystemError),
            (r#""code":15,"sub_code":"isp.system-busy""#, Failure::Unavailable),
            (r#""code":15"#, Failure::Unavailable),
            (r#""code":50,"sub_code":"""#, Failure::Unavailable),
            (r#""code":50,"sub_code":"12345""#, Failure::SystemError),
            (r#""code":15,"sub_code":2401"#, Failure::SystemError),
            (r#""code":15,"sub_code":"atr_refund_segment_refund""#, Failure::SystemError),
            (r#""code":88"#, Failure::Unavailable),
            (r#""code":3"#, Failure::SystemError),
            (r#""code":7.5"#, Failure::SystemError),
            (r#""code":"ApiCallLimit""#, Failure::SystemError),
            (r#""code":"isp.remote-service-timeout""#, Failure::Timeout),
            (r#""code":"IncompleteSignature","sub_code":"isv.x""#, Failure::Rejected),
            (r#""code":null,"sub_code":17"#, Failure::SystemError),
            ("", Failure::SystemError),
        ];
        for (members, failure) in table {
            assert_eq!(refusal(members).failure, failure, "{members}");
        }
        let Err(error) = read_body(200, r#"{"error_response":"text"}"#) else { panic!("a success") };
        assert_eq!(error.failure(), Failure::SystemError);
    }

    #[test]
    fn a_word_as_code_becomes_the_sub_code() {
        let details = refusal(r#""code":"IncompleteSignature","sub_msg":"why""#).details;
        assert_eq!((details.code, details.sub_code.as_deref()), (None, Some("IncompleteSignature")));
        let details = refusal(r#""code":"IncompleteSignature","sub_code":"isv.x""#).details;
        assert_eq!(details.sub_code.as_deref(), Some("isv.x"));
        let details = refusal(r#""code":"ApiCallLimit","sub_code":" ""#).details;
        assert_eq!(details.sub_code.as_deref(), Some("ApiCallLimit"));
    }

    #[test]
    fn a_contradictory_answer_is_refused() {
        let good = r#"{"is_success":true,"result":true}"#;
        for body in [
            format!(r#"{{"a_b_response":{good},"error_response":{{"code":7}}}}"#),
            r#"{"error_response":{"code":7},"a_b_response":{}}"#.to_owned(),
            format!(r#"{{"a_b_response":{good},"a_b_response":{good}}}"#),
            format!(r#"{{"x":1,"a_b_response":{good},"x":1}}"#),
            r#"{"a_b_response":{"is_success":false,"result":true,"is_success":true}}"#.to_owned(),
            r#"{"a_b_response":{"is_success":true,"result":true,"is\u005fsuccess":true}}"#.to_owned(),
            r#"{"error_response":{"sub_code":"isp.remote-service-timeout","sub_code":"isp.http-connection-refuse"}}"#
                .to_owned(),
        ] {
            assert!(matches!(read_body(200, &*body), Err(CallError::Contradictory)), "{body}");
        }
        for body in [
            format!(r#"{{"error_response":null,"a_b_response":{good}}}"#),
            format!(r#"{{"a_b_response":{good}, "error_response" : null }}"#),
            r#"{"a_b_response":{"is_success":true,"result":true,"list":[{"x":1,"x":2}]}}"#.to_owned(),
        ] {
            assert!(read_body(200, &*body).is_ok(), "{body}");
        }
    }

    #[test]
    fn known_json_errors_of_top_are_accepted() {
        let body = "\u{feff} {\"a_b_response\":{\"is_success\":\"False\",\"result\":true,\"new\":[{}],\
                    \"extra_err_msg\":\"一\n\u{1}\\\"\\ud83d 二\\ud83d\\ude00\\\\\",\"request_id\":17}}";
        let envelope = read_body(500, body).unwrap();
        assert_eq!((envelope.boolean("is_success"), envelope.boolean("result")), (Some(false), Some(true)));
        assert_eq!(envelope.text("extra_err_msg"), Some("一  \"\u{fffd} 二😀\\"));
        assert_eq!(envelope.identifier("request_id").as_deref(), Some("17"));
        assert_eq!((envelope.boolean("request_id"), envelope.text("new")), (None, None));
        let half_a_name = r#""is_success":true,"\ud83d":1"#;
        assert_eq!(success(half_a_name).boolean("is_success"), Some(true));
        // White space between members stays what it is.
        let lines = "\"is_success\":\r\n\tfalse,\n\"extra_err_msg\":\"a\nb\"";
        assert_eq!(success(lines).boolean("is_success"), Some(false));
    }

    #[test]
    fn without_an_envelope_it_is_a_foreign_answer() {
        for body in ["", "null", "[]", "\"text\"", "{}", r#"{"other":{}}"#, "<html>", "{\"a_b_response\":"] {
            assert!(matches!(read_body(200, body), Err(CallError::Foreign(_))), "{body}");
        }
        let both_null = r#"{"error_response":null,"a_b_response":null}"#;
        assert!(matches!(read_body(200, both_null), Err(CallError::Foreign(_))));
        assert_eq!(success("").text("anything"), None);
    }

    proptest! {
        #[test]
        fn random_bytes_cause_no_panic_and_are_no_envelope(
            status in 100_u16..600,
            body in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            prop_assert!(read_body(status, body).is_err());
        }

        #[test]
        fn json_soup_never_panics(text in r#"(\{|\}|"|\\|\\u[dD][89abcdef][0-9a-f]{2}|:|,|error_response|a_b_response|code|true|[ -~]|[\x00-\x1f]|张){0,60}"#) {
            let _ = read_body(200, text);
        }
    }
}
