//! The one spelling of time that TOP takes, `yyyy-MM-dd HH:mm:ss`, read strictly.

use jiff::civil::DateTime;

use crate::gmt8::Gmt8;

/// Reads a real date and time in exactly that spelling.
///
/// The date library takes many other spellings and mends a second 60. So what it read is printed again: only
/// the one spelling comes back as it went in.
pub(super) fn read(text: &str) -> Option<DateTime> {
    let time: DateTime = text.parse().ok()?;
    (Gmt8::from_civil(time).to_string() == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_and_real_times_only() {
        for good in ["2025-11-17 00:00:00", "2024-02-29 23:59:59", "1970-01-01 00:00:00"] {
            assert!(read(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "2025-11-17",
            "2025-11-17T00:00:00",
            "2025-11-17 00:00",
            "2025-11-17 00:00:00.0",
            "2025-11-17 00:00:00Z",
            "2025-11-17 00:00:00+08:00",
            " 2025-11-17 00:00:00",
            "2025-11-17 24:00:00",
            "2025-11-17 23:59:60",
            "2025-02-29 00:00:00",
            "2025-1-7 00:00:00",
            "20251117 000000",
            "２０２５-11-17 00:00:00",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
