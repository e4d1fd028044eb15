//! Slots in Redis: for replicas. The only place that names the Redis library.
//!
//! Two Redis keys a slot, side by side in a cluster: `…:{location}:claim`, a string that expires with the claim, and
//! `…:{location}`, a hash with the request's digest, its last holder and, once TOP has decided, the decision. Each
//! step is one script, which Redis runs as a whole.

mod connect;
mod error;
mod link;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::{FromRedisValue, RedisResult, Script, ScriptInvocation};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::claim::{Acquired, Claim, GRACE, Lives, Settlement, Slot, Token};
use crate::redis_url::RedisUrl;
pub use error::StoreError;
use error::{is_answer, is_stale};
use link::{Connection, Link};

/// How long a claim may take before its push is refused.
const CLAIM_TIMEOUT: Duration = Duration::from_millis(800);
/// How long a record may take before its push is answered without it.
const RECORD_TIMEOUT: Duration = Duration::from_secs(2);
/// How long after its first try a claim is tried again, where another connection may do better.
const RETRY_PATIENCE: Duration = Duration::from_millis(100);
/// How long to wait before another try.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
/// A connection that owes an answer for so long is left to those that wait for it.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2);
/// What was not done in time is tried again later: first after this time, then each time after twice the time.
const LATER_INTERVAL: Duration = Duration::from_millis(250);
/// How often: for a minute at least.
const MAX_LATER_TRIES: u32 = 9;
/// The most claims and records that are seen to later, at once; what is beyond ends with the claim's life.
const MAX_LATER: usize = 4096;
/// Before each key; the number changes with the layout.
const PREFIX: &str = "mediation-bridge:1";

/// Redis as one worker uses it. Clones share its connection.
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
    scripts: Arc<Scripts>,
    later: Arc<Semaphore>,
}

struct Scripts {
    claim: Script,
    settle: Script,
}

/// What a slot is told when its push is over, or refused.
struct Record {
    slot: Slot,
    token: Token,
    /// What the script is told to do.
    how: &'static str,
    life: Duration,
    /// TOP's decision.
    completed: String,
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
            later: Arc::new(Semaphore::new(MAX_LATER)),
        }
    }

    /// The same store with a connection of its own.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        Self { link: Arc::new(self.link.another()), ..self.clone() }
    }

    /// Whether slots can be written now: claims one that nobody uses, and releases it.
    ///
    /// # Errors
    /// When they cannot.
    pub async fn check(&self) -> Result<(), StoreError> {
        let mut location = [0; 32];
        fastrand::fill(&mut location);
        let slot = Slot { location, request: [0; 32] };
        let lives = Lives::new(CLAIM_TIMEOUT, RECORD_TIMEOUT);
        if let Claim::Acquired(acquired) = self.claim(slot, fastrand::u128(..), lives).await? {
            self.settle(&acquired, &Settlement::Release, RECORD_TIMEOUT, RECORD_TIMEOUT).await?;
        }
        Ok(())
    }

    /// Claims a slot. A claim of which nobody knows in time whether it was made is given back once that is known.
    pub(super) async fn claim(&self, slot: Slot, token: Token, lives: Lives) -> Result<Claim, StoreError> {
        let unanswered = Arc::new(AtomicBool::new(false));
        let mut claim = Box::pin(self.clone().try_claim(slot, token, lives, Arc::clone(&unanswered)));
        let done = timeout(claim_timeout(lives), &mut claim).await;
        let unanswered = unanswered.load(Ordering::Relaxed);
        if unanswered && !matches!(done, Ok(Ok(_))) {
            let late = done.is_err().then_some(claim);
            let record = Record { slot, token, how: "release", life: lives.slot, completed: String::new() };
            self.later(async move |store| {
                if let Some(late) = late
                    && let Ok(Claim::InFlight | Claim::Reused | Claim::Completed(_)) = late.await
                {
                    return;
                }
                store.record_later(&record, Duration::ZERO).await;
            });
        }
        done.unwrap_or_else(|_| if unanswered { Err(StoreError::TooSlow) } else { Err(self.unconnected()) })
    }

    /// There is no connection in time.
    fn unconnected(&self) -> StoreError {
        StoreError::new(io::Error::from(io::ErrorKind::TimedOut).into(), self.link.url())
    }

    async fn try_claim(
        self,
        slot: Slot,
        token: Token,
        lives: Lives,
        unanswered: Arc<AtomicBool>,
    ) -> Result<Claim, StoreError> {
        let mut script = invocation(&self.scripts.claim, &slot, token);
        script.arg(milliseconds(lives.claim)).arg(milliseconds(lives.slot));
        let answer: Vec<String> = self.run(&script, RETRY_PATIENCE, &unanswered).await?;
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

    /// Records what a push came to. What cannot be recorded within `patience` is tried for a while longer.
    pub(super) async fn settle(
        &self,
        acquired: &Acquired,
        settlement: &Settlement,
        ttl: Duration,
        patience: Duration,
    ) -> Result<bool, StoreError> {
        let (how, completed) = match settlement {
            Settlement::Release => ("release", None),
            Settlement::MarkUnknown => ("mark_unknown", None),
            Settlement::Complete(completed) => ("complete", Some(completed)),
        };
        let completed = completed.map(serde_json::to_string).transpose();
        let completed = completed.map_err(|error| StoreError::Unreadable(Some(error)))?.unwrap_or_default();
        let record = Record { slot: acquired.slot, token: acquired.token, how, life: ttl, completed };
        let patience = patience.min(RECORD_TIMEOUT);
        let recorded = self.record(&record, patience, patience).await;
        if recorded.is_err() {
            self.later(async move |store| store.record_later(&record, LATER_INTERVAL).await);
        }
        // A slot that was released may be another's by the second try.
        Ok(recorded? || *settlement == Settlement::Release)
    }

    /// Tells a slot what became of its push. False where it is another push's.
    async fn record(&self, record: &Record, patience: Duration, limit: Duration) -> Result<bool, StoreError> {
        let mut script = invocation(&self.scripts.settle, &record.slot, record.token);
        script.arg(record.how).arg(milliseconds(record.life)).arg(&record.completed);
        let recorded = timeout(limit, self.run(&script, patience, &AtomicBool::default())).await;
        let recorded: i64 = recorded.map_err(|_| StoreError::TooSlow)??;
        Ok(recorded == 1)
    }

    async fn record_later(&self, record: &Record, mut wait: Duration) {
        for _ in 0..MAX_LATER_TRIES {
            sleep(wait).await;
            if self.record(record, RETRY_PATIENCE, RECORD_TIMEOUT).await.is_ok() {
                return;
            }
            wait = LATER_INTERVAL.max(2 * wait);
        }
    }

    /// Sees to something in a task of its own, if there are not too many.
    fn later<Done: Future<Output = ()> + Send>(&self, task: impl FnOnce(Self) -> Done + Send + 'static) {
        if let Ok(permit) = Arc::clone(&self.later).try_acquire_owned() {
            let store = self.clone();
            tokio::spawn(async move {
                let _permit = permit;
                task(store).await;
            });
        }
    }

    /// Runs a script, and for as long as `patience` says again on another connection, where one may do better: each script
    /// may run twice. `unanswered` is set while it may have run and nobody knows.
    async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        patience: Duration,
        unanswered: &AtomicBool,
    ) -> Result<T, StoreError> {
        let end = Instant::now() + patience;
        loop {
            let error = match self.link.connection().await {
                Ok(connection) => {
                    let before = unanswered.swap(true, Ordering::Relaxed);
                    let answer = self.invoke(script, &connection).await;
                    // An answer is one to this try and to no other.
                    let lost = answer.as_ref().is_err_and(|error| !is_answer(error));
                    unanswered.store(before || lost, Ordering::Relaxed);
                    match answer {
                        Ok(answer) => return Ok(answer),
                        Err(error) => {
                            if is_stale(&error) {
                                self.link.forget(&connection);
                            }
                            error
                        }
                    }
                }
                Err(error) => error,
            };
            if !is_stale(&error) || end.saturating_duration_since(Instant::now()) < RETRY_INTERVAL {
                return Err(StoreError::new(error, self.link.url()));
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    /// Runs a script on one connection, which is left to those that wait for it where it is silent for long.
    async fn invoke<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
        connection: &Connection,
    ) -> RedisResult<T> {
        let mut channel = connection.channel();
        let mut answer = std::pin::pin!(script.invoke_async(&mut channel));
        if let Ok(answer) = timeout(SILENCE_TIMEOUT, &mut answer).await {
            return answer;
        }
        self.link.forget(connection);
        answer.await
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

/// How long a claim may take: at most for as long as its push has until its deadline.
fn claim_timeout(lives: Lives) -> Duration {
    CLAIM_TIMEOUT.min(lives.claim.saturating_sub(GRACE))
}

fn milliseconds(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1)
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redis(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_waits_for_redis_no_longer_than_the_deadline() {
        for (remaining, expected) in [(10_000, 800), (800, 800), (300, 300), (0, 0)] {
            let lives = Lives::new(Duration::from_millis(remaining), Duration::ZERO);
            assert_eq!(claim_timeout(lives), Duration::from_millis(expected), "{remaining}");
        }
    }

    #[test]
    fn it_prints_neither_address_nor_password() {
        let url: RedisUrl = "redis://user:password@host".parse().unwrap();
        assert_eq!(format!("{:?}", Redis::new(url)), "Redis(***)");
    }
}
