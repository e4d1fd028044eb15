//! The spellings of a time as ECMA-262 patterns, for documents. They include the lengths of months, leap years and the
//! range of years, so that the parser accepts whatever a pattern accepts.
//!
//! The patterns use only features that all regular expression engines support, and no look-ahead.

use super::CompletedTime;

/// The patterns are written for these years. Other years need other patterns.
const _: () = assert!(CompletedTime::FIRST_YEAR == 2000 && CompletedTime::LAST_YEAR == 2099);

/// The days of a month with 31 days.
const DAY_TO_31: &str = "(?:0[1-9]|[12][0-9]|3[01])";
/// The shorter months with their days, without the leap day.
const SHORT_MONTH: &str = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])";
/// The leap days of all accepted years.
const LEAP_DAYS: &str = "20(?:[02468][048]|[13579][26])-02-29";
/// A minute or a second.
const MINUTE: &str = "[0-5][0-9]";
/// An hour.
const HOUR: &str = "(?:[01][0-9]|2[0-3])";

impl CompletedTime {
    /// The texts that [`Self::parse`] accepts, as a pattern. It leaves out the days on which the offset decides whether
    /// the year in GMT+8 is accepted: 1999-12-30 to 2000-01-01 and 2099-12-30 to 2100-01-01. On these days the pattern
    /// accepts only times without offset, in UTC or with the offset +08:00.
    pub(in crate::mediation) fn input_pattern() -> String {
        let (any, inner) = (any_day(), inner_day());
        let time = format!("{HOUR}:{MINUTE}:{MINUTE}");
        let fraction = r"(?:\.[0-9]+)?";
        let offset = format!("(?:Z|[+-]{HOUR}:{MINUTE})");
        let utc = "(?:Z|[+-]00:00)";
        let hours_of_utc = format!(
            "1999-12-31T(?:1[6-9]|2[0-3])|(?:2000-01-01|2099-12-30)T{HOUR}|2099-12-31T(?:0[0-9]|1[0-5])"
        );
        format!(
            "^(?:{any}(?:[ T]{time}|T{time}{fraction}\\+08:00)|{inner}T{time}{fraction}{offset}\
             |(?:{hours_of_utc}):{MINUTE}:{MINUTE}{fraction}{utc})$"
        )
    }

    /// The output of `Display`, as a pattern.
    pub(in crate::mediation) fn output_pattern() -> String {
        format!("^{} {HOUR}:{MINUTE}:{MINUTE}$", any_day())
    }
}

/// A day in the years 2000 to 2099.
fn any_day() -> String {
    format!("(?:20[0-9]{{2}}-(?:(?:0[13578]|1[02])-{DAY_TO_31}|{SHORT_MONTH})|{LEAP_DAYS})")
}

/// A day whose year in GMT+8 is 2000 to 2099 for any offset, up to ±23:59.
fn inner_day() -> String {
    let first = format!("01-(?:0[2-9]|[12][0-9]|3[01])|(?:0[3578]|1[02])-{DAY_TO_31}|{SHORT_MONTH}");
    let last = format!("(?:0[13578]|10)-{DAY_TO_31}|12-(?:0[1-9]|[12][0-9])|{SHORT_MONTH}");
    let between = format!("(?:0[13578]|1[02])-{DAY_TO_31}|{SHORT_MONTH}");
    format!(
        "(?:2000-(?:{first})|(?:200[1-9]|20[1-8][0-9]|209[0-8])-(?:{between})|2099-(?:{last})|{LEAP_DAYS})"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use proptest::string::string_regex;
    use regex::Regex;

    use super::*;

    static PATTERN: LazyLock<Regex> = LazyLock::new(|| Regex::new(&CompletedTime::input_pattern()).unwrap());
    static PRINTED: LazyLock<Regex> = LazyLock::new(|| Regex::new(&CompletedTime::output_pattern()).unwrap());

    fn unanchored(pattern: &str) -> &str {
        pattern.strip_prefix('^').unwrap().strip_suffix('$').unwrap()
    }

    /// True if the pattern leaves the decision to the parser.
    fn is_at_year_boundary(text: &str) -> bool {
        let offset = text.trim_start_matches(|c| c != 'T').trim_start_matches(|c| !"Z+-".contains(c));
        let days = ["1999-12-30", "1999-12-31", "2000-01-01", "2099-12-30", "2099-12-31", "2100-01-01"];
        !["", "Z", "+00:00", "-00:00", "+08:00"].contains(&offset)
            && days.iter().any(|day| text.starts_with(day))
    }

    fn agree(text: &str) -> Result<(), TestCaseError> {
        let (matched, accepted) = (PATTERN.is_match(text), CompletedTime::parse(text).is_ok());
        prop_assert!(
            matched == accepted || (accepted && is_at_year_boundary(text)),
            "{text}: {matched}, {accepted}"
        );
        Ok(())
    }

    /// Two-digit numbers up to `max`, and the number after it.
    fn two(max: u8) -> impl Strategy<Value = String> {
        prop_oneof![8 => 0..=max, 1 => Just(max), 1 => Just(max + 1)]
            .prop_map(|number| format!("{number:02}"))
    }

    fn day() -> impl Strategy<Value = String> {
        let year = prop_oneof![4 => 1998_u16..=2102, 1 => 0_u16..=9999];
        let any = (year, two(12), two(31)).prop_map(|(year, month, day)| format!("{year:04}-{month}-{day}"));
        let turns = ["1999-12-29", "1999-12-30", "1999-12-31", "2000-01-01", "2000-01-02", "2099-12-29"]
            .into_iter()
            .chain(["2099-12-30", "2099-12-31", "2100-01-01", "2100-01-02"]);
        let leaps = ["2000-02-29", "2001-02-29", "2096-02-29", "2098-02-29", "2100-02-29"];
        let known: Vec<_> = turns.chain(leaps).map(str::to_owned).collect();
        prop_oneof![any, proptest::sample::select(known)]
    }

    fn offset() -> impl Strategy<Value = String> {
        let any =
            ("[+-]", two(23), two(59)).prop_map(|(sign, hours, minutes)| format!("{sign}{hours}:{minutes}"));
        let known = ["", "Z", "+08:00", "+00:00", "-00:00", "z", "+0800", "-23:59", "+23:59"];
        prop_oneof![any, proptest::sample::select(known.to_vec()).prop_map(str::to_owned)]
    }

    prop_compose! {
        /// A text in the shape of a time, often invalid.
        fn shaped()(
            day in day(),
            mark in prop_oneof![6 => Just("T"), 3 => Just(" "), 1 => Just("t")],
            clock in (two(23), two(59), two(59)),
            fraction in prop_oneof![4 => Just(String::new()), 1 => "\\.[0-9]{0,12}"],
            offset in offset(),
        ) -> String {
            let (hour, minute, second) = clock;
            format!("{day}{mark}{hour}:{minute}:{second}{fraction}{offset}")
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_parser_accepts_what_the_pattern_accepts(text in string_regex(unanchored(&CompletedTime::input_pattern())).unwrap()) {
            prop_assert!(CompletedTime::parse(&text).is_ok(), "{text}");
        }

        #[test]
        fn pattern_and_parser_agree_on_texts_in_the_shape_of_a_time(text in shaped()) {
            agree(&text)?;
        }

        #[test]
        fn pattern_and_parser_agree_on_typing_mistakes(
            text in shaped(),
            position in any::<proptest::sample::Index>(),
            slip in "[0-9TZ :.+-]|\\PC|\n",
        ) {
            let mut characters: Vec<char> = text.chars().collect();
            let position = position.index(characters.len());
            characters.splice(position..=position, slip.chars());
            agree(&characters.into_iter().collect::<String>())?;
        }

        #[test]
        fn the_output_matches_the_output_pattern(text in shaped()) {
            if let Ok(time) = CompletedTime::parse(&text) {
                prop_assert!(PRINTED.is_match(&time.to_string()), "{time}");
            }
        }

        #[test]
        fn the_output_pattern_matches_only_outputs(text in string_regex(unanchored(&CompletedTime::output_pattern())).unwrap()) {
            prop_assert_eq!(CompletedTime::parse(&text).unwrap().to_string(), text);
        }
    }
}
