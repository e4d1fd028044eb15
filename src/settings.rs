//! Environment variables in, checked [`Settings`] out, every problem at once. The only file that names `envy`.
//!
//! The variables stand in one table, [`VARIABLES`], which the README's is compared with; each value is parsed
//! by one function of `values`. Whoever runs the bridge gets told all that is wrong in one go, by the
//! variable's name and what it must look like, never by the value of a secret.

mod reader;
mod values;
mod variables;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::top::SignMethod;
use reader::Reader;
pub use reader::SettingProblem;
pub use variables::{VARIABLES, Variable};
use variables::{bridge, top};

/// Everything that the bridge can be told, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How TOP is called.
    pub top: TopSettings,
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Who may push; empty means anyone who reaches the port.
    pub callers: Vec<Caller>,
    /// From a request's arrival to its answer.
    pub deadline: Duration,
    /// How many pushes may call TOP at once.
    pub max_in_flight: NonZeroUsize,
    /// The largest request body, in bytes.
    pub max_body: NonZeroUsize,
    /// After SIGTERM: how long requests are still taken.
    pub drain_delay: Duration,
    /// Where Idempotency-Keys are kept, and for how long.
    pub idempotency: IdempotencySettings,
    /// Whether `/swagger-ui/` is served.
    pub swagger_ui: bool,
    /// What is logged, and how.
    pub log: LogSettings,
    /// How many threads serve requests.
    pub workers: NonZeroUsize,
    /// Each variable with the value that is in force, secrets masked.
    effective: Vec<(&'static str, String)>,
}

/// How TOP is called.
#[derive(Debug, Clone)]
pub struct TopSettings {
    /// The application's public key.
    pub app_key: String,
    /// The application's secret.
    pub app_secret: SecretString,
    /// The authorisation, where the application needs one.
    pub session: Option<SecretString>,
    /// The gateway.
    pub gateway_url: Url,
    /// The proxy on the way there; it may hold a password.
    pub proxy_url: Option<SecretString>,
    /// How calls are signed.
    pub sign_method: SignMethod,
    /// From the first packet to a connection, TLS included.
    pub connect_timeout: Duration,
    /// The most calls for one push.
    pub max_attempts: NonZeroU32,
}

/// One token and whose it is; a name may stand several times while tokens are rotated.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The name that the log shows.
    pub name: String,
    /// The bearer token.
    pub token: SecretString,
}

/// Where Idempotency-Keys are kept.
#[derive(Debug, Clone)]
pub struct IdempotencySettings {
    /// The kind of store.
    pub store: IdempotencyStore,
    /// Redis, for [`IdempotencyStore::Redis`]; it may hold a password.
    pub redis_url: Option<SecretString>,
    /// How long a decided push is remembered.
    pub ttl: Duration,
}

/// The kinds of store for Idempotency-Keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdempotencyStore {
    /// None: a push with a key is refused.
    Off,
    /// In this process.
    Memory,
    /// Shared by replicas.
    Redis,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Filter directives as `tracing-subscriber` reads them.
    pub directives: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn from_environment() -> Result<Self, Vec<SettingProblem>> {
        Self::from_variables(std::env::vars_os())
    }

    /// Reads the given variables in place of the process's.
    ///
    /// # Errors
    /// Every variable that is missing or wrong.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Vec<SettingProblem>> {
        let mut reader = reader(variables);
        let settings = read(&mut reader);
        let (effective, problems) = reader.finish();
        match settings {
            Some(settings) if problems.is_empty() => Ok(Self { effective, ..settings }),
            Some(_) | None => Err(problems),
        }
    }
}

/// Each variable with the value in force, `NAME=value` a line, secrets masked.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.effective.iter().try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}

/// The address of `BRIDGE_BIND` alone: what `healthcheck` needs.
///
/// # Errors
/// When it is no address.
pub fn bind_from_environment() -> Result<SocketAddr, SettingProblem> {
    let mut reader = reader(std::env::vars_os());
    let bind = reader.value(&bridge::BIND, values::address);
    bind.ok_or_else(|| {
        reader.finish().1.into_iter().next().unwrap_or_else(|| bridge::BIND.problem("is wrong"))
    })
}

/// Takes the variables of the table out of an environment. Values that are no UTF-8 are kept apart: `envy`
/// reads text alone, and reading the process's environment by itself it would panic on them.
fn reader(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Reader {
    let (mut text, mut unreadable) = (Vec::new(), Vec::new());
    for (name, value) in variables {
        let Ok(name) = name.into_string() else { continue };
        if !variables::is_known(&name) {
            continue;
        }
        match value.into_string() {
            Ok(value) if value.is_empty() => {}
            Ok(value) => text.push((name, value)),
            Err(_) => unreadable.push(name),
        }
    }
    let text: HashMap<String, String> = envy::from_iter(text).unwrap_or_default();
    Reader::new(text, unreadable)
}

/// Reads every variable, also after the first that is wrong.
fn read(reader: &mut Reader) -> Option<Settings> {
    let top = read_top(reader);
    let bind = reader.value(&bridge::BIND, values::address);
    let callers = reader.optional(&bridge::CALLERS, values::callers);
    let anonymous = reader.value(&bridge::ALLOW_ANONYMOUS, values::switch);
    let deadline = reader.value(&bridge::DEADLINE, values::duration);
    let max_in_flight = reader.value(&bridge::MAX_IN_FLIGHT, values::count);
    let max_body = reader.value(&bridge::MAX_BODY, values::count);
    let drain_delay = reader.value(&bridge::DRAIN_DELAY, values::duration_or_none);
    let idempotency = read_idempotency(reader);
    let swagger_ui = reader.value(&bridge::SWAGGER_UI, values::switch);
    let directives = reader.value(&bridge::LOG, values::directives);
    let format = reader.value(&bridge::LOG_FORMAT, values::log_format);
    let workers = reader.value_or(&bridge::WORKERS, values::workers, values::processors);

    if let (Some(bind), Some(None), Some(false)) = (&bind, &callers, anonymous)
        && !bind.ip().is_loopback()
    {
        reader.refuse(
            &bridge::CALLERS,
            "is required, because BRIDGE_BIND is not a loopback address; name callers and their tokens, or set \
             BRIDGE_ALLOW_ANONYMOUS=true if anyone who reaches the port may push",
        );
    }
    if let (Some(top), Some(deadline)) = (&top, deadline)
        && deadline <= top.connect_timeout
    {
        reader.refuse(&bridge::DEADLINE, "must be longer than TOP_CONNECT_TIMEOUT");
    }
    Some(Settings {
        top: top?,
        bind: bind?,
        callers: callers?.unwrap_or_default(),
        deadline: deadline?,
        max_in_flight: max_in_flight?,
        max_body: max_body?,
        drain_delay: drain_delay?,
        idempotency: idempotency?,
        swagger_ui: swagger_ui?,
        log: LogSettings { directives: directives?, format: format? },
        workers: workers?,
        effective: Vec::new(),
    })
}

fn read_top(reader: &mut Reader) -> Option<TopSettings> {
    let app_key = reader.required(&top::APP_KEY, values::app_key);
    let app_secret = reader.required(&top::APP_SECRET, values::secret);
    let session = reader.optional(&top::SESSION, values::secret);
    let gateway_url = reader.value(&top::GATEWAY_URL, values::gateway_url);
    let proxy_url = reader.optional(&top::PROXY_URL, values::proxy_url);
    let sign_method = reader.value(&top::SIGN_METHOD, values::sign_method);
    let connect_timeout = reader.value(&top::CONNECT_TIMEOUT, values::duration);
    let max_attempts = reader.value(&top::MAX_ATTEMPTS, values::attempts);
    let plaintext = reader.value(&top::ALLOW_PLAINTEXT, values::switch);
    if let (Some(url), Some(false)) = (&gateway_url, plaintext)
        && url.scheme() == "http"
        && !values::is_loopback(url)
    {
        reader.refuse(
            &top::GATEWAY_URL,
            "must begin with https://, since http:// would send credentials and personal data in the clear; \
             set TOP_ALLOW_PLAINTEXT=true if that is meant",
        );
    }
    if let (Some(url), Some(Some(_))) = (&gateway_url, &proxy_url)
        && url.scheme() != "https"
    {
        reader.refuse(&top::PROXY_URL, "goes with an https:// gateway only; TOP_GATEWAY_URL is http://");
    }
    Some(TopSettings {
        app_key: app_key?,
        app_secret: app_secret?,
        session: session?,
        gateway_url: gateway_url?,
        proxy_url: proxy_url?,
        sign_method: sign_method?,
        connect_timeout: connect_timeout?,
        max_attempts: max_attempts?,
    })
}

fn read_idempotency(reader: &mut Reader) -> Option<IdempotencySettings> {
    let store = reader.value(&bridge::IDEMPOTENCY, values::idempotency_store);
    let redis_url = reader.optional(&bridge::REDIS_URL, values::redis_url);
    let ttl = reader.value(&bridge::IDEMPOTENCY_TTL, values::duration);
    if let (Some(IdempotencyStore::Redis), Some(None)) = (store, &redis_url) {
        reader.refuse(&bridge::REDIS_URL, "is required with BRIDGE_IDEMPOTENCY=redis");
    }
    Some(IdempotencySettings { store: store?, redis_url: redis_url?, ttl: ttl? })
}
