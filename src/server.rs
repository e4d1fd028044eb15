//! The running bridge: built from settings and a listener, run until it is told to stop, drained.

use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};
use secrecy::ExposeSecret;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::time::{Instant, sleep, timeout_at};

use crate::api::auth::Callers;
use crate::api::docs::Docs;
use crate::api::envelope::envelope;
use crate::api::{self, State};
use crate::delivery::idempotency::{Keys, Memory, Redis, RedisAddress, Store, StoreError};
use crate::delivery::{Delivery, Limits, Shared};
use crate::settings::{IdempotencySettings, IdempotencyStore, Settings, TopSettings};
use crate::top::{Client, ClientError, Credentials, Route};

/// Connections that may wait to be accepted: a burst of thousands is taken, not dropped.
const BACKLOG: i32 = 4096;
/// How long an idle connection of a caller is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long the head of a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Beyond the deadline, how long the last answers may take to leave when the process stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The bridge, listening.
pub struct Application {
    server: Server,
    listener: TcpListener,
    shared: Arc<Shared>,
    draining: Arc<AtomicBool>,
    drain_delay: Duration,
    address: SocketAddr,
}

/// Why the bridge could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The HTTP client towards TOP.
    #[error("the client for TOP cannot be made")]
    Client(#[source] ClientError),
    /// The store of Idempotency-Keys.
    #[error("BRIDGE_REDIS_URL cannot be used")]
    Store(#[source] StoreError),
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
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Application {
    /// Builds the bridge on `listener`. Requests are taken once it runs. It must be called within an actix
    /// system.
    ///
    /// # Errors
    /// When the client for TOP cannot be made, or the socket cannot be used.
    pub fn build(settings: &Settings, listener: TcpListener) -> Result<Self, BuildError> {
        let address = listener.local_addr()?;
        let limits = Limits {
            deadline: settings.deadline,
            max_attempts: settings.top.max_attempts.get(),
            max_in_flight: settings.max_in_flight.get(),
        };
        let shared = Shared::new(limits);
        let draining = Arc::new(AtomicBool::new(false));
        let workers = settings.workers.get();
        let clients = clients(&settings.top, workers)?;
        let stores = Stores::new(&settings.idempotency).map_err(BuildError::Store)?;
        let factory = {
            let (shared, draining) = (Arc::clone(&shared), Arc::clone(&draining));
            let (callers, max_body) = (Callers::new(settings.callers.clone()), settings.max_body.get());
            let (top, ttl) = (settings.top.clone(), settings.idempotency.ttl);
            let metrics = Arc::new(api::metrics::begun());
            let docs = Docs { swagger_ui: settings.swagger_ui };
            let started = Arc::new(AtomicUsize::new(0));
            move || {
                // One client a worker, so that no push wakes another thread.
                let turn = started.fetch_add(1, Ordering::Relaxed);
                #[expect(
                    clippy::indexing_slicing,
                    reason = "there is a client for each worker, and at least one"
                )]
                let client = clients[turn % workers].clone();
                let keys = stores.store().map(|store| Keys::new(store, &top.app_key, &top.app_secret, ttl));
                let state = State {
                    delivery: Arc::new(Delivery::new(client, keys, Arc::clone(&shared))),
                    callers: callers.clone(),
                    metrics: Arc::clone(&metrics),
                    max_body,
                    draining: Arc::clone(&draining),
                    docs: docs.clone(),
                };
                App::new().configure(api::configure(state)).wrap(from_fn(envelope))
            }
        };
        let server = HttpServer::new(factory)
            .workers(workers)
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .shutdown_timeout((settings.deadline + LAST_ANSWERS).as_secs())
            .disable_signals()
            .listen(listener.try_clone()?)?
            .run();
        Ok(Self { server, listener, shared, draining, drain_delay: settings.drain_delay, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then drains: `/readyz` says so at once, requests are still taken for the
    /// drain delay, then no connection is taken any more and every request under way is answered.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let Self { server, listener, shared, draining, drain_delay, .. } = self;
        let handle = server.handle();
        let serving = tokio::task::spawn_local(server);
        tokio::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended?,
            () = stop => {}
        }
        draining.store(true, Ordering::Release);
        tracing::info!(?drain_delay, "stopping: not ready any more");
        sleep(drain_delay).await;
        if drain(&handle, &listener, &shared).await { serving.await? } else { Ok(()) }
    }
}

/// Takes no more connections, finishes the pushes under way, those whose callers have gone included, then answers what
/// is left and ends the workers. All of that has one deadline's time and [`LAST_ANSWERS`]; false if it was not enough.
async fn drain(handle: &ServerHandle, listener: &TcpListener, shared: &Shared) -> bool {
    handle.pause().await;
    // Paused, connections would still be made and wait for nobody; shut down, they are refused.
    if let Err(error) = SockRef::from(listener).shutdown(Shutdown::Both) {
        tracing::warn!(%error, "the listening socket could not be shut down");
    }
    shared.close();
    let end = Instant::now() + shared.deadline() + LAST_ANSWERS;
    let ended = timeout_at(end, async {
        shared.drained().await;
        handle.stop(true).await;
    });
    let ended = ended.await.is_ok();
    if ended {
        tracing::info!("stopped");
    } else {
        tracing::error!("requests were still under way after their deadline; stopping without them");
    }
    ended
}

/// What workers make their stores of Idempotency-Keys from.
#[derive(Clone)]
enum Stores {
    Off,
    /// One that all share.
    Memory(Arc<Memory>),
    /// A connection each, so that no push wakes another thread.
    Redis(Box<RedisAddress>),
}

impl Stores {
    fn new(settings: &IdempotencySettings) -> Result<Self, StoreError> {
        match (settings.store, &settings.redis_url) {
            (IdempotencyStore::Redis, Some(url)) => {
                RedisAddress::parse(url.expose_secret()).map(|address| Self::Redis(Box::new(address)))
            }
            // Settings without a URL for Redis are refused before they get here.
            (IdempotencyStore::Off, _) | (IdempotencyStore::Redis, None) => Ok(Self::Off),
            (IdempotencyStore::Memory, _) => Ok(Self::Memory(Arc::default())),
        }
    }

    fn store(&self) -> Option<Store> {
        match self {
            Self::Off => None,
            Self::Memory(memory) => Some(Store::Memory(Arc::clone(memory))),
            Self::Redis(address) => Some(Store::Redis(Redis::new(address))),
        }
    }
}

/// One client for each worker.
fn clients(settings: &TopSettings, workers: usize) -> Result<Arc<[Client]>, BuildError> {
    let credentials = Arc::new(Credentials {
        app_key: settings.app_key.clone(),
        app_secret: settings.app_secret.clone(),
        session: settings.session.clone(),
        sign_method: settings.sign_method,
    });
    let route = Route {
        gateway: &settings.gateway_url,
        proxy: settings.proxy_url.as_ref(),
        connect_timeout: settings.connect_timeout,
    };
    let client = || Client::new(route, Arc::clone(&credentials)).map_err(BuildError::Client);
    (0..workers).map(|_| client()).collect()
}
