//! What the log says where Redis cannot be used: what is wrong, and what to do.

use std::time::Duration;

use mediation_bridge::delivery::idempotency::Redis;

use super::support::Program;
use super::support::redis::{RedisServer, free_port};
use super::support::redis_load::{Ledger, REFUSED, push};
use super::support::redis_tls::TlsRedis;

const PASSWORD: &str = "canary-redis-password";
/// Where nobody listens.
const NOBODY: u16 = 1;

/// What the log says of a push that is refused, with Redis at `url`. It trusts the authority in this file.
fn words(url: &str, authority: &str) -> String {
    let ledger = Ledger::open(Duration::ZERO);
    let store = [("BRIDGE_IDEMPOTENCY", "redis"), ("BRIDGE_REDIS_URL", url), ("SSL_CERT_FILE", authority)];
    let mut bridge = Program::serve(&ledger.gateway.url(), &store);
    assert_eq!(push(bridge.address(), "case").code, REFUSED, "{url}");
    let line: serde_json::Value = serde_json::from_str(&bridge.line_with("\"push\"")).expect("JSON");
    line["push.error"].as_str().expect("an error").to_owned()
}

/// Fails unless the log says this, once, and nothing secret.
fn assert_words(url: &str, authority: &str, expected: &str) {
    let words = words(url, authority);
    println!("{url}\n    {words}");
    assert_eq!(words.matches(expected).count(), 1, "{url}: {words}");
    let told =
        words.strip_prefix("the store of Idempotency-Keys cannot be used: ").expect("where it is wrong");
    let parts: Vec<&str> = told.split(": ").collect();
    for (index, part) in parts.iter().enumerate() {
        assert!(!parts[..index].contains(part), "told twice: {words}");
    }
    assert!(!words.contains("canary") && !words.contains("wrong-password"), "{words}");
}

#[test]
fn tls_where_there_is_none_and_none_where_there_is() {
    let Some(redis) = TlsRedis::start() else { return };
    let (plain, secure) = (redis.server.port(), redis.port);
    let authority = redis.authority().to_str().unwrap().to_owned();
    for form in ["rediss", "rediss-cluster", "rediss-sentinel"] {
        let service = if form == "rediss-sentinel" { "#main" } else { "" };
        let url = format!("{form}://localhost:{plain}{service}");
        assert_words(
            &url,
            &authority,
            "Redis' port does not answer to TLS; rediss in BRIDGE_REDIS_URL is for one that does",
        );
    }
    for form in ["redis", "redis-cluster", "redis-sentinel"] {
        let service = if form == "redis-sentinel" { "#main" } else { "" };
        let url = format!("{form}://localhost:{secure}{service}");
        assert_words(
            &url,
            &authority,
            "its port may speak TLS: then use rediss in place of redis in BRIDGE_REDIS_URL",
        );
    }
    let refused = "Redis' certificate is refused: it must be valid for the host in BRIDGE_REDIS_URL";
    assert_words(&format!("rediss://127.0.0.1:{secure}"), &authority, refused);
    let Some(stranger) = TlsRedis::start() else { return };
    assert_words(&format!("rediss://localhost:{}", stranger.port), &authority, refused);

    let ledger = Ledger::open(Duration::ZERO);
    let url = format!("rediss://localhost:{secure}/3");
    let store = [("BRIDGE_IDEMPOTENCY", "redis"), ("BRIDGE_REDIS_URL", &url), ("SSL_CERT_FILE", &authority)];
    let mut bridge = Program::serve(&ledger.gateway.url(), &store);
    let (first, second) = (push(bridge.address(), "case"), push(bridge.address(), "case"));
    assert!(!first.replayed && second.replayed, "{first:?} {second:?}");
}

#[test]
fn a_login_that_is_refused() {
    let (Some(open), Some(guarded)) = (RedisServer::start(), RedisServer::guarded(PASSWORD)) else { return };
    let (open, guarded) = (open.port(), guarded.port());
    let refused = "Redis refuses user and password of BRIDGE_REDIS_URL";
    for url in [
        format!("redis://:wrong-password@localhost:{guarded}/3"),
        format!("redis://nobody:{PASSWORD}@localhost:{guarded}"),
        format!("redis://:wrong-password@localhost:{open}"),
        format!("redis-cluster://:wrong-password@localhost:{guarded}"),
    ] {
        assert_words(&url, "", refused);
    }
    for form in ["redis", "redis-cluster"] {
        let url = format!("{form}://localhost:{guarded}");
        assert_words(&url, "", "Redis asks for a password: put it into BRIDGE_REDIS_URL");
    }
    assert_words(&format!("redis://localhost:{guarded}/3"), "", "Authentication required");
}

#[test]
fn a_redis_of_another_kind() {
    let bus = free_port().to_string();
    let cluster = RedisServer::with("", &["--cluster-enabled", "yes", "--cluster-port", &bus]);
    let (Some(primary), Some(replica), Some(cluster)) = (RedisServer::start(), RedisServer::start(), cluster)
    else {
        return;
    };
    replica.follow(&primary);
    let (primary, replica) = (primary.port(), replica.port());
    for (url, expected) in [
        (format!("redis://localhost:{NOBODY}"), "Connection refused"),
        (format!("redis-cluster://localhost:{NOBODY}"), "Connection refused"),
        (format!("redis-sentinel://localhost:{NOBODY}#main"), "Connection refused"),
        (format!("redis://nowhere.invalid:{NOBODY}"), "failed to lookup address"),
        (format!("redis://localhost:{replica}"), "Redis is a replica"),
        (format!("redis-cluster://localhost:{primary}"), "cluster support disabled"),
        (format!("redis-sentinel://localhost:{primary}#main"), "does not point to a sentinel"),
        (format!("redis://localhost:{}", cluster.port()), "ClusterDown"),
    ] {
        assert_words(&url, "", expected);
    }
}

#[test]
fn the_check_tells_a_primary_from_a_replica_and_writes_nothing() {
    let (Some(primary), Some(replica)) = (RedisServer::start(), RedisServer::start()) else { return };
    replica.follow(&primary);
    let check = |url: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Redis::new(url.parse().unwrap());
        runtime.block_on(store.check()).map_err(|error| error.to_string())
    };
    assert_eq!(check(&primary.url()), Ok(()));
    assert_eq!(primary.dump(), []);
    let refused = check(&replica.url()).unwrap_err();
    assert!(refused.starts_with("Redis is a replica"), "{refused}");
    let refused = check(&format!("redis://127.0.0.1:{NOBODY}")).unwrap_err();
    assert_eq!(refused, "Redis cannot be used");
}
