//! The one clock that TOP reads: wall time eight hours ahead of UTC, to the second.

use std::fmt;

use jiff::civil::DateTime;
use jiff::fmt::StdFmtWrite;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// A wall-clock time in GMT+8, a fixed offset that knows no summer time, cut to the second. Prints as
/// `YYYY-MM-DD HH:MM:SS`, the only form that TOP takes. The machine's own zone plays no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gmt8(DateTime);

impl Gmt8 {
    /// TOP's spelling.
    const SPELLING: DateTimePrinter = DateTimePrinter::new().separator(b' ').precision(Some(0));
    /// How far GMT+8 is ahead of UTC.
    const AHEAD: SignedDuration = SignedDuration::from_hours(8);

    /// The wall-clock time at an instant.
    #[must_use]
    pub fn at(instant: Timestamp) -> Self {
        Self::cut(Offset::constant(8).to_datetime(instant))
    }

    /// Reads a civil time that is already GMT+8.
    #[must_use]
    pub fn of_civil(civil: DateTime) -> Self {
        Self::cut(civil)
    }

    /// Converts a civil time `offset` ahead of UTC; `None` beyond the calendar's end (years ±9999).
    #[must_use]
    pub fn of_offset(civil: DateTime, offset: SignedDuration) -> Option<Self> {
        civil.checked_add(Self::AHEAD.checked_sub(offset)?).ok().map(Self::cut)
    }

    /// The calendar year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.year()
    }

    fn cut(civil: DateTime) -> Self {
        Self(civil.with().subsec_nanosecond(0).build().unwrap_or(civil))
    }
}

impl fmt::Display for Gmt8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::SPELLING.print_datetime(&self.0, StdFmtWrite(f)).map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_eight_hours_ahead_of_utc_and_cut() {
        let instant: Timestamp = "2025-11-16T16:00:00.999Z".parse().unwrap();
        assert_eq!(Gmt8::at(instant).to_string(), "2025-11-17 00:00:00");
    }
}
