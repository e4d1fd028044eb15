//! The transport: sends one signed form and returns one answer or one error.
//!
//! The proof that an error gives matters most: the `body` records whether anything of the request was written.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Proxy, Response, Url, redirect, retry};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::answer::{self, Envelope, HttpAnswer};
use super::body::{FormBody, PendingForm};
use super::credentials::{Credentials, SignedForm};
use super::error::{CallError, MAX_ANSWER};
use super::method::Method;
use super::scrub::Secrets;
use crate::gmt8::Gmt8;
use crate::version::VERSION;

/// The time that an idle connection is kept. It is short, because a gateway that closes the connection at the moment of
/// its reuse leaves the outcome unknown.
const POOL_IDLE: Duration = Duration::from_secs(10);

/// A client of the gateway. Each worker thread has its own, so that no call wakes another thread.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    gateway: Url,
    credentials: Arc<Credentials>,
    secrets: Secrets,
}

/// The route to the gateway.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// The URL of the gateway, `http://` or `https://`.
    pub gateway: &'a Url,
    /// An `http://` proxy that tunnels to an `https://` gateway by CONNECT. It may hold a password.
    pub proxy: Option<&'a SecretString>,
    /// The limit for a connection, including tunnel and TLS.
    pub connect_timeout: Duration,
}

/// The HTTP client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made; are the system's CA certificates installed?")]
pub struct ClientError(#[source] reqwest::Error);

impl Client {
    /// Builds a client of the gateway. TLS is always verified against the system's CA certificates. Redirects are not
    /// followed, requests are not retried, and the proxy variables of the environment are ignored.
    ///
    /// # Errors
    /// If the gateway is `https://` and the system has no CA certificates, or if the proxy cannot be used.
    pub fn new(route: Route<'_>, credentials: Arc<Credentials>) -> Result<Self, ClientError> {
        // The first client installs the provider; for later ones it is already installed.
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
            // Without TLS, no CA certificates are needed or read.
            builder = builder.tls_certs_only([]);
        }
        let secrets = Secrets::from_credentials(&credentials);
        Ok(Self { http: builder.build()?, gateway: route.gateway.clone(), credentials, secrets })
    }

    /// Signs a call of `method` with its own `parameters` at `timestamp` and makes it once. It always returns, at the
    /// latest at `deadline`.
    ///
    /// # Errors
    /// If the answer has no success root of the method, or there is no answer.
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

    async fn send(&self, form: Vec<u8>, deadline: Instant) -> Result<HttpAnswer, CallError> {
        let outgoing = PendingForm::new(form);
        let request = self.http.post(self.gateway.clone()).body(Body::wrap(FormBody::new(&outgoing)));
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

/// The headers of every call, in addition to those of the library.
fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded;charset=UTF-8")),
        (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
    ])
}

/// Reads the whole answer. The outer error is about the connection, the inner one about the answer.
pub(crate) async fn read_whole(mut answer: Response) -> reqwest::Result<Result<HttpAnswer, CallError>> {
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
