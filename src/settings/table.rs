//! The table of environment variables: each row has a name, type, default, parser and meaning. The struct for `envy`,
//! the settings and the documentation are generated from it.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::callers::{self, Callers};
use super::log_filter::{self, LogFilter};
use super::reader::Reader;
use super::values::{self, IdempotencyStore, LogFormat};
use super::variable::Variable;
use crate::redis_url::RedisUrl;
use crate::top::SignMethod;

/// Generates the struct for `envy`, the values, and the list for documents from the rows.
macro_rules! variables {
    ($(
        #[doc = $meaning:literal]
        $name:ident $(or $file:ident)?: $field:ident $(or $file_field:ident)?, $type:ty,
        $kind:ident $(($default:literal))?, $parse:expr;
    )+) => {
        /// The struct that `envy` fills with the text of each variable. The variables are the field names in capitals.
        #[derive(Default, Deserialize)]
        pub(super) struct Environment {
            $(pub(super) $field: Option<String>, $($file_field: Option<String>,)?)+
        }

        /// The values of all variables.
        #[derive(Debug, Clone)]
        pub struct Values {
            $(#[doc = $meaning] pub $field: $type,)+
        }

        /// The parsed values; `None` if a value is invalid.
        pub(super) struct Candidates {
            $(pub(super) $field: Option<$type>,)+
        }

        impl Candidates {
            /// All values, if none is missing.
            pub(super) fn complete(self) -> Option<Values> {
                Some(Values { $($field: self.$field?,)+ })
            }
        }

        /// All variables, in the order of the documentation.
        pub const VARIABLES: &[Variable] = &[$(row::$field,)+];

        /// The variables by field name.
        pub(super) mod row {
            use super::Variable;
            $(
                #[allow(non_upper_case_globals, reason = "the name is the field's")]
                pub(in super::super) const $field: Variable = Variable {
                    name: stringify!($name),
                    default: variables!(@default $($default)?),
                    file: variables!(@file $($file)?),
                    meaning: $meaning.trim_ascii(),
                };
            )+
        }

        impl Environment {
            /// Parses all values, even after an invalid one.
            pub(super) fn parse(self, reader: &mut Reader) -> Candidates {
                $(let $field = {
                    let file: Option<String> = variables!(@given self $($file_field)?);
                    let text = reader.text(&row::$field, self.$field, file);
                    reader.$kind(&row::$field, text, $parse)
                };)+
                Candidates { $($field,)+ }
            }
        }
    };
    (@default $default:literal) => { Some($default) };
    (@default) => { None };
    (@file $file:ident) => { Some(stringify!($file)) };
    (@file) => { None };
    (@given $self:ident $file_field:ident) => { $self.$file_field };
    (@given $self:ident) => { None };
}

variables! {
    /// required; the application's key (`AppKey`) at TOP
    TOP_APP_KEY: top_app_key, String, required, values::app_key;
    /// required; the application's secret (`AppSecret`)
    TOP_APP_SECRET or TOP_APP_SECRET_FILE: top_app_secret or top_app_secret_file, SecretString,
        required, values::secret;
    /// the authorisation (`SessionKey`), sent only when set
    TOP_SESSION or TOP_SESSION_FILE: top_session or top_session_file, Option<SecretString>,
        optional, values::secret;
    /// the gateway; `http://` is refused unless the host is loopback
    TOP_GATEWAY_URL: top_gateway_url, Url, with_default("https://gw.api.taobao.com/router/rest"), values::gateway_url;
    /// a proxy for calls, through CONNECT, `http://[user:password@]host:port`; with an `https://` gateway only
    TOP_PROXY_URL or TOP_PROXY_URL_FILE: top_proxy_url or top_proxy_url_file, Option<SecretString>,
        optional, values::proxy_url;
    /// `true` allows `http://` to any host
    TOP_ALLOW_PLAINTEXT: top_allow_plaintext, bool, with_default("false"), values::switch;
    /// `md5`, `hmac` or `hmac-sha256`
    TOP_SIGN_METHOD: top_sign_method, SignMethod, with_default("md5"), values::sign_method;
    /// for one connection to the gateway, tunnel and TLS included
    TOP_CONNECT_TIMEOUT: top_connect_timeout, Duration, with_default("3s"), values::duration;
    /// the most calls for one push; 1 switches the bridge's own retries off
    TOP_MAX_ATTEMPTS: top_max_attempts, NonZeroU32, with_default("3"), values::attempts;
    /// address and port to listen on
    BRIDGE_BIND: bridge_bind, SocketAddr, with_default("127.0.0.1:8080"), values::address;
    /// who may push: `name:token` pairs, separated by commas or new lines; a name may appear several times (rotation), a token has at least 16 characters
    BRIDGE_CALLERS or BRIDGE_CALLERS_FILE: bridge_callers or bridge_callers_file, Option<Callers>,
        optional, callers::callers;
    /// `true` lets the bridge start without callers on an address that is not loopback
    BRIDGE_ALLOW_ANONYMOUS: bridge_allow_anonymous, bool, with_default("false"), values::switch;
    /// from a request's arrival to its answer, every attempt included; longer than `TOP_CONNECT_TIMEOUT`
    BRIDGE_DEADLINE: bridge_deadline, Duration, with_default("10s"), values::duration;
    /// pushes that call TOP at once; the next is refused with `overloaded`
    BRIDGE_MAX_IN_FLIGHT: bridge_max_in_flight, NonZeroUsize, with_default("1024"), values::count;
    /// the largest request body, in bytes
    BRIDGE_MAX_BODY: bridge_max_body, NonZeroUsize, with_default("262144"), values::count;
    /// after SIGTERM: how long `/readyz` says 503 while requests are still accepted
    BRIDGE_DRAIN_DELAY: bridge_drain_delay, Duration, with_default("0s"), values::duration_or_zero;
    /// where `Idempotency-Key`s are stored: `off`, `memory` (one replica) or `redis` (several)
    BRIDGE_IDEMPOTENCY: bridge_idempotency, IdempotencyStore, with_default("memory"), values::idempotency_store;
    /// required with `BRIDGE_IDEMPOTENCY=redis`: `redis://[user:password@]host:port/db`, with TLS `rediss://…`
    BRIDGE_REDIS_URL or BRIDGE_REDIS_URL_FILE: bridge_redis_url or bridge_redis_url_file, Option<RedisUrl>,
        optional, values::redis_url;
    /// how long the outcome of a push is remembered under its key
    BRIDGE_IDEMPOTENCY_TTL: bridge_idempotency_ttl, Duration, with_default("24h"), values::duration;
    /// `false` disables `/swagger-ui/`
    BRIDGE_SWAGGER_UI: bridge_swagger_ui, bool, with_default("true"), values::switch;
    /// a level, or directives: `info`, `off`, `info,mediation_bridge=debug`
    BRIDGE_LOG: bridge_log, LogFilter, with_default("info"), log_filter::log_filter;
    /// `json` or `text`
    BRIDGE_LOG_FORMAT: bridge_log_format, LogFormat, with_default("json"), values::log_format;
    /// threads that serve requests; unset: the processor count
    BRIDGE_WORKERS: bridge_workers, NonZeroUsize, required, values::workers;
}
