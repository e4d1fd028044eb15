//! Idempotency-Keys: what makes a retry as safe as can be promised before a gateway that has no such thing.
//!
//! A key belongs to one caller and one case, its *slot*. A push that comes with one first claims the slot; what became of
//! it is recorded there afterwards:
//!
//! | the slot holds | a push with the same request | with another request |
//! | --- | --- | --- |
//! | nothing | acquires it and runs | the same |
//! | a live claim | [`Claim::InFlight`] | [`Claim::Reused`] |
//! | no claim, undecided: unknown, or its holder died | acquires it and runs, in doubt | [`Claim::Reused`] |
//! | a decision of TOP | [`Claim::Completed`]: replayed | [`Claim::Reused`] |
//!
//! A push that is proven not to be executed releases the slot if there was no doubt before; else the slot stays undecided
//! until TOP decides. There are two life-times: a claim lives a little longer than its push can, what was recorded lives as
//! long as the operator wants. A holder that dies leaves an undecided slot behind.
//!
//! [`Entry`] is this table: the store in memory calls it, the scripts for Redis follow it. `tests/api/key_stores.rs` compares
//! the two step by step, and `tests/model` proves what follows from it.

mod claim;
mod entry;
mod key;
mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use strum::{IntoStaticStr, VariantNames};
use tokio::time::Instant;

use super::outcome::Outcome;
use crate::redis_url::RedisUrl;
use crate::top::UpstreamDetails;
pub use claim::{Acquired, Claim, Completed, Decision, GRACE, Hash, Lives, Settlement, Slot, Token};
pub use entry::{Entry, State};
pub use key::IdempotencyKey;
pub use memory::Memory;
pub use redis::{Redis, StoreError};

/// How long a record may take at least, also if the deadline of its push has passed.
const MIN_RECORD_TIMEOUT: Duration = Duration::from_millis(100);

/// The keys of one bridge, or, with Redis, of all its replicas.
#[derive(Debug)]
pub struct Keys {
    store: Store,
    digests: Digests,
    ttl: Duration,
}

/// Where slots are kept.
#[derive(Debug)]
pub enum Store {
    /// In this process.
    Memory(Arc<Memory>),
    /// Shared by replicas.
    Redis(Redis),
}

impl Store {
    /// A store in this process, which its workers share.
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// A store in Redis; nothing is connected yet.
    #[must_use]
    pub fn redis(url: RedisUrl) -> Self {
        Self::Redis(Redis::new(url))
    }

    /// The same store for another worker: a connection belongs to one thread, so that no push wakes another.
    #[must_use]
    pub fn for_worker(&self) -> Self {
        match self {
            Self::Memory(memory) => Self::Memory(Arc::clone(memory)),
            Self::Redis(redis) => Self::Redis(redis.for_worker()),
        }
    }

    /// Claims a slot for a push that `token` tells from all others. Redis has its own `now`.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn claim(
        &self,
        slot: Slot,
        token: Token,
        lives: Lives,
        now: Instant,
    ) -> Result<Claim, StoreError> {
        match self {
            Self::Memory(memory) => Ok(memory.claim(slot, token, lives, now)),
            Self::Redis(redis) => redis.claim(slot, token, lives).await,
        }
    }

    /// Records in an acquired slot what its push came to; `Ok(false)` where another push has acquired it since.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn settle(
        &self,
        acquired: &Acquired,
        settlement: Settlement,
        ttl: Duration,
        patience: Duration,
        now: Instant,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Memory(memory) => Ok(memory.settle(acquired, settlement, ttl, now)),
            Self::Redis(redis) => redis.settle(acquired, &settlement, ttl, patience).await,
        }
    }
}

/// How the Idempotency-Key of a push stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum KeyStanding {
    /// It came for the first time, or what came before is forgotten.
    New,
    /// An earlier push with it may have been executed.
    InDoubt,
    /// TOP had decided; the answer was repeated.
    Replayed {
        /// Whether an earlier push than the one that TOP decided on may have been executed, too.
        in_doubt: bool,
    },
    /// Another push with it was in flight.
    InFlight,
    /// It belongs to another request.
    Reused,
    /// The store could not tell.
    Unavailable,
}

impl Keys {
    /// Keys in `store`, each remembered for `ttl` after its outcome was recorded. Replicas that share a store must have the
    /// same `app_key` and `app_secret`.
    #[must_use]
    pub fn new(store: Store, app_key: &str, app_secret: &SecretString, ttl: Duration) -> Self {
        Self { store, digests: Digests::new(app_key, app_secret), ttl }
    }

    /// The slot of `key` as `caller` uses it for `case_id`, and of the request `req`, the payload as TOP gets it.
    #[must_use]
    pub fn slot(&self, caller: Option<&str>, case_id: &str, key: &IdempotencyKey, req: &str) -> Slot {
        let Digests { location, request } = self.digests.clone();
        // Each part with its length before it, so that no two lists of parts run into one.
        let parts = [caller.unwrap_or_default(), case_id, key.as_str()];
        let location = parts
            .iter()
            .fold(location, |digest, part| digest.chain_update(part.len().to_be_bytes()).chain_update(part));
        Slot {
            location: location.finalize().into(),
            request: request.chain_update(req).finalize().into_bytes().into(),
        }
    }

    /// Claims a slot for a push that must be over by `deadline`.
    ///
    /// # Errors
    /// When the store cannot be used; then nothing may be pushed.
    pub async fn claim(&self, slot: Slot, deadline: Instant) -> Result<Claim, StoreError> {
        let now = Instant::now();
        let lives = Lives::new(deadline.saturating_duration_since(now), self.ttl);
        self.store.claim(slot, fastrand::u128(..), lives, now).await
    }

    /// Records in an acquired slot what its push came to. `Ok(false)` means that another push has acquired the slot since,
    /// because this one took longer than its claim lived; nothing is changed then.
    ///
    /// # Errors
    /// When the store cannot be used: the slot stays undecided.
    pub async fn settle(
        &self,
        acquired: &Acquired,
        end: Completion<'_>,
        deadline: Instant,
    ) -> Result<bool, StoreError> {
        let now = Instant::now();
        let patience = deadline.saturating_duration_since(now).max(MIN_RECORD_TIMEOUT);
        self.store.settle(acquired, end.settlement(acquired.in_doubt), self.ttl, patience, now).await
    }
}

/// What a push came to, as far as its slot is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Completion<'a> {
    /// Whether it was executed.
    pub outcome: Outcome,
    /// Calls to TOP.
    pub attempts: u32,
    /// What TOP said.
    pub upstream: &'a UpstreamDetails,
}

impl Completion<'_> {
    /// What its slot is told, where an earlier push with the key was `in_doubt` or was not.
    #[must_use]
    pub fn settlement(self, in_doubt: bool) -> Settlement {
        // What the answer shows, and no more.
        let completed = |decision, upstream: UpstreamDetails| {
            let upstream = upstream.without_addresses();
            Settlement::Complete(Completed { decision, attempts: self.attempts, in_doubt, upstream })
        };
        match self.outcome {
            // The answer to an accepted push does not repeat TOP's message.
            Outcome::Accepted => {
                completed(Decision::Accepted, UpstreamDetails { sub_msg: None, ..self.upstream.clone() })
            }
            Outcome::Rejected => completed(Decision::Rejected, self.upstream.clone()),
            Outcome::NotExecuted if !in_doubt => Settlement::Release,
            Outcome::NotExecuted | Outcome::Unknown => Settlement::MarkUnknown,
        }
    }
}

/// The digests by which slots are known, with their first parts taken in.
#[derive(Clone)]
struct Digests {
    location: Sha256,
    request: Hmac<Sha256>,
}

impl Digests {
    fn new(app_key: &str, app_secret: &SecretString) -> Self {
        // The secret signs calls to TOP; here it only keys another key, so that no code of one use is one of the other.
        #[expect(clippy::expect_used, reason = "a key for HMAC may have any length")]
        let code = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
        let key = code(app_secret.expose_secret().as_bytes()).chain_update("idempotency v1").finalize();
        let location = Sha256::new().chain_update(app_key.len().to_be_bytes()).chain_update(app_key);
        Self { location, request: code(&key.into_bytes()) }
    }
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digests(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::new(Store::Memory(Arc::default()), "app", &"secret".into(), Duration::from_mins(1))
    }

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse(text).unwrap()
    }

    #[test]
    fn a_slot_is_told_apart_by_caller_case_and_key() {
        let keys = keys();
        let slot = |caller, case, text: &str| keys.slot(caller, case, &key(text), "{}").location;
        let all = [
            slot(Some("a"), "1", "k"),
            slot(Some("b"), "1", "k"),
            slot(None, "1", "k"),
            slot(Some("a"), "2", "k"),
            slot(Some("a"), "1", "l"),
            slot(Some("a1"), "1", "k"),
            slot(Some("a"), "11", "k"),
            slot(Some("a"), "1", "1k"),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(all.iter().skip(index + 1).all(|other| other != one), "{index}");
        }
        assert_eq!(slot(Some("a"), "1", "k"), slot(Some("a"), "1", "\"k\""));
    }

    #[test]
    fn the_request_is_compared_by_a_keyed_digest() {
        let slot = |secret: &str, req| {
            let store = Store::Memory(Arc::default());
            Keys::new(store, "app", &secret.into(), Duration::from_secs(1)).slot(None, "1", &key("k"), req)
        };
        assert_eq!(slot("secret", "{}"), slot("secret", "{}"));
        assert_ne!(slot("secret", "{}").request, slot("secret", "[]").request);
        assert_ne!(slot("secret", "{}").request, slot("other", "{}").request);
        assert_eq!(slot("secret", "{}").location, slot("other", "{}").location);
        let printed = format!("{:?}", keys());
        assert!(printed.contains("Digests(***)") && !printed.contains("secret"), "{printed}");
    }

    #[test]
    fn what_is_recorded_follows_the_outcome_and_the_doubt_before() {
        let upstream = UpstreamDetails { sub_msg: Some("why".to_owned()), ..UpstreamDetails::default() };
        let settle =
            |outcome, in_doubt| Completion { outcome, attempts: 2, upstream: &upstream }.settlement(in_doubt);
        assert_eq!(settle(Outcome::NotExecuted, false), Settlement::Release);
        assert_eq!(settle(Outcome::NotExecuted, true), Settlement::MarkUnknown);
        assert_eq!(settle(Outcome::Unknown, false), Settlement::MarkUnknown);
        assert_eq!(settle(Outcome::Unknown, true), Settlement::MarkUnknown);
        for (outcome, decision, upstream) in [
            (Outcome::Accepted, Decision::Accepted, UpstreamDetails::default()),
            (Outcome::Rejected, Decision::Rejected, upstream.clone()),
        ] {
            let completed = Completed { decision, attempts: 2, in_doubt: true, upstream };
            assert_eq!(settle(outcome, true), Settlement::Complete(completed));
        }
    }
}
