//! Slots in Redis: for replicas. The only place that names the Redis library.
//!
//! Two Redis keys a slot, side by side in a cluster: `…:{location}:claim`, a string that expires with the claim, and
//! `…:{location}`, a hash with the request's digest, its last holder and, once TOP has decided, the decision. Each
//! step is one script, which Redis runs as a whole.

mod link;

use std::sync::Arc;
use std::time::Duration;

use redis::{FromRedisValue, RedisError, Script, ScriptInvocation};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::claim::{Acquired, Claim, Lives, Settlement, Slot, Token};
use crate::redis_url::RedisUrl;
use link::{Link, is_stale};

/// How long a claim may take before its push is refused.
const CLAIM: Duration = Duration::from_millis(800);
/// How long a record may take before its push is answered without it: a fail-over lasts for seconds.
const RECORD: Duration = Duration::from_secs(2);
/// How long after its first try a claim is tried again, where another connection may do better.
const AGAIN: Duration = Duration::from_millis(100);
/// How long to wait before another try.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait before another try to give a claim back.
const GIVE_BACK: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// Claims that are given back at once, at most; others end with their life.
const MOST_GIVEN_BACK: usize = 512;
/// Before each key; the number changes with the layout.
const PREFIX: &str = "mediation-bridge:1";

/// Redis as one worker uses it. Clones share its connection.
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    giving_back: Arc<Semaphore>,
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
    Redis(#[source] RedisError),
    /// The port does not speak TLS.
    #[error("Redis' port does not speak TLS; rediss:// is for one that does, redis:// for a plain one")]
    NoTls,
    /// Redis did not answer.
    #[error("Redis did not answer in time")]
    TooSlow,
    /// What is in Redis was not written by this version.
    #[error("what Redis holds cannot be read")]
    Unreadable(#[source] Option<serde_json::Error>),
}

impl From<RedisError> for StoreError {
    fn from(error: RedisError) -> Self {
        // What a server answers that expected no greeting of TLS.
        if error.to_string().contains("InvalidContentType") { Self::NoTls } else { Self::Redis(error) }
    }
}

impl Redis {
    /// A store where `url` says. Nothing is connected.
    #[must_use]
    pub fn new(url: RedisUrl) -> Self {
        let scripts = Scripts {
            claim: Script::new(include_str!("claim.lua")),
            settle: Script::new(include_str!("settle.lua")),
        };
        Self {
            link: Arc::new(Link::new(Arc::new(url))),
            scripts: Arc::new(scripts),
            giving_back: Arc::new(Semaphore::new(MOST_GIVEN_BACK)),
        }
    }

    /// The same store with a connection of its own.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        Self { link: Arc::new(self.link.another()), ..self.clone() }
    }

    /// Whether Redis can be written to now.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn check(&self) -> Result<(), StoreError> {
        let check = async {
            let mut connection = self.link.connection().await?;
            let () = redis::cmd("PING").query_async(&mut connection).await?;
            Ok(())
        };
        timeout(RECORD, check).await.map_err(|_| StoreError::TooSlow)?
    }

    /// Claims a slot. A claim of which nobody knows in time whether it was made is given back once that is known.
    pub(super) async fn claim(&self, slot: Slot, token: Token, lives: Lives) -> Result<Claim, StoreError> {
        let mut claim = Box::pin(self.clone().try_claim(slot, token, lives));
        let done = timeout(CLAIM, &mut claim).await;
        let in_doubt = match &done {
            Err(_) => true,
            Ok(Err(StoreError::Redis(error))) => error.is_io_error() && !error.is_connection_refusal(),
            Ok(Ok(_) | Err(StoreError::NoTls | StoreError::TooSlow | StoreError::Unreadable(_))) => false,
        };
        if in_doubt && let Ok(permit) = Arc::clone(&self.giving_back).try_acquire_owned() {
            let store = self.clone();
            let late = done.is_err().then_some(claim);
            tokio::spawn(async move {
                let _permit = permit;
                store.give_back(late, slot, token, lives).await;
            });
        }
        done.unwrap_or(Err(StoreError::TooSlow))
    }

    /// Gives a claim back whose push was refused: `late` is its answer, if that is still to come.
    async fn give_back(
        self,
        late: Option<impl Future<Output = Result<Claim, StoreError>>>,
        slot: Slot,
        token: Token,
        lives: Lives,
    ) {
        let mut claim = match late {
            Some(late) => late.await,
            None => Err(StoreError::TooSlow),
        };
        for pause in GIVE_BACK {
            match claim {
                Ok(Claim::Acquired(acquired)) => {
                    // What was there before stays: a doubt, or nothing.
                    let before =
                        if acquired.in_doubt { Settlement::MarkUnknown } else { Settlement::Release };
                    if self.settle(&acquired, &before, lives.slot).await.is_ok() {
                        return;
                    }
                }
                Ok(Claim::InFlight | Claim::Reused | Claim::Completed(_)) => return,
                Err(_) => {}
            }
            sleep(pause).await;
            // The same claim once more finds it, or makes it.
            claim = self.clone().try_claim(slot, token, lives).await;
        }
    }

    async fn try_claim(self, slot: Slot, token: Token, lives: Lives) -> Result<Claim, StoreError> {
        let mut script = invocation(&self.scripts.claim, &slot, token);
        script.arg(milliseconds(lives.claim)).arg(milliseconds(lives.slot));
        let answer: Vec<String> = self.run(&script, AGAIN).await?;
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
        let settled: i64 =
            timeout(RECORD, self.run(&script, RECORD)).await.map_err(|_| StoreError::TooSlow)??;
        // A slot that was released may be another's by the second try.
        Ok(settled == 1 || *settlement == Settlement::Release)
    }

    /// Runs a script, and for as long as `patience` says again on another connection, where one may do better: each script
    /// may run twice.
    async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        patience: Duration,
    ) -> Result<T, StoreError> {
        let end = Instant::now() + patience;
        loop {
            let error = match self.link.connection().await {
                Ok(mut connection) => match script.invoke_async(&mut connection).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => {
                        if is_stale(&error) {
                            self.link.forget(&connection).await;
                        }
                        error
                    }
                },
                Err(error) => error,
            };
            if !is_stale(&error) || Instant::now() + PAUSE > end {
                return Err(error.into());
            }
            sleep(PAUSE).await;
        }
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

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis(***)")
    }
}
