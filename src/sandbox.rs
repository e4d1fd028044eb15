//! A simulated TOP gateway, for rehearsals: it checks what TOP checks, answers as TOP answers, and fails in
//! every way that TOP and the network before it can fail.
//!
//! In reading order: [`SCENARIOS`] is the table of what a case id makes it do and `scenario` what a row holds,
//! `gateway` takes a request from route to reply, `parameters` reads what was sent, `checks` judges the common
//! parameters and `push` the business one, both refusing with a `refusal` and reading times by `wall_clock`,
//! `perform` acts a scenario, `envelope` writes TOP's answers and `pages` those of others, `reply` and `fault`
//! put them on the wire, `memory` is what is remembered between calls. It shares `top`'s vocabulary and nothing
//! of the bridge, so that any TOP client can be pointed at it.

mod checks;
mod envelope;
mod fault;
mod gateway;
mod memory;
mod pages;
mod parameters;
mod perform;
mod push;
mod refusal;
mod reply;
mod scenario;
mod scenarios;
mod wall_clock;

use std::future::{Future, poll_fn};
use std::io;
use std::net;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::SecretString;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use fault::Fault;
use gateway::Gateway;

use crate::top::Method;

pub use scenario::Scenario;
pub use scenarios::SCENARIOS;

/// The method that it simulates.
const PUSH: Method =
    Method { name: "alibaba.jym.servicecenter.mediation.result.push", success_root: SUCCESS_ROOT };
/// The member that holds the answer to it.
const SUCCESS_ROOT: &str = "alibaba_jym_servicecenter_mediation_result_push_response";
/// The most connections at once; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 2048;
/// How long a connection may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long accepting rests after it failed, most likely for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The one application that the sandbox knows.
#[derive(Debug, Clone)]
pub struct Config {
    /// The public half of its credentials, the common parameter `app_key`.
    pub app_key: String,
    /// The secret half, which calls are signed with.
    pub app_secret: SecretString,
    /// Whether a call without `session` is refused (code 26). Its value is never judged: no authorisation was
    /// ever handed out here. Case id `sandbox-session-expired` shows code 27.
    pub require_session: bool,
}

/// Serves the gateway, `POST` or `GET` on `/router/rest`, until `stop`; then it stops accepting and closes
/// every connection, whatever goes on there.
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
            Some(ended) = connections.join_next() => report(ended),
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(connection(socket, Arc::clone(&gateway)));
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

/// Drives one connection as HTTP until it ends, or until a scenario asks for something that is no HTTP. A
/// caller that hangs up does not stop a call that has begun, as it would not stop TOP's back end.
async fn connection(socket: TcpStream, gateway: Arc<Gateway>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let service = service_fn(|request| Box::pin(gateway.answer(request)));
    let mut connection = http1::Builder::new()
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(socket), service);
    match poll_fn(|context| connection.poll_without_shutdown(context)).await {
        Ok(()) => Ok(()),
        Err(error) => match Fault::behind(&error) {
            Some(fault) => fault.commit(connection.into_parts().io.into_inner()).await,
            None => Err(io::Error::other(error)),
        },
    }
}

fn report(ended: Result<io::Result<()>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection to the sandbox broke"),
        Err(error) => tracing::error!(%error, "a connection to the sandbox was given up by mistake"),
    }
}

#[cfg(test)]
mod tests;
