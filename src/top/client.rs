//! The transport: one signed form out, one answer or one fault back.
//!
//! What a fault proves matters more than what it is: the `body` tells whether anything of the request was
//! written.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, TRANSFER_ENCODING,
};
use reqwest::{Body, Proxy, Response, Url, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::answer::{self, Answer, Said};
use super::body::{FormBody, Outgoing};
use super::class::Class;
use super::parameters::{Credentials, SignedForm};
use super::scrub::{MAX_IDENTIFIER, MAX_MESSAGE, scrub};
use crate::mediation::Gmt8;

/// The most bytes of an answer that are read.
pub const MAX_ANSWER: usize = 1 << 20;
/// How long a connection is kept for the next call. Short: a gateway that closes it first, at the moment it is
/// used again, leaves an outcome that nobody can know.
const POOL_IDLE: Duration = Duration::from_secs(10);

/// A client of the gateway. Each worker thread has its own, so that no push wakes another thread.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    gateway: Url,
    credentials: Arc<Credentials>,
}

/// How the gateway is reached.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The gateway, an `http://` or `https://` URL.
    pub gateway: &'a Url,
    /// An `http://` proxy that tunnels to an `https://` gateway by CONNECT. It may hold a password.
    pub proxy: Option<&'a SecretString>,
    /// From the first packet to a connection, tunnel and TLS included.
    pub connect_timeout: Duration,
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

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made; are the system's CA certificates installed?")]
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
    /// A client of the gateway. TLS is always verified, against the system's CA certificates. Redirects are not
    /// followed, requests are not retried, and the environment's proxies are ignored.
    ///
    /// # Errors
    /// When the system has no CA certificates and the gateway is `https://`, or the proxy cannot be used.
    pub fn new(route: Route<'_>, credentials: Arc<Credentials>) -> Result<Self, ClientError> {
        // The first client installs it; for every other one it is there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .http1_ignore_invalid_headers_in_responses(true)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .connect_timeout(route.connect_timeout)
            .pool_idle_timeout(POOL_IDLE)
            .user_agent(concat!("mediation-bridge/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers());
        if let Some(proxy) = route.proxy {
            builder = builder.proxy(Proxy::https(proxy.expose_secret()).map_err(ClientError::from)?);
        }
        if route.gateway.scheme() == "http" {
            // Without TLS no CA certificate is needed, and so none is read.
            builder = builder.tls_certs_only([]);
        }
        let http = builder.build()?;
        Ok(Self { http, gateway: route.gateway.clone(), credentials })
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
        let request = self.http.post(self.gateway.clone()).body(Body::wrap(FormBody::of(&outgoing)));
        let exchange = async { read_whole(request.send().await?).await };
        match timeout_at(deadline, exchange).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) if outgoing.give_up() => Err(Fault::NotConnected(error.without_url())),
            Ok(Err(error)) => Err(Fault::Broken(error.without_url())),
            Err(_) if outgoing.give_up() => Err(Fault::DeadlineBeforeSending),
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

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        Self(error.without_url())
    }
}

/// What every call's head holds beside what the library adds.
fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded;charset=UTF-8")),
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
    ])
}

/// Reads an answer to its end. The outer error is the connection's, the inner one a fault of the answer itself.
async fn read_whole(mut answer: Response) -> reqwest::Result<Result<Whole, Fault>> {
    let status = answer.status();
    if status.is_redirection() {
        return Ok(Err(Fault::Redirected(status.as_u16())));
    }
    let headers = answer.headers();
    let date = headers.get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let delimited = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().any(|name| headers.contains_key(name));
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Ok(Err(Fault::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Ok(Whole { status: status.as_u16(), date, body, delimited }))
}
