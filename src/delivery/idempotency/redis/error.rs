//! What is wrong with Redis, in words that say what to do.

use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::{ErrorKind, RedisError, RetryMethod, ServerErrorKind};

use crate::redis_url::{RedisUrl, Topology};

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis cannot be reached, or refuses.
    #[error("Redis cannot be used")]
    Redis(#[source] RedisError),
    /// The same, where it is known what to do.
    #[error("{advice}")]
    Advised {
        /// What is wrong, and what to do.
        advice: &'static str,
        /// What Redis or the library said.
        #[source]
        cause: RedisError,
    },
    /// Redis did not answer.
    #[error("Redis did not answer in time")]
    TooSlow,
    /// What is in Redis was not written by this version.
    #[error("what Redis holds cannot be read")]
    Unreadable(#[source] Option<serde_json::Error>),
}

impl StoreError {
    /// What `cause` means for who configured `url`.
    pub(super) fn new(cause: RedisError, url: &RedisUrl) -> Self {
        match advice(&cause, url) {
            Some(advice) => Self::Advised { advice, cause },
            None => Self::Redis(cause),
        }
    }
}

/// Whether Redis itself said so: then nothing was written.
pub(super) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// Whether another connection may do better: this one broke, or leads to a server that cannot serve now.
pub(super) fn is_stale(error: &RedisError) -> bool {
    let detail = || error.detail().unwrap_or_default();
    error.is_io_error()
        || !matches!(error.retry_method(), RetryMethod::NoRetry)
        // A primary that has lost its replicas may be one no more.
        || error.code() == Some("NOREPLICAS")
        // Before Redis 7 a script's error has the code in its text.
        || error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError) && detail().contains("READONLY")
}

/// What to do, where that is known; the first that applies.
fn advice(error: &RedisError, url: &RedisUrl) -> Option<&'static str> {
    let kind = error.kind();
    let server = |said| kind == ErrorKind::Server(said);
    let tls = tls_error(error);
    let closed = error.is_connection_dropped() && !error.is_connection_refusal();
    let known = [
        (
            matches!(tls, Some(rustls::Error::InvalidCertificate(_))),
            "Redis' certificate is refused: it must be valid for the host in BRIDGE_REDIS_URL, and signed by an authority \
             that this system trusts, or that is in the file that SSL_CERT_FILE names",
        ),
        (
            // A plain port takes the greeting for the beginning of a command, and waits for the rest of it.
            matches!(tls, Some(rustls::Error::InvalidMessage(_))) || url.tls && error.is_timeout(),
            "Redis' port does not answer to TLS; rediss in BRIDGE_REDIS_URL is for one that does, redis for a plain one",
        ),
        (
            closed && !url.tls,
            "Redis closed the connection; if it always does, its port may speak TLS: then use rediss in place of redis in \
             BRIDGE_REDIS_URL",
        ),
        (
            kind == ErrorKind::AuthenticationFailed,
            "Redis refuses user and password of BRIDGE_REDIS_URL: one of them is wrong, or Redis asks for no password",
        ),
        (
            error.code() == Some("OOM"),
            "Redis is full: raise its maxmemory, or shorten BRIDGE_IDEMPOTENCY_TTL; its policy must be noeviction",
        ),
        (error.code() == Some("NOAUTH"), "Redis asks for a password: put it into BRIDGE_REDIS_URL"),
        (
            kind == ErrorKind::MasterNameNotFoundBySentinel,
            "no Sentinel names a primary: a fail-over is under way, or none is known by the name behind # in \
             BRIDGE_REDIS_URL",
        ),
        (
            server(ServerErrorKind::ReadOnly),
            "Redis is a replica: a fail-over is under way, or BRIDGE_REDIS_URL does not lead to the primary",
        ),
        (
            server(ServerErrorKind::Moved) && url.topology != Topology::Cluster,
            "Redis is a cluster: use redis-cluster:// in BRIDGE_REDIS_URL",
        ),
        (
            server(ServerErrorKind::NoPerm),
            "Redis does not allow what the bridge does: its user needs EVALSHA, SCRIPT LOAD and the keys mediation-bridge:*",
        ),
    ];
    known.into_iter().find_map(|(applies, advice)| applies.then_some(advice))
}

/// What TLS found wrong.
fn tls_error(error: &RedisError) -> Option<&rustls::Error> {
    let source = error.source()?;
    let shared = source.downcast_ref::<Arc<dyn Error + Send + Sync>>();
    let cause: &io::Error = shared.map_or(source, |cause| cause.as_ref()).downcast_ref()?;
    cause.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_stale_where_another_may_do_better() {
        let server =
            |code: &str, detail: &str| redis::make_extension_error(code.to_owned(), Some(detail.to_owned()));
        let answer =
            |text: &str| redis::parse_redis_value(text.as_bytes()).unwrap().extract_error().unwrap_err();
        let old = "-ERR Error running script (call to f_1): @user_script:2: -READONLY You can't write against a read only replica.\r\n";
        for (error, stale) in [
            (io::Error::from(io::ErrorKind::BrokenPipe).into(), true),
            (io::Error::from(io::ErrorKind::TimedOut).into(), true),
            (answer("-READONLY You can't write against a read only replica.\r\n"), true),
            (answer(old), true),
            (answer("-MOVED 1 host:1\r\n"), true),
            (answer("-LOADING Redis is loading\r\n"), true),
            (answer("-MASTERDOWN Link with MASTER is down\r\n"), true),
            (answer("-CLUSTERDOWN The cluster is down\r\n"), true),
            (answer("-NOREPLICAS Not enough good replicas to write.\r\n"), true),
            (answer("-OOM command not allowed\r\n"), false),
            (answer("-ERR unknown command\r\n"), false),
            (answer("-NOPERM this user has no permissions\r\n"), false),
            (server("MISCONF", "errors writing to disk"), false),
        ] {
            assert_eq!(is_stale(&error), stale, "{error}");
        }
    }
    #[test]
    fn advice_fits_the_address() {
        let answer =
            |text: &str| redis::parse_redis_value(text.as_bytes()).unwrap().extract_error().unwrap_err();
        let broken = |kind| RedisError::from(io::Error::from(kind));
        let moved = || answer("-MOVED 1 host:1\r\n");
        for (url, error, expected) in [
            ("redis://host", broken(io::ErrorKind::TimedOut), None),
            ("rediss://host", broken(io::ErrorKind::TimedOut), Some("does not answer to TLS")),
            ("redis://host", broken(io::ErrorKind::BrokenPipe), Some("may speak TLS")),
            ("rediss://host", broken(io::ErrorKind::BrokenPipe), None),
            ("redis://host", broken(io::ErrorKind::ConnectionRefused), None),
            ("redis://host", moved(), Some("use redis-cluster://")),
            ("redis-cluster://host", moved(), None),
        ] {
            let advice = advice(&error, &url.parse().unwrap());
            assert_eq!(advice.is_some(), expected.is_some(), "{url} {error}: {advice:?}");
            assert!(expected.is_none_or(|part| advice.unwrap().contains(part)), "{url} {error}: {advice:?}");
        }
        for (error, said) in
            [(moved(), true), (answer("-ERR no\r\n"), true), (broken(io::ErrorKind::TimedOut), false)]
        {
            assert_eq!(is_answer(&error), said, "{error}");
        }
    }
}
