//! Slots in Redis: for replicas. The only place that names the Redis library.
//!
//! Two Redis keys a slot, side by side in a cluster: `…:{place}:claim`, a string that expires with the claim, and
//! `…:{place}`, a hash with the request's digest, its last holder and, once TOP has decided, the verdict. Each
//! step is one script, which Redis runs as a whole.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisError, Script, ScriptInvocation};
use tokio::time::timeout;

use super::{Claim, Lives, Settlement, Slot, Standing, Token};

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

/// A connection to Redis, made when it is first needed and again whenever it breaks. It belongs to the thread that
/// made it.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
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
    /// What stands in Redis was not written by this version.
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
    /// A store at `address`. It must be made within the runtime of the thread that uses it.
    ///
    /// # Panics
    /// Never: nothing is connected yet, and the configuration is always the same.
    #[must_use]
    pub fn new(address: &RedisAddress) -> Self {
        // One try a connection: whoever comes next tries again, and nobody waits for more than that.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(TRY))
            .set_response_timeout(Some(TRY))
            .set_pipeline_buffer_size(QUEUE);
        let scripts = Scripts {
            claim: Script::new(include_str!("claim.lua")),
            settle: Script::new(include_str!("settle.lua")),
        };
        #[expect(clippy::expect_used, reason = "refused are only subscriptions, and there are none")]
        let connection = ConnectionManager::new_lazy_with_config(address.0.clone(), config)
            .expect("a connection to be made");
        Self { connection, scripts: Arc::new(scripts) }
    }

    pub(super) async fn claim(&self, slot: Slot, token: Token, lives: Lives) -> Result<Standing, StoreError> {
        let mut script = invocation(&self.scripts.claim, &slot, token);
        script.arg(milliseconds(lives.claim)).arg(milliseconds(lives.slot));
        let answer: Vec<String> = self.run(&script).await?;
        let answer: Vec<&str> = answer.iter().map(String::as_str).collect();
        match answer.as_slice() {
            ["ours", in_doubt] => Ok(Standing::Ours(Claim { slot, token, in_doubt: *in_doubt == "1" })),
            ["in_flight"] => Ok(Standing::InFlight),
            ["reused"] => Ok(Standing::Reused),
            ["decided", verdict] => serde_json::from_str(verdict)
                .map(Standing::Decided)
                .map_err(|error| StoreError::Unreadable(Some(error))),
            _ => Err(StoreError::Unreadable(None)),
        }
    }

    pub(super) async fn settle(
        &self,
        claim: &Claim,
        settlement: &Settlement,
        ttl: Duration,
    ) -> Result<bool, StoreError> {
        let (how, verdict) = match settlement {
            Settlement::Forget => ("forget", None),
            Settlement::Keep => ("keep", None),
            Settlement::Decide(verdict) => ("decide", Some(verdict)),
        };
        let verdict = verdict.map(serde_json::to_string).transpose();
        let verdict = verdict.map_err(|error| StoreError::Unreadable(Some(error)))?;
        let mut script = invocation(&self.scripts.settle, &claim.slot, claim.token);
        script.arg(how).arg(milliseconds(ttl)).arg(verdict.unwrap_or_default());
        let settled: i64 = self.run(&script).await?;
        // A slot that was forgotten may be another's by the second try.
        Ok(settled == 1 || *settlement == Settlement::Forget)
    }

    /// Runs a script, a second time if the first did not come through: each may run twice.
    async fn run<T: redis::FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, StoreError> {
        let tries = async {
            let mut connection = self.connection.clone();
            match script.invoke_async(&mut connection).await {
                Err(error) if error.is_io_error() => script.invoke_async(&mut connection).await,
                answer => answer,
            }
        };
        Ok(timeout(STEP, tries).await.map_err(|_| StoreError::TooSlow)??)
    }
}

/// A script with what both begin with.
fn invocation<'a>(script: &'a Script, slot: &Slot, token: Token) -> ScriptInvocation<'a> {
    let place = base16ct::lower::encode_string(&slot.place);
    let mut invocation = script.prepare_invoke();
    invocation
        .key(format!("{PREFIX}:{{{place}}}:claim"))
        .key(format!("{PREFIX}:{{{place}}}"))
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
