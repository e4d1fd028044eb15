//! Slots in Redis: for replicas. The only place that names the Redis library.
//!
//! Two Redis keys a slot, side by side in a cluster: `…:{location}:claim`, a string that expires with the claim, and
//! `…:{location}`, a hash with the request's digest, its last holder and, once TOP has decided, the decision. Each
//! step is one script, which Redis runs as a whole.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisError, Script, ScriptInvocation};
use tokio::time::timeout;

use super::claim::{Acquired, Claim, Lives, Settlement, Slot, Token};

/// How long one step may take, its second try included.
const STEP: Duration = Duration::from_millis(800);
/// How long one try may take; a connection likewise.
const TRY: Duration = Duration::from_millis(350);
/// A connection whose packets nobody confirms is given up after this time, and made anew.
const UNCONFIRMED: Duration = Duration::from_secs(2);
/// Commands that may wait for the connection: as many as may be under way.
const QUEUE: usize = 4096;
/// Before each key; the number changes with the layout.
const PREFIX: &str = "mediation-bridge:1";

/// Where Redis is. It may hold a password, so it does not print.
#[derive(Clone)]
pub struct RedisAddress(Client);

/// Redis as one worker uses it: a connection that is made when it is first needed, and again whenever it breaks.
pub struct Redis {
    address: RedisAddress,
    connection: OnceLock<ConnectionManager>,
    scripts: Arc<Scripts>,
}

struct Scripts {
    claim: Script,
    settle: Script,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis cannot be reached, or refuses.
    #[error("Redis cannot be used")]
    Redis(#[from] RedisError),
    /// Redis did not answer.
    #[error("Redis did not answer within {} ms", STEP.as_millis())]
    TooSlow,
    /// What is in Redis was not written by this version.
    #[error("what Redis holds cannot be read")]
    Unreadable(#[source] Option<serde_json::Error>),
}

impl RedisAddress {
    /// Reads a URL, `redis://` or, with TLS, `rediss://`. Nothing is connected.
    ///
    /// # Errors
    /// When it is none that can be used.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let info = url.into_connection_info()?;
        let settings = TcpSettings::default().set_nodelay(true).set_user_timeout(UNCONFIRMED);
        Ok(Self(Client::open(info.set_tcp_settings(settings))?))
    }
}

impl Redis {
    /// A store at `address`. Nothing is connected.
    #[must_use]
    pub fn new(address: RedisAddress) -> Self {
        let scripts = Scripts {
            claim: Script::new(include_str!("claim.lua")),
            settle: Script::new(include_str!("settle.lua")),
        };
        Self { address, connection: OnceLock::new(), scripts: Arc::new(scripts) }
    }

    /// The same store with a connection of its own.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        let (address, scripts) = (self.address.clone(), Arc::clone(&self.scripts));
        Self { address, connection: OnceLock::new(), scripts }
    }

    fn connection(&self) -> ConnectionManager {
        let connect = || {
            // One try a connection: whoever comes next tries again, and nobody waits for more than that.
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_connection_timeout(Some(TRY))
                .set_response_timeout(Some(TRY))
                .set_pipeline_buffer_size(QUEUE);
            #[expect(clippy::expect_used, reason = "refused are only subscriptions, and there are none")]
            ConnectionManager::new_lazy_with_config(self.address.0.clone(), config)
                .expect("a connection to be made")
        };
        self.connection.get_or_init(connect).clone()
    }

    pub(super) async fn claim(&self, slot: Slot, token: Token, lives: Lives) -> Result<Claim, StoreError> {
        let mut script = invocation(&self.scripts.claim, &slot, token);
        script.arg(milliseconds(lives.claim)).arg(milliseconds(lives.slot));
        let answer: Vec<String> = self.run(&script).await?;
        let answer: Vec<&str> = answer.iter().map(String::as_str).collect();
        match answer.as_slice() {
            ["acquired", in_doubt] => {
                Ok(Claim::Acquired(Acquired { slot, token, in_doubt: *in_doubt == "1" }))
            }
            ["in_flight"] => Ok(Claim::InFlight),
            ["reused"] => Ok(Claim::Reused),
            ["completed", completed] => serde_json::from_str(completed)
                .map(Claim::Completed)
                .map_err(|error| StoreError::Unreadable(Some(error))),
            _ => Err(StoreError::Unreadable(None)),
        }
    }

    pub(super) async fn settle(
        &self,
        acquired: &Acquired,
        settlement: &Settlement,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let (how, completed) = match settlement {
            Settlement::Release => ("release", None),
            Settlement::MarkUnknown => ("mark_unknown", None),
            Settlement::Complete(completed) => ("complete", Some(completed)),
        };
        let completed = completed.map(serde_json::to_string).transpose();
        let completed = completed.map_err(|error| StoreError::Unreadable(Some(error)))?;
        let mut script = invocation(&self.scripts.settle, &acquired.slot, acquired.token);
        script.arg(how).arg(milliseconds(ttl)).arg(completed.unwrap_or_default());
        let settled: i64 = self.run(&script).await?;
        // A slot that was released may be another's by the second try.
        Ok(settled == 1 || *settlement == Settlement::Release)
    }

    /// Runs a script, a second time if the first did not come through: each may run twice.
    async fn run<T: redis::FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let tries = async {
            let mut connection = self.connection();
            match script.invoke_async(&mut connection).await {
                Err(error) if error.is_io_error() => script.invoke_async(&mut connection).await,
                answer => answer,
            }
        };
        Ok(timeout(STEP, tries).await.map_err(|_| StoreError::TooSlow)??)
    }
}

/// A script with the keys and arguments that both share.
fn invocation<'a>(script: &'a Script, slot: &Slot, token: Token) -> ScriptInvocation<'a> {
    let location = base16ct::lower::encode_string(&slot.location);
    let mut invocation = script.prepare_invoke();
    invocation
        .key(format!("{PREFIX}:{{{location}}}:claim"))
        .key(format!("{PREFIX}:{{{location}}}"))
        .arg(format!("{token:032x}"))
        .arg(base16ct::lower::encode_string(&slot.request));
    invocation
}

fn milliseconds(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}

impl std::fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RedisAddress(***)")
    }
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis(***)")
    }
}
