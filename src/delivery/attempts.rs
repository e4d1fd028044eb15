//! Whether to call TOP once more, as a pure function.
//!
//! Only where it is proven that the last call was not executed, and where waiting is no cure that the caller
//! must know of: TOP was not reached, or it refused a timestamp and the clock was corrected since. Everything
//! else is the caller's to decide, who is told the truth instead.

use std::time::Duration;

use crate::top::Class;

/// The wait before the second attempt, before jitter; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait, before jitter.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// An attempt that could not last at least so long is not begun.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(50);

/// Where a push stands after a call.
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
    /// Report.
    Stop,
    /// Call again after `wait`.
    Again {
        /// How long to wait first.
        wait: Duration,
    },
}

/// Decides after a call of `class`; `jitter` is between 0 and 1 and spreads waits over half to all of their
/// length.
#[must_use]
pub fn next(class: Class, situation: &Situation, jitter: f64) -> Next {
    let wait = match class {
        Class::Unreachable => {
            let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(situation.made.saturating_sub(1)));
            doubled.min(LONGEST_WAIT).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
        }
        Class::InvalidTimestamp if situation.corrected => Duration::ZERO,
        Class::Accepted
        | Class::Rejected
        | Class::RateLimited { .. }
        | Class::AccessDenied
        | Class::InvalidTimestamp
        | Class::Timeout
        | Class::SystemError
        | Class::Unavailable
        | Class::BadResponse => return Next::Stop,
    };
    let fits = wait + SHORTEST_ATTEMPT <= situation.remaining;
    if situation.made < situation.allowed && fits { Next::Again { wait } } else { Next::Stop }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAN: Class = Class::RateLimited { ban: None };

    fn situation(made: u32, corrected: bool, remaining_ms: u64) -> Situation {
        Situation { made, allowed: 3, corrected, remaining: Duration::from_millis(remaining_ms) }
    }

    #[test]
    fn only_what_is_proven_safe_is_tried_again() {
        let again = |ms| Next::Again { wait: Duration::from_millis(ms) };
        let table = [
            ("unreachable, first", Class::Unreachable, situation(1, false, 9_000), again(100)),
            ("unreachable, second", Class::Unreachable, situation(2, false, 9_000), again(200)),
            ("unreachable, all used", Class::Unreachable, situation(3, false, 9_000), Next::Stop),
            ("unreachable, just in time", Class::Unreachable, situation(1, false, 150), again(100)),
            ("unreachable, too late", Class::Unreachable, situation(1, false, 149), Next::Stop),
            ("clock corrected", Class::InvalidTimestamp, situation(1, true, 9_000), again(0)),
            ("clock not corrected", Class::InvalidTimestamp, situation(1, false, 9_000), Next::Stop),
            ("clock, all used", Class::InvalidTimestamp, situation(3, true, 9_000), Next::Stop),
            ("clock, too late", Class::InvalidTimestamp, situation(1, true, 49), Next::Stop),
            ("accepted", Class::Accepted, situation(1, false, 9_000), Next::Stop),
            ("rejected", Class::Rejected, situation(1, false, 9_000), Next::Stop),
            ("rate limited", BAN, situation(1, false, 9_000), Next::Stop),
            ("access denied", Class::AccessDenied, situation(1, false, 9_000), Next::Stop),
            ("timeout", Class::Timeout, situation(1, false, 9_000), Next::Stop),
            ("system error", Class::SystemError, situation(1, false, 9_000), Next::Stop),
            ("unavailable", Class::Unavailable, situation(1, false, 9_000), Next::Stop),
            ("bad response", Class::BadResponse, situation(1, false, 9_000), Next::Stop),
        ];
        for (name, class, situation, expected) in table {
            assert_eq!(next(class, &situation, 1.0), expected, "{name}");
        }
    }

    #[test]
    fn waits_are_spread_and_bounded() {
        let many = Situation { made: 40, allowed: 100, corrected: false, remaining: Duration::from_mins(1) };
        assert_eq!(next(Class::Unreachable, &many, 1.0), Next::Again { wait: Duration::from_secs(2) });
        assert_eq!(next(Class::Unreachable, &many, 0.0), Next::Again { wait: Duration::from_secs(1) });
    }
}
