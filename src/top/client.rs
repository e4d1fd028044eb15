//! The transport: one signed form out, one answer or one error back.
//!
//! What an error proves matters more than what it is: the `body` tells whether anything of the request was written.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Proxy, Response, Url, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::answer::{self, Envelope, HttpAnswer};
use super::body::{FormBody, Outgoing};
use super::credentials::{Credentials, SignedForm};
use super::error::{CallError, MAX_ANSWER};
use super::method::Method;
use super::scrub::Secrets;
use crate::gmt8::Gmt8;
use crate::version::VERSION;

/// How long a connection is kept for the next call. Short: a gateway that closes it first, at the moment it is used again,
/// leaves an outcome that nobody can know.
const POOL_IDLE: Duration = Duration::from_secs(10);

/// A client of the gateway. Each worker thread has its own, so that no call wakes another thread.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    gateway: Url,
    credentials: Arc<Credentials>,
    secrets: Secrets,
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

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made; are the system's CA certificates installed?")]
pub struct ClientError(#[source] reqwest::Error);

impl Client {
    /// A client of the gateway. TLS is always verified, against the system's CA certificates. Redirects are not followed,
    /// requests are not retried, and the environment's proxies are ignored.
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
            .user_agent(format!("mediation-bridge/{VERSION}"))
            .default_headers(headers());
        if let Some(proxy) = route.proxy {
            builder = builder.proxy(Proxy::https(proxy.expose_secret())?);
        }
        if route.gateway.scheme() == "http" {
            // Without TLS no CA certificate is needed, and so none is read.
            builder = builder.tls_certs_only([]);
        }
        let secrets = Secrets::of(&credentials);
        Ok(Self { http: builder.build()?, gateway: route.gateway.clone(), credentials, secrets })
    }

    /// Signs a call of `method` with its own `parameters` at `timestamp`, and makes it once. It always returns, at
    /// `deadline` at the latest.
    ///
    /// # Errors
    /// Whatever is not an answer under the method's success root.
    pub async fn call(
        &self,
        method: Method,
        parameters: &[(&str, &str)],
        timestamp: Gmt8,
        deadline: Instant,
    ) -> Result<Envelope, CallError> {
        let SignedForm { body, signature } = self.credentials.sign_form(method, parameters, timestamp);
        let answer = self.send(body, deadline).await?;
        answer::read(method, &answer, &self.secrets.with_signature(&signature))
    }

    async fn send(&self, form: String, deadline: Instant) -> Result<HttpAnswer, CallError> {
        let outgoing = Outgoing::new(form);
        let request = self.http.post(self.gateway.clone()).body(Body::wrap(FormBody::of(&outgoing)));
        let exchange = async { read_whole(request.send().await?).await };
        match timeout_at(deadline, exchange).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) if outgoing.give_up() => Err(CallError::NotConnected(error.without_url())),
            Ok(Err(error)) => Err(CallError::Broken(error.without_url())),
            Err(_) if outgoing.give_up() => Err(CallError::DeadlineBeforeSending),
            Err(_) => Err(CallError::DeadlineAfterSending),
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

/// Reads an answer to its end. The outer error is the connection's, the inner one is about the answer itself.
async fn read_whole(mut answer: Response) -> reqwest::Result<Result<HttpAnswer, CallError>> {
    let status = answer.status().as_u16();
    if answer.status().is_redirection() {
        return Ok(Err(CallError::Redirected(status)));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Ok(Err(CallError::TooLarge(status)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Ok(HttpAnswer { status, headers: std::mem::take(answer.headers_mut()), body }))
}
