//! Connections to the gateway: taken from those that stand idle, or made; kept for the next push.
//!
//! There are about as many as pushes were in flight at once, and each serves one push at a time. Connecting, TLS and
//! HTTP itself are libraries'; this file decides only which connection a push gets. The signed request is handed
//! back by the library where a connection ended before it took it, and goes out over another one; that is no
//! second attempt, since nothing was written.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, sleep_until, timeout};
use tower_service::Service;

use super::body::FormBody;

/// How long a connection is kept for the next push. Short: a gateway that closes it first, at the moment it
/// is used again, leaves an outcome that nobody can know.
const KEEP_IDLE: Duration = Duration::from_secs(10);
/// How long a peer may be silent before the system asks whether it is there, and before it asks again.
const PROBE_AFTER: Duration = Duration::from_secs(15);
/// How often it asks in vain.
const PROBES: u32 = 3;
/// How long the system tries to get rid of what a peer does not take, also after the call was given up.
const UNTAKEN: Duration = Duration::from_secs(30);

/// The connections of one worker. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    connector: HttpsConnector<HttpConnector>,
    gateway: Uri,
    connect_timeout: Duration,
    idle: Arc<Mutex<IdleConnections>>,
}

/// Those that serve no push.
#[derive(Debug, Default)]
struct IdleConnections {
    /// By the time since when they are idle.
    waiting: VecDeque<Idle>,
    /// Whether a task closes those that waited too long.
    swept: bool,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// A connection that carries one request at a time. Dropped before an answer was read to its end, it is closed.
pub(super) type Connection = SendRequest<FormBody>;

/// Why no answer came over a connection. The texts hold no URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Name not resolved, connection refused, TLS not established.
    #[error("connecting failed")]
    NotMade(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took longer than the operator allows.
    #[error("connecting took too long")]
    TookTooLong,
    /// It ended too early, or what came was not HTTP.
    #[error("HTTP failed")]
    Http(#[from] hyper::Error),
}

impl Connections {
    /// Connections to the host of `gateway`, none of them made yet. TLS is always verified, against the system's CA
    /// certificates.
    ///
    /// # Errors
    /// When `gateway` is `https://` and the system has no CA certificates.
    pub(super) fn new(gateway: Uri, connect_timeout: Duration) -> std::io::Result<Self> {
        let builder = HttpsConnectorBuilder::new();
        let builder = if gateway.scheme_str() == Some("https") {
            builder.with_native_roots()?
        } else {
            // A plain gateway, on loopback or by explicit permission, needs no CA certificates, and so none are read.
            let nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
            builder.with_tls_config(nobody.with_no_client_auth())
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        // Divided among a host's addresses, so that one that is dead leaves time for the next.
        http.set_connect_timeout(Some(connect_timeout));
        http.set_keepalive(Some(PROBE_AFTER));
        http.set_keepalive_interval(Some(PROBE_AFTER));
        http.set_keepalive_retries(Some(PROBES));
        #[cfg(target_os = "linux")]
        http.set_tcp_user_timeout(Some(UNTAKEN));
        let connector = builder.https_or_http().enable_http1().wrap_connector(http);
        Ok(Self { connector, gateway, connect_timeout, idle: Arc::default() })
    }

    /// Sends `request` and returns the head of its answer, with the connection to read the rest from and to
    /// [keep](Self::keep) then.
    pub(super) async fn send(
        &self,
        mut request: Request<FormBody>,
    ) -> Result<(Response<Incoming>, Connection), ConnectionError> {
        while let Some(mut connection) = self.idle() {
            match connection.try_send_request(request).await {
                Ok(answer) => return Ok((answer, connection)),
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failed.into_error().into()),
                },
            }
        }
        // Connecting is rare and needs much room; boxed, it takes none from the pushes that do not.
        let mut connection = Box::pin(self.connect()).await?;
        let answer = connection.send_request(request).await?;
        Ok((answer, connection))
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn keep(&self, connection: Connection) {
        if connection.is_closed() {
            return;
        }
        let mut idle = lock(&self.idle);
        idle.waiting.push_back(Idle { connection, since: Instant::now() });
        if !idle.swept {
            idle.swept = true;
            tokio::spawn(sweep(Arc::downgrade(&self.idle)));
        }
    }

    /// The idle connection that was used last, if there is one.
    fn idle(&self) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        idle.expire(Instant::now());
        // One that was kept a moment ago may have to come to rest first.
        let mut restless = Vec::new();
        let found = loop {
            let Some(next) = idle.waiting.pop_back() else { break None };
            if next.connection.is_ready() {
                break Some(next.connection);
            }
            if !next.connection.is_closed() {
                restless.push(next);
            }
        };
        idle.waiting.extend(restless.into_iter().rev());
        found
    }

    async fn connect(&self) -> Result<Connection, ConnectionError> {
        let connecting = async {
            let stream = self.connector.clone().call(self.gateway.clone()).await;
            let handshake = Builder::new().handshake(stream.map_err(ConnectionError::NotMade)?);
            let (connection, driver) = handshake.await?;
            // What ends it is told to whoever waits for an answer.
            tokio::spawn(async move { drop(driver.await) });
            Ok(connection)
        };
        timeout(self.connect_timeout, connecting).await.unwrap_or(Err(ConnectionError::TookTooLong))
    }
}

impl IdleConnections {
    /// Closes those that waited too long.
    fn expire(&mut self, now: Instant) {
        while self.waiting.pop_front_if(|oldest| oldest.since + KEEP_IDLE <= now).is_some() {}
    }
}

/// Closes connections that no push asks for, until there are none.
async fn sweep(idle: Weak<Mutex<IdleConnections>>) {
    loop {
        let next = {
            let Some(idle) = idle.upgrade() else { return };
            let mut idle = lock(&idle);
            idle.expire(Instant::now());
            let Some(oldest) = idle.waiting.front() else {
                idle.swept = false;
                return;
            };
            oldest.since + KEEP_IDLE
        };
        sleep_until(next).await;
    }
}

fn lock(idle: &Mutex<IdleConnections>) -> MutexGuard<'_, IdleConnections> {
    // The list is whole at every moment, also where a holder panicked.
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
