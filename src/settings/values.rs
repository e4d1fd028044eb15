//! The parsers of values: each function turns a text into a value, or into sentences that say what the value must look
//! like.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use strum::EnumString;
use url::{Host, Url};

use super::reader::Parsed;
use crate::redis_url::{InvalidRedisUrl, RedisUrl};
use crate::top::SignMethod;

/// The maximum duration, a year. A longer one is most likely a mistake.
const MAX_DURATION: Duration = Duration::from_hours(365 * 24);
/// The maximum of a count, also of bytes. It fits into 32 bits and into a semaphore.
const MAX_COUNT: usize = 100_000_000;
/// The maximum number of threads.
const MAX_WORKERS: usize = 1024;
/// The maximum number of calls per push.
const MAX_ATTEMPTS: u32 = 100;
/// The range of lengths of an application's key.
const APP_KEY_LENGTHS: std::ops::RangeInclusive<usize> = 1..=128;
/// What placeholders for secrets contain, in lower case. The last two are variables that nothing has filled in.
const PLACEHOLDERS: [&str; 8] =
    ["replace-me", "replace_me", "replaceme", "changeme", "change-me", "change_me", "${", "$("];

/// The stores for Idempotency-Keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum IdempotencyStore {
    /// No store: a push with a key is refused.
    Off,
    /// In the memory of this process.
    Memory,
    /// In Redis, shared by replicas.
    Redis,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// An error with a single problem.
pub(super) fn one_problem<T>(what: impl Into<String>) -> Parsed<T> {
    Err(vec![what.into()])
}

pub(super) fn duration(text: &str) -> Parsed<Duration> {
    match duration_or_zero(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) | Err(_) => {
            one_problem("must be a duration above 0 such as 250ms, 10s, 5m or 24h, at most 8760h")
        }
    }
}

pub(super) fn duration_or_zero(text: &str) -> Parsed<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let milliseconds = match text.strip_prefix(digits) {
        Some("ms") => Some(1),
        Some("s") => Some(1_000),
        Some("m") => Some(60_000),
        Some("h") => Some(3_600_000),
        Some(_) | None => None,
    };
    let total =
        milliseconds.zip(whole_number::<u64>(digits)).and_then(|(unit, number)| number.checked_mul(unit));
    match total.map(Duration::from_millis) {
        Some(duration) if duration <= MAX_DURATION => Ok(duration),
        Some(_) | None => one_problem("must be a duration such as 0s, 250ms, 10s, 5m or 24h, at most 8760h"),
    }
}

pub(super) fn count(text: &str) -> Parsed<NonZeroUsize> {
    match whole_number::<NonZeroUsize>(text) {
        Some(count) if count.get() <= MAX_COUNT => Ok(count),
        Some(_) | None => one_problem(format!("must be a whole number from 1 to {MAX_COUNT}")),
    }
}

pub(super) fn workers(text: &str) -> Parsed<NonZeroUsize> {
    match whole_number::<NonZeroUsize>(text) {
        Some(count) if count.get() <= MAX_WORKERS => Ok(count),
        Some(_) | None => one_problem(format!("must be a whole number from 1 to {MAX_WORKERS}")),
    }
}

/// The number of processors that this process may use.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

pub(super) fn attempts(text: &str) -> Parsed<NonZeroU32> {
    match whole_number::<NonZeroU32>(text) {
        Some(count) if count.get() <= MAX_ATTEMPTS => Ok(count),
        Some(_) | None => one_problem(format!("must be a whole number from 1 to {MAX_ATTEMPTS}")),
    }
}

/// Parses digits without sign or space.
fn whole_number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    text.parse().or_else(|_| one_problem("must be true or false"))
}

pub(super) fn address(text: &str) -> Parsed<SocketAddr> {
    text.parse()
        .or_else(|_| one_problem("must be an IP address and a port such as 127.0.0.1:8080 or [::]:8080"))
}

pub(super) fn sign_method(text: &str) -> Parsed<SignMethod> {
    text.parse().or_else(|_| one_problem("must be md5, hmac or hmac-sha256"))
}

pub(super) fn idempotency_store(text: &str) -> Parsed<IdempotencyStore> {
    text.parse().or_else(|_| one_problem("must be off, memory or redis"))
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    text.parse().or_else(|_| one_problem("must be json or text"))
}

/// The problem of a text that is not a secret, key or token, but an artefact of an editor, a shell or a template.
pub(super) fn not_a_secret(text: &str) -> Option<&'static str> {
    let first_and_last = (text.chars().next(), text.chars().next_back());
    if text.starts_with('\u{feff}') {
        Some("must not begin with a byte order mark; save the file as UTF-8 without it")
    } else if text.contains(char::is_whitespace) {
        Some("must not contain spaces or line breaks")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("must contain visible ASCII characters only, and no invisible ones")
    } else if text.len() > 1 && matches!(first_and_last, (Some('"'), Some('"')) | (Some('\''), Some('\''))) {
        Some("must not be in quotes; an env file and a secret file take the value as it is")
    } else if is_placeholder(text) || matches!(first_and_last, (Some('<'), Some('>'))) {
        Some("is a placeholder; fill in the real value")
    } else {
        None
    }
}

fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let repeated = lower.bytes().all(|byte| byte == b'x');
    repeated || lower == "todo" || PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

pub(super) fn app_key(text: &str) -> Parsed<String> {
    match not_a_secret(text) {
        Some(why) => one_problem(why),
        None if !APP_KEY_LENGTHS.contains(&text.len()) => one_problem("must have 1 to 128 characters"),
        None => Ok(text.to_owned()),
    }
}

pub(super) fn secret(text: &str) -> Parsed<SecretString> {
    not_a_secret(text).map_or_else(|| Ok(text.into()), one_problem)
}

/// Parses a URL only if the parser does not change it: no backslash, no space, no host taken from a path.
fn url(text: &str, schemes: &[&str]) -> Option<Url> {
    let (scheme, rest) = text.split_once("://")?;
    let written = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let named = schemes.contains(&scheme) && !rest.starts_with('/');
    let url = Url::parse(text).ok().filter(|url| url.has_host() && url.port() != Some(0))?;
    (written && named).then_some(url)
}

pub(super) fn gateway_url(text: &str) -> Parsed<Url> {
    let usable = |url: &Url| {
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none();
        plain && bare && url.path() != "/"
    };
    url(text, &["https", "http"]).filter(usable).map_or_else(
        || {
            one_problem(
                "must be an https:// URL with a path, without spaces, user, query and fragment, such as \
                 https://gw.api.taobao.com/router/rest",
            )
        },
        Ok,
    )
}

pub(super) fn proxy_url(text: &str) -> Parsed<SecretString> {
    let bare = |url: &Url| url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    match not_a_secret(text) {
        Some(why) => one_problem(why),
        None if url(text, &["http"]).is_some_and(|url| bare(&url)) => Ok(text.into()),
        None => {
            one_problem(format!("must be http://host:port or http://user:password@host:port{PERCENT_ENCODE}"))
        }
    }
}

pub(super) fn redis_url(text: &str) -> Parsed<RedisUrl> {
    match not_a_secret(text) {
        Some(why) => one_problem(why),
        None => text.parse().or_else(|form: InvalidRedisUrl| one_problem(form.to_string())),
    }
}

/// The hint for the most frequent error in a URL with a password.
const PERCENT_ENCODE: &str =
    "; percent-encode special characters in user and password: # is %23, / is %2F, @ is %40, % is %25";

/// True if a URL can only refer to this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
