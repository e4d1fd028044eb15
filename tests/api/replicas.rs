//! Several bridges with one Redis, and the crash of a bridge or of Redis.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::support::redis::{RedisServer, until};
use super::support::{APP_SECRET, BODY, Call, Gateway, Move, Program, Reply, wire};

pub(crate) const KEY: &str = "key-canary-4f1d";

/// How long a caller waits before it tries again, as the callers' guide wants it.
const CALLER_PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn request(case: &str, key: Option<&str>, body: &str) -> String {
    let key = key.map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
    format!(
        "POST /mediations/{case}/result HTTP/1.1\r\nHost: localhost\r\n{key}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn push(address: SocketAddr, case: &str, key: Option<&str>) -> Reply {
    Reply::of(wire::send_raw(address, request(case, key, BODY).as_bytes()))
}

fn serve(gateway: &Gateway, redis: &RedisServer, changes: &[(&str, &str)]) -> Program {
    let store = redis.variables();
    let store = store.each_ref().map(|(name, value)| (*name, value.as_str()));
    Program::serve(&gateway.url(), &[&store, [("BRIDGE_WORKERS", "1")].as_slice(), changes].concat())
}

pub(crate) fn case_of(call: &Call) -> String {
    call.req()["mediation_case_id"].as_str().unwrap().to_owned()
}

#[test]
fn a_thousand_callers_of_three_replicas_share_one_execution() {
    let Some(redis) = RedisServer::start() else { return };
    let gateway = Gateway::always(Move::After(Duration::from_millis(300), Box::new(Move::accepted())));
    let mut bridges: Vec<Program> = (0..3).map(|_| serve(&gateway, &redis, &[])).collect();
    let addresses: Vec<SocketAddr> = bridges.iter_mut().map(Program::address).collect();
    let callers: Vec<_> = (0..1_000)
        .map(|number| {
            let address = addresses[number % addresses.len()];
            let caller = thread::Builder::new().stack_size(128 * 1024);
            caller
                .spawn(move || {
                    loop {
                        let reply = push(address, "case", Some(KEY));
                        if reply.status != 409 {
                            break (
                                reply.status,
                                reply.header("idempotent-replayed").is_some(),
                                reply.json(),
                            );
                        }
                        reply.problem("idempotency_in_flight");
                        thread::sleep(CALLER_PAUSE);
                    }
                })
                .unwrap()
        })
        .collect();
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    let mut replayed = 0;
    for caller in callers {
        let (status, replay, body) = caller.join().unwrap();
        assert_eq!(status, 200, "{body}");
        replayed += usize::from(replay);
        *answers.entry(body.to_string()).or_default() += 1;
    }
    assert_eq!(gateway.calls().len(), 1, "executions");
    assert_eq!(answers.into_values().collect::<Vec<_>>(), [1_000], "all get the same answer");
    assert_eq!(replayed, 999);
}

#[test]
fn a_key_works_again_with_a_doubt_after_its_holder_was_killed() {
    let Some(redis) = RedisServer::start() else { return };
    let gateway = Gateway::start(|number, _| match number {
        0 => Move::Stall(Vec::new()),
        _ => Move::accepted(),
    });
    let deadline = [("BRIDGE_DEADLINE", "2s"), ("TOP_CONNECT_TIMEOUT", "1s")];
    let mut holder = serve(&gateway, &redis, &deadline);
    let mut other = serve(&gateway, &redis, &deadline);
    let (held, address) = (holder.address(), other.address());
    let mut socket = TcpStream::connect(held).unwrap();
    socket.write_all(request("case", Some(KEY), BODY).as_bytes()).unwrap();
    while gateway.calls().is_empty() {
        thread::yield_now();
    }
    holder.signal("KILL");
    let killed = Instant::now();
    let last = Mutex::new(None);
    until("a key that works again", || {
        let reply = push(address, "case", Some(KEY));
        let works = reply.status != 409;
        *last.lock().unwrap() = Some(reply);
        works
    });
    let freed = last.into_inner().unwrap().unwrap();
    assert!(killed.elapsed() < Duration::from_secs(2 + 5), "{:?}", killed.elapsed());
    assert!(killed.elapsed() > Duration::from_secs(1), "the claim did not hold: {:?}", killed.elapsed());
    assert_eq!((freed.status, &freed.json()["prior_outcome"]), (200, &"unknown".into()));
    assert_eq!(freed.header("idempotent-replayed"), None);
    let replay = push(address, "case", Some(KEY));
    assert_eq!((replay.status, &replay.json()["prior_outcome"]), (200, &"unknown".into()));
    assert_eq!(gateway.calls().len(), 2);
}

#[test]
fn a_record_lost_by_redis_changes_no_answer() {
    let Some(mut redis) = RedisServer::start() else { return };
    let gateway = Gateway::always(Move::After(Duration::from_millis(500), Box::new(Move::accepted())));
    let mut bridge = serve(&gateway, &redis, &[]);
    let address = bridge.address();
    thread::scope(|scope| {
        let pushed = scope.spawn(|| push(address, "case", Some(KEY)));
        while gateway.calls().is_empty() {
            thread::yield_now();
        }
        redis.kill();
        let reply = pushed.join().unwrap();
        assert_eq!((reply.status, &reply.json()["outcome"]), (200, &"accepted".into()));
    });
    let line = bridge.line_with("not recorded under its Idempotency-Key");
    assert!(line.contains("\"level\":\"ERROR\"") && line.contains("\"push.outcome\":\"accepted\""), "{line}");

    // Redis is back before the push ends, and empty: the record is written all the same.
    redis.restart();
    thread::scope(|scope| {
        let pushed = scope.spawn(|| push(address, "other", Some(KEY)));
        while gateway.calls().len() < 2 {
            thread::yield_now();
        }
        redis.kill();
        redis.restart();
        assert_eq!(pushed.join().unwrap().status, 200);
    });
    assert_eq!(push(address, "other", Some(KEY)).header("idempotent-replayed"), Some("true"));
}

#[test]
fn a_push_without_caller_is_recorded_before_the_bridge_stops() {
    let Some(redis) = RedisServer::start() else { return };
    let gateway = Gateway::always(Move::After(Duration::from_secs(1), Box::new(Move::accepted())));
    let (mut stopping, mut other) = (serve(&gateway, &redis, &[]), serve(&gateway, &redis, &[]));
    let mut socket = TcpStream::connect(stopping.address()).unwrap();
    socket.write_all(request("case", Some(KEY), BODY).as_bytes()).unwrap();
    while gateway.calls().is_empty() {
        thread::yield_now();
    }
    drop(socket);
    stopping.signal("TERM");
    let (status, lines) = stopping.ended();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let replay = push(other.address(), "case", Some(KEY));
    assert_eq!((replay.status, replay.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(gateway.calls().len(), 1);
}

/// The answers to the callers in one phase of a test.
#[derive(Default)]
struct Told {
    counts: BTreeMap<(&'static str, String), usize>,
    slowest: Duration,
}

#[test]
fn redis_may_crash_hang_and_return_under_load() {
    let Some(mut redis) = RedisServer::start() else { return };
    let gateway = Gateway::always(Move::accepted());
    let mut bridge = serve(&gateway, &redis, &[]);
    let address = bridge.address();
    let (over, number) = (AtomicBool::new(false), AtomicUsize::new(0));
    let told = Mutex::new(Told::default());
    let outcomes = Mutex::new(HashMap::new());
    let take = || std::mem::take(&mut *told.lock().unwrap());
    let count = |told: &Told, kind: &'static str, code: &str| {
        told.counts.get(&(kind, code.to_owned())).copied().unwrap_or(0)
    };
    let phases = thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let number = number.fetch_add(1, Ordering::SeqCst);
                    let case = format!("case-{number}");
                    let key = (number % 2 == 0).then_some(KEY);
                    let begun = Instant::now();
                    let reply = push(address, &case, key);
                    let took = begun.elapsed();
                    let body = reply.json();
                    let code = body["code"].as_str().unwrap_or("accepted").to_owned();
                    outcomes.lock().unwrap().insert(case, body["outcome"].as_str().unwrap().to_owned());
                    let mut told = told.lock().unwrap();
                    told.slowest = told.slowest.max(took);
                    *told
                        .counts
                        .entry((if key.is_some() { "keyed" } else { "unkeyed" }, code))
                        .or_default() += 1;
                    drop(told);
                    assert!(took < Duration::from_secs(3), "hung for {took:?}");
                }
            });
        }
        let mut phases = Vec::new();
        let mut phase = |name: &'static str, enough: &dyn Fn(&Told) -> bool| {
            until(name, || enough(&told.lock().unwrap()));
            let ready =
                Reply::of(wire::send_raw(address, b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            assert_eq!(ready.status, 200, "{name}");
            phases.push((name, take()));
        };
        let served = |told: &Told| {
            count(told, "keyed", "accepted") >= 100 && count(told, "unkeyed", "accepted") >= 100
        };
        let refused = |told: &Told| {
            count(told, "keyed", "idempotency_store_unavailable") >= 50
                && count(told, "unkeyed", "accepted") >= 50
        };
        phase("healthy", &served);
        redis.kill();
        phase("killed", &refused);
        redis.restart();
        phase("restarted", &served);
        redis.signal("STOP");
        phase("hanging", &refused);
        redis.signal("CONT");
        phase("going on", &served);
        over.store(true, Ordering::SeqCst);
        phases
    });

    for (name, told) in &phases {
        println!("{name}: slowest {:?}, {:?}", told.slowest, told.counts);
        let codes: Vec<_> = told.counts.keys().map(|(kind, code)| (*kind, code.as_str())).collect();
        for code in codes {
            let known = matches!(code, (_, "accepted") | ("keyed", "idempotency_store_unavailable"));
            assert!(known, "{name}: {code:?}");
        }
    }
    let executed: Vec<String> = gateway.calls().iter().map(case_of).collect();
    for (case, outcome) in outcomes.lock().unwrap().iter() {
        let times = executed.iter().filter(|executed| *executed == case).count();
        let expected = usize::from(outcome == "accepted");
        assert!(matches!(outcome.as_str(), "accepted" | "not_executed"), "{case}: {outcome}");
        assert_eq!(times, expected, "{case} was told {outcome}");
    }
}

#[test]
fn redis_contains_no_personal_data_and_no_secrets() {
    let Some(redis) = RedisServer::start() else { return };
    let quote = "13812345678 张三 沟通内容";
    let gateway = Gateway::start(move |number, _| match number {
        0 => Move::success(&format!(
            r#""is_success":true,"result":true,"state_code":"20000","extra_err_msg":"{quote}""#
        )),
        1 => Move::success(r#""is_success":false,"result":false,"state_code":"CLOSED""#),
        2 => {
            Move::error(&format!(r#""code":15,"sub_code":"isp.remote-service-timeout","sub_msg":"{quote}""#))
        }
        _ => Move::Stall(Vec::new()),
    });
    let token = "canary-token-b7e4a1d0";
    let callers = format!("wms:{token}");
    let changes = [("BRIDGE_CALLERS", callers.as_str()), ("BRIDGE_IDEMPOTENCY_TTL", "1h")];
    let mut bridge = serve(&gateway, &redis, &changes);
    let address = bridge.address();
    let bytes = |case: &str| {
        request(case, Some(KEY), BODY).replacen(
            "Host: localhost",
            &format!("Host: localhost\r\nAuthorization: Bearer {token}"),
            1,
        )
    };
    for (case, status) in [("case-canary-1", 200), ("case-canary-2", 422), ("case-canary-3", 504)] {
        assert_eq!(Reply::of(wire::send_raw(address, bytes(case).as_bytes())).status, status);
    }
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(bytes("case-canary-4").as_bytes()).unwrap();
    while gateway.calls().len() < 4 {
        thread::yield_now();
    }
    let dump = redis.dump();
    assert_eq!(dump.iter().filter(|(key, ..)| key.ends_with(":claim")).count(), 1, "{dump:?}");
    assert_eq!(dump.len(), 5, "{dump:?}");
    for (key, life, value) in &dump {
        // A claim expires after the deadline and a few seconds, a record after its hour.
        let expected = if key.ends_with(":claim") { 8_000..=13_000 } else { 3_590_000..=3_613_000 };
        assert!(expected.contains(life), "{key} lives for {life} ms");
        let canaries =
            ["张三", "张", "13812345678", "5678", "沟通", "wms", token, KEY, "canary", APP_SECRET, "123123"];
        for canary in canaries {
            assert!(!key.contains(canary) && !value.contains(canary), "{canary} in {key} {value}");
        }
    }
    assert!(
        dump.iter().any(|(_, _, value)| value.contains("CLOSED")),
        "the answer itself is there: {dump:?}"
    );
}
