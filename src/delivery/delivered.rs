//! What became of a push, as far as is known without HTTP: how it ended, the calls that it took, what TOP said.

use std::time::Duration;

use super::idempotency::{Completed, Completion, Decision, KeyStanding, StoreError};
use super::outcome::Outcome;
use crate::top::{CallError, Failure, UpstreamDetails};

/// What became of a push.
#[derive(Debug)]
pub struct Delivered {
    /// Whether TOP executed it and said so twice, or why that is not so.
    pub result: Result<(), NotAccepted>,
    /// Calls to TOP that were begun; of a replayed push, those of the push that is replayed.
    pub attempts: u32,
    /// What TOP said in its last answer, scrubbed of credentials but not of what it quotes of the request.
    pub upstream: UpstreamDetails,
    /// The calls to TOP, in their order. A replayed push made none.
    pub calls: Vec<Call>,
    /// Why the last call came to nothing, where that was not TOP's own refusal.
    pub error: Option<CallError>,
    /// How its Idempotency-Key stood, where it had one.
    pub standing: Option<KeyStanding>,
    /// What is wrong with the store of Idempotency-Keys.
    pub store_trouble: Option<StoreTrouble>,
}

/// Why a push was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAccepted {
    /// The last call to TOP came to this.
    Failed(Failure),
    /// A ban that TOP announced lasts: no call, or no further one, was made.
    Banned {
        /// How long it lasts.
        remaining: Duration,
    },
    /// As many pushes as allowed are calling TOP.
    Overloaded,
    /// The process is stopping and takes no more pushes.
    ShuttingDown,
    /// Another push with the same key and request is in flight.
    KeyInFlight,
    /// The key belongs to another request.
    KeyReused,
    /// The store of keys cannot be used.
    StoreUnavailable,
}

/// One call to TOP.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The timestamp that it was signed with, in Unix seconds.
    pub(super) stamp: i64,
    /// What it came to.
    pub outcome: Result<(), Failure>,
    /// How long it took.
    pub took: Duration,
}

/// What is wrong with the store of Idempotency-Keys.
#[derive(Debug, thiserror::Error)]
pub enum StoreTrouble {
    /// It could not say how the key stands, so nothing was pushed.
    #[error("the store of Idempotency-Keys cannot be used")]
    Unavailable(#[source] StoreError),
    /// It did not record what the push came to.
    #[error("the store of Idempotency-Keys did not record the outcome")]
    NotRecorded(#[source] StoreError),
    /// The push took longer than its claim lived, and another push has claimed the key since.
    #[error("another push has claimed the Idempotency-Key")]
    Superseded,
}

impl Delivered {
    /// A push that ended without a call to TOP.
    #[must_use]
    pub fn without_call(why: NotAccepted) -> Self {
        Self::after_calls(Err(why), Vec::new())
    }

    /// A push that ended after these calls.
    pub(super) fn after_calls(result: Result<(), NotAccepted>, calls: Vec<Call>) -> Self {
        Self {
            result,
            attempts: u32::try_from(calls.len()).unwrap_or(u32::MAX),
            upstream: UpstreamDetails::default(),
            calls,
            error: None,
            standing: None,
            store_trouble: None,
        }
    }

    /// A push that TOP had decided on before.
    #[must_use]
    pub fn replayed(completed: Completed) -> Self {
        let Completed { decision, attempts, in_doubt, upstream } = completed;
        let rejected = NotAccepted::Failed(Failure::Rejected);
        let result = match decision {
            Decision::Accepted => Ok(()),
            Decision::Rejected => Err(rejected),
        };
        let standing = Some(KeyStanding::Replayed { in_doubt });
        Self { result, attempts, upstream, standing, ..Self::without_call(rejected) }
    }

    /// What the slot of the push's key is told.
    pub(super) fn completion(&self) -> Completion<'_> {
        Completion { outcome: self.outcome(), attempts: self.attempts, upstream: &self.upstream }
    }

    /// The time spent in calls to TOP.
    #[must_use]
    pub fn top_time(&self) -> Duration {
        self.calls.iter().map(|call| call.took).sum()
    }

    /// Whether the push was executed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.result {
            Ok(()) => Outcome::Accepted,
            Err(NotAccepted::Failed(failure)) => Outcome::of(failure),
            // Whoever holds the key may be executing the push now.
            Err(NotAccepted::KeyInFlight) => Outcome::Unknown,
            Err(
                NotAccepted::Banned { .. }
                | NotAccepted::Overloaded
                | NotAccepted::ShuttingDown
                | NotAccepted::KeyReused
                | NotAccepted::StoreUnavailable,
            ) => Outcome::NotExecuted,
        }
    }

    /// Whether an earlier push with the same key may have been executed.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.standing, Some(KeyStanding::InDoubt | KeyStanding::Replayed { in_doubt: true }))
    }

    /// Whether this is what an earlier push with the same key came to.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        matches!(self.standing, Some(KeyStanding::Replayed { .. }))
    }
}
