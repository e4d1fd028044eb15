//! Parses `BRIDGE_REDIS_URL`: a single server, servers that Sentinels watch, or a cluster.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

/// The default ports.
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The location of Redis and the credentials. The `Debug` text holds no password.
#[derive(Debug, Clone)]
pub struct RedisUrl {
    /// A single server, Sentinels or a cluster.
    pub topology: Topology,
    /// Hosts with ports: of the server, of the Sentinels, or of some nodes of the cluster.
    pub nodes: Vec<(String, u16)>,
    /// True if connections use TLS.
    pub tls: bool,
    /// The user; `None` is the default user of Redis.
    pub username: Option<String>,
    /// The password.
    pub password: Option<SecretString>,
    /// The number of the database.
    pub database: u16,
}

/// The topology of the servers, which defines how the primary is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topology {
    /// One server.
    Single,
    /// Sentinels, which know the primary of this service.
    Sentinel {
        /// The name of the service.
        service: String,
    },
    /// A cluster, whose nodes know the primaries.
    Cluster,
}

/// The text is not a valid URL of Redis. The message describes the valid forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidRedisUrl;

impl fmt::Display for InvalidRedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "must be redis://[user:password@]host:port/db, redis-sentinel://[user:password@]host:port,host:port/db#service \
             or redis-cluster://[user:password@]host:port,host:port, with rediss in place of redis for TLS, and without \
             query; percent-encode special characters in user and password: # is %23, / is %2F, @ is %40, % is %25",
        )
    }
}

impl FromStr for RedisUrl {
    type Err = InvalidRedisUrl;

    fn from_str(text: &str) -> Result<Self, InvalidRedisUrl> {
        Self::parse(text).ok_or(InvalidRedisUrl)
    }
}

impl RedisUrl {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (tls, form) = match scheme.strip_prefix("rediss") {
            Some(form) => (true, form),
            None => (false, scheme.strip_prefix("redis")?),
        };
        let (rest, fragment) = split_off(rest, '#');
        let (authority, path) = split_off(rest, '/');
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        let (topology, port) = match (form, fragment) {
            ("", None) => (Topology::Single, PORT),
            ("-sentinel", Some(service)) => {
                (Topology::Sentinel { service: decoded(service)? }, SENTINEL_PORT)
            }
            ("-cluster", None) => (Topology::Cluster, PORT),
            _ => return None,
        };
        let nodes = hosts.split(',').map(|host| node(host, port)).collect::<Option<Vec<_>>>()?;
        let database = match path.filter(|path| !path.is_empty()) {
            // A cluster has one database.
            Some(_) if topology == Topology::Cluster => return None,
            Some(number) => number.parse().ok()?,
            None => 0,
        };
        if topology == Topology::Single && nodes.len() > 1 {
            return None;
        }
        let (username, password) = user.map_or((None, None), |user| {
            let (user, password) = split_off(user, ':');
            (Some(user), password)
        });
        // An empty part counts as absent; any other part must decode.
        let read = |text: Option<&str>| {
            text.filter(|text| !text.is_empty()).map_or(Some(None), |text| decoded(text).map(Some))
        };
        let (username, password) = (read(username)?, read(password)?.map(SecretString::from));
        Some(Self { topology, nodes, tls, username, password, database })
    }
}

/// Splits a text at the first `separator`.
fn split_off(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn decoded(text: &str) -> Option<String> {
    let valid_escape =
        |escape: &str| escape.get(..2).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let plain = !text.is_empty() && text.split('%').skip(1).all(valid_escape);
    percent_decode_str(text).decode_utf8().ok().filter(|_| plain).map(Into::into)
}

/// `host`, `host:port` or `[address]:port`.
fn node(text: &str, default: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let _: Ipv6Addr = address.parse().ok()?;
            let given = port.strip_prefix(':');
            (address, if port.is_empty() { None } else { Some(given?) })
        }
        None => split_off(text, ':'),
    };
    let port = port.map_or(Some(default), |port| port.parse().ok().filter(|port| *port > 0))?;
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let usable = !host.is_empty() && host.chars().all(known) && !matches!(host, "0.0.0.0" | "::");
    usable.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    /// The parsed URL in one line.
    fn read(text: &str) -> Option<String> {
        let url: RedisUrl = text.parse().ok()?;
        let nodes: Vec<String> = url.nodes.iter().map(|(host, port)| format!("{host} {port}")).collect();
        let user = url.username.unwrap_or_default();
        let password = url.password.map(|password| password.expose_secret().to_owned()).unwrap_or_default();
        Some(format!(
            "{:?} {} {}:{} {} {}",
            url.topology,
            nodes.join(","),
            user,
            password,
            url.database,
            url.tls
        ))
    }

    #[test]
    fn each_form_is_read() {
        for (text, expected) in [
            ("redis://host", "Single host 6379 : 0 false"),
            ("redis://host:6380/", "Single host 6380 : 0 false"),
            ("rediss://u:p%40%23%2f@host:1/5", "Single host 1 u:p@#/ 5 true"),
            ("redis://:secret@127.0.0.1:6379/0", "Single 127.0.0.1 6379 :secret 0 false"),
            ("redis://[::1]:7/2", "Single ::1 7 : 2 false"),
            ("redis-sentinel://a:1,b/3#main", "Sentinel { service: \"main\" } a 1,b 26379 : 3 false"),
            ("rediss-sentinel://u:p@a:1#m", "Sentinel { service: \"m\" } a 1 u:p 0 true"),
            ("redis-cluster://a:1,b:2,c", "Cluster a 1,b 2,c 6379 : 0 false"),
            ("rediss-cluster://:p@[fe80::1]:9", "Cluster fe80::1 9 :p 0 true"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn invalid_urls_are_refused() {
        for text in [
            "",
            "host:6379",
            "http://host",
            "valkey://host",
            "redis-other://host",
            "redis://",
            "redis:///0",
            "redis://host:0",
            "redis://host:65536",
            "redis://host:x",
            "redis://host/x",
            "redis://host/0?protocol=3",
            "redis://host/0#main",
            "redis://a,b",
            "redis://u:p#x@host",
            "redis://u:p/x@host",
            "redis://u:%zz@host",
            "redis://u:%f@host",
            "redis://ho st",
            "redis://0.0.0.0",
            "redis://[::]",
            "redis://[x]",
            "redis-sentinel://a:1",
            "redis-sentinel://a:1#",
            "redis-sentinel://a,,b#m",
            "redis-cluster://a/0",
            "redis-cluster://a#m",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let shown = format!("{:?}", "redis://u:canary@host".parse::<RedisUrl>().unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
