//! Whether to call TOP again, as a pure function, and how often it was called.
//!
//! Only where it is proven that the last call was not executed, and where waiting is no cure that the caller must know of:
//! TOP was not reached, or it refused a timestamp and the clock has been corrected since. Everything else is the caller's
//! decision, who is told the truth instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::top::Failure;

/// The wait before the second attempt, before jitter; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait, before jitter.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// An attempt that could not last at least so long is not begun.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(50);

/// How many calls of one push were begun, readable while it runs: it tells whether a push whose task panicked may have been
/// executed. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct AttemptCounter(Arc<AtomicU32>);

impl AttemptCounter {
    /// Counts a call that is about to be made, and returns how many there are now.
    #[must_use]
    pub fn begin(&self) -> u32 {
        self.0.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Calls that were begun.
    #[must_use]
    pub fn begun(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}

/// The state of a push after a call.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// Calls made.
    pub made: u32,
    /// Calls allowed.
    pub allowed: u32,
    /// Whether the last call led to a correction of the clock, which happens once a push at the most.
    pub corrected: bool,
    /// Time to the deadline.
    pub remaining: Duration,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Return.
    Stop,
    /// Call again after `wait`.
    Again {
        /// How long to wait first.
        wait: Duration,
    },
}

/// Decides after a call that came to `outcome`; `jitter` is between 0 and 1 and spreads waits over half to all of their
/// length.
#[must_use]
pub fn next(outcome: Result<(), Failure>, situation: &Situation, jitter: f64) -> Next {
    let wait = match outcome {
        Err(Failure::Unreachable) => {
            let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(situation.made.saturating_sub(1)));
            doubled.min(LONGEST_WAIT).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
        }
        Err(Failure::InvalidTimestamp) if situation.corrected => Duration::ZERO,
        Ok(())
        | Err(
            Failure::Rejected
            | Failure::RateLimited { .. }
            | Failure::AccessDenied
            | Failure::InvalidTimestamp
            | Failure::Timeout
            | Failure::SystemError
            | Failure::Unavailable
            | Failure::BadResponse,
        ) => return Next::Stop,
    };
    let fits = wait + SHORTEST_ATTEMPT <= situation.remaining;
    if situation.made < situation.allowed && fits { Next::Again { wait } } else { Next::Stop }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAN: Failure = Failure::RateLimited { ban: None };

    fn situation(made: u32, corrected: bool, remaining_ms: u64) -> Situation {
        Situation { made, allowed: 3, corrected, remaining: Duration::from_millis(remaining_ms) }
    }

    #[test]
    fn only_what_is_proven_safe_is_tried_again() {
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
    }

    #[test]
    fn waits_are_spread_and_bounded() {
        let many = Situation { made: 40, allowed: 100, corrected: false, remaining: Duration::from_mins(1) };
        assert_eq!(next(Err(Failure::Unreachable), &many, 1.0), Next::Again { wait: Duration::from_secs(2) });
        assert_eq!(next(Err(Failure::Unreachable), &many, 0.0), Next::Again { wait: Duration::from_secs(1) });
    }
}
