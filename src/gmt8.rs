//! GMT+8, the time zone of TOP's timestamps, to the second. Signing, times of mediations and the simulated gateway
//! share this module.

use std::fmt;

use jiff::civil::DateTime;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// A wall-clock time in GMT+8, a fixed offset without summer time, truncated to the second. It prints as `YYYY-MM-DD
/// HH:MM:SS`, the only form that TOP accepts. The machine's time zone is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gmt8(DateTime);

impl Gmt8 {
    /// TOP's format.
    const FORMAT: DateTimePrinter = DateTimePrinter::new().separator(b' ').precision(Some(0));
    /// The offset from UTC.
    const OFFSET: SignedDuration = SignedDuration::from_hours(8);

    /// The wall-clock time at an instant.
    #[must_use]
    pub fn at(instant: Timestamp) -> Self {
        Self::truncate(Offset::constant(8).to_datetime(instant))
    }

    /// A civil time that is already GMT+8.
    #[must_use]
    pub fn from_civil(civil: DateTime) -> Self {
        Self::truncate(civil)
    }

    /// Converts a civil time `offset` ahead of UTC; `None` outside the calendar (years ±9999).
    #[must_use]
    pub fn from_offset(civil: DateTime, offset: SignedDuration) -> Option<Self> {
        civil.checked_add(Self::OFFSET.checked_sub(offset)?).ok().map(Self::truncate)
    }

    /// The calendar year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.year()
    }

    fn truncate(civil: DateTime) -> Self {
        Self(civil.with().subsec_nanosecond(0).build().unwrap_or(civil))
    }
}

impl fmt::Display for Gmt8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::FORMAT.print_datetime(&self.0, StdFmtWrite(f)).map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_eight_hours_ahead_of_utc_and_truncated() {
        let instant: Timestamp = "2025-11-16T16:00:00.999Z".parse().unwrap();
        assert_eq!(Gmt8::at(instant).to_string(), "2025-11-17 00:00:00");
    }
}
