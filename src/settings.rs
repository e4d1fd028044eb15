//! Environment variables in, checked [`Settings`] out, every problem at once. The only module that uses `envy`.
//!
//! The variables are rows of one table, [`VARIABLES`], which the documentation is compared with; each value is parsed by
//! one function of `values`. The operator is told everything that is wrong in one go, by the variable's name and what it
//! must look like, never by the value of a secret, and is warned of settings without effect.

mod callers;
mod log_filter;
mod names;
mod nearest;
mod reader;
mod table;
mod values;
mod variable;

use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

pub use callers::{Caller, Callers};
pub use log_filter::LogFilter;
use reader::Reader;
use table::{Candidates, Environment, row};
pub use table::{VARIABLES, Values};
pub use values::{IdempotencyStore, LogFormat, is_loopback};
pub use variable::{SettingProblem, Variable};

/// The validated configuration of the bridge.
#[derive(Debug, Clone)]
pub struct Settings {
    values: Values,
    /// Settings without effect, and settings that are probably a mistake: one sentence each.
    pub warnings: Vec<String>,
    /// Each variable and its value in force, with secrets masked.
    effective: Vec<(&'static str, String)>,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn from_environment() -> Result<Self, Refused> {
        Self::from_variables(std::env::vars_os())
    }

    /// Reads the given variables instead of the environment of the process.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Refused> {
        let (environment, problems, mut warnings) = environment(variables);
        let mut reader = Reader::new(problems);
        let set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        let ttl_is_set = set(&environment.bridge_idempotency_ttl);
        let candidates = environment.parse(&mut reader);
        check_together(&candidates, &mut reader);
        let (mut effective, problems) = reader.finish();
        let Some(values) = candidates.complete().filter(|_| problems.is_empty()) else {
            return Err(Refused { problems, warnings });
        };
        warnings.extend(suspicious(&values, ttl_is_set));
        show_as_used(&values, &mut effective);
        Ok(Self { values, warnings, effective })
    }
}

/// Why the environment is refused.
#[derive(Debug)]
pub struct Refused {
    /// Every variable that is missing or wrong.
    pub problems: Vec<SettingProblem>,
    /// Names that are unknown: one of them may be meant for a variable that is missing.
    pub warnings: Vec<String>,
}

impl Deref for Settings {
    type Target = Values;

    fn deref(&self) -> &Values {
        &self.values
    }
}

/// One line `NAME=value` for each variable, with secrets masked.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.effective.iter().try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}

/// The address of `BRIDGE_BIND` alone: what `healthcheck` needs.
///
/// # Errors
/// If it is not an address.
pub fn bind_from_environment() -> Result<SocketAddr, SettingProblem> {
    let (environment, problems, _) = environment(std::env::vars_os());
    let mut reader = Reader::new(problems);
    let text = reader.text(&row::bridge_bind, environment.bridge_bind, None);
    let bind = reader.with_default(&row::bridge_bind, text, values::address);
    bind.ok_or_else(|| {
        let problems = reader.finish().1.into_iter();
        let mut own = problems.filter(|problem| problem.variable == row::bridge_bind.name);
        own.next().unwrap_or_else(|| row::bridge_bind.problem("cannot be read"))
    })
}

/// Fills the environment. `envy` panics on values that are not UTF-8, so it does not get them.
fn environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> (Environment, Vec<SettingProblem>, Vec<String>) {
    let (mut text, mut problems, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in variables {
        let Ok(name) = name.into_string() else { continue };
        if !names::is_known(&name) {
            warnings.extend(names::unknown(&name));
            continue;
        }
        match value.into_string() {
            Ok(value) => text.push((name, value)),
            Err(_) => {
                problems.push(SettingProblem { variable: name.into(), what: "is not UTF-8 text".to_owned() });
            }
        }
    }
    let mut environment: Environment = envy::from_iter(text).unwrap_or_else(|error| {
        let what = format!("cannot be read: {error}");
        problems.push(SettingProblem { variable: "the environment".into(), what });
        Environment::default()
    });
    // The default depends on the machine.
    let workers = environment.bridge_workers.take().filter(|text| !text.is_empty());
    environment.bridge_workers = Some(workers.unwrap_or_else(|| values::processors().to_string()));
    warnings.sort_unstable();
    (environment, problems, warnings)
}

/// Refuses combinations of values that are valid on their own.
fn check_together(values: &Candidates, reader: &mut Reader) {
    if let Some(url) = values.top_gateway_url.as_ref().filter(|url| url.scheme() == "http") {
        if values.top_allow_plaintext == Some(false) && !values::is_loopback(url) {
            reader.refuse(
                &row::top_gateway_url,
                "must begin with https://, since http:// would send credentials and personal data in the clear; set \
                 TOP_ALLOW_PLAINTEXT=true if that is meant",
            );
        }
        if matches!(values.top_proxy_url, Some(Some(_))) {
            reader.refuse(&row::top_proxy_url, "needs an https:// gateway; TOP_GATEWAY_URL is http://");
        }
    }
    if let (Some(None), Some(false), Some(bind)) =
        (&values.bridge_callers, values.bridge_allow_anonymous, values.bridge_bind)
        && !bind.ip().is_loopback()
    {
        reader.refuse(
            &row::bridge_callers,
            "is required, because BRIDGE_BIND is not a loopback address; name callers and their tokens, or set \
             BRIDGE_ALLOW_ANONYMOUS=true if anyone who reaches the port may push",
        );
    }
    if let (Some(deadline), Some(connect_timeout)) = (values.bridge_deadline, values.top_connect_timeout)
        && deadline <= connect_timeout
    {
        reader.refuse(&row::bridge_deadline, "must be longer than TOP_CONNECT_TIMEOUT");
    }
    if let (Some(IdempotencyStore::Redis), Some(None)) = (values.bridge_idempotency, &values.bridge_redis_url)
    {
        reader.refuse(&row::bridge_redis_url, "is required with BRIDGE_IDEMPOTENCY=redis");
    }
}

/// Settings without effect, and settings that are probably a mistake: one sentence each.
fn suspicious(values: &Values, ttl_is_set: bool) -> Vec<String> {
    let https = values.top_gateway_url.scheme() == "https";
    let store = values.bridge_idempotency;
    let loopback = values::is_loopback(&values.top_gateway_url);
    let warnings = [
        (
            values.bridge_redis_url.is_some() && store != IdempotencyStore::Redis,
            "BRIDGE_REDIS_URL is set but not used: it needs BRIDGE_IDEMPOTENCY=redis",
        ),
        (
            ttl_is_set && store == IdempotencyStore::Off,
            "BRIDGE_IDEMPOTENCY_TTL is set but not used: BRIDGE_IDEMPOTENCY is off",
        ),
        (
            values.top_allow_plaintext && (https || loopback),
            "TOP_ALLOW_PLAINTEXT is set but not used: TOP_GATEWAY_URL does not need it",
        ),
        (
            values.bridge_allow_anonymous && values.bridge_callers.is_some(),
            "BRIDGE_ALLOW_ANONYMOUS is set but not used: BRIDGE_CALLERS names who may push",
        ),
        (
            !values.bridge_log.has_push_lines(),
            "BRIDGE_LOG leaves out the line of each push: the outcome of a push can then not be found out",
        ),
    ];
    warnings.into_iter().filter(|(holds, _)| *holds).map(|(_, what)| what.to_owned()).collect()
}

/// Shows a value as it is used, if that may differ from how it was written.
fn show_as_used(values: &Values, effective: &mut [(&'static str, String)]) {
    let callers = values.bridge_callers.as_ref().map(ToString::to_string);
    for (variable, shown) in [
        (&row::top_gateway_url, Some(values.top_gateway_url.to_string())),
        (&row::bridge_bind, Some(values.bridge_bind.to_string())),
        (&row::bridge_callers, callers),
        (&row::bridge_log, Some(values.bridge_log.to_string())),
    ] {
        let entry = effective.iter_mut().find(|(name, _)| *name == variable.name);
        if let (Some((_, value)), Some(shown)) = (entry, shown) {
            *value = shown;
        }
    }
}
