//! The clock by which TOP judges timestamps.
//!
//! TOP refuses a timestamp that is more than ten minutes off with code 31 and sends its own time in the `Date` header.
//! The difference is applied to later timestamps, within limits that make a wrong header harmless.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::gmt8::Gmt8;

/// The minimum difference in seconds between the header and the refused timestamp. A smaller one does not explain the
/// refusal.
const MIN_CORRECTION: u64 = 60;
/// The maximum difference in seconds. With a larger one the header is wrong.
const MAX_CORRECTION: u64 = 24 * 3600;

/// The known difference between TOP's clock and this machine's.
#[derive(Debug, Default)]
pub struct Clock(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    /// The number of seconds by which TOP's clock is ahead.
    skew: i64,
    /// The previous skew, until TOP has executed a call that was stamped with the current one.
    previous: Option<i64>,
}

/// The timestamp of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Unix seconds.
    pub second: i64,
    /// The skew that was used.
    skew: i64,
}

impl Clock {
    /// The number of seconds by which TOP's clock is ahead.
    pub fn skew(&self) -> i64 {
        self.lock().skew
    }

    /// The timestamp for a call: TOP's current time, or the next second that is not `used`. Old gateways refuse a
    /// repeated signature, and the signature of a call changes only once a second.
    pub fn stamp(&self, now: Timestamp, used: impl Fn(i64) -> bool) -> Stamp {
        let skew = self.skew();
        let mut second = now.as_second().saturating_add(skew);
        while used(second) {
            second += 1;
        }
        Stamp { second, skew }
    }

    /// Confirms the skew of a timestamp after TOP executed its call.
    pub fn confirm(&self, stamp: Stamp) {
        let mut state = self.lock();
        if state.skew == stamp.skew {
            state.previous = None;
        }
    }

    /// Handles a refusal of `stamp` with TOP's `date`. Returns true if it corrects the clock, so that another attempt
    /// is worthwhile. Otherwise the correction that led to `stamp`, if any, is reverted.
    pub fn correct(&self, stamp: Stamp, date: Option<SystemTime>, now: Timestamp) -> bool {
        let theirs = date.and_then(|date| Timestamp::try_from(date).ok()).map(Timestamp::as_second);
        let plausible =
            |theirs: &i64| (MIN_CORRECTION..=MAX_CORRECTION).contains(&theirs.abs_diff(stamp.second));
        let Some(theirs) = theirs.filter(plausible) else {
            self.revert(stamp);
            return false;
        };
        let skew = theirs - now.as_second();
        let mut state = self.lock();
        let replaced = state.skew;
        // After several unconfirmed corrections in a row, the clock reverts to the one before all of them.
        *state = State { skew, previous: state.previous.or(Some(replaced)) };
        drop(state);
        tracing::warn!(
            clock.skew_s = skew,
            clock.skew_before_s = replaced,
            "TOP refused a timestamp; the difference to its clock is applied from now on; check this machine's clock"
        );
        true
    }

    /// Reverts the correction that led to `stamp`, which TOP also refused: its `Date` header was wrong. Later or
    /// confirmed corrections are kept.
    pub fn revert(&self, stamp: Stamp) {
        let mut state = self.lock();
        let Some(previous) = state.previous.filter(|_| state.skew == stamp.skew) else { return };
        *state = State { skew: previous, previous: None };
        drop(state);
        tracing::warn!(
            clock.skew_s = previous,
            clock.skew_before_s = stamp.skew,
            "TOP also refused the corrected timestamp; its Date header is wrong; the previous difference is applied again"
        );
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is always valid, even if a thread panicked while it held the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A timestamp as TOP reads it.
#[must_use]
pub fn gmt8(stamp: i64) -> Gmt8 {
    Gmt8::at(Timestamp::from_second(stamp).unwrap_or(Timestamp::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn date(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn stamped(clock: &Clock, second: i64) -> Stamp {
        clock.stamp(at(second), |_| false)
    }

    #[test]
    fn a_refusal_with_a_date_corrects_the_clock() {
        let clock = Clock::default();
        let first = stamped(&clock, 1_000_000);
        assert_eq!(first.second, 1_000_000);
        assert!(clock.correct(first, Some(date(1_001_200)), at(1_000_001)));
        assert_eq!(clock.skew(), 1_199);
        let second = clock.stamp(at(1_000_002), |stamp| stamp == 1_000_000);
        assert_eq!(second.second, 1_001_201);
        clock.confirm(second);
        assert!(clock.correct(second, Some(date(1_000_003)), at(1_000_003)), "and back again");
        assert_eq!(clock.skew(), 0);
    }

    #[test]
    fn a_wrong_or_missing_date_corrects_nothing() {
        let table = [
            (None, false),
            (Some(date(1_000_059)), false),
            (Some(date(999_941)), false),
            (Some(date(1_000_060)), true),
            (Some(date(999_940)), true),
            (Some(date(1_086_400)), true),
            (Some(date(913_600)), true),
            (Some(date(1_086_401)), false),
            (Some(date(913_599)), false),
            (Some(date(0)), false),
        ];
        for (date, corrected) in table {
            let clock = Clock::default();
            assert_eq!(clock.correct(stamped(&clock, 1_000_000), date, at(1_000_000)), corrected, "{date:?}");
            assert_eq!(clock.skew() != 0, corrected, "{date:?}");
        }
    }

    #[test]
    fn a_refused_correction_is_reverted() {
        let clock = Clock::default();
        assert!(clock.correct(stamped(&clock, 1_000_000), Some(date(1_028_800)), at(1_000_000)));
        clock.revert(stamped(&clock, 1_000_001));
        assert_eq!(clock.skew(), 0);
        // The next push reports it if the push with the correction made no second attempt.
        assert!(clock.correct(stamped(&clock, 1_000_000), Some(date(1_028_800)), at(1_000_000)));
        assert!(!clock.correct(stamped(&clock, 1_000_001), None, at(1_000_001)));
        assert_eq!(clock.skew(), 0);
    }

    #[test]
    fn concurrent_refusals_revert_to_the_original_clock() {
        let clock = Clock::default();
        let (one, other) = (stamped(&clock, 1_000_000), stamped(&clock, 1_000_000));
        assert!(clock.correct(one, Some(date(1_028_800)), at(1_000_000)));
        let again = stamped(&clock, 1_000_001);
        assert!(clock.correct(other, Some(date(1_028_801)), at(1_000_000)), "a second later");
        clock.revert(again);
        assert_eq!(clock.skew(), 28_801, "a later correction stays");
        clock.revert(stamped(&clock, 1_000_001));
        assert_eq!(clock.skew(), 0, "the previous clock is not another correction");
    }

    #[test]
    fn a_confirmed_correction_is_kept() {
        let clock = Clock::default();
        let early = stamped(&clock, 1_000_000);
        assert!(clock.correct(early, Some(date(1_001_200)), at(1_000_000)));
        let stamp = stamped(&clock, 1_000_001);
        clock.confirm(early);
        assert_eq!(clock.lock().previous, Some(0), "an earlier stamp confirms nothing");
        clock.confirm(stamp);
        clock.revert(stamp);
        assert!(!clock.correct(stamp, None, at(1_000_001)));
        assert_eq!(clock.skew(), 1_200);
        assert!(clock.correct(stamp, Some(date(1_030_000)), at(1_000_001)));
        clock.revert(stamped(&clock, 1_000_002));
        assert_eq!(clock.skew(), 1_200, "back to what was confirmed");
    }

    #[test]
    fn no_second_is_used_twice() {
        assert_eq!(Clock::default().stamp(at(7), |stamp| [7, 8, 10].contains(&stamp)).second, 9);
    }
}
