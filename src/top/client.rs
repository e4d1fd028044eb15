//! The transport: one signed form out, one answer or one fault back.
//!
//! What a fault proves matters more than what it is: the `body` tells whether anything of the request was
//! written.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING, USER_AGENT,
};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Request, Response, Uri};
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::answer::{self, Answer, Said};
use super::body::{FormBody, Outgoing};
use super::class::Class;
use super::connections::{ConnectionError, Connections};
use super::parameters::{Credentials, SignedForm};
use super::scrub::{MAX_IDENTIFIER, MAX_MESSAGE, scrub};
use crate::mediation::Gmt8;

/// The most bytes of an answer that are read.
pub const MAX_ANSWER: usize = 1 << 20;

/// A client of the gateway. Each worker thread has its own, so that no push wakes another thread.
#[derive(Debug, Clone)]
pub struct Client {
    connections: Connections,
    /// The request's target, a path.
    target: Uri,
    /// What every call's head holds.
    headers: HeaderMap,
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
    NotConnected(#[source] ConnectionError),
    /// The deadline passed while nothing of the request had been written.
    #[error("the deadline passed before anything was sent")]
    DeadlineBeforeSending,
    /// The deadline passed after the request was begun.
    #[error("the deadline passed before the gateway's answer was whole")]
    DeadlineAfterSending,
    /// The connection broke after the request was begun, or what came was not HTTP.
    #[error("the connection broke before the gateway's answer was whole")]
    Broken(#[source] ConnectionError),
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

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The system's CA certificates could not be read.
    #[error("the system's CA certificates cannot be used; are they installed?")]
    Certificates(#[source] std::io::Error),
    /// The gateway's URL holds what no request can.
    #[error("TOP_GATEWAY_URL cannot be used")]
    Gateway(#[source] InvalidUri),
}

/// An HTTP answer that came to its end.
struct Whole {
    status: u16,
    date: Option<SystemTime>,
    body: Vec<u8>,
    /// Whether the body's end was told, and not only that the connection ended.
    delimited: bool,
}

impl Client {
    /// A client of the gateway at `gateway`, an `http://` or `https://` URL. Proxies and redirects are not
    /// followed.
    ///
    /// # Errors
    /// When the gateway is `https://` and the system has no CA certificates, or its URL cannot be requested.
    pub fn new(
        gateway: &Url,
        connect_timeout: Duration,
        credentials: Arc<Credentials>,
    ) -> Result<Self, ClientError> {
        let uri: Uri = gateway.as_str().parse().map_err(ClientError::Gateway)?;
        let target = gateway.path().parse().map_err(ClientError::Gateway)?;
        let connections = Connections::new(uri, connect_timeout).map_err(ClientError::Certificates)?;
        let headers = headers(gateway);
        Ok(Self { connections, target, headers, credentials })
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

    async fn call(&self, form: Vec<u8>, deadline: Instant) -> Result<Whole, Fault> {
        let outgoing = Outgoing::new(form);
        let mut request = Request::new(FormBody::of(&outgoing));
        *request.method_mut() = Method::POST;
        request.uri_mut().clone_from(&self.target);
        request.headers_mut().clone_from(&self.headers);
        let outcome = timeout_at(deadline, self.exchange(request)).await;
        match outcome {
            Ok(Ok(Ok(whole))) => Ok(whole),
            Ok(Ok(Err(fault))) => Err(fault),
            Ok(Err(error)) if outgoing.give_up() => Err(Fault::NotConnected(error)),
            Ok(Err(error)) => Err(Fault::Broken(error)),
            Err(_) if outgoing.give_up() => Err(Fault::DeadlineBeforeSending),
            Err(_) => Err(Fault::DeadlineAfterSending),
        }
    }

    /// Sends a request and reads its answer. The outer error is the connection's, the inner one a fault of the
    /// answer itself.
    async fn exchange(&self, request: Request<FormBody>) -> Result<Result<Whole, Fault>, ConnectionError> {
        let (answer, connection) = self.connections.send(request).await?;
        let read = read_whole(answer).await?;
        if read.is_ok() {
            self.connections.keep(connection);
        }
        Ok(read)
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

/// The head of every call: `Content-Length` is the library's.
fn headers(gateway: &Url) -> HeaderMap {
    let fixed = [
        (CONTENT_TYPE, "application/x-www-form-urlencoded;charset=UTF-8"),
        (ACCEPT, "*/*"),
        (USER_AGENT, concat!("mediation-bridge/", env!("CARGO_PKG_VERSION"))),
    ];
    let mut headers: HeaderMap =
        fixed.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
    let authority = &gateway[url::Position::BeforeHost..url::Position::AfterPort];
    #[expect(clippy::expect_used, reason = "a parsed URL's host and port are visible ASCII")]
    headers.insert(HOST, HeaderValue::from_str(authority).expect("visible ASCII"));
    headers
}

/// Reads an answer to its end, as [`Client::exchange`] does.
async fn read_whole(answer: Response<Incoming>) -> Result<Result<Whole, Fault>, ConnectionError> {
    let (head, mut incoming) = answer.into_parts();
    if head.status.is_redirection() {
        return Ok(Err(Fault::Redirected(head.status.as_u16())));
    }
    let date = head.headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let delimited = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| head.headers.contains_key(name));
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        // Trailers say nothing about the push.
        let Ok(chunk) = frame?.into_data() else { continue };
        if body.len() + chunk.len() > MAX_ANSWER {
            return Ok(Err(Fault::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Ok(Whole { status: head.status.as_u16(), date, body, delimited }))
}
