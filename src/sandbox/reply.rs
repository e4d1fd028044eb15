//! What goes back for a call, and how it becomes an HTTP response.

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, DATE, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use jiff::Timestamp;

use super::envelope::{Envelope, Format};
use super::fault::Fault;

/// What a call gets.
#[derive(Debug)]
pub(super) enum Reply {
    /// TOP took the push, or says that its back end did not.
    Concluded(Envelope),
    /// TOP refuses, with this code.
    Refused(u16, Envelope),
    /// HTTP that is none of TOP's own answers in the format that was asked for.
    Page(Page),
    /// No HTTP answer at all.
    Break(Fault),
}

/// Any HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// The status line.
    pub(super) status: StatusCode,
    /// The `Content-Type`, if there is one.
    pub(super) content_type: Option<&'static str>,
    /// The `Location`, if there is one.
    pub(super) location: Option<&'static str>,
    /// The body.
    pub(super) body: Cow<'static, str>,
}

impl Page {
    /// A page of a web server or proxy.
    pub(super) const fn html(status: StatusCode, body: &'static str) -> Self {
        Self { status, content_type: Some("text/html"), location: None, body: Cow::Borrowed(body) }
    }

    /// A whole answer in a format.
    pub(super) const fn written(format: Format, body: String) -> Self {
        let content_type = Some(format.content_type());
        Self { status: StatusCode::OK, content_type, location: None, body: Cow::Owned(body) }
    }

    /// The HTTP response, with a `Date` header where the server has a clock to show.
    pub(super) fn response(self, date: Option<Timestamp>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body.into_owned()));
        *response.status_mut() = self.status;
        let date = date.and_then(|now| SystemTime::try_from(now).ok()).map(httpdate::fmt_http_date);
        let headers = [
            (CONTENT_TYPE, self.content_type.map(HeaderValue::from_static)),
            (LOCATION, self.location.map(HeaderValue::from_static)),
            (DATE, date.and_then(|date| HeaderValue::try_from(date).ok())),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl Reply {
    /// Writes TOP's own answers as `format` asks.
    pub(super) fn page(self, format: Format, request_id: &str) -> Result<Page, Fault> {
        match self {
            Self::Concluded(envelope) | Self::Refused(_, envelope) => {
                Ok(Page::written(format, envelope.render(format, request_id)))
            }
            Self::Page(page) => Ok(page),
            Self::Break(fault) => Err(fault),
        }
    }
}

/// The outcome as it stands in the log: TOP's code, or what was done instead of answering.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Concluded(_) => f.write_str("answered"),
            Self::Refused(code, _) => write!(f, "{code}"),
            Self::Page(page) => write!(f, "HTTP {}", page.status.as_u16()),
            Self::Break(fault) => write!(f, "{fault:?}"),
        }
    }
}
