//! Idempotency-Keys: what makes a retry as safe as can be promised before a gateway that has no such thing.
//!
//! A key belongs to one caller and one case, its *slot*. A push that comes with one first claims the slot; what
//! became of it is settled there afterwards:
//!
//! | the slot holds | a push with the same request | with another request |
//! | --- | --- | --- |
//! | nothing | claims it and runs | the same |
//! | a live claim | [`Standing::InFlight`] | [`Standing::Reused`] |
//! | no claim, undecided: unknown, or its holder died | claims it and runs, in doubt | [`Standing::Reused`] |
//! | a verdict of TOP | [`Standing::Decided`]: replayed | [`Standing::Reused`] |
//!
//! Settling forgets the slot where `not_executed` is proven and there was no doubt before, else it stays
//! undecided until TOP decides. There are two life-times: a claim lives a little longer than its push can, what
//! was settled lives as long as the operator wants. A holder that dies leaves an undecided slot behind.

mod key;
mod memory;
mod redis;

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::outcome::Outcome;
use crate::top::Said;
pub use key::IdempotencyKey;
pub use memory::Memory;
pub use redis::{Redis, RedisAddress, StoreError};

/// How long a claim outlives the deadline of its push: time to settle, no more. A holder that died blocks its
/// key until then.
const GRACE: Duration = Duration::from_secs(3);

/// Keeps the keys of one bridge, or, with Redis, of all its replicas.
#[derive(Debug, Clone)]
pub struct Keys {
    store: Store,
    digests: Digests,
    ttl: Duration,
}

/// Where slots are kept.
#[derive(Debug, Clone)]
pub enum Store {
    /// In this process.
    Memory(Arc<Memory>),
    /// Shared by replicas.
    Redis(Redis),
}

/// One key of one caller for one case, and the request that came with it. Nothing in it can be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// A digest of caller, case and key.
    place: Hash,
    /// A keyed digest of the normalised request.
    request: Hash,
}

/// A SHA-256 digest or code.
type Hash = [u8; 32];

/// Tells one claim from all others.
type Token = u128;

/// How a push stands to its slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The slot is claimed: run, then settle.
    Ours(Claim),
    /// Another push with the same request holds it.
    InFlight,
    /// It belongs to another request.
    Reused,
    /// TOP has decided on the same request before.
    Decided(Verdict),
}

/// A slot that is held by one push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    slot: Slot,
    token: Token,
    /// Whether an earlier push with this key may have been executed.
    pub in_doubt: bool,
}

/// What TOP decided on a push: as much of it as its answer needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which way.
    pub decision: Decision,
    /// Calls to TOP.
    pub attempts: u32,
    /// Whether an earlier push with the key may have been executed, too.
    pub in_doubt: bool,
    /// What TOP said that the answer repeats.
    pub said: Said,
}

/// TOP's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// TOP executed the push.
    Accepted,
    /// TOP said no.
    Rejected,
}

/// What is left in a slot when its push is over.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Settlement {
    /// Nothing: the push was proven not to be executed.
    Forget,
    /// The doubt: the push may have been executed.
    Keep,
    /// TOP's verdict.
    Decide(Verdict),
}

/// The life-times of what a claim writes.
#[derive(Debug, Clone, Copy)]
struct Lives {
    /// Of the claim.
    claim: Duration,
    /// Of the slot, in case that nobody settles it.
    slot: Duration,
}

impl Keys {
    /// Keys in `store`, each remembered for `ttl` after it was settled. Replicas that share a store must have
    /// the same `app_key` and `app_secret`.
    #[must_use]
    pub fn new(store: Store, app_key: &str, app_secret: &SecretString, ttl: Duration) -> Self {
        Self { store, digests: Digests::new(app_key, app_secret), ttl }
    }

    /// The slot of `key` as `caller` uses it for `case_id`, and of the request `req`, the payload as TOP gets it.
    #[must_use]
    pub fn slot(&self, caller: Option<&str>, case_id: &str, key: &IdempotencyKey, req: &str) -> Slot {
        let Digests { place, request } = self.digests.clone();
        // Each part with its length before it, so that no two lists of parts run into one.
        let parts = [caller.unwrap_or_default(), case_id, key.as_str()];
        let place = parts
            .iter()
            .fold(place, |digest, part| digest.chain_update(part.len().to_be_bytes()).chain_update(part));
        Slot {
            place: place.finalize().into(),
            request: request.chain_update(req).finalize().into_bytes().into(),
        }
    }

    /// Claims a slot for a push that must be over by `deadline`.
    ///
    /// # Errors
    /// When the store cannot be used; then nothing may be pushed.
    pub async fn claim(&self, slot: Slot, deadline: Instant) -> Result<Standing, StoreError> {
        let claim = deadline.saturating_duration_since(Instant::now()) + GRACE;
        let lives = Lives { claim, slot: claim + self.ttl };
        let token = fastrand::u128(..);
        match &self.store {
            Store::Memory(memory) => Ok(memory.claim(slot, token, lives, Instant::now())),
            Store::Redis(redis) => redis.claim(slot, token, lives).await,
        }
    }

    /// Leaves in a claimed slot what its push came to. `Ok(false)` means that the slot has gone to another push
    /// since, because this one took longer than its claim lived; nothing is changed then.
    ///
    /// # Errors
    /// When the store cannot be used: the slot stays undecided.
    pub async fn settle(&self, claim: &Claim, end: &Settled<'_>) -> Result<bool, StoreError> {
        let settlement = end.settlement(claim.in_doubt);
        match &self.store {
            Store::Memory(memory) => Ok(memory.settle(claim, settlement, self.ttl, Instant::now())),
            Store::Redis(redis) => redis.settle(claim, &settlement, self.ttl).await,
        }
    }
}

/// What a push came to, as far as its slot is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Settled<'a> {
    /// Whether it was executed.
    pub outcome: Outcome,
    /// Calls to TOP.
    pub attempts: u32,
    /// What TOP said.
    pub said: &'a Said,
}

impl Settled<'_> {
    fn settlement(&self, in_doubt: bool) -> Settlement {
        let verdict = |decision, said| Verdict { decision, attempts: self.attempts, in_doubt, said };
        match self.outcome {
            // The answer to an accepted push does not repeat TOP's message.
            Outcome::Accepted => {
                Settlement::Decide(verdict(Decision::Accepted, Said { sub_msg: None, ..self.said.clone() }))
            }
            Outcome::Rejected => Settlement::Decide(verdict(Decision::Rejected, self.said.clone())),
            Outcome::NotExecuted if !in_doubt => Settlement::Forget,
            Outcome::NotExecuted | Outcome::Unknown => Settlement::Keep,
        }
    }
}

/// The digests by which slots are known, with their first parts taken in.
#[derive(Clone)]
struct Digests {
    place: Sha256,
    request: Hmac<Sha256>,
}

impl Digests {
    fn new(app_key: &str, app_secret: &SecretString) -> Self {
        // The secret signs calls to TOP; here it only keys another key, so that no code of one use is one of the
        // other.
        #[expect(clippy::expect_used, reason = "a key for HMAC may have any length")]
        let code = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
        let key = code(app_secret.expose_secret().as_bytes()).chain_update("idempotency v1").finalize();
        let place = Sha256::new().chain_update(app_key.len().to_be_bytes()).chain_update(app_key);
        Self { place, request: code(&key.into_bytes()) }
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
        let slot = |caller, case, text: &str| keys.slot(caller, case, &key(text), "{}").place;
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
        assert_eq!(slot("secret", "{}").place, slot("other", "{}").place);
        assert!(!format!("{:?}", keys()).contains("secret"));
    }

    #[test]
    fn what_is_settled_follows_the_outcome_and_the_doubt_before() {
        let said = Said { sub_msg: Some("why".to_owned()), ..Said::default() };
        let settle = |outcome, in_doubt| Settled { outcome, attempts: 2, said: &said }.settlement(in_doubt);
        assert_eq!(settle(Outcome::NotExecuted, false), Settlement::Forget);
        assert_eq!(settle(Outcome::NotExecuted, true), Settlement::Keep);
        assert_eq!(settle(Outcome::Unknown, false), Settlement::Keep);
        assert_eq!(settle(Outcome::Unknown, true), Settlement::Keep);
        for (outcome, decision, said) in [
            (Outcome::Accepted, Decision::Accepted, Said::default()),
            (Outcome::Rejected, Decision::Rejected, said.clone()),
        ] {
            let verdict = Verdict { decision, attempts: 2, in_doubt: true, said };
            assert_eq!(settle(outcome, true), Settlement::Decide(verdict));
        }
    }
}
