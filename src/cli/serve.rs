//! `serve` and `sandbox`: run until a signal arrives.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::os::fd::AsFd;

use actix_web::rt::System;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::failure::Failure;
use super::signals::signals;
use crate::delivery::idempotency::{Redis, Store};
use crate::sandbox;
use crate::server::{self, Application};
use crate::settings::{IdempotencyStore, LogFilter, LogFormat, Settings};
use crate::telemetry::{self, Log, chain};
use crate::version::{COMMIT, VERSION};

/// Runs the bridge with the settings of the environment.
pub(super) fn serve() -> Result<(), Failure> {
    let settings = Settings::from_environment().map_err(Failure::Refused)?;
    let _log = telemetry::init(&settings.bridge_log, settings.bridge_log_format, &io::stdout())?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    // A push uses two file descriptors. The usual soft limit of 1024 would be reached early.
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    System::new().block_on(async {
        let listener = server::listen(settings.bridge_bind).map_err(|error| listen_error(settings.bridge_bind, &error))?;
        let application = Application::build(&settings, listener)?;
        tracing::info!(
            version = VERSION,
            commit = COMMIT,
            address = %application.address(),
            gateway = %settings.top_gateway_url,
            workers = settings.bridge_workers,
            callers = settings.bridge_callers.as_ref().map(ToString::to_string),
            "listening"
        );
        let keys = match settings.bridge_idempotency {
            IdempotencyStore::Off => "a push that carries a key is refused",
            IdempotencyStore::Memory => {
                "keys are stored in this process: no other replica sees them and a restart loses them; several replicas need Redis"
            }
            IdempotencyStore::Redis => "keys are stored in Redis, shared by all replicas that use it",
        };
        tracing::info!(ttl = ?settings.bridge_idempotency_ttl, "Idempotency-Key: {keys}");
        if let Some(Store::Redis(redis)) = server::key_store(&settings) {
            tokio::spawn(warn_if_unavailable(redis));
        }
        let (stop, at_once) = signals()?;
        tokio::select! {
            ended = application.run_until_stopped(stop) => Ok(ended?),
            () = at_once => Err("stopped at once by a second signal; requests may have been cut".into()),
        }
    })
}

/// Logs a warning if Redis cannot be used at the start. Pushes without a key do not need it, and it may become
/// available later.
async fn warn_if_unavailable(redis: Redis) {
    if let Err(error) = redis.check().await {
        tracing::warn!(
            "{}: pushes that carry an Idempotency-Key are refused until it can be used",
            chain(&error)
        );
    }
}

/// Runs the simulated gateway.
pub(super) fn sandbox(bind: SocketAddr, config: sandbox::Config) -> Result<(), Failure> {
    let _log = log_for_people(&io::stdout())?;
    System::new().block_on(async {
        let listener = server::listen(bind).map_err(|error| listen_error(bind, &error))?;
        let address = listener.local_addr()?;
        tracing::info!(
            url = format!("http://{address}/router/rest"),
            scenarios = format!("http://{address}/sandbox/scenarios"),
            app_key = config.app_key,
            "the simulated gateway is listening; point TOP_GATEWAY_URL at it"
        );
        let (stop, _) = signals()?;
        Ok(sandbox::serve(listener, config, stop).await?)
    })
}

/// Starts logging as text.
pub(super) fn log_for_people(output: &(impl AsFd + IsTerminal)) -> io::Result<Option<Log>> {
    let targets = Targets::new().with_default(LevelFilter::INFO);
    telemetry::init(&LogFilter(targets), LogFormat::Text, output)
}

/// The error message if an address cannot be used.
pub(super) fn listen_error(address: SocketAddr, error: &io::Error) -> String {
    format!("cannot listen on {address}: {error}")
}
