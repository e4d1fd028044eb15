//! Idempotency-Keys while the primary of Redis changes under load: with a stable address, with Sentinels, in a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::support::Program;
use super::support::redis::{RedisServer, until};
use super::support::redis_cluster::Cluster;
use super::support::redis_forwarder::Forwarder;
use super::support::redis_load::{
    ACCEPTED, Figures, IN_FLIGHT, Ledger, REFUSED, Told, Watch, judge, repeated, slot, turn, under_load,
};
use super::support::redis_sentinel::Watched;

/// The time that the gateway takes for a push.
const DELAY: Duration = Duration::from_millis(20);
/// How long nobody may be served, at most. It is seconds, which are printed; without new connections it would be until the
/// bridge is restarted.
const MAX_OUTAGE: Duration = Duration::from_secs(30);
/// A push whose key the store refuses is answered within this time, which a busy machine reaches as well. It is below the
/// deadline of a push.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// A bridge with keys in Redis at `url`.
fn serve(ledger: &Ledger, url: &str) -> Program {
    let store = [("BRIDGE_IDEMPOTENCY", "redis"), ("BRIDGE_REDIS_URL", url), ("BRIDGE_WORKERS", "2")];
    Program::serve(&ledger.gateway.url(), &store)
}

/// Checks the rules that hold for every fail-over; prints and returns its figures. Afterwards each case is pushed once
/// more.
fn check_failover(scenario: &str, bridge: &mut Program, told: &[Told], ledger: &Ledger) -> Figures {
    let figures = judge(told, ledger);
    println!("{scenario}: {figures:?}");
    assert!(bridge.is_running(), "the bridge ended: {:#?}", bridge.lines());
    let known = |code: &String| [ACCEPTED, REFUSED, IN_FLIGHT].contains(&code.as_str());
    assert!(figures.codes.keys().all(known), "{figures:?}");
    // A refusal arrives in time, and so does the answer to a push whose outcome is not recorded.
    for told in told {
        assert!(told.took < ANSWER_TIMEOUT, "{told:?}");
    }
    let again = repeated(bridge.address(), told);
    let replayed = again.iter().filter(|told| told.replayed).count();
    println!("    pushed once more: {replayed} of {} are replayed", figures.cases);
    let after = judge(&[told, again.as_slice()].concat(), ledger);
    Figures { outage: figures.outage, ..after }
}

/// Stops the bridge and returns the cases whose outcome it did not record before it answered.
fn unrecorded(bridge: Program) -> BTreeSet<String> {
    bridge.signal("TERM");
    let (status, lines) = bridge.ended();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let lines = lines.iter().filter(|line| line.contains("not recorded under its Idempotency-Key"));
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    lines.map(|line| line["push.case_id"].as_str().expect("a case").to_owned()).collect()
}

/// Fails unless each case that was executed twice is one of which the server that became the primary had no decision, and
/// was told so if it knew of the push at all. `kept` is what it had: the slots, and whether they held a decision.
fn explain(figures: &Figures, kept: &BTreeMap<String, bool>) {
    let (mut lost, mut doubted) = (0, 0);
    for (case, told) in &figures.twice {
        match kept.get(&slot(case)) {
            None => lost += 1,
            Some(false) if *told => doubted += 1,
            Some(decided) => panic!("{case} ran twice, told: {told}, decided: {decided}"),
        }
    }
    println!("    executed twice: {lost} that the replica had not got, {doubted} in doubt, and told so");
}

/// Waits until some pushes are accepted.
fn served(watch: &Watch) {
    watch.wait_for(200, ACCEPTED);
}

#[test]
fn a_stable_address_may_lead_to_another_primary() {
    let _turn = turn();
    let (Some(first), Some(second)) = (RedisServer::start(), RedisServer::start()) else { return };
    second.follow(&first);
    let address = Forwarder::to(first.port());
    let ledger = Ledger::open(DELAY);
    let mut bridge = serve(&ledger, &format!("redis://{}/3", address.address()));
    let told = under_load(bridge.address(), 8, 1, |watch| {
        served(watch);
        // Connections to the old primary stay open.
        address.lead_to(second.port());
        first.hand_over();
        served(watch);
    });
    let figures = check_failover("a stable address", &mut bridge, &told, &ledger);
    assert!(figures.outage < MAX_OUTAGE, "{figures:?}");
    assert_eq!((figures.twice.len(), figures.in_doubt), (0, 0), "{figures:?}");

    // For a while the address leads to a replica.
    let mut led = Instant::now();
    let told = under_load(bridge.address(), 8, 1, |watch| {
        served(watch);
        second.hand_over();
        watch.wait_for(20, REFUSED);
        address.lead_to(first.port());
        led = Instant::now();
        served(watch);
    });
    let figures = check_failover("an address that changes late", &mut bridge, &told, &ledger);
    let after = told.iter().find(|told| told.arrived > led && told.code == ACCEPTED).unwrap();
    println!("    served {:?} after it led to the primary", after.arrived - led);
    assert!(after.arrived < led + MAX_OUTAGE, "{after:?}");
    assert_eq!((figures.twice.len(), figures.in_doubt), (0, 0), "{figures:?}");
}

#[test]
fn a_loading_server_is_used_once_it_is_ready() {
    let _turn = turn();
    let Some(mut redis) = RedisServer::start() else { return };
    let filler = "for key = 1, 300 do redis.call('SET', 'filler:' .. key, string.rep('x', 4096)) end";
    let () = redis.ask(&["EVAL", filler, "0"]).unwrap();
    let ledger = Ledger::open(DELAY);
    let mut bridge = serve(&ledger, &redis.url());
    let mut kept = BTreeMap::new();
    let told = under_load(bridge.address(), 8, 1, |watch| {
        served(watch);
        let () = redis.ask(&["SAVE"]).unwrap();
        redis.kill();
        redis.restart_with(&["--key-load-delay", "5000", "--loading-process-events-interval-bytes", "1024"]);
        let loading =
            || redis.ask::<String>(&["GET", "x"]).is_err_and(|error| error.code() == Some("LOADING"));
        until("a loading server", loading);
        until("a loaded server", || !loading());
        kept = redis.slots(3);
        served(watch);
    });
    let figures = check_failover("a server that restarts and is loading", &mut bridge, &told, &ledger);
    assert!(figures.outage < MAX_OUTAGE, "{figures:?}");
    explain(&figures, &kept);
}

/// The primary is lost under load of two callers a key, and the Sentinels choose another one. With `hangs`, it and one of the
/// Sentinels do not end, they only say nothing any more.
fn sentinels(guarded: bool, hangs: bool) {
    let _turn = turn();
    let Some(mut watched) = Watched::start(guarded) else { return };
    let ledger = Ledger::open(DELAY);
    let mut bridge = serve(&ledger, &watched.url());
    let first = watched.primary().expect("a primary").port();
    let mut kept = BTreeMap::new();
    let told = under_load(bridge.address(), 6, 2, |watch| {
        served(watch);
        let lost = Instant::now();
        if hangs {
            watched.stop_a_sentinel();
            watched.servers[0].signal("STOP");
        } else {
            watched.servers[0].kill();
        }
        let replicas = watched.servers.iter().skip(1);
        let had: Vec<_> = replicas.map(|replica| (replica.port(), replica.slots(3))).collect();
        until("another primary", || watched.primary().is_some_and(|primary| primary.port() != first));
        println!("another primary after {:?}", lost.elapsed());
        let elected = watched.primary().expect("a primary").port();
        kept = had.into_iter().find(|(port, _)| *port == elected).expect("a replica").1;
        served(watch);
    });
    let scenario = format!("Sentinels, with password: {guarded}, the primary hangs: {hangs}");
    let figures = check_failover(&scenario, &mut bridge, &told, &ledger);
    assert!(figures.outage < MAX_OUTAGE, "{figures:?}");
    explain(&figures, &kept);
    println!("    answered without a record: {}", unrecorded(bridge).len());
}

#[test]
fn sentinel_failover_loses_no_outcome() {
    sentinels(false, false);
}

#[test]
fn sentinel_failover_replaces_a_hanging_primary() {
    sentinels(true, true);
}

/// One of three primaries is lost under the load of two callers per key, and its replica takes over.
fn cluster(hangs: bool) {
    let _turn = turn();
    let Some(mut cluster) = Cluster::start() else { return };
    let ledger = Ledger::open(DELAY);
    let mut bridge = serve(&ledger, &cluster.url());
    let mut kept = BTreeMap::new();
    let told = under_load(bridge.address(), 6, 2, |watch| {
        served(watch);
        let lost = Instant::now();
        if hangs {
            cluster.nodes[0].signal("STOP");
        } else {
            cluster.nodes[0].kill();
        }
        kept = cluster.nodes[3].slots(0);
        until("another primary", || cluster.nodes[3].info("role").as_deref() == Some("master"));
        println!("another primary after {:?}", lost.elapsed());
        served(watch);
    });
    for node in &cluster.nodes[1..3] {
        kept.extend(node.slots(0));
    }
    let figures =
        check_failover(&format!("a cluster, the primary hangs: {hangs}"), &mut bridge, &told, &ledger);
    assert!(figures.outage < MAX_OUTAGE, "{figures:?}");
    explain(&figures, &kept);
    println!("    answered without a record: {}", unrecorded(bridge).len());
}

#[test]
fn cluster_failover_loses_no_outcome() {
    cluster(false);
}

#[test]
fn cluster_failover_replaces_a_hanging_primary() {
    cluster(true);
}
