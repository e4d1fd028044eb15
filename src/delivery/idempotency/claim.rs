//! A slot, the claim to it, and what is recorded in it: what every store keeps.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::top::UpstreamDetails;

/// One key of one caller for one case, and the request that came with it. Nothing in it can be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// A digest of caller, case and key: where the slot is kept.
    pub location: Hash,
    /// A keyed digest of the normalised request.
    pub request: Hash,
}

/// A SHA-256 digest or code.
pub type Hash = [u8; 32];

/// Tells one claim from all others.
pub type Token = u128;

/// What a push that claims a slot is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The slot is its: run, then record.
    Acquired(Acquired),
    /// Another push with the same request holds it.
    InFlight,
    /// It belongs to another request.
    Reused,
    /// TOP has decided on the same request before.
    Completed(Completed),
}

/// A slot that is held by one push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquired {
    /// The slot.
    pub slot: Slot,
    /// The claim that acquired it.
    pub token: Token,
    /// Whether an earlier push with this key may have been executed.
    pub in_doubt: bool,
}

/// What TOP decided on a push: as much of it as its answer needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// Which way.
    pub decision: Decision,
    /// Calls to TOP.
    pub attempts: u32,
    /// Whether an earlier push with the key may have been executed, too.
    pub in_doubt: bool,
    /// What TOP said that the answer repeats.
    #[serde(rename = "said")]
    pub upstream: UpstreamDetails,
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

/// What is recorded in a slot when its push is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing stays but a doubt of before: the push was proven not to be executed.
    Release,
    /// The doubt stays: the push may have been executed.
    MarkUnknown,
    /// TOP's decision.
    Complete(Completed),
}

/// How long a claim outlives the deadline of its push: time to record the outcome, no more. A holder that died blocks its
/// key until then.
pub const GRACE: Duration = Duration::from_secs(3);

/// The life-times of what a claim writes.
#[derive(Debug, Clone, Copy)]
pub struct Lives {
    /// Of the claim.
    pub claim: Duration,
    /// Of the slot, where nobody records an outcome.
    pub slot: Duration,
}

impl Lives {
    /// Those for a push that must be over after `remaining`, with a record that lives for `ttl`.
    #[must_use]
    pub fn new(remaining: Duration, ttl: Duration) -> Self {
        let claim = remaining + GRACE;
        Self { claim, slot: claim + ttl }
    }
}
