//! Reads what TOP answers. Total on any bytes: whatever comes, there is a class for it, and `Accepted` only
//! for a well-formed success.
//!
//! The Content-Type says nothing reliable, numbers come as strings and booleans too, members that nobody
//! documented turn up, and so do a byte order mark, raw control characters and half surrogate pairs inside
//! strings. All of that is read; XML, HTML and invalid UTF-8 are not an envelope.

mod mended;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::class::Class;
use super::{ERROR_ROOT, SUCCESS_ROOT};
use mended::mended;

/// An answer that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it means for the push.
    pub class: Class,
    /// What TOP said beside it, as it came: not yet fit to be shown.
    pub said: Said,
    /// Whether it came in one of TOP's envelopes, and not from something on the way.
    pub enveloped: bool,
}

/// TOP's own words, each where it gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The numeric `code` of an `error_response`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The textual `sub_code` of an `error_response`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_code: Option<String>,
    /// `sub_msg` of an `error_response`, `extra_err_msg` of a success root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_msg: Option<String>,
    /// `state_code` of a success root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_code: Option<String>,
    /// TOP's identifier of the call, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Reads an answer that is no redirect and within the size limit. `delimited` is whether its end was told, by a
/// length or by chunks: a body that ends with the connection may have been cut short.
#[must_use]
pub fn read(status: u16, body: &[u8], delimited: bool) -> Answer {
    let envelope = envelope(body).unwrap_or_default();
    if let Some(error) = envelope.get(ERROR_ROOT).filter(|error| !error.is_null()) {
        read_error(error)
    } else if let Some(success) = envelope.get(SUCCESS_ROOT) {
        read_success(success)
    } else {
        let class = Class::of_status(status);
        // What may be the remains of TOP's own answer proves nothing about the push.
        let unproven = matches!(class, Class::RateLimited { .. }) && may_be_remains(body, delimited);
        let class = if unproven { Class::BadResponse } else { class };
        Answer { class, said: Said::default(), enveloped: false }
    }
}

/// Whether a body that is no envelope may be what is left of one: it names the success root, or it may have been
/// cut short and begins as TOP's answers do.
fn may_be_remains(body: &[u8], delimited: bool) -> bool {
    let names_root = body.windows(SUCCESS_ROOT.len()).any(|window| window == SUCCESS_ROOT.as_bytes());
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii_start();
    let begins_like_one = [b"{".as_slice(), b"<?xml"].iter().any(|start| {
        let length = start.len().min(text.len());
        text.get(..length) == start.get(..length)
    });
    names_root || (!delimited && begins_like_one)
}

fn read_error(error: &Value) -> Answer {
    let said = Said {
        code: error.get("code").and_then(integer),
        sub_code: error.get("sub_code").and_then(text),
        sub_msg: error.get("sub_msg").and_then(text),
        state_code: None,
        request_id: error.get("request_id").and_then(text),
    };
    let ban = ["sub_msg", "msg"].iter().find_map(|name| error.get(name)?.as_str().and_then(ban));
    Answer { class: Class::of_error(said.code, said.sub_code.as_deref(), ban), said, enveloped: true }
}

fn read_success(success: &Value) -> Answer {
    let said = Said {
        code: None,
        sub_code: None,
        sub_msg: success.get("extra_err_msg").and_then(text),
        state_code: success.get("state_code").and_then(text),
        request_id: success.get("request_id").and_then(text),
    };
    let class = match (success.get("is_success").and_then(boolean), success.get("result").and_then(boolean)) {
        (Some(is_success), Some(result)) => {
            Class::of_success(is_success, result, said.state_code.as_deref().map(str::trim))
        }
        _ => Class::BadResponse,
    };
    Answer { class, said, enveloped: true }
}

/// The JSON object that the body is, if it is one.
fn envelope(body: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_json::from_str(text).or_else(|_| serde_json::from_str(&mended(text))) {
        Ok(Value::Object(envelope)) => Some(envelope),
        Ok(_) | Err(_) => None,
    }
}

fn integer(value: &Value) -> Option<i32> {
    value
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .or_else(|| value.as_str()?.trim().parse().ok())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `true`, `"True"`, but no number: what a number means here is nobody's guess.
fn boolean(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.trim().to_ascii_lowercase().parse().ok())
}

/// The seconds of "This ban will last for N more seconds".
fn ban(text: &str) -> Option<Duration> {
    /// Longer ones are taken for this; seen in the wild: up to nine hours.
    const LONGEST: u64 = 31 * 24 * 3600;
    let (_, behind) = text.split_once("This ban will last for ")?;
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    let counted = behind.strip_prefix(&digits)?.trim_start().starts_with("more second") && !digits.is_empty();
    counted.then(|| Duration::from_secs(digits.parse().unwrap_or(LONGEST).min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn success(members: &str) -> Class {
        read(200, format!(r#"{{"{SUCCESS_ROOT}":{{{members}}}}}"#).as_bytes(), true).class
    }

    fn error(members: &str) -> Class {
        read(200, format!(r#"{{"{ERROR_ROOT}":{{{members}}}}}"#).as_bytes(), true).class
    }

    #[test]
    fn what_may_be_the_remains_of_an_answer_is_no_proof() {
        let whole = format!(r#"{{"{SUCCESS_ROOT}":{{"is_success":true,"result":true}}}}"#);
        let xml = format!(r#"<?xml version="1.0"?><{SUCCESS_ROOT}><result>true</result></{SUCCESS_ROOT}>"#);
        let limited = Class::RateLimited { ban: None };
        for (body, delimited, expected) in [
            ("<html>Too Many Requests</html>".to_owned(), true, limited),
            ("<html>Too Many".to_owned(), false, limited),
            ("slow down".to_owned(), false, limited),
            (r#"{"message":"slow down"}"#.to_owned(), true, limited),
            (String::new(), true, limited),
            (String::new(), false, Class::BadResponse),
            ("<?x".to_owned(), false, Class::BadResponse),
            (r#"{"message":"slow down"}"#.to_owned(), false, Class::BadResponse),
            (whole[..60].to_owned(), false, Class::BadResponse),
            (whole[..20].to_owned(), false, Class::BadResponse),
            (format!("{whole}<!--host-->"), true, Class::BadResponse),
            (xml, true, Class::BadResponse),
        ] {
            assert_eq!(read(429, body.as_bytes(), delimited).class, expected, "{delimited} {body}");
        }
        assert_eq!(read(429, &[b"\xff", whole.as_bytes()].concat(), true).class, Class::BadResponse);
    }

    #[test]
    fn the_two_booleans_decide_a_success_root() {
        let table = [
            (r#""is_success":true,"result":true"#, Class::Accepted),
            (r#""is_success":"True","result":"true","state_code":"500000""#, Class::Accepted),
            (r#""is_success":true,"result":false"#, Class::Rejected),
            (r#""is_success":true,"result":false,"state_code":"500000""#, Class::Rejected),
            (r#""is_success":false,"result":true"#, Class::Rejected),
            (r#""is_success":false,"result":false,"state_code":"20001""#, Class::Rejected),
            (r#""is_success":false,"result":false,"state_code":"500000""#, Class::SystemError),
            (r#""is_success":false,"result":false,"state_code":500000"#, Class::SystemError),
            (r#""is_success":false,"result":false,"state_code":"5-not-a-number""#, Class::Rejected),
            (
                r#""is_success":"FALSE","result":true,"state_code":"internal_server_error""#,
                Class::SystemError,
            ),
            (r#""is_success":false,"result":true,"state_code":"X_System_Y""#, Class::SystemError),
            (r#""is_success":true"#, Class::BadResponse),
            (r#""result":true"#, Class::BadResponse),
            (r#""is_success":1,"result":1"#, Class::BadResponse),
            (r#""is_success":"yes","result":true"#, Class::BadResponse),
            (r#""is_success":null,"result":true"#, Class::BadResponse),
        ];
        for (members, class) in table {
            assert_eq!(success(members), class, "{members}");
        }
    }

    #[test]
    fn both_generations_of_codes_decide_an_error_and_the_first_row_wins() {
        let limited = Class::RateLimited { ban: None };
        let banned = |seconds| Class::RateLimited { ban: Some(Duration::from_secs(seconds)) };
        let table = [
            (r#""code":7"#, limited),
            (r#""code":"7","sub_msg":"This ban will last for 71 more seconds""#, banned(71)),
            (r#""code":7,"msg":"This ban will last for 1 more second""#, banned(1)),
            (
                r#""code":7,"sub_msg":"This ban will last for 99999999999999999999 more seconds""#,
                banned(2_678_400),
            ),
            (r#""code":7,"sub_msg":"This ban will last for a few more seconds""#, limited),
            (r#""code":15,"sub_code":"accesscontrol.limited-by-app-access-count""#, limited),
            (r#""code":15,"sub_code":"isp.call-limited""#, limited),
            (r#""code":15,"sub_code":"isv.BUSINESS_LIMIT_CONTROL""#, limited),
            (r#""code":25,"sub_code":"accesscontrol.x""#, limited),
            (r#""code":29"#, Class::AccessDenied),
            (r#""code":15,"sub_code":"isv.permission-ip-whitelist-limit""#, Class::AccessDenied),
            (r#""code":40,"sub_code":"isv.appkey-not-exists:x""#, Class::AccessDenied),
            (r#""sub_code":"isv.invalid-permission""#, Class::AccessDenied),
            (r#""code":31"#, Class::InvalidTimestamp),
            (r#""code":31,"sub_code":"isv.timestamp-limit-error""#, Class::InvalidTimestamp),
            (r#""code":15,"sub_code":"isp.http-connection-refuse""#, Class::Unreachable),
            (r#""code":15,"sub_code":"isp.remote-service-timeout:x""#, Class::Timeout),
            (r#""code":41,"sub_code":"isp.http-closed""#, Class::Timeout),
            (r#""code":50,"sub_code":"isv.invalid-parameter:result""#, Class::Rejected),
            (r#""code":15,"sub_code":"isp.invalid-parameters""#, Class::Rejected),
            (r#""code":15,"sub_code":"isp.top-mapping-parse-error""#, Class::Rejected),
            (r#""code":"41""#, Class::Rejected),
            (r#""code":15,"sub_code":"isp.null-pointer-exception""#, Class::SystemError),
            (r#""code":15,"sub_code":"isp.top-parse-error""#, Class::SystemError),
            (r#""code":15,"sub_code":"isp.system-busy""#, Class::Unavailable),
            (r#""code":50,"sub_code":"12345""#, Class::Unavailable),
            (r#""code":88"#, Class::Unavailable),
            (r#""code":3"#, Class::SystemError),
            (r#""code":null,"sub_code":17"#, Class::SystemError),
            ("", Class::SystemError),
        ];
        for (members, class) in table {
            assert_eq!(error(members), class, "{members}");
        }
        assert_eq!(read(200, br#"{"error_response":"text"}"#, true).class, Class::SystemError);
    }

    #[test]
    fn an_error_is_looked_at_before_a_success() {
        let good = r#"{"is_success":true,"result":true}"#;
        let both = format!(r#"{{"{SUCCESS_ROOT}":{good},"error_response":{{"code":7}}}}"#);
        assert_eq!(read(200, both.as_bytes(), true).class, Class::RateLimited { ban: None });
        let null = format!(r#"{{"error_response":null,"{SUCCESS_ROOT}":{good}}}"#);
        assert_eq!(read(200, null.as_bytes(), true).class, Class::Accepted);
    }

    #[test]
    fn what_top_gets_wrong_in_json_is_still_read() {
        let body = format!(
            "\u{feff} {{\"{SUCCESS_ROOT}\":{{\"is_success\":false,\"result\":true,\"new\":[{{}}],\
             \"extra_err_msg\":\"一\n\u{1}\\\"\\ud83d 二\\ud83d\\ude00\\\\\",\"request_id\":17}}}}"
        );
        let answer = read(500, body.as_bytes(), true);
        assert_eq!(answer.class, Class::Rejected);
        assert_eq!(answer.said.sub_msg.as_deref(), Some("一\n\u{1}\"\u{fffd} 二😀\\"));
        assert_eq!(answer.said.request_id.as_deref(), Some("17"));
    }

    #[test]
    fn without_an_envelope_the_status_decides() {
        let bodies: [&[u8]; 8] =
            [b"", b"<html>", b"[]", b"{}", b"null", b"{\"result\":true}", b"\xff{}", b"<error_response/>"];
        for body in bodies {
            assert_eq!(read(200, body, true).class, Class::BadResponse);
            assert_eq!(read(404, body, true).class, Class::BadResponse);
            assert_eq!(read(500, body, true).class, Class::BadResponse);
            assert_eq!(read(429, body, true).class, Class::RateLimited { ban: None });
            for status in [502, 503, 504] {
                assert_eq!(read(status, body, true).class, Class::Unavailable);
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_none_but_a_success_is_accepted(
            status in 100_u16..=599,
            body in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            prop_assert_ne!(read(status, &body, true).class, Class::Accepted);
        }

        #[test]
        fn no_damage_turns_another_answer_into_an_accepted_one(
            at in 0_usize..100, byte in any::<u8>(), cut in 0_usize..150,
        ) {
            let body = format!(r#"{{"{SUCCESS_ROOT}":{{"is_success":false,"result":false}}}}"#);
            let mut damaged = body.into_bytes();
            damaged.truncate(cut);
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            prop_assert_ne!(read(200, &damaged, true).class, Class::Accepted);
        }

        #[test]
        fn json_soup_never_panics(text in r#"(\{|\}|"|\\|\\u[dD][89abcdef][0-9a-f]{2}|:|,|error_response|code|true|[ -~]|[\x00-\x1f]|张){0,60}"#) {
            prop_assert_ne!(read(200, text.as_bytes(), true).class, Class::Accepted);
        }
    }
}
