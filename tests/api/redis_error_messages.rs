//! The log messages if Redis cannot be used: the cause and the remedy.

use std::time::Duration;

use mediation_bridge::delivery::idempotency::Redis;

use super::support::Program;
use super::support::redis::{RedisServer, free_port, until};
use super::support::redis_load::{Ledger, REFUSED, push, push_until_accepted};
use super::support::redis_sentinel::{SERVICE, Sentinel};
use super::support::redis_tls::TlsRedis;

const PASSWORD: &str = "canary-redis-password";
/// A port on which nothing listens.
const UNUSED_PORT: u16 = 1;

/// A bridge with keys in Redis at `url` that trusts the authority in this file.
fn serve(ledger: &Ledger, url: &str, authority: &str) -> Program {
    let store = [("BRIDGE_IDEMPOTENCY", "redis"), ("BRIDGE_REDIS_URL", url), ("SSL_CERT_FILE", authority)];
    Program::serve(&ledger.gateway.url(), &store)
}

/// The log message for a push that is refused.
fn words(url: &str, authority: &str) -> String {
    let ledger = Ledger::open(Duration::ZERO);
    let mut bridge = serve(&ledger, url, authority);
    assert_eq!(push(bridge.address(), "case").code, REFUSED, "{url}");
    let line: serde_json::Value = serde_json::from_str(&bridge.line_with("\"push\"")).expect("JSON");
    line["push.error"].as_str().expect("an error").to_owned()
}

/// Fails unless the log has this message exactly once and no secret.
fn assert_message(url: &str, authority: &str, expected: &str) {
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
fn a_wrong_scheme_is_reported() {
    let Some(redis) = TlsRedis::start("localhost", &[]) else { return };
    let (plain, secure, authority) = (redis.server.port(), redis.port, redis.authority());
    for (form, service) in [("", ""), ("-cluster", ""), ("-sentinel", "#main")] {
        let url = format!("rediss{form}://localhost:{plain}{service}");
        let no = "Redis' port does not answer to TLS; rediss in BRIDGE_REDIS_URL is for one that does";
        assert_message(&url, &authority, no);
        let url = format!("redis{form}://localhost:{secure}{service}");
        let yes = "its port may speak TLS: then use rediss in place of redis in BRIDGE_REDIS_URL";
        assert_message(&url, &authority, yes);
    }
    let refused = "Redis' certificate is refused: it must be valid for the host in BRIDGE_REDIS_URL";
    assert_message(&format!("rediss://127.0.0.1:{secure}"), &authority, refused);
    let stranger = TlsRedis::start("localhost", &[]).unwrap();
    assert_message(&format!("rediss://localhost:{}", stranger.port), &authority, refused);
}

#[test]
fn each_form_of_the_url_works_with_tls() {
    let bus = free_port().to_string();
    let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--tls-cluster", "yes"];
    let Some(single) = TlsRedis::start("127.0.0.1", &[]) else { return };
    let cluster = TlsRedis::start("127.0.0.1", &cluster).unwrap();
    let () = cluster.server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).unwrap();
    until("a cluster", || cluster.server.ask(&["SET", "probe", ""]) == Ok(true));
    let sentinel = Sentinel::of_tls(&single);
    for (url, redis) in [
        (format!("rediss://127.0.0.1:{}/3", single.port), &single),
        (format!("rediss-cluster://127.0.0.1:{}", cluster.port), &cluster),
        (format!("rediss-sentinel://127.0.0.1:{}/4#{SERVICE}", sentinel.port), &single),
    ] {
        let ledger = Ledger::open(Duration::ZERO);
        let mut bridge = serve(&ledger, &url, &redis.authority());
        // The bridge asks the Sentinel before it is up.
        push_until_accepted(bridge.address(), "case", |_| {});
        assert!(push(bridge.address(), "case").replayed, "{url}");
    }
    assert_eq!([3, 4].map(|database| single.server.slots(database).len()), [1, 1]);
    assert_eq!(cluster.server.slots(0).len(), 1);
}

#[test]
fn a_refused_login_is_reported() {
    let (Some(open), Some(guarded)) = (RedisServer::start(), RedisServer::guarded(PASSWORD)) else { return };
    let (open, guarded) = (open.port(), guarded.port());
    let refused = "Redis refuses user and password of BRIDGE_REDIS_URL";
    for url in [
        format!("redis://:wrong-password@localhost:{guarded}/3"),
        format!("redis://nobody:{PASSWORD}@localhost:{guarded}"),
        format!("redis://:wrong-password@localhost:{open}"),
        format!("redis-cluster://:wrong-password@localhost:{guarded}"),
    ] {
        assert_message(&url, "", refused);
    }
    for form in ["redis", "redis-cluster"] {
        let url = format!("{form}://localhost:{guarded}");
        assert_message(&url, "", "Redis asks for a password: put it into BRIDGE_REDIS_URL");
    }
    assert_message(&format!("redis://localhost:{guarded}/3"), "", "Authentication required");
}

#[test]
fn a_wrong_topology_is_reported() {
    let bus = free_port().to_string();
    let cluster = RedisServer::with("", &["--cluster-enabled", "yes", "--cluster-port", &bus]);
    let (Some(primary), Some(replica), Some(cluster)) = (RedisServer::start(), RedisServer::start(), cluster)
    else {
        return;
    };
    replica.follow(&primary);
    let (primary, replica) = (primary.port(), replica.port());
    for (url, expected) in [
        (format!("redis://localhost:{UNUSED_PORT}"), "Connection refused"),
        (format!("redis-cluster://localhost:{UNUSED_PORT}"), "Connection refused"),
        (format!("redis-sentinel://localhost:{UNUSED_PORT}#main"), "Connection refused"),
        (format!("redis://nowhere.invalid:{UNUSED_PORT}"), "failed to lookup address"),
        (format!("redis://localhost:{replica}"), "Redis is a replica"),
        (format!("redis-cluster://localhost:{primary}"), "cluster support disabled"),
        (format!("redis-sentinel://localhost:{primary}#main"), "does not point to a sentinel"),
        (format!("redis://localhost:{}", cluster.port()), "ClusterDown"),
    ] {
        assert_message(&url, "", expected);
    }
}

#[test]
fn the_check_needs_a_primary_with_room_and_leaves_nothing_behind() {
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
    let refused = check(&format!("redis://127.0.0.1:{UNUSED_PORT}")).unwrap_err();
    assert_eq!(refused, "Redis cannot be used");
    // Less than an empty server needs.
    let full = RedisServer::with("", &["--maxmemory", "100kb"]).unwrap();
    let refused = check(&format!("redis://127.0.0.1:{}", full.port())).unwrap_err();
    assert!(refused.starts_with("Redis is full"), "{refused}");
}
