//! The running bridge: built from settings and a listener, run until it is told to stop, drained.

mod connection;
mod service;

use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::time::{Instant, sleep, timeout_at};

use crate::api::DOCUMENT;
use crate::api::auth::Authenticator;
use crate::api::push::record;
use crate::api::state::{Gateway, State};
use crate::delivery::idempotency::{Keys, Store};
use crate::delivery::lifecycle::Phase;
use crate::delivery::{Delivery, Limits, Shared};
use crate::settings::{IdempotencyStore, Settings, is_loopback};
use crate::top::{Client, ClientError, Credentials, Route};

/// Connections that may wait to be accepted: a burst of thousands is taken, not dropped.
const BACKLOG: i32 = 4096;
/// How long the accepting thread may take to notice that it is to pause.
const PAUSED: Duration = Duration::from_millis(50);
/// How many bytes of answers the kernel buffers for each connection. By default it is megabytes for a client that reads nothing.
const SEND_BUFFER: usize = 128 * 1024;
/// Beyond the deadline, how long the last answers may take to leave when the process stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The bridge, listening.
pub struct Application {
    server: Server,
    listener: TcpListener,
    shared: Arc<Shared>,
    drain_delay: Duration,
    address: SocketAddr,
}

/// Why the bridge could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The HTTP client towards TOP.
    #[error("the client for TOP cannot be made")]
    Client(#[from] ClientError),
    /// The socket.
    #[error("the listening socket cannot be used")]
    Listener(#[from] io::Error),
}

/// Opens the socket that [`Application::build`] takes. `SO_REUSEADDR` lets a restart take the port at once.
///
/// # Errors
/// When the address is taken or not this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Inherited by each connection.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Application {
    /// Builds the bridge on `listener`. Requests are accepted once it runs. It must be called within an actix system.
    ///
    /// # Errors
    /// When the client for TOP cannot be made, or the socket cannot be used.
    pub fn build(settings: &Settings, listener: TcpListener) -> Result<Self, BuildError> {
        let address = listener.local_addr()?;
        let shared = Shared::new(Limits {
            deadline: settings.bridge_deadline,
            max_attempts: settings.top_max_attempts.get(),
            max_in_flight: settings.bridge_max_in_flight.get(),
        });
        let workers = settings.bridge_workers.get();
        let states = states(settings, &shared, address)?;
        let server = Server::build()
            .workers(workers)
            .shutdown_timeout((settings.bridge_deadline + LAST_ANSWERS).as_secs())
            .disable_signals();
        let stopping = server.graceful_shutdown_signal();
        let unread = settings.bridge_deadline + LAST_ANSWERS;
        let service = move || service::http(states(), stopping.clone(), address, unread);
        let server = server.listen("bridge", listener.try_clone()?, service)?.run();
        Ok(Self { server, listener, shared, drain_delay: settings.bridge_drain_delay, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then drains: `/readyz` says so at once, requests are still accepted for the drain delay,
    /// then no connection is accepted any more and every request in flight is answered.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self { server, listener, shared, drain_delay, .. } = self;
        let handle = server.handle();
        let serving = tokio::task::spawn_local(server);
        tokio::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended?,
            () = stop => {}
        }
        shared.lifecycle().advance(Phase::Draining);
        tracing::info!(?drain_delay, "stopping: not ready any more");
        sleep(drain_delay).await;
        if drain(&handle, &listener, &shared).await { serving.await? } else { Ok(()) }
    }
}

/// Accepts no more connections, finishes the pushes in flight, those whose callers have gone included, then answers what is
/// left and ends the workers. All of that has one deadline's time and [`LAST_ANSWERS`]; false if it was not enough.
async fn drain(handle: &ServerHandle, listener: &TcpListener, shared: &Shared) -> bool {
    shared.lifecycle().advance(Phase::Closing);
    handle.pause().await;
    // The accepting thread does so a moment later and tells nobody; a socket that is shut down before would be an error.
    sleep(PAUSED).await;
    // Paused, connections would still be made and wait in vain; shut down, they are refused.
    if let Err(error) = SockRef::from(listener).shutdown(Shutdown::Both) {
        tracing::warn!(%error, "the listening socket could not be shut down");
    }
    let end = Instant::now() + shared.deadline() + LAST_ANSWERS;
    let ended = timeout_at(end, async {
        shared.lifecycle().drained().await;
        handle.stop(true).await;
    });
    let ended = ended.await.is_ok();
    if ended {
        tracing::info!("stopped");
    } else {
        tracing::error!("requests were still in flight after their deadline; stopping without them");
    }
    ended
}

/// Makes the state of one worker after the other, each with a client and a connection to Redis of its own, so that no push
/// wakes another thread.
fn states(
    settings: &Settings,
    shared: &Arc<Shared>,
    address: SocketAddr,
) -> Result<impl Fn() -> State + Clone + Send + use<>, ClientError> {
    let clients: Arc<[Client]> =
        (0..settings.bridge_workers.get()).map(|_| client(settings)).collect::<Result<_, _>>()?;
    let (settings, shared) = (settings.clone(), Arc::clone(shared));
    let callers = Authenticator::new(settings.bridge_callers.as_ref());
    let metrics = Arc::new(record::metrics(&callers));
    let store = key_store(&settings).map(Arc::new);
    let started = Arc::new(AtomicUsize::new(0));
    Ok(move || {
        let turn = started.fetch_add(1, Ordering::Relaxed) % clients.len();
        #[expect(clippy::indexing_slicing, reason = "there is a client for each worker, and at least one")]
        let client = clients[turn].clone();
        let keys = store.as_ref().map(|store| {
            let (key, secret) = (&settings.top_app_key, &settings.top_app_secret);
            Keys::new(store.for_worker(), key, secret, settings.bridge_idempotency_ttl)
        });
        State {
            delivery: Arc::new(Delivery::new(client, keys, Arc::clone(&shared))),
            callers: callers.clone(),
            metrics: Arc::clone(&metrics),
            max_body: settings.bridge_max_body.get(),
            document: &DOCUMENT,
            swagger_ui: settings.bridge_swagger_ui,
            gateway: Gateway {
                url: settings.top_gateway_url.to_string(),
                simulated: is_loopback(&settings.top_gateway_url),
            },
            only_loopback: settings.bridge_callers.is_none() && address.ip().is_loopback(),
        }
    })
}

/// The store of Idempotency-Keys, where the operator wants one.
#[must_use]
pub fn key_store(settings: &Settings) -> Option<Store> {
    match (settings.bridge_idempotency, &settings.bridge_redis_url) {
        (IdempotencyStore::Memory, _) => Some(Store::memory()),
        (IdempotencyStore::Redis, Some(url)) => Some(Store::redis(url.clone())),
        (IdempotencyStore::Off | IdempotencyStore::Redis, _) => None,
    }
}

/// A client of TOP as the settings say.
///
/// # Errors
/// When it cannot be made, mostly because the system has no CA certificates.
pub fn client(settings: &Settings) -> Result<Client, ClientError> {
    let credentials = Credentials {
        app_key: settings.top_app_key.clone(),
        app_secret: settings.top_app_secret.clone(),
        session: settings.top_session.clone(),
        sign_method: settings.top_sign_method,
    };
    let route = Route {
        gateway: &settings.top_gateway_url,
        proxy: settings.top_proxy_url.as_ref(),
        connect_timeout: settings.top_connect_timeout,
    };
    Client::new(route, Arc::new(credentials))
}
