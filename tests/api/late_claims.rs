//! Claims of Idempotency-Keys whose answer is late or never arrives: Redis stalls, is cut off, or does not answer.

use std::thread;
use std::time::{Duration, Instant};

use super::support::redis::{RedisServer, until};
use super::support::redis_forwarder::{Forwarder, Held};
use super::support::redis_load::{
    ACCEPTED, IN_FLIGHT, Ledger, REFUSED, Told, judge, push, push_until_accepted, repeated, slot, turn,
    under_load,
};
use super::support::{Gateway, Move, Program};

/// A push is refused within this time: 0.8 s, and what a busy machine adds. In a queue of twenty it would be 16 s.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// A bridge before the gateway at `gateway`, with keys in Redis at `redis`.
fn serve(gateway: &str, redis: &str, changes: &[(&str, &str)]) -> Program {
    let store = [("BRIDGE_IDEMPOTENCY", "redis"), ("BRIDGE_REDIS_URL", redis), ("BRIDGE_WORKERS", "1")];
    Program::serve(gateway, &[&store, changes].concat())
}

#[test]
fn delayed_claims_are_released() {
    let _turn = turn();
    let Some(redis) = RedisServer::start() else { return };
    let ledger = Ledger::open(Duration::from_millis(20));
    let mut bridge = serve(&ledger.gateway.url(), &redis.url(), &[]);
    let address = bridge.address();
    assert_eq!(push(address, "before").code, ACCEPTED);
    redis.signal("STOP");
    let begun = Instant::now();
    let callers = (0..700).map(|number| {
        let caller = thread::Builder::new().stack_size(256 * 1024);
        caller.spawn(move || push(address, &format!("stalled-{number}"))).unwrap()
    });
    let callers: Vec<_> = callers.collect();
    let stalled: Vec<Told> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    until("a stall of a second and a half", || begun.elapsed() > Duration::from_millis(1_500));
    redis.signal("CONT");
    println!("stalled for {:?}: {:?}", begun.elapsed(), judge(&stalled, &ledger).codes);
    assert!(stalled.iter().all(|told| told.code == REFUSED));

    let begun = Instant::now();
    let again = repeated(address, &stalled);
    let figures = judge(&[stalled, again].concat(), &ledger);
    println!("    pushed again in {:?}: {figures:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(10), "the keys are blocked: {:?}", begun.elapsed());
    assert_eq!((figures.twice.len(), figures.in_doubt), (0, 0), "{figures:?}");
}

#[test]
fn an_earlier_doubt_outlives_a_late_claim() {
    let Some(redis) = RedisServer::start() else { return };
    let gateway = Gateway::start(|number, _| match number {
        0 => Move::Stall(Vec::new()),
        _ => Move::accepted(),
    });
    let deadline = [("BRIDGE_DEADLINE", "1s"), ("TOP_CONNECT_TIMEOUT", "500ms")];
    let mut bridge = serve(&gateway.url(), &redis.url(), &deadline);
    let address = bridge.address();
    assert_eq!(push(address, "doubted").code, "top_timeout");
    redis.signal("STOP");
    for case in ["doubted", "other"] {
        assert_eq!(push(address, case).code, REFUSED);
    }
    redis.signal("CONT");
    for (case, in_doubt) in [("other", false), ("doubted", true)] {
        push_until_accepted(address, case, |told| {
            assert!(told.code != ACCEPTED || told.in_doubt == in_doubt, "{told:?}");
        });
    }
    assert_eq!(gateway.calls().len(), 3);
}

#[test]
fn a_late_claim_does_not_release_the_slot_of_another_push() {
    let Some(redis) = RedisServer::start() else { return };
    for cut in [false, true] {
        let way = Forwarder::to(redis.port());
        let (quick, slow) = (Ledger::open(Duration::ZERO), Ledger::open(Duration::from_secs(4)));
        let mut late = serve(&quick.gateway.url(), &format!("redis://{}/3", way.address()), &[]);
        let mut other = serve(&slow.gateway.url(), &redis.url(), &[]);
        let (late, other, case) = (late.address(), other.address(), &format!("case-{cut}"));
        assert_eq!(push(late, &format!("first-{cut}")).code, ACCEPTED);
        way.hold(Held::Everything);
        assert_eq!(push(late, case).code, REFUSED);
        thread::scope(|scope| {
            let holder = scope.spawn(|| push(other, case));
            while slow.executed(case) == 0 {
                thread::yield_now();
            }
            // The late claim arrives or is lost; what follows it on the connection shows that it has.
            if cut {
                way.cut();
            }
            way.hold(Held::Nothing);
            push_until_accepted(late, &format!("last-{cut}"), |_| {});
            assert_eq!(push(other, case).code, IN_FLIGHT, "cut: {cut}");
            assert!(redis.slots(3).contains_key(&slot(case)), "cut: {cut}");
            let holder = holder.join().unwrap();
            assert_eq!((holder.code.as_str(), holder.in_doubt), (ACCEPTED, false));
        });
        assert!(push(late, case).replayed);
        assert_eq!((slow.executed(case), quick.executed(case)), (1, 0));
    }
}

#[test]
fn a_record_waits_for_redis_no_longer_than_the_deadline() {
    let Some(redis) = RedisServer::start() else { return };
    let ledger = Ledger::open(Duration::from_secs(3));
    let short = [("BRIDGE_DEADLINE", "4s"), ("TOP_CONNECT_TIMEOUT", "1s")];
    let mut bridge = serve(&ledger.gateway.url(), &redis.url(), &short);
    let address = bridge.address();
    thread::scope(|scope| {
        let pushed = scope.spawn(|| push(address, "case"));
        while ledger.executed("case") == 0 {
            thread::yield_now();
        }
        redis.signal("STOP");
        let told = pushed.join().unwrap();
        // The record alone may wait for two seconds otherwise.
        assert!(told.code == ACCEPTED && told.took < Duration::from_millis(4_800), "{told:?}");
    });
    redis.signal("CONT");
    until("the late record", || push(address, "case").replayed);
    assert_eq!(ledger.executed("case"), 1);
}

#[test]
fn a_claim_with_a_lost_answer_is_released() {
    let (Some(redis), Some(replica)) = (RedisServer::start(), RedisServer::start()) else { return };
    replica.follow(&redis);
    let way = Forwarder::to(redis.port());
    let ledger = Ledger::open(Duration::ZERO);
    let mut bridge = serve(&ledger.gateway.url(), &format!("redis://{}/3", way.address()), &[]);
    let address = bridge.address();
    assert_eq!(push(address, "first").code, ACCEPTED);
    // The next claim reaches a replica, whose answer is not an answer to the lost claim; or nothing listens there.
    for (case, port) in [("replica", replica.port()), ("nothing", 1)] {
        way.hold(Held::Answers);
        thread::scope(|scope| {
            let refused = scope.spawn(|| push(address, case));
            until("a claim", || redis.slots(3).contains_key(&slot(case)));
            way.lead_to(port);
            way.cut();
            way.hold(Held::Nothing);
            assert_eq!(refused.join().unwrap().code, REFUSED);
        });
        way.lead_to(redis.port());
        push_until_accepted(address, &format!("after-{case}"), |_| {});
        until("the slot that was given back", || !redis.slots(3).contains_key(&slot(case)));
        let told = push(address, case);
        assert_eq!((told.code.as_str(), told.in_doubt, told.replayed), (ACCEPTED, false, false));
    }
}

#[test]
fn a_claim_with_a_lost_answer_is_repeated_and_then_kept() {
    let Some(redis) = RedisServer::start() else { return };
    let way = Forwarder::to(redis.port());
    let ledger = Ledger::open(Duration::from_secs(2));
    let mut bridge = serve(&ledger.gateway.url(), &format!("redis://{}/3", way.address()), &[]);
    let address = bridge.address();
    assert_eq!(push(address, "first").code, ACCEPTED);
    // A claim is repeated for a tenth of a second only, so a busy machine may be too slow to break the connection.
    let repeated = (0..20).map(|number| format!("case-{number}")).find(|case| {
        way.hold(Held::Answers);
        thread::scope(|scope| {
            let pushed = scope.spawn(|| push(address, case));
            until("a claim", || redis.slots(3).contains_key(&slot(case)));
            way.cut();
            way.hold(Held::Nothing);
            until("a call or a refusal", || ledger.executed(case) > 0 || pushed.is_finished());
            let is_repeated = ledger.executed(case) > 0;
            assert!(!is_repeated || push(address, case).code == IN_FLIGHT, "its slot was given back");
            assert_eq!(pushed.join().unwrap().code, if is_repeated { ACCEPTED } else { REFUSED });
            is_repeated
        })
    });
    let case = repeated.expect("a claim that is repeated");
    assert!(push(address, &case).replayed);
    assert_eq!(ledger.executed(&case), 1);
}

#[test]
fn an_unreachable_address_does_not_delay_other_pushes() {
    let _turn = turn();
    let Some(redis) = RedisServer::start() else { return };
    let way = Forwarder::to(redis.port());
    let ledger = Ledger::open(Duration::from_millis(20));
    let mut bridge = serve(&ledger.gateway.url(), &format!("redis://{}/3", way.address()), &[]);
    for silent in [true, false] {
        let mut connects = (0, Duration::ZERO);
        let mut back = Instant::now();
        let told = under_load(bridge.address(), 20, 1, |watch| {
            watch.wait_for(100, ACCEPTED);
            let (before, begun) = (way.accepted(), Instant::now());
            if silent {
                way.fall_silent();
            } else {
                // Nothing listens there.
                way.lead_to(1);
            }
            way.cut();
            watch.wait_for(100, REFUSED);
            connects = (way.accepted() - before, begun.elapsed());
            way.lead_to(redis.port());
            back = Instant::now();
            watch.wait_for(100, ACCEPTED);
        });
        let figures = judge(&told, &ledger);
        let served = told.iter().find(|told| told.arrived > back && told.code == ACCEPTED).unwrap();
        println!("silent: {silent}, {connects:?} connections, {figures:?}");
        println!("    served {:?} after it led to Redis again", served.arrived - back);
        assert!(served.arrived < back + REFUSAL_TIMEOUT, "{served:?}");
        for told in &told {
            // A claim whose answer was lost holds its key until it is released.
            assert!([ACCEPTED, REFUSED, IN_FLIGHT].contains(&told.code.as_str()), "{told:?}");
            assert!(told.code == ACCEPTED || told.took < REFUSAL_TIMEOUT, "{told:?}");
        }
        // One connection at a time, however many pushes wait, and at most twenty per second.
        assert!(connects.0 as u128 <= 2 + connects.1.as_millis() / 50, "{connects:?}");
        assert_eq!((figures.twice.len(), figures.in_doubt), (0, 0), "{figures:?}");
    }
}
