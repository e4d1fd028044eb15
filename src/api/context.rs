//! What is known of a request from its first moment: its identifier, and when it arrived.

use std::fmt;

use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpMessage, HttpRequest};
use tokio::time::Instant;

/// The header that carries a request's identifier, both ways.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The most characters of a caller's own identifier.
pub const MAX_REQUEST_ID: usize = 128;

/// A request's identifier: the caller's, if it is 1 to 128 of `A-Z a-z 0-9 . _ -`, else a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

/// What is known of a request from its first moment.
#[derive(Debug, Clone)]
pub struct Context {
    /// Its identifier.
    pub request_id: RequestId,
    /// When its head had arrived; deadlines count from here.
    pub arrival: Instant,
}

impl RequestId {
    /// Takes the caller's identifier, or makes one where that is missing, repeated or not in the allowed form.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(&X_REQUEST_ID);
        match (given.next().and_then(|value| value.to_str().ok()), given.next()) {
            (Some(text), None) if is_good(text) => Self(text.to_owned()),
            _ => Self::new(),
        }
    }

    fn new() -> Self {
        Self(format!("{:032x}", fastrand::u128(..)))
    }

    /// The identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_good(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_REQUEST_ID).contains(&text.len()) && text.bytes().all(allowed)
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Context {
    /// The context of a request that arrives now.
    #[must_use]
    pub fn arriving(headers: &HeaderMap) -> Self {
        Self { request_id: RequestId::of(headers), arrival: Instant::now() }
    }

    /// The context of a request, as it was noted when it arrived.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let noted = request.extensions().get::<Self>().cloned();
        noted.unwrap_or_else(|| Self::arriving(request.headers()))
    }
}
