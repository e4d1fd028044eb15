//! What is known about a request when it arrives: identifier, trace, arrival time and preferred language.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap, HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use tokio::time::Instant;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schema::string;

/// The header with the identifier of a request, in requests and answers.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that assigns a request to a trace, W3C Trace Context section 3.2.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The identifier of a request: the caller's if it is 1 to 128 of `A-Z a-z 0-9 . _ -`, else a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

/// The trace of a request, from the caller's `traceparent`: 32 hexadecimal digits, not all zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceId(Arc<str>);

/// What is known about a request when it arrives. Clones share their texts.
#[derive(Debug, Clone)]
pub struct Context {
    /// The identifier of the request.
    pub request_id: RequestId,
    /// The trace of the request, if the caller sent a valid `traceparent`.
    pub trace_id: Option<TraceId>,
    /// When the head of the request had arrived. Deadlines count from here.
    pub arrival: Instant,
    /// The header `Accept-Language`.
    pub accept_language: Option<HeaderValue>,
}

impl RequestId {
    /// The maximum number of characters of a caller's identifier.
    pub const MAX: usize = 128;
    /// The allowed characters, as an ECMA-262 pattern.
    const PATTERN: &str = "^[A-Za-z0-9._-]+$";

    /// The caller's identifier, or a new one if it is missing, repeated or invalid.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(&X_REQUEST_ID);
        match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
            (Some(text), None) if Self::is_valid(text) => Self(text.into()),
            _ => Self::new(),
        }
    }

    fn new() -> Self {
        Self(base16ct::lower::encode_string(&fastrand::u128(..).to_be_bytes()).into())
    }

    fn is_valid(text: &str) -> bool {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=Self::MAX).contains(&text.len()) && text.bytes().all(allowed)
    }

    /// The text of the header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialSchema for RequestId {
    fn schema() -> RefOr<Schema> {
        string(1, Self::MAX, Self::PATTERN).into()
    }
}

impl ToSchema for RequestId {}

impl TraceId {
    /// The form that [`Self::from_headers`] accepts, as an ECMA-262 pattern.
    const PATTERN: &str = "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$";

    /// Parses the `traceparent` of a request. An invalid or repeated one is ignored, as the specification requires.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(&TRACEPARENT);
        let (text, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
        let mut parts = text.split('-');
        let mut part = |length| parts.next().filter(|part| part.len() == length && is_hex(part));
        let (version, trace, parent, _flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        // Later versions may add fields.
        let known = version != "ff" && (version != "00" || parts.next().is_none());
        let zero = |digits: &str| digits.bytes().all(|digit| digit == b'0');
        (known && !zero(trace) && !zero(parent)).then(|| Self(trace.into()))
    }

    /// The 32 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The schema of the header `traceparent`.
impl PartialSchema for TraceId {
    fn schema() -> RefOr<Schema> {
        string(55, 512, Self::PATTERN).into()
    }
}

impl ToSchema for TraceId {}

/// True if `text` consists of lower-case hexadecimal digits.
fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Context {
    /// The context of a request that arrives now.
    #[must_use]
    pub fn on_arrival(headers: &HeaderMap) -> Self {
        Self {
            request_id: RequestId::from_headers(headers),
            trace_id: TraceId::from_headers(headers),
            arrival: Instant::now(),
            accept_language: headers.get(ACCEPT_LANGUAGE).cloned(),
        }
    }

    /// The context that the middleware stored in a request.
    #[must_use]
    pub fn stored_in(request: &HttpRequest) -> Self {
        let made = request.extensions().get::<Self>().cloned();
        made.unwrap_or_else(|| Self::on_arrival(request.headers()))
    }
}

impl FromRequest for Context {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::stored_in(request)))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn trace(values: &[&str]) -> Option<String> {
        let request = values
            .iter()
            .fold(TestRequest::default(), |request, value| request.append_header((TRACEPARENT, *value)));
        TraceId::from_headers(request.to_http_request().headers()).map(|trace| trace.as_str().to_owned())
    }

    #[test]
    fn only_a_valid_traceparent_is_read() {
        const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        let good = format!("00-{ID}-00f067aa0ba902b7-01");
        assert_eq!(trace(&[&good]).as_deref(), Some(ID));
        assert_eq!(trace(&[&good.replace("00-4", "cc-4")]).as_deref(), Some(ID));
        assert_eq!(trace(&[&format!("{}-what-comes", good.replace("00-4", "01-4"))]).as_deref(), Some(ID));
        for bad in [
            "",
            "00",
            &good.replace("00-4", "ff-4"),
            &good.to_uppercase(),
            &good.replace(ID, &"0".repeat(32)),
            &good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &good.replace(ID, &ID[1..]),
            &good.replace("4bf9", "4bg9"),
            &format!("{good}-more"),
            &format!("{good}1"),
            &good[..good.len() - 3],
        ] {
            assert_eq!(trace(&[bad]), None, "{bad}");
        }
        assert_eq!(trace(&[&good, &good]), None);
        assert_eq!(trace(&[]), None);
    }
}
