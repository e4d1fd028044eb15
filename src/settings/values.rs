//! What each kind of value must look like: one function from text to value, or to a sentence that says so.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;
use url::{Host, Url};

use super::reader::Parsed;
use super::{Caller, IdempotencyStore, LogFormat};
use crate::top::SignMethod;

/// The longest duration: a year. Beyond it a typing mistake is likelier than a wish.
const LONGEST: Duration = Duration::from_hours(365 * 24);
/// The largest count, also of bytes: what a 32-bit size can hold, and a semaphore.
const LARGEST: usize = 100_000_000;
/// The most threads.
const MOST_WORKERS: usize = 1024;
/// The most calls for one push.
const MOST_ATTEMPTS: u32 = 100;
/// The fewest characters of a caller's token.
const SHORTEST_TOKEN: usize = 16;

pub(super) fn duration(text: &str) -> Parsed<Duration> {
    duration_or_none(text)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "must be a duration above 0 such as 250ms, 10s, 5m or 24h, at most 8760h".to_owned())
}

pub(super) fn duration_or_none(text: &str) -> Parsed<Duration> {
    let what = || "must be a duration such as 0s, 250ms, 10s, 5m or 24h, at most 8760h".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let milliseconds = match text.strip_prefix(digits) {
        Some("ms") => 1,
        Some("s") => 1_000,
        Some("m") => 60_000,
        Some("h") => 3_600_000,
        Some(_) | None => return Err(what()),
    };
    let number: u64 = whole_number(digits).ok_or_else(what)?;
    let duration = number.checked_mul(milliseconds).map(Duration::from_millis);
    duration.filter(|duration| *duration <= LONGEST).ok_or_else(what)
}

pub(super) fn count(text: &str) -> Parsed<NonZeroUsize> {
    whole_number::<NonZeroUsize>(text)
        .filter(|count| count.get() <= LARGEST)
        .ok_or_else(|| format!("must be a whole number from 1 to {LARGEST}"))
}

pub(super) fn workers(text: &str) -> Parsed<NonZeroUsize> {
    whole_number::<NonZeroUsize>(text)
        .filter(|count| count.get() <= MOST_WORKERS)
        .ok_or_else(|| format!("must be a whole number from 1 to {MOST_WORKERS}"))
}

/// The processors that this process may use.
pub(super) fn processors() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

pub(super) fn attempts(text: &str) -> Parsed<NonZeroU32> {
    whole_number::<NonZeroU32>(text)
        .filter(|count| count.get() <= MOST_ATTEMPTS)
        .ok_or_else(|| format!("must be a whole number from 1 to {MOST_ATTEMPTS}"))
}

/// Digits alone: no sign, no space.
fn whole_number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    text.parse().map_err(|_| "must be true or false".to_owned())
}

pub(super) fn address(text: &str) -> Parsed<SocketAddr> {
    text.parse()
        .map_err(|_| "must be an IP address and a port such as 127.0.0.1:8080 or [::]:8080".to_owned())
}

pub(super) fn app_key(text: &str) -> Parsed<String> {
    if text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("must be 1 to 128 visible ASCII characters".to_owned())
    }
}

pub(super) fn secret(text: &str) -> Parsed<SecretString> {
    if text.trim() == text && !text.contains(char::is_control) {
        Ok(text.into())
    } else {
        Err("must be one line without white space at either end".to_owned())
    }
}

pub(super) fn gateway_url(text: &str) -> Parsed<Url> {
    let what = "must be an https:// URL without user, query and fragment, \
                such as https://gw.api.taobao.com/router/rest";
    let url = Url::parse(text).map_err(|_| what.to_owned())?;
    let plain = url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain && bare {
        Ok(url)
    } else {
        Err(what.to_owned())
    }
}

pub(super) fn proxy_url(text: &str) -> Parsed<SecretString> {
    let usable = |url: &Url| {
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        url.scheme() == "http" && url.has_host() && bare
    };
    let what = "must be http://host:port or http://user:password@host:port; percent-encode special characters in user \
                and password";
    Url::parse(text).ok().filter(usable).map(|_| text.into()).ok_or_else(|| what.to_owned())
}

/// Whether a URL can only mean this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

pub(super) fn sign_method(text: &str) -> Parsed<SignMethod> {
    text.parse().map_err(|unknown: crate::top::sign::UnknownSignMethod| unknown.to_string())
}

pub(super) fn redis_url(text: &str) -> Parsed<SecretString> {
    let usable = |url: &Url| {
        let known = matches!(url.scheme(), "redis" | "rediss") && url.has_host();
        let database = url.path().trim_start_matches('/');
        let numbered = database.is_empty() || database.parse::<u16>().is_ok();
        let wildcard = matches!(url.host_str(), Some("0.0.0.0" | "[::]"));
        known && !wildcard && numbered && url.query().is_none() && url.fragment().is_none()
    };
    let what = "must be a URL such as redis://host:6379/0 or rediss://user:password@host:6380, without query and fragment";
    Url::parse(text).ok().filter(usable).map(|_| text.into()).ok_or_else(|| what.to_owned())
}

pub(super) fn idempotency_store(text: &str) -> Parsed<IdempotencyStore> {
    match text {
        "off" => Ok(IdempotencyStore::Off),
        "memory" => Ok(IdempotencyStore::Memory),
        "redis" => Ok(IdempotencyStore::Redis),
        _ => Err("must be off, memory or redis".to_owned()),
    }
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("must be json or text".to_owned()),
    }
}

pub(super) fn directives(text: &str) -> Parsed<String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|_| "must be filter directives such as info, off or warn,mediation_bridge=debug".to_owned())
}

/// `name:token` pairs. What is wrong is told by its place, since any part of an entry may be a token.
pub(super) fn callers(text: &str) -> Parsed<Vec<Caller>> {
    let entries = text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
    let callers =
        entries.enumerate().map(|(index, entry)| caller(index + 1, entry)).collect::<Parsed<Vec<_>>>()?;
    if callers.is_empty() {
        return Err("must name at least one caller".to_owned());
    }
    let mut by_token: Vec<(&str, &str)> =
        callers.iter().map(|caller| (caller.token.expose_secret(), caller.name.as_str())).collect();
    by_token.sort_unstable();
    let shared = by_token.windows(2).find_map(|pair| match pair {
        [(token, name), (next, other)] if token == next && name != other => Some((name, other)),
        _ => None,
    });
    match shared {
        Some((one, other)) => {
            Err(format!("gives {one} and {other} the same token; each caller needs its own"))
        }
        None => Ok(callers),
    }
}

fn caller(place: usize, entry: &str) -> Parsed<Caller> {
    let (name, token) = entry.split_once(':').ok_or_else(|| format!("entry {place} must be name:token"))?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(known) {
        return Err(format!("entry {place}: the name must be 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    if !(SHORTEST_TOKEN..=256).contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let what = format!("the token must be {SHORTEST_TOKEN} to 256 visible ASCII characters");
        return Err(format!("entry {place}: {what}"));
    }
    Ok(Caller { name: name.to_owned(), token: token.into() })
}
