//! Finds IP addresses.

use std::net::Ipv6Addr;
use std::ops::Range;

/// The ranges of IP addresses: four numbers up to 255 with dots, or a text that parses as IPv6.
pub(super) fn addresses(text: &str) -> Vec<Range<usize>> {
    let other = |c: char| !(c.is_ascii_hexdigit() || c == '.' || c == ':');
    let mut at = 0;
    let mut found = Vec::new();
    for run in text.split_inclusive(other) {
        let shifted = in_run(run.trim_end_matches(other)).into_iter();
        found.extend(shifted.map(|part| at + part.start..at + part.end));
        at += run.len();
    }
    found
}

/// The addresses in a run of hexadecimal digits, dots and colons.
fn in_run(run: &str) -> Vec<Range<usize>> {
    let Some(address) = ipv6(run) else { return ipv4(run) };
    let before = run.get(..address.start).unwrap_or_default();
    ipv4(before).into_iter().chain([address]).collect()
}

/// The first IPv6 address, which may follow a word and a colon.
fn ipv6(run: &str) -> Option<Range<usize>> {
    let mut starts = [0].into_iter().chain(run.match_indices(':').map(|(at, colon)| at + colon.len()));
    starts.find_map(|start| {
        let text = run.get(start..)?.trim_end_matches('.');
        let text = if text.ends_with("::") { text } else { text.trim_end_matches(':') };
        let is_address = text.len() > "::".len() && text.parse::<Ipv6Addr>().is_ok();
        is_address.then(|| start..start + text.len())
    })
}

fn ipv4(run: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in run.split_inclusive(|c: char| !(c.is_ascii_digit() || c == '.')) {
        let before = word.len() - word.trim_start_matches('.').len();
        let number = word.trim_matches(|c: char| !c.is_ascii_digit());
        let parts: Vec<&str> = number.split('.').collect();
        if parts.len() >= 4 && parts.iter().all(|part| part.parse::<u8>().is_ok()) {
            found.push(at + before..at + before + number.len());
        }
        at += word.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_are_found() {
        let table: [(&str, &[&str]); 14] = [
            ("10.0.0.1", &["10.0.0.1"]),
            ("ip10.0.0.1b", &["10.0.0.1"]),
            ("..10.0.0.1..", &["10.0.0.1"]),
            ("10.0.0.1:8080/10.0.0.2", &["10.0.0.1", "10.0.0.2"]),
            ("010.000.000.001", &["010.000.000.001"]),
            ("1.2.3.4.5", &["1.2.3.4.5"]),
            ("::1", &["::1"]),
            ("2001:db8::", &["2001:db8::"]),
            ("IP:2001:db8::1:", &["2001:db8::1"]),
            ("10.0.0.1:2001:db8::1", &["10.0.0.1", "2001:db8::1"]),
            ("[fe80::1]:80", &["fe80::1"]),
            ("v1.2.3 999.1.1.1 1.2.3.256 12:30:45 :: 1,2,3,4", &[]),
            ("00:1a:2b:3c:4d:5e", &[]),
            ("", &[]),
        ];
        for (text, expected) in table {
            let found: Vec<&str> = addresses(text).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
