//! A simulated TOP gateway for demonstrations and tests. It checks what TOP checks, answers as TOP answers, and
//! simulates the failures of TOP and of the network.
//!
//! In reading order: [`SCENARIOS`] maps case ids to behaviour. `gateway` turns a request into a response, `parameters`
//! parses it, `checks` holds the checks of all methods, and `push` the method with scenarios. `memory` holds the state
//! between calls. `answer` formats TOP's answers, and `reply` sends these or other replies.
//!
//! It uses only the vocabulary of `top` and nothing of the bridge, so that it works with any TOP client. A further
//! method needs a variant of `gateway`'s `Simulated` and, if it is longer than a line, a file like `push`.

mod answer;
mod checks;
pub(crate) mod gateway;
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

/// The maximum number of connections. Further ones wait in the listener's queue.
const MAX_CONNECTIONS: usize = 2048;
/// The limit for the arrival of a request's head.
const CALL_HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after accepting failed, most likely because there are no free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the gateway, `POST` or `GET` on `/router/rest`, until `stop`. Then it stops accepting and closes all
/// connections, including those with a call in flight.
///
/// # Errors
/// If the listener cannot be used with the runtime.
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

/// Serves HTTP on one connection until it ends or a scenario breaks it. A caller that hangs up does not stop its call,
/// just as it would not stop TOP's back end.
async fn drive(socket: TcpStream, gateway: &Gateway) -> Result<(), Box<dyn Error + Send + Sync>> {
    socket.set_nodelay(true)?;
    let service = service_fn(|request| Box::pin(gateway.respond(request)));
    let mut connection = http1::Builder::new()
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(CALL_HEAD_TIMEOUT)
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
