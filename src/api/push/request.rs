//! Parses a request into a push: caller, media type, body, case and key. `members` parses the body.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::web::{BytesMut, Payload};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::members::{mediation_result, members};
use super::record::PushRecord;
use crate::api::mediation_path;
use crate::api::problem::{Code, FieldError, IDEMPOTENCY_KEY, Problem};
use crate::api::state::State;
use crate::delivery::Push;
use crate::delivery::idempotency::IdempotencyKey;
use crate::delivery::lifecycle::Phase;
use crate::mediation::{Rule, Violation};

/// The one media type that is accepted.
const MEDIA_TYPE: &str = "application/json";
/// The time for a body to arrive while the process is stopping.
const LAST_BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads and checks the whole request.
pub(super) async fn parse_request(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
    record: &mut PushRecord,
) -> Result<Push, Problem> {
    let case_id = mediation_path::case_id(request.uri().path());
    record.case_id = case_id.as_ref().ok().cloned();
    record.caller = state.callers.authenticate(request.headers())?;
    check_media_type(request.headers())?;
    let bytes = body(request.headers(), payload, state, record.context.arrival).await?;
    let members = members(&bytes)?;

    let mut errors = Vec::new();
    let case_id = case_id.map_err(|violations| errors.extend(violations));
    let key = idempotency_key(request.headers(), state.delivery.has_keys())
        .map_err(|violation| errors.push(FieldError::in_parameter(IDEMPOTENCY_KEY, &violation)));
    let result = members.and_then(mediation_result).map_err(|violations| errors.extend(violations));
    match (case_id, key, result) {
        (Ok(case_id), Ok(key), Ok(result)) => {
            let (caller, arrival) = (record.caller.clone(), record.context.arrival);
            Ok(Push { case_id, result, caller, key, arrival })
        }
        _ => Err(Problem::validation(errors)),
    }
}

/// Checks how the body is declared: `application/json`, alone or with `charset=utf-8`.
pub(crate) fn check_media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail: &'static str| Err(Problem::new(Code::UnsupportedMediaType, detail));
    if headers.contains_key(CONTENT_ENCODING) {
        return refuse("Content-Encoding is not supported; send the body as it is, without that header.");
    }
    let mut values = headers.get_all(CONTENT_TYPE);
    let declared = match (values.next().map(|value| value.to_str().unwrap_or_default()), values.next()) {
        (None, _) => return refuse("Content-Type is missing; send Content-Type: application/json."),
        (Some(_), Some(_)) => return refuse("Content-Type appears twice; send it once."),
        (Some(declared), None) => declared,
    };
    let mut parts = declared.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(MEDIA_TYPE));
    let mut charsets = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .map(|(_, value)| value.trim().trim_matches('"'));
    if !is_json && declared.contains(',') {
        refuse("Content-Type names several media types; send application/json alone.")
    } else if !is_json {
        refuse("Content-Type must be application/json.")
    } else if charsets.any(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
        refuse(
            "The charset of Content-Type must be utf-8, with the hyphen; JSON needs none, so leave it out.",
        )
    } else {
        Ok(())
    }
}

/// Reads the body within the limits for its size and its time.
async fn body(
    headers: &HeaderMap,
    payload: Payload,
    state: &State,
    arrival: Instant,
) -> Result<BytesMut, Problem> {
    let shared = state.delivery.shared();
    let closing = shared.lifecycle().phase() == Phase::Closing;
    let patience = if closing { shared.deadline().min(LAST_BODY_TIMEOUT) } else { shared.deadline() };
    let read = timeout_at(arrival + patience, read(headers, payload, state.max_body)).await;
    read.unwrap_or_else(|_| {
        if closing {
            return Err(Problem::shutting_down());
        }
        let detail = "The body had not arrived when this bridge's deadline passed.";
        Err(Problem::new(Code::RequestTimeout, detail))
    })
}

async fn read(headers: &HeaderMap, mut payload: Payload, max: usize) -> Result<BytesMut, Problem> {
    let too_large = || {
        let detail = format!("The body has more than {max} bytes, the most that this bridge accepts.");
        Problem::new(Code::PayloadTooLarge, detail)
    };
    let declared: Option<u64> =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > max)) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    // Stop at the declared length: with an offer of another protocol the body would have no end.
    while declared.is_none_or(|length| (body.len() as u64) < length) {
        let Some(chunk) = payload.next().await else { break };
        let chunk = chunk.map_err(|_| Problem::incomplete_body())?;
        if body.len() + chunk.len() > max {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Parses the key of the request. `available` is false if this bridge stores no keys.
pub(crate) fn idempotency_key(
    headers: &HeaderMap,
    available: bool,
) -> Result<Option<IdempotencyKey>, Violation> {
    const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
    let mut values = headers.get_all(HEADER);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), _) if !available => {
            Err(Violation::new(Rule::NotAvailable, "is not available at this bridge; leave the header out"))
        }
        (Some(_), Some(_)) => Err(Violation::new(Rule::Repeated, "must appear once")),
        // A header that is not UTF-8 is not visible ASCII either.
        (Some(key), None) => IdempotencyKey::parse(&String::from_utf8_lossy(key.as_bytes())).map(Some),
    }
}

/// An example of each problem that parsing can report, for the document.
pub(super) fn example_problems() -> Vec<Problem> {
    let violations = serde_json::from_str(
        r#"{"resault":"success","completed_time":"2025-02-30 00:00:00","mediator_name":" "}"#,
    );
    let errors = mediation_result(violations.unwrap_or_default()).err().unwrap_or_default();
    let in_general = [Code::Unauthenticated, Code::RequestTimeout, Code::PayloadTooLarge]
        .map(|code| Problem::new(code, format!("{}.", code.entry().en.meaning)));
    let malformed = members(br#"{"result":"success","#).err();
    let media_type = check_media_type(&HeaderMap::new()).err();
    let of_this_request = [malformed, media_type, Some(Problem::validation(errors))];
    of_this_request.into_iter().flatten().chain(in_general).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn plain_json_in_utf8_is_accepted() {
        let check = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            }
            check_media_type(&headers).map_err(|problem| problem.detail.into_owned())
        };
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=UTF-8;v=1",
            "application/json;charset=\"utf-8\"",
            "application/json;",
        ] {
            assert_eq!(check(&[good]), Ok(()), "{good}");
        }
        for (values, hint) in [
            (&[][..], "is missing"),
            (&[""], "must be application/json"),
            (&["text/json"], "must be application/json"),
            (&["application/problem+json"], "must be application/json"),
            (&["application/jsonp"], "must be application/json"),
            (&["application/json; charset=gbk"], "must be utf-8"),
            (&["application/json; charset=utf8"], "with the hyphen"),
            (&["application/json, application/json"], "several media types"),
            (&["application/json", "application/json"], "appears twice"),
        ] {
            let refused = check(values).unwrap_err();
            assert!(refused.contains(hint), "{values:?}: {refused}");
        }
    }
}
