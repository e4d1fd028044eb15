//! The time by which TOP judges timestamps.
//!
//! TOP refuses a timestamp more than ten minutes off with code 31 and tells its own time in the `Date` header. The
//! difference is kept and applied to later timestamps, within limits that keep a wrong header harmless.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use jiff::Timestamp;

use crate::gmt8::Gmt8;

/// A header nearer than this to the timestamp that was refused does not explain the refusal, in seconds.
const LEAST: u64 = 60;
/// A header farther off than this is wrong, in seconds.
const MOST: u64 = 24 * 3600;

/// Seconds by which TOP's clock is ahead of this machine's, as far as known.
#[derive(Debug, Default)]
pub struct Clock(AtomicI64);

impl Clock {
    /// Seconds by which TOP's clock is taken to be ahead.
    pub fn skew(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    /// The timestamp for a call, in Unix seconds: TOP's present, or the next second that is not `used`. Old
    /// gateways refuse a repeated signature, and one signature covers one second.
    pub fn stamp(&self, now: Timestamp, used: impl Fn(i64) -> bool) -> i64 {
        let mut stamp = now.as_second().saturating_add(self.skew());
        while used(stamp) {
            stamp += 1;
        }
        stamp
    }

    /// Learns from a refusal of `stamp` that came with TOP's `date`. A correction makes another try worthwhile.
    pub fn correct(&self, stamp: i64, date: Option<SystemTime>, now: Timestamp) -> Option<Correction> {
        let theirs = Timestamp::try_from(date?).ok()?.as_second();
        if !(LEAST..=MOST).contains(&theirs.abs_diff(stamp)) {
            return None;
        }
        let skew = theirs - now.as_second();
        let before = self.0.swap(skew, Ordering::AcqRel);
        tracing::warn!(
            clock.skew_s = skew,
            clock.skew_before_s = before,
            "TOP refused a timestamp; the difference to its clock is applied from now on, check this machine's clock"
        );
        Some(Correction { before, skew })
    }

    /// Takes a correction back whose timestamp TOP refused, too: its `Date` header was wrong. A later correction stays.
    pub fn revert(&self, correction: &Correction) {
        let Correction { before, skew } = *correction;
        if self.0.compare_exchange(skew, before, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            tracing::warn!(
                clock.skew_s = before,
                clock.skew_before_s = skew,
                "TOP refused the corrected timestamp, too; its Date header is wrong, the difference of before is back"
            );
        }
    }
}

/// A correction of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction {
    before: i64,
    skew: i64,
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

    #[test]
    fn a_refusal_with_a_date_corrects_the_clock() {
        let clock = Clock::default();
        assert_eq!(clock.stamp(at(1_000_000), |_| false), 1_000_000);
        assert!(clock.correct(1_000_000, Some(date(1_001_200)), at(1_000_001)).is_some());
        assert_eq!(clock.skew(), 1_199);
        assert_eq!(clock.stamp(at(1_000_002), |stamp| stamp == 1_000_000), 1_001_201);
        assert!(clock.correct(1_001_201, Some(date(1_000_003)), at(1_000_003)).is_some(), "and back again");
        assert_eq!(clock.skew(), 0);
    }

    #[test]
    fn a_wrong_or_missing_date_corrects_nothing() {
        let clock = Clock::default();
        let table = [
            (None, false),
            (Some(date(1_000_059)), false),
            (Some(date(999_941)), false),
            (Some(date(1_000_060)), true),
            (Some(date(1_086_400)), true),
            (Some(date(1_086_401)), false),
            (Some(date(0)), false),
        ];
        for (date, corrected) in table {
            assert_eq!(clock.correct(1_000_000, date, at(1_000_000)).is_some(), corrected, "{date:?}");
        }
    }

    #[test]
    fn a_correction_that_is_refused_is_taken_back() {
        let clock = Clock::default();
        let first = clock.correct(1_000_000, Some(date(1_001_200)), at(1_000_000)).unwrap();
        let second = clock.correct(1_001_200, Some(date(1_030_000)), at(1_000_000)).unwrap();
        clock.revert(&first);
        assert_eq!(clock.skew(), 30_000, "a later correction stays");
        clock.revert(&second);
        assert_eq!(clock.skew(), 1_200);
    }

    #[test]
    fn no_second_is_used_twice() {
        assert_eq!(Clock::default().stamp(at(7), |stamp| [7, 8, 10].contains(&stamp)), 9);
    }
}
