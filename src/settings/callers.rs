//! `BRIDGE_CALLERS`: who may push, and with which tokens.

use std::fmt;
use std::ops::RangeInclusive;

use secrecy::{ExposeSecret, SecretString};

use super::reader::Parsed;
use super::values::{not_a_secret, one_problem};

/// The range of lengths of a caller's name.
const NAME_LENGTHS: RangeInclusive<usize> = 1..=64;
/// The range of lengths of a caller's token.
const TOKEN_LENGTHS: RangeInclusive<usize> = 16..=256;

/// The callers that may push.
#[derive(Debug, Clone)]
pub struct Callers(pub Vec<Caller>);

/// A token and its caller. A name may appear several times while tokens are rotated.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name in the log.
    pub name: String,
    /// The bearer token.
    pub token: SecretString,
}

/// Parses `name:token` pairs. Errors name the position of an entry, because any part of it may be a token.
pub(super) fn callers(text: &str) -> Parsed<Callers> {
    if text.starts_with('\u{feff}') {
        return one_problem("must not begin with a byte order mark; save the file as UTF-8 without it");
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

/// The names of the callers, each with its number of tokens.
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
