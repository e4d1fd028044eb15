//! The transport: one signed form out, one answer or one fault back. The only file that names `reqwest`.
//!
//! What a fault proves matters more than what it is. The request body is therefore a body of our own with
//! three stages. The HTTP library asks for it only when a connection, TLS included, stands and the request is
//! about to be written, so a body that was never asked for was never sent. And once a call is given up, the
//! body refuses to be sent, so that the proof cannot be overtaken by a connection made a moment later.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderValue, TRANSFER_ENCODING};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::answer::{self, Answer, Said};
use super::class::Class;
use super::parameters::{Credentials, SignedForm};
use super::scrub::{MAX_IDENTIFIER, MAX_MESSAGE, scrub};
use crate::mediation::Gmt8;

/// The most bytes of an answer that are read.
pub const MAX_ANSWER: usize = 1 << 20;
/// How long a connection is kept for the next push. Short: a gateway that closes it first, at the moment it
/// is used again, leaves an outcome that nobody can know.
const KEEP_IDLE: Duration = Duration::from_secs(10);

/// A client of the gateway. Each worker thread has its own, so that no push wakes another thread.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    gateway: Url,
    credentials: Arc<Credentials>,
}

/// What one call came to.
#[derive(Debug)]
pub struct Attempt {
    /// What it means for the push.
    pub class: Class,
    /// What TOP said, bounded and scrubbed of credentials.
    pub said: Said,
    /// Whether TOP itself answered, in an envelope of its own.
    pub answered: bool,
    /// The gateway's `Date` header, its clock to the second.
    pub date: Option<SystemTime>,
    /// What went wrong on the way, where something did.
    pub fault: Option<Fault>,
}

/// What went wrong on the way to TOP or back. The texts hold no URL.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Name not resolved, connection refused or not made in time, TLS not established.
    #[error("no connection to the gateway could be made, nothing was sent")]
    NotConnected(#[source] reqwest::Error),
    /// The deadline passed while nothing of the request had been written.
    #[error("the deadline passed before anything was sent")]
    DeadlineBeforeSending,
    /// The deadline passed after the request was begun.
    #[error("the deadline passed before the gateway's answer was whole")]
    DeadlineAfterSending,
    /// The connection broke after the request was begun, or what came was not HTTP.
    #[error("the connection broke before the gateway's answer was whole")]
    Broken(#[source] reqwest::Error),
    /// A redirect; it is never followed, since it would carry a signed call elsewhere.
    #[error("the gateway answered with a redirect, HTTP {0}")]
    Redirected(u16),
    /// More than [`MAX_ANSWER`] bytes.
    #[error("the gateway's answer is larger than {MAX_ANSWER} bytes")]
    TooLarge,
}

impl Fault {
    /// What the fault means for the push: unreachable where it is proven that nothing was sent.
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::NotConnected(_) | Self::DeadlineBeforeSending => Class::Unreachable,
            Self::DeadlineAfterSending => Class::Timeout,
            Self::Broken(_) | Self::Redirected(_) | Self::TooLarge => Class::BadResponse,
        }
    }
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be built")]
pub struct ClientError(#[source] reqwest::Error);

/// An HTTP answer that came to its end.
struct Whole {
    status: u16,
    date: Option<SystemTime>,
    body: Vec<u8>,
    /// Whether the body's end was told, and not only that the connection ended.
    delimited: bool,
}

impl Client {
    /// A client of the gateway at `gateway`. TLS is always verified against the system's CA certificates;
    /// proxies, redirects and the library's own retries are off.
    ///
    /// # Errors
    /// When the gateway is `https://` and the system has no CA certificates.
    pub fn new(
        gateway: Url,
        connect_timeout: Duration,
        credentials: Arc<Credentials>,
    ) -> Result<Self, ClientError> {
        let builder = reqwest::Client::builder();
        // A plain gateway, on loopback or by explicit permission, needs no CA certificates, and so none are read.
        let builder = if gateway.scheme() == "https" { builder } else { builder.tls_certs_only([]) };
        let http = builder
            .user_agent(concat!("mediation-bridge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(KEEP_IDLE)
            .http1_only()
            .no_proxy()
            .referer(false)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(ClientError)?;
        Ok(Self { http, gateway, credentials })
    }

    /// Signs `req` at `timestamp` and calls TOP once. It always returns, at `deadline` at the latest.
    pub async fn push(&self, req: &str, timestamp: Gmt8, deadline: Instant) -> Attempt {
        let SignedForm { body, signature } = self.credentials.sign_form(req, timestamp);
        match self.call(body, deadline).await {
            Ok(whole) => {
                let Answer { class, said, enveloped } =
                    answer::read(whole.status, &whole.body, whole.delimited);
                let said = self.scrubbed(said, signature.as_str());
                Attempt { class, said, answered: enveloped, date: whole.date, fault: None }
            }
            Err(fault) => Attempt {
                class: fault.class(),
                said: Said::default(),
                answered: false,
                date: None,
                fault: Some(fault),
            },
        }
    }

    async fn call(&self, form: String, deadline: Instant) -> Result<Whole, Fault> {
        let stage = Arc::new(Stage::default());
        let body = FormBody { bytes: Some(form.into()), stage: Arc::clone(&stage) };
        let request = self
            .http
            .post(self.gateway.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded;charset=UTF-8"))
            .body(reqwest::Body::wrap(body));
        let outcome = timeout_at(deadline, async { read_whole(request.send().await?).await }).await;
        match outcome {
            Ok(Ok(Ok(whole))) => Ok(whole),
            Ok(Ok(Err(fault))) => Err(fault),
            Ok(Err(error)) if stage.give_up() => Err(Fault::NotConnected(error.without_url())),
            Ok(Err(error)) => Err(Fault::Broken(error.without_url())),
            Err(_) if stage.give_up() => Err(Fault::DeadlineBeforeSending),
            Err(_) => Err(Fault::DeadlineAfterSending),
        }
    }

    fn scrubbed(&self, said: Said, signature: &str) -> Said {
        let session = self.credentials.session.as_ref().map_or("", |session| session.expose_secret());
        let secrets =
            [self.credentials.app_secret.expose_secret(), session, signature, &self.credentials.app_key];
        let scrubbed = |text: Option<String>, max| text.map(|text| scrub(&text, &secrets, max));
        Said {
            code: said.code,
            sub_code: scrubbed(said.sub_code, MAX_IDENTIFIER),
            sub_msg: scrubbed(said.sub_msg, MAX_MESSAGE),
            state_code: scrubbed(said.state_code, MAX_IDENTIFIER),
            request_id: scrubbed(said.request_id, MAX_IDENTIFIER),
        }
    }
}

/// Reads an answer to its end. The outer error is the library's, the inner one a fault of the answer itself.
async fn read_whole(mut response: reqwest::Response) -> Result<Result<Whole, Fault>, reqwest::Error> {
    let status = response.status();
    if status.is_redirection() {
        return Ok(Err(Fault::Redirected(status.as_u16())));
    }
    let date =
        response.headers().get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let delimited =
        [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| response.headers().contains_key(name));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Ok(Err(Fault::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Ok(Whole { status: status.as_u16(), date, body, delimited }))
}

/// Whether the request was begun, settled once and for all by whoever asks first.
#[derive(Debug, Default)]
struct Stage(AtomicU8);

impl Stage {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// Begins to send; false once it was given up.
    fn begin(&self) -> bool {
        self.settle(Self::BEGUN) == Self::BEGUN
    }

    /// Forbids sending; true if it had not begun, and so never will.
    fn give_up(&self) -> bool {
        self.settle(Self::GIVEN_UP) == Self::GIVEN_UP
    }

    fn settle(&self, stage: u8) -> u8 {
        match self.0.compare_exchange(Self::WAITING, stage, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => stage,
            Err(settled) => settled,
        }
    }
}

/// A form that knows whether it was asked for.
struct FormBody {
    bytes: Option<Bytes>,
    stage: Arc<Stage>,
}

/// A call that was given up is not sent after all.
#[derive(Debug, thiserror::Error)]
#[error("the call was given up before it was sent")]
struct GivenUp;

impl Body for FormBody {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if !self.stage.begin() {
            return Poll::Ready(Some(Err(GivenUp)));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_first_settles_whether_it_was_sent() {
        let begun = Stage::default();
        assert!(begun.begin() && begun.begin() && !begun.give_up());
        let given_up = Stage::default();
        assert!(given_up.give_up() && given_up.give_up() && !given_up.begin());
    }
}
