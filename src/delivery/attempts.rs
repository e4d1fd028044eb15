//! Decides whether to call TOP again, as a pure function, and counts the calls.
//!
//! Another call is made only if it is proven that the last one was not executed and the caller does not have to know of
//! a wait: TOP was not reached, or TOP refused a timestamp and the clock has been corrected since. In all other cases
//! the caller decides, and the answer tells them the outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::top::Failure;

/// The wait before the second attempt, before jitter. It doubles with each further attempt.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The maximum wait, before jitter.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// An attempt with less time than this to the deadline is not started.
const MIN_ATTEMPT: Duration = Duration::from_millis(50);

/// The number of calls of one push, readable while the push runs: it shows whether a push whose task panicked may have
/// been executed. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct AttemptCounter(Arc<AtomicU32>);

impl AttemptCounter {
    /// Counts a call that is about to start, and returns the new count.
    #[must_use]
    pub fn begin(&self) -> u32 {
        self.0.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The number of calls that were begun.
    #[must_use]
    pub fn begun(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// The state of a push after a call.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// The number of calls made.
    pub made: u32,
    /// The number of calls allowed.
    pub allowed: u32,
    /// True if the last call led to a correction of the clock, which happens at most once per push.
    pub corrected: bool,
    /// The time to the deadline.
    pub remaining: Duration,
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// End the push with the outcome of the last call.
    Stop,
    /// Call again after `wait`.
    Again {
        /// The time to wait first.
        wait: Duration,
    },
}

/// Decides after a call with the result `outcome`. `jitter` is between 0 and 1 and spreads each wait between half and
/// all of its length.
#[must_use]
pub fn next(outcome: Result<(), Failure>, situation: &Situation, jitter: f64) -> Next {
    let wait = if outcome == Err(Failure::Unreachable) {
        let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(situation.made.saturating_sub(1)));
        doubled.min(MAX_WAIT).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    } else if outcome == Err(Failure::InvalidTimestamp) && situation.corrected {
        Duration::ZERO
    } else {
        return Next::Stop;
    };
    let fits = wait + MIN_ATTEMPT <= situation.remaining;
    if situation.made < situation.allowed && fits { Next::Again { wait } } else { Next::Stop }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;
    use crate::top::Proof;

    const BAN: Failure = Failure::RateLimited { ban: None };

    fn situation(made: u32, corrected: bool, remaining_ms: u64) -> Situation {
        Situation { made, allowed: 3, corrected, remaining: Duration::from_millis(remaining_ms) }
    }

    #[test]
    fn only_calls_proven_not_executed_are_repeated() {
        let again = |ms| Next::Again { wait: Duration::from_millis(ms) };
        let table = [
            ("unreachable, first", Err(Failure::Unreachable), situation(1, false, 9_000), again(100)),
            ("unreachable, second", Err(Failure::Unreachable), situation(2, false, 9_000), again(200)),
            ("unreachable, all used", Err(Failure::Unreachable), situation(3, false, 9_000), Next::Stop),
            ("unreachable, just in time", Err(Failure::Unreachable), situation(1, false, 150), again(100)),
            ("unreachable, too late", Err(Failure::Unreachable), situation(1, false, 149), Next::Stop),
            ("clock corrected", Err(Failure::InvalidTimestamp), situation(1, true, 9_000), again(0)),
            ("clock not corrected", Err(Failure::InvalidTimestamp), situation(1, false, 9_000), Next::Stop),
            ("clock, all used", Err(Failure::InvalidTimestamp), situation(3, true, 9_000), Next::Stop),
            ("clock, too late", Err(Failure::InvalidTimestamp), situation(1, true, 49), Next::Stop),
            ("accepted", Ok(()), situation(1, false, 9_000), Next::Stop),
            ("rejected", Err(Failure::Rejected), situation(1, false, 9_000), Next::Stop),
            ("rate limited", Err(BAN), situation(1, false, 9_000), Next::Stop),
            ("access denied", Err(Failure::AccessDenied), situation(1, false, 9_000), Next::Stop),
            ("timeout", Err(Failure::Timeout), situation(1, false, 9_000), Next::Stop),
            ("system error", Err(Failure::SystemError), situation(1, false, 9_000), Next::Stop),
            ("unavailable", Err(Failure::Unavailable), situation(1, false, 9_000), Next::Stop),
            ("bad response", Err(Failure::BadResponse), situation(1, false, 9_000), Next::Stop),
        ];
        for (name, outcome, situation, expected) in table {
            assert_eq!(next(outcome, &situation, 1.0), expected, "{name}");
        }
        for failure in Failure::iter().filter(|failure| failure.proves() != Proof::NotExecuted) {
            assert_eq!(next(Err(failure), &situation(1, true, 9_000), 1.0), Next::Stop, "{failure:?}");
        }
    }

    #[test]
    fn waits_have_jitter_and_a_maximum() {
        let many = Situation { made: 40, allowed: 100, corrected: false, remaining: Duration::from_mins(1) };
        assert_eq!(next(Err(Failure::Unreachable), &many, 1.0), Next::Again { wait: Duration::from_secs(2) });
        assert_eq!(next(Err(Failure::Unreachable), &many, 0.0), Next::Again { wait: Duration::from_secs(1) });
    }
}
