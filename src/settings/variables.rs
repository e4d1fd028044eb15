//! The table of environment variables: names, defaults and what they are for.

use super::reader::SettingProblem;

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What is in force when it is unset; `None` where that is no fixed value.
    pub default: Option<&'static str>,
    /// Whether its value must never be shown. It then also has a `…_FILE` form.
    pub secret: bool,
    /// What it is for, for people.
    pub meaning: &'static str,
}

impl Variable {
    const fn plain(name: &'static str, default: Option<&'static str>, meaning: &'static str) -> Self {
        Self { name, default, secret: false, meaning }
    }

    const fn secret(name: &'static str, meaning: &'static str) -> Self {
        Self { name, default: None, secret: true, meaning }
    }

    /// The name of the variable that holds a path to its value.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        self.secret.then(|| format!("{}_FILE", self.name))
    }

    pub(super) fn problem(&self, what: impl Into<String>) -> SettingProblem {
        SettingProblem { variable: self.name.to_owned(), what: what.into() }
    }
}

/// How TOP is called.
pub(super) mod top {
    use super::Variable;

    pub(in super::super) const APP_KEY: Variable =
        Variable::plain("TOP_APP_KEY", None, "required; the application's key (AppKey) at TOP");
    pub(in super::super) const APP_SECRET: Variable =
        Variable::secret("TOP_APP_SECRET", "required; the application's secret (AppSecret)");
    pub(in super::super) const SESSION: Variable =
        Variable::secret("TOP_SESSION", "the authorisation (SessionKey), sent only when set");
    pub(in super::super) const GATEWAY_URL: Variable = Variable::plain(
        "TOP_GATEWAY_URL",
        Some("https://gw.api.taobao.com/router/rest"),
        "the gateway; `http://` is refused unless the host is loopback",
    );
    pub(in super::super) const PROXY_URL: Variable = Variable::secret(
        "TOP_PROXY_URL",
        "a proxy that calls go through by CONNECT, `http://[user:password@]host:port`; with an `https://` gateway only",
    );
    pub(in super::super) const ALLOW_PLAINTEXT: Variable =
        Variable::plain("TOP_ALLOW_PLAINTEXT", Some("false"), "`true` allows `http://` to any host");
    pub(in super::super) const SIGN_METHOD: Variable =
        Variable::plain("TOP_SIGN_METHOD", Some("md5"), "`md5`, `hmac` or `hmac-sha256`");
    pub(in super::super) const CONNECT_TIMEOUT: Variable =
        Variable::plain("TOP_CONNECT_TIMEOUT", Some("3s"), "for one connection to the gateway, TLS included");
    pub(in super::super) const MAX_ATTEMPTS: Variable = Variable::plain(
        "TOP_MAX_ATTEMPTS",
        Some("3"),
        "the most calls for one push; 1 switches the bridge's own retries off",
    );
}

/// How the bridge itself behaves.
pub(super) mod bridge {
    use super::Variable;

    pub(in super::super) const BIND: Variable =
        Variable::plain("BRIDGE_BIND", Some("127.0.0.1:8080"), "address and port to listen on");
    pub(in super::super) const CALLERS: Variable = Variable::secret(
        "BRIDGE_CALLERS",
        "who may push: `name:token` pairs, separated by commas or new lines; a name may stand several times \
         (rotation), a token has at least 16 characters",
    );
    pub(in super::super) const ALLOW_ANONYMOUS: Variable = Variable::plain(
        "BRIDGE_ALLOW_ANONYMOUS",
        Some("false"),
        "`true` lets the bridge start without callers on an address that is not loopback",
    );
    pub(in super::super) const DEADLINE: Variable = Variable::plain(
        "BRIDGE_DEADLINE",
        Some("10s"),
        "from a request's arrival to its answer, every attempt included; longer than `TOP_CONNECT_TIMEOUT`",
    );
    pub(in super::super) const MAX_IN_FLIGHT: Variable = Variable::plain(
        "BRIDGE_MAX_IN_FLIGHT",
        Some("1024"),
        "pushes that call TOP at once; the next is refused with `overloaded`",
    );
    pub(in super::super) const MAX_BODY: Variable =
        Variable::plain("BRIDGE_MAX_BODY", Some("262144"), "the largest request body, in bytes");
    pub(in super::super) const DRAIN_DELAY: Variable = Variable::plain(
        "BRIDGE_DRAIN_DELAY",
        Some("0s"),
        "after SIGTERM: how long `/readyz` says 503 while requests are still taken",
    );
    pub(in super::super) const IDEMPOTENCY: Variable = Variable::plain(
        "BRIDGE_IDEMPOTENCY",
        Some("memory"),
        "where `Idempotency-Key`s are kept: `off`, `memory` (one replica) or `redis` (several)",
    );
    pub(in super::super) const REDIS_URL: Variable = Variable::secret(
        "BRIDGE_REDIS_URL",
        "required with `BRIDGE_IDEMPOTENCY=redis`: `redis://host:6379/0`, with TLS `rediss://user:password@host:6380`",
    );
    pub(in super::super) const IDEMPOTENCY_TTL: Variable = Variable::plain(
        "BRIDGE_IDEMPOTENCY_TTL",
        Some("24h"),
        "how long what became of a key's push is remembered",
    );
    pub(in super::super) const SWAGGER_UI: Variable =
        Variable::plain("BRIDGE_SWAGGER_UI", Some("true"), "`false` takes `/swagger-ui/` away");
    pub(in super::super) const LOG: Variable = Variable::plain(
        "BRIDGE_LOG",
        Some("info"),
        "filter directives: `info`, `off`, `warn,mediation_bridge=debug`",
    );
    pub(in super::super) const LOG_FORMAT: Variable =
        Variable::plain("BRIDGE_LOG_FORMAT", Some("json"), "`json` or `text`");
    pub(in super::super) const WORKERS: Variable =
        Variable::plain("BRIDGE_WORKERS", None, "threads that serve requests; unset: the processor count");
}

/// Every variable, in the order of the documentation.
pub const VARIABLES: [Variable; 23] = [
    top::APP_KEY,
    top::APP_SECRET,
    top::SESSION,
    top::GATEWAY_URL,
    top::PROXY_URL,
    top::ALLOW_PLAINTEXT,
    top::SIGN_METHOD,
    top::CONNECT_TIMEOUT,
    top::MAX_ATTEMPTS,
    bridge::BIND,
    bridge::CALLERS,
    bridge::ALLOW_ANONYMOUS,
    bridge::DEADLINE,
    bridge::MAX_IN_FLIGHT,
    bridge::MAX_BODY,
    bridge::DRAIN_DELAY,
    bridge::IDEMPOTENCY,
    bridge::REDIS_URL,
    bridge::IDEMPOTENCY_TTL,
    bridge::SWAGGER_UI,
    bridge::LOG,
    bridge::LOG_FORMAT,
    bridge::WORKERS,
];

/// Whether a name is a variable's, or its `…_FILE` form's. Others are none of the bridge's business: Kubernetes
/// puts `BRIDGE_PORT` and more beside them.
pub(super) fn is_known(name: &str) -> bool {
    VARIABLES.iter().any(|variable| {
        variable.name == name || (variable.secret && name.strip_suffix("_FILE") == Some(variable.name))
    })
}
