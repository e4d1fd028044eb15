//! Connects sockets with the routes, as `actix_web::HttpServer` does, with a [`Connection`] around each socket.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{ServiceFactory, ServiceFactoryExt, apply_fn_factory, fn_service, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use tokio::net::TcpStream;

use super::connection::{Bounds, Connection, observe};
use crate::api;
use crate::api::middleware::middleware;
use crate::api::state::State;

/// The time that an idle connection of a caller stays open.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// The limit for the arrival of a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that a client may still send a body after its answer, before the connection is closed.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves the connections of one worker until the server stops. An answer that the client does not read ends after
/// `unread`.
pub(super) fn http(
    state: State,
    stopping: actix_server::GracefulShutdownSignal,
    address: SocketAddr,
    unread: Duration,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = impl fmt::Debug, InitError = ()> {
    let app = App::new().configure(api::configure(state)).wrap(from_fn(middleware));
    let app = map_config(app, |()| AppConfig::default()).map_err(|error| error.error_response());
    let http = HttpService::build()
        .graceful_shutdown_signal(move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        })
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(LINGER_TIMEOUT)
        .local_addr(address)
        .on_connect_ext(|connection: &Connection, data| {
            data.insert(connection.progress());
        })
        .h1(apply_fn_factory(app, observe));
    let bounds = Bounds { unfinished: HEAD_TIMEOUT, unread };
    fn_service(move |socket: TcpStream| async move {
        let peer = socket.peer_addr().ok();
        Ok((Connection::new(socket, bounds), peer))
    })
    .and_then(http)
}
