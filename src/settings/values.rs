//! What each kind of value must look like: one function from text to value, or to sentences that say so.

use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use strum::EnumString;
use tracing_subscriber::filter::{LevelFilter, Targets};
use url::{Host, Url};

use super::nearest::nearest;
use super::reader::Parsed;
use crate::redis_url::{NoRedisUrl, RedisUrl};
use crate::top::SignMethod;

/// The longest duration: a year. Beyond it a typing mistake is likelier than a wish.
const LONGEST: Duration = Duration::from_hours(365 * 24);
/// The largest count, also of bytes: what a 32-bit size can hold, and a semaphore.
const LARGEST: usize = 100_000_000;
/// The most threads.
const MOST_WORKERS: usize = 1024;
/// The most calls for one push.
const MOST_ATTEMPTS: u32 = 100;
/// The lengths of an application's key.
const APP_KEY_LENGTHS: std::ops::RangeInclusive<usize> = 1..=128;
/// The lengths of a caller's name.
const NAME_LENGTHS: std::ops::RangeInclusive<usize> = 1..=64;
/// The lengths of a caller's token.
const TOKEN_LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;
/// What people write where a secret is still to be filled in, in lower case.
const PLACEHOLDERS: [&str; 8] =
    ["replace-me", "replace_me", "replaceme", "changeme", "change-me", "change_me", "todo", "xxx"];

/// Who may push.
#[derive(Debug, Clone)]
pub struct Callers(pub Vec<Caller>);

/// One token and whose it is; a name may appear several times while tokens are rotated.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name that the log shows.
    pub name: String,
    /// The bearer token.
    pub token: SecretString,
}

/// The kinds of store for Idempotency-Keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum IdempotencyStore {
    /// None: a push with a key is refused.
    Off,
    /// In this process.
    Memory,
    /// Shared by replicas.
    Redis,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Which log lines there are.
#[derive(Debug, Clone)]
pub struct LogFilter(pub Targets);

/// A sentence as the only one.
fn only<T>(what: impl Into<String>) -> Parsed<T> {
    Err(vec![what.into()])
}

pub(super) fn duration(text: &str) -> Parsed<Duration> {
    match duration_or_zero(text) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) | Err(_) => only("must be a duration above 0 such as 250ms, 10s, 5m or 24h, at most 8760h"),
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
        Some(duration) if duration <= LONGEST => Ok(duration),
        Some(_) | None => only("must be a duration such as 0s, 250ms, 10s, 5m or 24h, at most 8760h"),
    }
}

pub(super) fn count(text: &str) -> Parsed<NonZeroUsize> {
    match whole_number::<NonZeroUsize>(text) {
        Some(count) if count.get() <= LARGEST => Ok(count),
        Some(_) | None => only(format!("must be a whole number from 1 to {LARGEST}")),
    }
}

pub(super) fn workers(text: &str) -> Parsed<NonZeroUsize> {
    match whole_number::<NonZeroUsize>(text) {
        Some(count) if count.get() <= MOST_WORKERS => Ok(count),
        Some(_) | None => only(format!("must be a whole number from 1 to {MOST_WORKERS}")),
    }
}

/// The processors that this process may use.
pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

pub(super) fn attempts(text: &str) -> Parsed<NonZeroU32> {
    match whole_number::<NonZeroU32>(text) {
        Some(count) if count.get() <= MOST_ATTEMPTS => Ok(count),
        Some(_) | None => only(format!("must be a whole number from 1 to {MOST_ATTEMPTS}")),
    }
}

/// Digits alone: no sign, no space.
fn whole_number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    text.parse().or_else(|_| only("must be true or false"))
}

pub(super) fn address(text: &str) -> Parsed<SocketAddr> {
    text.parse().or_else(|_| only("must be an IP address and a port such as 127.0.0.1:8080 or [::]:8080"))
}

pub(super) fn sign_method(text: &str) -> Parsed<SignMethod> {
    text.parse().or_else(|_| only("must be md5, hmac or hmac-sha256"))
}

pub(super) fn idempotency_store(text: &str) -> Parsed<IdempotencyStore> {
    text.parse().or_else(|_| only("must be off, memory or redis"))
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    text.parse().or_else(|_| only("must be json or text"))
}

/// Why a secret, key or token is none: what an editor, a shell or a template left in it.
fn not_a_secret(text: &str) -> Option<&'static str> {
    let first_and_last = (text.chars().next(), text.chars().next_back());
    if text.starts_with('\u{feff}') {
        Some("must not begin with a byte order mark; save the file as UTF-8 without it")
    } else if text.contains(char::is_whitespace) {
        Some("must not contain spaces or line breaks")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some("must contain visible ASCII characters only, also none that show as nothing")
    } else if text.len() > 1 && matches!(first_and_last, (Some('"'), Some('"')) | (Some('\''), Some('\''))) {
        Some("must not be in quotes; an env file and a secret file take the value as it is")
    } else if PLACEHOLDERS.contains(&text.to_ascii_lowercase().as_str())
        || matches!(first_and_last, (Some('<'), Some('>')))
    {
        Some("is a placeholder; fill in the real value")
    } else {
        None
    }
}

pub(super) fn app_key(text: &str) -> Parsed<String> {
    match not_a_secret(text) {
        Some(why) => only(why),
        None if !APP_KEY_LENGTHS.contains(&text.len()) => only("must have 1 to 128 characters"),
        None => Ok(text.to_owned()),
    }
}

pub(super) fn secret(text: &str) -> Parsed<SecretString> {
    not_a_secret(text).map_or_else(|| Ok(text.into()), only)
}

/// A URL that the parser reads as it is written: no backslash, no space, no host out of a path.
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
            only(
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
        Some(why) => only(why),
        None if url(text, &["http"]).is_some_and(|url| bare(&url)) => Ok(text.into()),
        None => only(format!("must be http://host:port or http://user:password@host:port{PERCENT_ENCODE}")),
    }
}

pub(super) fn redis_url(text: &str) -> Parsed<RedisUrl> {
    match not_a_secret(text) {
        Some(why) => only(why),
        None => text.parse().or_else(|form: NoRedisUrl| only(form.to_string())),
    }
}

/// What most often makes a URL with a password wrong.
const PERCENT_ENCODE: &str =
    "; percent-encode special characters in user and password: # is %23, / is %2F, @ is %40, % is %25";

/// Whether a URL can only mean this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A level, or directives `target=level`, separated by commas; spaces around them are ignored.
pub(super) fn log_filter(text: &str) -> Parsed<LogFilter> {
    let mut problems = Vec::new();
    let mut targets = Targets::new();
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
        let (target, level) = match directive.split_once('=') {
            Some((target, level)) => (Some(target.trim()), level.trim()),
            None => (None, directive),
        };
        let level = if LEVELS.contains(&level) {
            level.parse::<LevelFilter>().ok()
        } else {
            problems.push(format!("has the level {level:?}, which there is not{}", nearest_level(level)));
            None
        };
        match (target, level) {
            (Some(target), _) if !is_target(target) => {
                problems.push(format!("has the target {target:?}, which is no path of a module"));
            }
            (Some(target), Some(level)) => targets = targets.with_target(target, level),
            (None, Some(level)) => targets = targets.with_default(level),
            (_, None) => {}
        }
    }
    if problems.is_empty() { Ok(LogFilter(targets)) } else { Err(problems) }
}

/// The levels, from none to all.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn is_target(target: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
    !target.is_empty() && target.chars().all(known)
}

fn nearest_level(level: &str) -> String {
    let levels = LEVELS.join(", ");
    match nearest(&level.to_ascii_lowercase(), LEVELS.into_iter()) {
        Some(near) => format!("; is {near} meant? There are {levels}"),
        None => format!("; there are {levels}, and target=level"),
    }
}

impl LogFilter {
    /// Whether the line that each push leaves is logged.
    #[must_use]
    pub fn has_push_lines(&self) -> bool {
        self.0.would_enable(PUSH_LINE_TARGET, &tracing::Level::INFO)
    }
}

/// The module that writes the line of each push.
const PUSH_LINE_TARGET: &str = "mediation_bridge::api::push::record";

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `name:token` pairs. What is wrong is told by its position, since any part of an entry may be a token.
pub(super) fn callers(text: &str) -> Parsed<Callers> {
    if text.starts_with('\u{feff}') {
        return only("must not begin with a byte order mark; save the file as UTF-8 without it");
    }
    let entries = text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
    let mut callers = Vec::new();
    let mut problems = Vec::new();
    for (index, entry) in entries.enumerate() {
        match caller(entry) {
            Ok(caller) => callers.push(caller),
            Err(why) => problems.push(format!("entry {}: {why}", index + 1)),
        }
    }
    if callers.is_empty() && problems.is_empty() {
        problems.push("must name at least one caller".to_owned());
    }
    problems.extend(shared_token(&callers));
    if problems.is_empty() { Ok(Callers(callers)) } else { Err(problems) }
}

fn shared_token(callers: &[Caller]) -> Option<String> {
    let mut by_token: Vec<(&str, &str)> =
        callers.iter().map(|caller| (caller.token.expose_secret(), caller.name.as_str())).collect();
    by_token.sort_unstable();
    by_token.windows(2).find_map(|pair| match pair {
        [(token, name), (next, other)] if token == next && name != other => {
            Some(format!("gives {name} and {other} the same token; each caller needs its own"))
        }
        _ => None,
    })
}

fn caller(entry: &str) -> Result<Caller, String> {
    let (name, token) = entry.split_once(':').ok_or("must be name:token")?;
    if !is_name(name) {
        return Err("the name must be 1 to 64 of A-Z a-z 0-9 . _ -".to_owned());
    }
    if let Some(why) = not_a_secret(token) {
        return Err(format!("the token {why}"));
    }
    if token.split(';').skip(1).any(|rest| rest.split_once(':').is_some_and(|(name, _)| is_name(name))) {
        return Err("looks like two; entries are separated by commas or new lines".to_owned());
    }
    if !TOKEN_LENGTHS.contains(&token.len()) {
        return Err(format!(
            "the token must have {} to {} characters",
            TOKEN_LENGTHS.start(),
            TOKEN_LENGTHS.end()
        ));
    }
    Ok(Caller { name: name.to_owned(), token: token.into() })
}

fn is_name(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    NAME_LENGTHS.contains(&name.len()) && name.bytes().all(known)
}

/// The callers with the number of their tokens.
impl fmt::Display for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<&str> = self.0.iter().map(|caller| caller.name.as_str()).collect();
        names.sort_unstable();
        for (index, same) in names.chunk_by(|one, other| one == other).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let s = if same.len() == 1 { "" } else { "s" };
            write!(f, "{separator}{} ({} token{s})", same.first().unwrap_or(&""), same.len())?;
        }
        Ok(())
    }
}
