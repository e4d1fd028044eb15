//! The time at which a mediation ended (结束时间). It is accepted in three spellings and printed in GMT+8.
//!
//! The grammar is checked here, byte by byte, before the date library: date parsers accept many other spellings, and
//! some drop an offset silently.

mod pattern;

use serde_json::json;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::schema;
use std::fmt;

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::violation::{Rule, Violation};
use crate::gmt8::Gmt8;

/// The time at which a mediation ended, in GMT+8, to the second, in the years 2000 to 2099.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletedTime(Gmt8);

impl CompletedTime {
    /// The first year that is accepted, after conversion to GMT+8. Earlier years are zero dates of programming
    /// languages.
    pub const FIRST_YEAR: i16 = 2000;
    /// The last year that is accepted, after conversion to GMT+8.
    pub const LAST_YEAR: i16 = 2099;
    /// The three spellings, each with an example, for messages and documents.
    pub const SPELLINGS: [(&str, &str); 3] = [
        ("RFC 3339 with an offset", "2025-11-16T16:00:00Z"),
        ("TOP's own, already GMT+8", "2025-11-17 00:00:00"),
        ("the same with T, already GMT+8", "2025-11-17T00:00:00"),
    ];

    /// Parses one of the three spellings: RFC 3339 with an offset (converted, the fraction truncated), or `YYYY-MM-DD
    /// HH:MM:SS` with a space or a `T` and no offset (already GMT+8).
    ///
    /// # Errors
    /// One violation: the spelling, the calendar or the range of years.
    pub fn parse(text: &str) -> Result<Self, Violation> {
        let spelled = Spelled::read(text).ok_or_else(bad_format)?;
        let time = spelled.time()?;
        if !(Self::FIRST_YEAR..=Self::LAST_YEAR).contains(&time.year()) {
            return Err(Violation::new(
                Rule::OutOfRange,
                format!("must lie in the years {} to {} (GMT+8)", Self::FIRST_YEAR, Self::LAST_YEAR),
            ));
        }
        Ok(Self(time))
    }
}

impl fmt::Display for CompletedTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn bad_format() -> Violation {
    let [zoned, top, iso] = CompletedTime::SPELLINGS.map(|(name, example)| format!("{example} ({name})"));
    Violation::new(Rule::BadFormat, format!("must be written as {zoned}, {top} or {iso}"))
}

/// A text that matches the grammar: numbers of the right width, not yet checked against the calendar.
struct Spelled {
    date: [i16; 3],
    clock: [i16; 3],
    /// Hours and minutes ahead of UTC; `None` means GMT+8.
    offset: Option<SignedDuration>,
}

impl Spelled {
    fn read(text: &str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let date = [number(&mut rest, 4)?, number_after(&mut rest, b'-')?, number_after(&mut rest, b'-')?];
        let zoned = match rest.split_off_first()? {
            b'T' => true,
            b' ' => false,
            _ => return None,
        };
        let clock = [number(&mut rest, 2)?, number_after(&mut rest, b':')?, number_after(&mut rest, b':')?];
        let offset = match rest {
            [] => None,
            _ if zoned => Some(offset(rest)?),
            _ => return None,
        };
        Some(Self { date, clock, offset })
    }

    fn time(self) -> Result<Gmt8, Violation> {
        let civil = self.civil().ok_or_else(|| {
            Violation::new(
                Rule::NoSuchTime,
                "must be a date and a time of day that exist (no 24:00, no second 60)",
            )
        })?;
        let time = match self.offset {
            None => Some(Gmt8::from_civil(civil)),
            Some(offset) => Gmt8::from_offset(civil, offset),
        };
        time.ok_or_else(|| Violation::new(Rule::OutOfRange, "must lie within the calendar"))
    }

    fn civil(&self) -> Option<DateTime> {
        let small = |number: i16| i8::try_from(number).ok();
        let ([year, month, day], [hour, minute, second]) = (self.date, self.clock);
        DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()
    }
}

/// An optional fraction of a second, then `Z` or `±HH:MM` up to ±23:59, then the end.
fn offset(mut rest: &[u8]) -> Option<SignedDuration> {
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = fraction.get(digits..).filter(|_| digits > 0)?;
    }
    let sign = match rest.split_off_first()? {
        b'Z' => return rest.is_empty().then_some(SignedDuration::ZERO),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = (number(&mut rest, 2)?, number_after(&mut rest, b':')?);
    let within = rest.is_empty() && hours <= 23 && minutes <= 59;
    within.then(|| SignedDuration::from_mins(sign * (i64::from(hours) * 60 + i64::from(minutes))))
}

/// `mark` and two digits.
fn number_after(rest: &mut &[u8], mark: u8) -> Option<i16> {
    *rest = rest.strip_prefix(&[mark])?;
    number(rest, 2)
}

/// Exactly `digits` ASCII digits.
fn number(rest: &mut &[u8], digits: usize) -> Option<i16> {
    let (front, behind) = rest.split_at_checked(digits)?;
    *rest = behind;
    front.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i16::from(byte - b'0')))
}

/// The maximum number of characters of a time in the document. The bridge accepts fractions of any length, but a larger
/// limit would make tools send bodies that are too large.
const MAX_TIME: usize = 1024;

/// The form that is sent to TOP and returned to the caller.
impl PartialSchema for CompletedTime {
    fn schema() -> RefOr<Schema> {
        schema::string(19, 19, Self::output_pattern(), "A time in GMT+8 (结束时间).")
            .examples([json!("2025-11-17 00:00:00")])
            .into()
    }
}

impl ToSchema for CompletedTime {}

impl CompletedTime {
    /// The schema of the accepted spellings.
    pub(super) fn input_schema() -> RefOr<Schema> {
        let spellings = Self::SPELLINGS.map(|(name, example)| format!("`{example}` ({name})")).join(", ");
        let description = format!(
            "When the mediation ended (结束时间). Three spellings: {spellings}. Years {} to {} in GMT+8. It is sent to \
             TOP, and returned, as `YYYY-MM-DD HH:MM:SS` in GMT+8; fractions of a second are truncated. The schema leaves out \
             two things that the bridge accepts: offsets other than UTC and +08:00 on the days around the first and \
             the last New Year, and fractions of more than a thousand digits.",
            Self::FIRST_YEAR,
            Self::LAST_YEAR,
        );
        let time = schema::string(19, MAX_TIME, Self::input_pattern(), &description);
        schema::or_null(time.examples(Self::SPELLINGS.map(|(_, example)| json!(example))).into())
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, tz::Offset};
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<String, Rule> {
        CompletedTime::parse(text).map(|time| time.to_string()).map_err(|violation| violation.rule)
    }

    #[test]
    fn the_three_spellings_are_read() {
        let table = [
            ("2025-11-16T16:00:00Z", "2025-11-17 00:00:00"),
            ("2025-11-17T00:00:00.123+08:00", "2025-11-17 00:00:00"),
            ("2025-11-17T00:00:00.999999999999999999999999Z", "2025-11-17 08:00:00"),
            ("2025-11-16T16:00:00-00:00", "2025-11-17 00:00:00"),
            ("2025-11-16T16:00:00+23:59", "2025-11-16 00:01:00"),
            ("2025-11-16T16:00:00-23:59", "2025-11-17 23:59:00"),
            ("2025-11-17 00:00:00", "2025-11-17 00:00:00"),
            ("2025-11-17T00:00:00", "2025-11-17 00:00:00"),
            ("2024-02-29T23:59:59Z", "2024-03-01 07:59:59"),
            ("2000-02-29 12:00:00", "2000-02-29 12:00:00"),
            ("1999-12-31T16:00:00Z", "2000-01-01 00:00:00"),
            ("2099-12-31T15:59:59Z", "2099-12-31 23:59:59"),
        ];
        for (text, time) in table {
            assert_eq!(read(text).as_deref(), Ok(time), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "now",
            "2025-11-17",
            "1763308800",
            "1763308800000",
            "2025-11-17t00:00:00z",
            "2025-11-17T00:00:00z",
            "2025-11-17 00:00:00Z",
            "2025-11-17 00:00:00+08:00",
            "2025-11-17 00:00:00.0",
            "2025-11-17T00:00:00.123",
            "2025-11-17T00:00:00.Z",
            "2025-11-17T00:00:00,5Z",
            "2025-11-17T00:00:00+0800",
            "2025-11-17T00:00:00+08",
            "2025-11-17T00:00:00+24:00",
            "2025-11-17T00:00:00+08:60",
            "2025-11-17T00:00:00−08:00",
            "2025-11-17T00:00:00ZZ",
            "2025-11-17T00:00:00Z ",
            " 2025-11-17T00:00:00Z",
            "2025-11-17T00:00:00[Asia/Shanghai]",
            "2025-11-17T00:00:00+08:00[Asia/Shanghai]",
            "2025-11-17  00:00:00",
            "2025-11-17_00:00:00",
            "2025-11-17T00:00",
            "2025-11-17T00:00Z",
            "20251117T000000Z",
            "2025-1-7 00:00:00",
            "2025/11/17 00:00:00",
            "2025-W47-1T00:00:00Z",
            "2025-321T00:00:00Z",
            "+002025-11-17T00:00:00Z",
            "２０２５-11-17 00:00:00",
            "Mon, 17 Nov 2025 00:00:00 GMT",
        ] {
            assert_eq!(read(text), Err(Rule::BadFormat), "{text}");
        }
        for text in [
            "2025-02-29 00:00:00",
            "2025-02-30T00:00:00Z",
            "2025-04-31 00:00:00",
            "2025-13-01 00:00:00",
            "2025-00-10 00:00:00",
            "2025-11-00 00:00:00",
            "2025-11-17 24:00:00",
            "2025-11-17T23:60:00Z",
            "2016-12-31T23:59:60Z",
            "2100-02-29 00:00:00",
        ] {
            assert_eq!(read(text), Err(Rule::NoSuchTime), "{text}");
        }
        for text in [
            "0001-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "0000-01-01 00:00:00",
            "1999-12-31 23:59:59",
            "1999-12-31T15:59:59Z",
            "2099-12-31T16:00:00Z",
            "2100-01-01 00:00:00",
            "9999-12-31T23:59:59-23:59",
            "0000-01-01T00:00:00+23:59",
        ] {
            assert_eq!(read(text), Err(Rule::OutOfRange), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_string_causes_a_panic_and_the_output_is_read_back(text in "\\PC*|[0-9TZ :.+-]{0,40}") {
            if let Ok(time) = CompletedTime::parse(&text) {
                prop_assert_eq!(CompletedTime::parse(&time.to_string()), Ok(time));
            }
        }

        #[test]
        fn an_instant_is_the_same_time_under_any_offset(
            second in 946_656_000_i64..4_102_416_000,
            minutes in -1439_i32..=1439,
            fraction in proptest::option::of("[0-9]{1,30}"),
        ) {
            let instant = Timestamp::from_second(second).unwrap();
            let local = Offset::from_seconds(minutes * 60).unwrap().to_datetime(instant);
            let sign = if minutes < 0 { '-' } else { '+' };
            let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
            let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
            let text = format!("{}{fraction}{sign}{hours:02}:{rest:02}", local.strftime("%Y-%m-%dT%H:%M:%S"));
            let expected = Offset::constant(8).to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S").to_string();
            prop_assert_eq!(read(&text), Ok(expected));
        }
    }
}
