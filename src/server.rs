//! The running bridge. It is built from settings and a listener, runs until it has to stop, and then drains.

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

/// The maximum number of connections that wait to be accepted. It is large enough for a burst of thousands.
const BACKLOG: i32 = 4096;
/// The time in which the accepting thread notices that it is paused.
const PAUSE_LATENCY: Duration = Duration::from_millis(50);
/// The size of the kernel's send buffer for each connection. The default can grow to megabytes if the client does not
/// read.
const SEND_BUFFER: usize = 128 * 1024;
/// The additional time after the deadline for the last answers when the process stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The bridge with its listener.
pub struct Application {
    server: Server,
    listener: TcpListener,
    shared: Arc<Shared>,
    drain_delay: Duration,
    address: SocketAddr,
}

/// The reason why the bridge could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The HTTP client for TOP could not be built.
    #[error("the client for TOP cannot be made")]
    Client(#[from] ClientError),
    /// The listening socket could not be used.
    #[error("the listening socket cannot be used")]
    Listener(#[from] io::Error),
}

/// Opens the socket for [`Application::build`]. With `SO_REUSEADDR` a restart can use the port at once.
///
/// # Errors
/// If the address is in use or does not belong to this machine.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Application {
    /// Builds the bridge on `listener`. It accepts requests once it runs. This must be called within an actix system.
    ///
    /// # Errors
    /// If the client for TOP cannot be built, or the socket cannot be used.
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
            .shutdown_timeout((settings.bridge_deadline + DRAIN_TIMEOUT).as_secs())
            .disable_signals();
        let stopping = server.graceful_shutdown_signal();
        let unread = settings.bridge_deadline + DRAIN_TIMEOUT;
        let service = move || service::http(states(), stopping.clone(), address, unread);
        let server = server.listen("bridge", listener.try_clone()?, service)?.run();
        Ok(Self { server, listener, shared, drain_delay: settings.bridge_drain_delay, address })
    }

    /// The address of the listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then drains: `/readyz` is 503 at once, requests are still accepted for the drain
    /// delay, then no more connections are accepted and every request in flight is answered.
    ///
    /// # Errors
    /// If the server fails.
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
        tracing::info!(?drain_delay, "stopping: no longer ready");
        sleep(drain_delay).await;
        if drain(&handle, &listener, &shared).await { serving.await? } else { Ok(()) }
    }
}

/// Accepts no more connections, finishes the pushes in flight, including those whose callers have hung up, then answers
/// the other requests and stops the workers. The limit for all of this is the deadline plus [`DRAIN_TIMEOUT`]; false if
/// it is exceeded.
async fn drain(handle: &ServerHandle, listener: &TcpListener, shared: &Shared) -> bool {
    shared.lifecycle().advance(Phase::Closing);
    handle.pause().await;
    // The accepting thread pauses a moment later without notice. If the socket is shut down before, it reports an
    // error.
    sleep(PAUSE_LATENCY).await;
    // A paused listener still completes connections, which then wait without effect. After the shutdown they are
    // refused.
    if let Err(error) = SockRef::from(listener).shutdown(Shutdown::Both) {
        tracing::warn!(%error, "the listening socket could not be shut down");
    }
    let end = Instant::now() + shared.deadline() + DRAIN_TIMEOUT;
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

/// Returns a function that builds the state of the next worker. Each has its own client and Redis connection, so that
/// no push wakes another thread.
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

/// The store of Idempotency-Keys, if the settings enable it.
#[must_use]
pub fn key_store(settings: &Settings) -> Option<Store> {
    match (settings.bridge_idempotency, &settings.bridge_redis_url) {
        (IdempotencyStore::Memory, _) => Some(Store::memory()),
        (IdempotencyStore::Redis, Some(url)) => Some(Store::redis(url.clone())),
        (IdempotencyStore::Off | IdempotencyStore::Redis, _) => None,
    }
}

/// Builds the client for TOP from the settings.
///
/// # Errors
/// If it cannot be built, usually because the system has no CA certificates.
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
