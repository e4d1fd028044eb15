//! A simulated TOP gateway for demonstrations and tests: it checks what TOP checks, answers as TOP answers, and fails
//! in every way that TOP and the network before it can fail.
//!
//! In reading order: [`SCENARIOS`] is the table of what a case id makes it do, `gateway` takes a request from route to
//! response, `parameters` reads what was sent, `checks` is what every method requires, `push` the one method with
//! scenarios, `memory` what is remembered between calls; `answer` writes TOP's answers, and `reply` puts these, or what
//! else may come back, on the wire.
//!
//! It shares `top`'s vocabulary and nothing of the bridge, so that any TOP client can be pointed at it. A further method
//! is a variant of `gateway`'s `Simulated` and, where it is more than a line, a file like `push`.

mod answer;
mod checks;
mod gateway;
mod memory;
mod parameters;
mod push;
mod reply;
mod scenarios;

use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::net;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use gateway::Gateway;
use reply::Fault;

pub use checks::Config;
pub use scenarios::{SCENARIOS, Scenario};

/// The most connections at once; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 2048;
/// How long a connection may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long accepting pauses after it failed, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the gateway, `POST` or `GET` on `/router/rest`, until `stop`; then it stops accepting and closes every
/// connection, whatever is in flight there.
///
/// # Errors
/// When the listener cannot be used with the runtime.
pub async fn serve(
    listener: net::TcpListener,
    config: Config,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let gateway = Arc::new(Gateway::new(config));
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(serve_connection(socket, Arc::clone(&gateway)));
                }
                Err(error) => {
                    tracing::warn!(%error, "the sandbox could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    connections.shutdown().await;
    Ok(())
}

async fn serve_connection(socket: TcpStream, gateway: Arc<Gateway>) {
    if let Err(error) = drive(socket, &gateway).await {
        tracing::debug!(error = &*error, "a connection to the sandbox broke");
    }
}

/// Drives one connection as HTTP until it ends, or until a scenario breaks it. A caller that hangs up does not stop a
/// call in flight, as it would not stop TOP's back end.
async fn drive(socket: TcpStream, gateway: &Gateway) -> Result<(), Box<dyn Error + Send + Sync>> {
    socket.set_nodelay(true)?;
    let service = service_fn(|request| Box::pin(gateway.respond(request)));
    let mut connection = http1::Builder::new()
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(socket), service);
    let Err(error) = poll_fn(|context| connection.poll_without_shutdown(context)).await else {
        return Ok(());
    };
    match error.source().and_then(|cause| cause.downcast_ref::<Fault>()) {
        Some(fault) => Ok(fault.commit(connection.into_parts().io.into_inner()).await?),
        None => Err(error.into()),
    }
}
