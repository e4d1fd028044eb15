//! The bytes of a request body: declared as plain JSON, within the size and within the deadline.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{BytesMut, Payload};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::catalogue::Code;
use super::problem::Problem;

/// The one media type that is taken.
pub const MEDIA_TYPE: &str = "application/json";

/// Checks how the body is declared.
///
/// # Errors
/// `unsupported_media_type`.
pub fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let refuse = |detail: &'static str| Err(Problem::new(Code::UnsupportedMediaType, detail));
    if request.headers().contains_key(CONTENT_ENCODING) {
        return refuse("Content-Encoding is not supported; send the body as it is, without that header.");
    }
    let mut types = request.headers().get_all(CONTENT_TYPE);
    match (types.next().map(|value| value.to_str().unwrap_or_default()), types.next()) {
        (None, _) => refuse("Content-Type is missing; send Content-Type: application/json."),
        (Some(one), None) if is_json(one) => Ok(()),
        (Some(_), _) => refuse("Content-Type must be application/json, in UTF-8."),
    }
}

/// `application/json`, alone or with `charset=utf-8`.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(MEDIA_TYPE));
    let utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    });
    json && utf8
}

/// Reads the body to its end, by `deadline`.
///
/// # Errors
/// `payload_too_large` above `max` bytes, declared or sent, `request_timeout` at the deadline, and
/// `malformed_json` where the connection or its framing broke.
pub async fn read(
    request: &HttpRequest,
    mut payload: Payload,
    max: usize,
    deadline: Instant,
) -> Result<BytesMut, Problem> {
    let too_large = || {
        let detail = format!("The body has more than {max} bytes, the most that this bridge takes.");
        Problem::new(Code::PayloadTooLarge, detail)
    };
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| usize::try_from(length).map_or(true, |length| length > max)) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    let reading = async {
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| broken_off())?;
            if body.len() + chunk.len() > max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(())
    };
    timeout_at(deadline, reading).await.map_err(|_| {
        let detail = "The body had not arrived when the deadline of this bridge had passed.";
        Problem::new(Code::RequestTimeout, detail)
    })??;
    Ok(body)
}

/// What is said of a body that did not come whole.
#[must_use]
pub fn broken_off() -> Problem {
    Problem::new(Code::MalformedJson, "The body broke off, or its transfer coding is wrong.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_json_in_utf8_is_taken() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=UTF-8;v=1",
            "application/json;",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/problem+json",
            "application/json; charset=gbk",
            "application/jsonp",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
