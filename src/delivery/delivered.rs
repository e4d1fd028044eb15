//! The result of a push, independent of HTTP: its outcome, its calls and TOP's answer.

use std::time::Duration;

use super::idempotency::{Completed, Completion, Decision, KeyStanding, StoreError};
use super::outcome::Outcome;
use crate::top::{CallError, Failure, UpstreamDetails};

/// The result of a push.
#[derive(Debug)]
pub struct Delivered {
    /// `Ok` if both booleans of TOP's answer say that it executed the push, else the reason why not.
    pub result: Result<(), NotAccepted>,
    /// The number of calls to TOP. For a replayed push, the number of the original push.
    pub attempts: u32,
    /// TOP's last answer, scrubbed of credentials but not of quotations of the request.
    pub upstream: UpstreamDetails,
    /// The calls to TOP, in order. A replayed push has none.
    pub calls: Vec<Call>,
    /// The error of the last call, unless TOP itself refused the call.
    pub error: Option<CallError>,
    /// The state of the Idempotency-Key, if the request had one.
    pub standing: Option<KeyStanding>,
    /// The failure of the store of Idempotency-Keys, if any.
    pub store_trouble: Option<StoreTrouble>,
}

/// The reason why a push was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAccepted {
    /// The last call to TOP failed in this way.
    Failed(Failure),
    /// A ban that TOP announced is active: no call, or no further call, was made.
    Banned {
        /// The time until the ban ends.
        remaining: Duration,
    },
    /// The maximum number of pushes is already calling TOP.
    Overloaded,
    /// The process is stopping and accepts no more pushes.
    ShuttingDown,
    /// Another push with the same key and request is in flight.
    KeyInFlight,
    /// The key was used with another request.
    KeyReused,
    /// The store of keys cannot be used.
    StoreUnavailable,
}

/// One call to TOP.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The timestamp that was signed, in Unix seconds.
    pub(super) stamp: i64,
    /// The outcome of the call.
    pub outcome: Result<(), Failure>,
    /// The duration of the call.
    pub took: Duration,
}

/// A failure of the store of Idempotency-Keys.
#[derive(Debug, thiserror::Error)]
pub enum StoreTrouble {
    /// The store did not return the state of the key, so nothing was pushed.
    #[error("the store of Idempotency-Keys cannot be used")]
    Unavailable(#[source] StoreError),
    /// The store did not record the outcome of the push.
    #[error("the store of Idempotency-Keys did not record the outcome")]
    NotRecorded(#[source] StoreError),
    /// The push took longer than its claim was valid, and another push has claimed the key since.
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

    /// The data to record for the key of the push.
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
            Err(NotAccepted::Failed(failure)) => Outcome::from_failure(failure),
            // The push that holds the key may be executing now.
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

    /// True if this is the outcome of an earlier push with the same key.
    #[must_use]
    pub fn is_replayed(&self) -> bool {
        matches!(self.standing, Some(KeyStanding::Replayed { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_in_top_is_that_of_all_calls() {
        let call = |took| Call { stamp: 0, outcome: Ok(()), took: Duration::from_millis(took) };
        let delivered = Delivered::after_calls(Ok(()), vec![call(30), call(12)]);
        assert_eq!((delivered.attempts, delivered.top_time()), (2, Duration::from_millis(42)));
    }
}
