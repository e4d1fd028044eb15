//! The reply to a call: an answer of TOP, another page, or a fault below HTTP.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{DATE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::{Answer, Format, Refusal};

/// The time that a connection without an answer stays open, longer than callers wait.
const HANG_TIMEOUT: Duration = Duration::from_mins(1);

/// The reply to a call.
#[derive(Debug)]
pub(super) enum Reply {
    /// TOP's answer, in the requested format.
    Answer(Answer),
    /// Another HTTP response.
    Page(Page),
    /// A fault instead of an HTTP response.
    Fault(Fault),
}

impl Reply {
    /// The HTTP response, with a `Date` header if `date` is given, or the fault.
    pub(super) fn respond(
        self,
        format: Format,
        request_id: &str,
        date: Option<Timestamp>,
    ) -> Result<Response<Full<Bytes>>, Fault> {
        match self {
            Self::Answer(answer) => {
                let body = answer.write(format, request_id);
                Ok(Page::ok(format.content_type(), body).response(date))
            }
            Self::Page(page) => Ok(page.response(date)),
            Self::Fault(fault) => Err(fault),
        }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::Answer(refusal.into())
    }
}

/// The outcome in the log.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => match answer.code() {
                Some(code) => write!(f, "code {code}"),
                None => f.write_str("success root"),
            },
            Self::Page(page) => write!(f, "HTTP {}", page.status.as_u16()),
            Self::Fault(fault) => write!(f, "{fault}"),
        }
    }
}

/// An HTTP response that is not an answer of TOP.
#[derive(Debug, Clone)]
pub(super) struct Page {
    status: StatusCode,
    header: Option<(&'static str, &'static str)>,
    body: Cow<'static, str>,
}

impl Page {
    /// HTTP 200 with an empty body.
    pub(super) const EMPTY: Self = Self { status: StatusCode::OK, header: None, body: Cow::Borrowed("") };

    /// A page of a web server or proxy.
    pub(super) const fn html(status: StatusCode, body: &'static str) -> Self {
        Self { status, header: Some(("content-type", "text/html")), body: Cow::Borrowed(body) }
    }

    /// A redirect.
    pub(super) const fn redirect(location: &'static str) -> Self {
        Self { status: StatusCode::FOUND, header: Some(("location", location)), ..Self::EMPTY }
    }

    /// HTTP 200 with a body.
    pub(super) fn ok(content_type: &'static str, body: String) -> Self {
        Self { header: Some(("content-type", content_type)), body: body.into(), ..Self::EMPTY }
    }

    /// The HTTP response, with a `Date` header if `date` is given.
    pub(super) fn response(self, date: Option<Timestamp>) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body.into_owned()));
        *response.status_mut() = self.status;
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let date = date.and_then(|date| SystemTime::try_from(date).ok()).map(httpdate::fmt_http_date);
        if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
            response.headers_mut().insert(DATE, date);
        }
        response
    }
}

/// A fault that replaces the HTTP response.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{end:?} after {} bytes", sent.len())]
pub(crate) struct Fault {
    /// The bytes that are written first.
    pub(super) sent: &'static [u8],
    /// The end of the connection.
    pub(super) end: End,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// The connection is closed with FIN.
    Close,
    /// The connection is reset with RST.
    Reset,
    /// The connection stays open without further bytes until the caller closes it.
    Hang,
}

impl Fault {
    /// Commits the fault on the socket of the request.
    pub(super) async fn commit(self, mut socket: TcpStream) -> io::Result<()> {
        socket.write_all(self.sent).await?;
        match self.end {
            End::Close => socket.shutdown().await,
            // The socket is dropped next, which resets the connection.
            End::Reset => socket.set_zero_linger(),
            End::Hang => hang(socket).await,
        }
    }
}

/// Waits until the caller hangs up, for at most [`HANG_TIMEOUT`].
async fn hang(mut socket: TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    let hung_up = async {
        while socket.read(&mut ignored).await? > 0 {}
        Ok(())
    };
    timeout(HANG_TIMEOUT, hung_up).await.unwrap_or(Ok(()))
}
