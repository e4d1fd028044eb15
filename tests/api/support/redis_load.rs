//! Callers that push with Idempotency-Keys during faults of Redis, and their answers, compared with the gateway's own
//! record.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::{APP_KEY, BODY, Gateway, Move, Reply, wire};

/// The code of a push that the key store refused.
pub(crate) const REFUSED: &str = "idempotency_store_unavailable";
/// The code of a push whose key is in flight.
pub(crate) const IN_FLIGHT: &str = "idempotency_in_flight";
/// The value of `code` for an accepted push.
pub(crate) const ACCEPTED: &str = "accepted";
/// The key of every push: it is scoped to the case.
const KEY: &str = "key-1";
/// The time that a caller waits before the next try.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Only one test at a time, because each of them loads the machine.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A gateway that accepts every push, and the number of executions of each case.
pub(crate) struct Ledger {
    pub(crate) gateway: Gateway,
    executed: Arc<Mutex<HashMap<String, usize>>>,
}

impl Ledger {
    /// Opens one whose gateway takes this long for a push.
    pub(crate) fn open(delay: Duration) -> Self {
        let executed: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let gateway = Gateway::start({
            let executed = Arc::clone(&executed);
            move |_, call| {
                let case = call.req()["mediation_case_id"].as_str().unwrap().to_owned();
                *executed.lock().unwrap().entry(case).or_default() += 1;
                Move::After(delay, Box::new(Move::accepted()))
            }
        });
        Self { gateway, executed }
    }

    /// How often this case was executed.
    pub(crate) fn executed(&self, case: &str) -> usize {
        self.executed.lock().unwrap().get(case).copied().unwrap_or(0)
    }
}

/// The answer to one push.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) case: String,
    /// `accepted`, or the problem's code.
    pub(crate) code: String,
    /// True if the answer had `prior_outcome`.
    pub(crate) in_doubt: bool,
    pub(crate) replayed: bool,
    /// When it was sent.
    pub(crate) arrived: Instant,
    pub(crate) took: Duration,
}

/// Pushes one case with the tests' key.
pub(crate) fn push(address: SocketAddr, case: &str) -> Told {
    let request = format!(
        "POST /mediations/{case}/result HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let arrived = Instant::now();
    let reply = Reply::of(wire::send_raw(address, request.as_bytes()));
    let took = arrived.elapsed();
    let body = reply.json();
    let code = body["code"].as_str().unwrap_or(ACCEPTED).to_owned();
    if code != ACCEPTED {
        reply.problem(&code);
    }
    Told {
        case: case.to_owned(),
        in_doubt: body.get("prior_outcome").is_some(),
        replayed: reply.header("idempotent-replayed").is_some(),
        arrived,
        took,
        code,
    }
}

/// Pushes one case until it is accepted or not retryable, for at most 20 s; `tell` gets every answer.
pub(crate) fn push_until_accepted(address: SocketAddr, case: &str, tell: impl Fn(Told)) {
    let begun = Instant::now();
    loop {
        let told = push(address, case);
        let again = matches!(told.code.as_str(), REFUSED | IN_FLIGHT);
        assert!(!again || begun.elapsed() < Duration::from_secs(20), "{told:?}");
        tell(told);
        if !again {
            return;
        }
        thread::sleep(RETRY_INTERVAL);
    }
}

/// Pushes every case once more.
pub(crate) fn repeated(address: SocketAddr, told: &[Told]) -> Vec<Told> {
    let cases: BTreeSet<&str> = told.iter().map(|told| told.case.as_str()).collect();
    let (cases, again): (Vec<&str>, _) = (cases.into_iter().collect(), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for part in cases.chunks(cases.len().div_ceil(8)) {
            let again = &again;
            scope.spawn(move || {
                for case in part {
                    push_until_accepted(address, case, |told| again.lock().unwrap().push(told));
                }
            });
        }
    });
    again.into_inner().unwrap()
}

/// The answers so far.
#[derive(Default)]
pub(crate) struct Watch {
    told: Mutex<Vec<Told>>,
    over: AtomicBool,
}

impl Watch {
    /// Waits until `number` more pushes were told `code`; fails after 20 s.
    pub(crate) fn wait_for(&self, number: usize, code: &str) {
        let begun = Instant::now();
        let from = self.told.lock().unwrap().len();
        loop {
            let told = self.told.lock().unwrap();
            let seen = told.iter().skip(from).filter(|told| told.code == code).count();
            drop(told);
            if seen >= number {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{seen} pushes were told {code}, not {number}"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Lets `callers` push case after case, each case by `together` of them until it is accepted, while `during` runs.
/// Returns the answers in order.
pub(crate) fn under_load(
    address: SocketAddr,
    callers: usize,
    together: usize,
    during: impl FnOnce(&Watch),
) -> Vec<Told> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let watch = Watch::default();
    let one = |case: &str| push_until_accepted(address, case, |told| watch.told.lock().unwrap().push(told));
    thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                while !watch.over.load(Ordering::SeqCst) {
                    let case = format!("case-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
                    thread::scope(|scope| {
                        for _ in 1..together {
                            scope.spawn(|| one(&case));
                        }
                        one(&case);
                    });
                }
            });
        }
        // The callers also end if the test fails.
        let _over = Over(&watch.over);
        during(&watch);
    });
    let mut told = watch.told.into_inner().unwrap();
    told.sort_by_key(|told| told.arrived + told.took);
    told
}

/// Sets the flag when it is dropped.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The figures of a load.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// The longest time without the arrival of a push that was accepted.
    pub(crate) outage: Duration,
    pub(crate) slowest: Duration,
    pub(crate) codes: BTreeMap<String, usize>,
    pub(crate) cases: usize,
    /// The number of accepted pushes with `prior_outcome`.
    pub(crate) in_doubt: usize,
    /// Cases that were executed more than once, with true if the last answer reported the doubt.
    pub(crate) twice: BTreeMap<String, bool>,
}

/// Compares the answers with the gateway's record: each execution has exactly one answer that reports it.
pub(crate) fn judge(told: &[Told], ledger: &Ledger) -> Figures {
    let mut figures = Figures::default();
    let mut cases: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for one in told {
        *figures.codes.entry(one.code.clone()).or_default() += 1;
        figures.slowest = figures.slowest.max(one.took);
        cases.entry(&one.case).or_default().push(one);
    }
    let accepted = told.iter().filter(|one| one.code == ACCEPTED);
    let mut arrivals: Vec<Instant> = accepted.map(|one| one.arrived).collect();
    arrivals.sort();
    figures.outage = arrivals.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    figures.cases = cases.len();
    for (case, told) in cases {
        let runs: Vec<_> = told.iter().filter(|one| one.code == ACCEPTED && !one.replayed).collect();
        assert_eq!(ledger.executed(case), runs.len(), "{case}: {told:#?}");
        figures.in_doubt += runs.iter().filter(|one| one.in_doubt).count();
        if let [_, .., last] = runs.as_slice() {
            figures.twice.insert(case.to_owned(), last.in_doubt);
        }
    }
    figures
}

/// The Redis key of a case's slot.
pub(crate) fn slot(case: &str) -> String {
    let mut digest = Sha256::new();
    // No callers are configured.
    for part in [APP_KEY, "", case, KEY] {
        digest.update(u64::try_from(part.len()).unwrap().to_be_bytes());
        digest.update(part);
    }
    format!("mediation-bridge:1:{{{}}}", base16ct::lower::encode_string(&digest.finalize()))
}
