//! What became of a push, as far as is known without HTTP: how it ended, the calls that it took, what TOP said.

use std::time::Duration;

use super::idempotency::{Decision, Settled, StoreError, Verdict};
use super::outcome::Outcome;
use crate::top::{Class, Fault, Said};

/// What became of a push.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// Calls to TOP that were begun.
    pub attempts: u32,
    /// What TOP said in its last answer, scrubbed of credentials but not of what it quotes of the request.
    pub said: Said,
    /// The calls to TOP that came to their end, in their order. A replayed push made none.
    pub calls: Vec<Call>,
    /// What went wrong on the way in the last call, where something did.
    pub fault: Option<Fault>,
    /// What the push's key had to do with it.
    pub history: History,
}

/// One call to TOP.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The timestamp that it was signed with, in Unix seconds.
    pub(super) stamp: i64,
    /// What it came to.
    pub class: Class,
    /// How long it took.
    pub took: Duration,
}

/// What an Idempotency-Key had to do with a push.
#[derive(Debug, Default)]
pub struct History {
    /// Whether an earlier push with the key may have been executed.
    pub in_doubt: bool,
    /// Whether this is what an earlier push came to.
    pub replayed: bool,
    /// Why the store could not say how the key stands, or not keep what the push came to.
    pub trouble: Option<Trouble>,
}

/// Trouble with the store of Idempotency-Keys.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It could not say how the key stands, so nothing was pushed.
    #[error("the store of Idempotency-Keys cannot be used")]
    Unavailable(#[source] StoreError),
    /// It did not take what the push came to.
    #[error("the store of Idempotency-Keys did not take the outcome")]
    NotKept(#[source] StoreError),
    /// The push took longer than its claim lived, and another has the key since.
    #[error("the Idempotency-Key has gone to another push")]
    Superseded,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last call to TOP came to this.
    Top(Class),
    /// A ban that TOP announced lasts: no call, or no further one, was made.
    Banned {
        /// How long it goes on.
        remaining: Duration,
    },
    /// As many pushes as allowed are calling TOP.
    Overloaded,
    /// The process is stopping and takes no more pushes.
    ShuttingDown,
    /// Another push with the same key and request is under way.
    KeyInFlight,
    /// The key belongs to another request.
    KeyReused,
    /// The store of keys cannot be used.
    StoreUnavailable,
}

impl Report {
    /// A push that came to its end without a call to TOP.
    #[must_use]
    pub fn uncalled(end: End) -> Self {
        let (said, history) = (Said::default(), History::default());
        Self { end, attempts: 0, said, calls: Vec::new(), fault: None, history }
    }

    pub(super) fn replayed(verdict: Verdict) -> Self {
        let Verdict { decision, attempts, in_doubt, said } = verdict;
        let class = match decision {
            Decision::Accepted => Class::Accepted,
            Decision::Rejected => Class::Rejected,
        };
        let history = History { in_doubt, replayed: true, trouble: None };
        Self { attempts, said, history, ..Self::uncalled(End::Top(class)) }
    }

    /// The time spent in calls to TOP.
    #[must_use]
    pub fn top_time(&self) -> Duration {
        self.calls.iter().map(|call| call.took).sum()
    }

    /// Whether the push was executed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.end {
            End::Top(class) => Outcome::of(class),
            End::Banned { .. }
            | End::Overloaded
            | End::ShuttingDown
            | End::KeyInFlight
            | End::KeyReused
            | End::StoreUnavailable => Outcome::NotExecuted,
        }
    }

    pub(super) fn settled(&self) -> Settled<'_> {
        Settled { outcome: self.outcome(), attempts: self.attempts, said: &self.said }
    }
}
