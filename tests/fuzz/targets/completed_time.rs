//! The time of a push: what is accepted prints in one form, and is the same instant for an independent parser.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::Offset;
use libfuzzer_sys::{Corpus, fuzz_target};
use mediation_bridge::mediation::CompletedTime;
use regex::Regex;

static PRINTED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$").expect("a pattern")
});

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let time = match CompletedTime::parse(text) {
        Ok(time) => time,
        Err(violation) => {
            assert!(violation.detail.starts_with("must "), "{}", violation.detail);
            return Corpus::Keep;
        }
    };
    let printed = time.to_string();
    assert!(PRINTED.is_match(&printed), "{text} is printed as {printed}");
    let with_t = printed.replace(' ', "T");
    for same in [printed.clone(), with_t.clone(), format!("{with_t}+08:00"), format!("{with_t}.9+08:00")] {
        assert_eq!(CompletedTime::parse(&same), Ok(time), "{same} from {text}");
    }
    // The library reads at most nine digits of a fraction. Without an offset the text is already what is printed.
    let has_offset = text.len() > printed.len();
    if let Some(instant) = has_offset.then(|| text.parse::<Timestamp>().ok()).flatten() {
        let there = Offset::constant(8).to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S").to_string();
        assert_eq!(printed, there, "{text}");
    } else if !has_offset {
        assert_eq!(printed, text.replace('T', " "));
    }
    Corpus::Keep
});
