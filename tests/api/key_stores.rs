//! Both stores of Idempotency-Keys against the table that they follow: every step from every state of a slot, and long random
//! sequences of steps. After each the answers are compared, and what Redis keeps with what the table says is left.

use std::collections::HashSet;
use std::time::Duration;

use mediation_bridge::delivery::idempotency::{
    Acquired, Completed, Decision, Entry, Lives, Settlement, Slot, State, Store, StoreError,
};
use mediation_bridge::top::UpstreamDetails;
use proptest::collection::vec;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::support::redis::RedisServer;

/// So long that no test sees one pass. Time passes by steps of its own, in Redis by shorter lives of what it keeps.
const HOUR: Duration = Duration::from_hours(1);
const LIVES: Lives = Lives { claim: Duration::from_hours(2), slot: Duration::from_hours(7) };
const TTL: Duration = Duration::from_hours(5);

/// Two pushes of one request and one of another, by token and request.
const PUSHES: [(u128, u8); 3] = [(1, 1), (2, 1), (3, 2)];

/// What can happen to a slot.
#[derive(Debug, Clone, Copy)]
enum Step {
    Claim { push: usize },
    Settle { push: usize, how: How },
    Pass { hours: u32 },
    Lose,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Release,
    MarkUnknown,
    Accepted,
    Rejected,
}

impl Step {
    fn all() -> Vec<Self> {
        let settled = |push| {
            let hows = [How::Release, How::MarkUnknown, How::Accepted, How::Rejected];
            hows.map(|how| Self::Settle { push, how })
        };
        let pushes = 0..PUSHES.len();
        let mut all: Vec<Self> = pushes.clone().map(|push| Self::Claim { push }).collect();
        all.extend(pushes.flat_map(settled));
        // A part of a claim's life, all of it, all of what a record leaves.
        all.extend([1, 2, 5].map(|hours| Self::Pass { hours }));
        all.push(Self::Lose);
        all
    }
}

impl How {
    fn settlement(self) -> Settlement {
        let completed = |decision, in_doubt, sub_msg: Option<&str>| {
            let upstream =
                UpstreamDetails { sub_msg: sub_msg.map(str::to_owned), ..UpstreamDetails::default() };
            Settlement::Complete(Completed { decision, attempts: 2, in_doubt, upstream })
        };
        match self {
            Self::Release => Settlement::Release,
            Self::MarkUnknown => Settlement::MarkUnknown,
            Self::Accepted => completed(Decision::Accepted, false, None),
            Self::Rejected => completed(Decision::Rejected, true, Some("调解案件已结案")),
        }
    }
}

/// What a slot holds, as far as it makes a difference, with the hours that are left.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Held {
    request: String,
    holder: String,
    in_doubt: bool,
    /// Of a claim that lives.
    claim: Option<u64>,
    completed: Option<String>,
    slot: u64,
}

impl Held {
    fn of(entry: &Entry, now: Instant) -> Self {
        let hours = |end: Instant| hours((end - now).as_millis());
        let completed = match &entry.state {
            State::Completed(completed) => Some(serde_json::to_string(completed).unwrap()),
            State::Claimed { .. } | State::Undecided => None,
        };
        let claim = match entry.state {
            State::Claimed { until } if until > now => Some(hours(until)),
            State::Claimed { .. } | State::Undecided | State::Completed(_) => None,
        };
        Self {
            request: base16ct::lower::encode_string(&entry.request),
            holder: format!("{:032x}", entry.holder),
            in_doubt: entry.in_doubt,
            claim,
            completed,
            slot: hours(entry.end),
        }
    }
}

/// Begun hours, since a little time passes by itself.
fn hours(milliseconds: u128) -> u64 {
    u64::try_from(milliseconds.div_ceil(HOUR.as_millis())).unwrap()
}

/// A slot in a real Redis, in memory, and as the table has it.
struct Trial<'a> {
    redis: &'a Store,
    memory: Store,
    held: Option<Entry>,
    now: Instant,
    location: [u8; 32],
    inside: Inside<'a>,
    /// What an assertion that fails shows.
    taken: Vec<Step>,
}

/// What Redis keeps of a slot, read and made to age behind the store's back.
struct Inside<'a> {
    connection: &'a mut redis::Connection,
    slot: String,
    claim: String,
}

impl Inside<'_> {
    fn held(&mut self) -> Option<Held> {
        type Fields = (Option<String>, Option<String>, Option<String>, Option<String>);
        let mut asked = redis::pipe();
        asked.cmd("HMGET").arg(&self.slot).arg(&["request", "holder", "in_doubt", "verdict"]);
        asked.get(&self.claim).pttl(&self.slot).pttl(&self.claim);
        let (fields, claimed_by, slot, claim): (Fields, Option<String>, i64, i64) =
            asked.query(self.connection).unwrap();
        let (request, holder, in_doubt, completed) = fields;
        if request.is_none() {
            assert_eq!((holder, in_doubt, completed, claimed_by), (None, None, None, None));
            return None;
        }
        assert!(claimed_by.is_none() || claimed_by == holder, "{claimed_by:?} {holder:?}");
        let left = |milliseconds: i64| hours(u128::try_from(milliseconds).expect("a key that ends"));
        Some(Held {
            request: request?,
            holder: holder?,
            // A slot that was lost and is written again has none.
            in_doubt: in_doubt.as_deref() == Some("1"),
            claim: claimed_by.map(|_| left(claim)),
            completed,
            slot: left(slot),
        })
    }

    fn pass(&mut self, time: Duration) {
        let time = i64::try_from(time.as_millis()).unwrap();
        for key in [&self.slot, &self.claim] {
            let left: i64 = redis::cmd("PTTL").arg(key).query(self.connection).unwrap();
            if left > 0 {
                // One that has no time left is gone at once.
                redis::cmd("PEXPIRE").arg(key).arg(left - time).exec(self.connection).unwrap();
            }
        }
    }

    fn lose(&mut self) {
        redis::cmd("DEL").arg(&self.slot).arg(&self.claim).exec(self.connection).unwrap();
    }
}

impl<'a> Trial<'a> {
    /// A slot that nobody else uses.
    fn new(redis: &'a Store, connection: &'a mut redis::Connection) -> Self {
        let mut location = [0; 32];
        fastrand::fill(&mut location);
        let slot = format!("mediation-bridge:1:{{{}}}", base16ct::lower::encode_string(&location));
        let claim = format!("{slot}:claim");
        let inside = Inside { connection, slot, claim };
        Self {
            redis,
            memory: Store::memory(),
            held: None,
            now: Instant::now(),
            location,
            inside,
            taken: Vec::new(),
        }
    }

    /// Takes a step, compares what all say to it, and returns what is left.
    async fn take(&mut self, step: Step) -> Result<Option<Held>, StoreError> {
        self.taken.push(step);
        match step {
            Step::Claim { push } => {
                let (token, request) = PUSHES[push];
                let slot = self.slot(request);
                let told = Entry::claim(&mut self.held, slot, token, LIVES, self.now);
                let redis = self.redis.claim(slot, token, LIVES, self.now).await?;
                let memory = self.memory.claim(slot, token, LIVES, self.now).await?;
                assert_eq!((&redis, &memory), (&told, &told), "{:?}", self.taken);
            }
            Step::Settle { push, how } => {
                let (token, request) = PUSHES[push];
                let acquired = Acquired { slot: self.slot(request), token, in_doubt: false };
                let told = Entry::settle(&mut self.held, &acquired, how.settlement(), TTL, self.now);
                let redis = self.redis.settle(&acquired, how.settlement(), TTL, TTL, self.now).await?;
                let memory = self.memory.settle(&acquired, how.settlement(), TTL, TTL, self.now).await?;
                // A release of Redis may be the second of two tries, so that another push's slot is no trouble.
                let released = matches!(how, How::Release);
                assert_eq!((redis, memory), (told || released, told), "{:?}", self.taken);
            }
            Step::Pass { hours } => {
                self.now += HOUR * hours;
                self.inside.pass(HOUR * hours);
            }
            Step::Lose => {
                (self.held, self.memory) = (None, Store::memory());
                self.inside.lose();
            }
        }
        let alive = self.held.as_ref().filter(|entry| entry.end > self.now);
        let held = alive.map(|entry| Held::of(entry, self.now));
        assert_eq!(self.inside.held(), held, "{:?}", self.taken);
        Ok(held)
    }

    fn slot(&self, request: u8) -> Slot {
        Slot { location: self.location, request: [request; 32] }
    }
}

/// A server, the store that is tried, and a way behind its back.
struct Bench {
    runtime: Runtime,
    store: Store,
    connection: redis::Connection,
    _server: RedisServer,
}

impl Bench {
    fn set_up() -> Option<Self> {
        let server = RedisServer::start()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let store = Store::redis(server.url().parse().unwrap());
        Some(Self { runtime, store, connection: server.connection(), _server: server })
    }

    /// Takes the steps one after another, and returns what is left.
    fn take(&mut self, steps: &[Step]) -> Option<Held> {
        for _ in 0..20 {
            let mut trial = Trial::new(&self.store, &mut self.connection);
            let taken = self.runtime.block_on(async {
                let mut left = None;
                for step in steps {
                    left = trial.take(*step).await?;
                }
                Ok::<_, StoreError>(left)
            });
            match taken {
                Ok(left) => return left,
                // A busy machine: from the beginning, with another slot.
                Err(error) => println!("{error}"),
            }
        }
        panic!("Redis does not answer")
    }
}

#[test]
fn every_step_from_every_state_leads_where_the_table_says() {
    let Some(mut bench) = Bench::set_up() else { return };
    let (mut known, mut ways, mut steps) = (HashSet::from([None]), vec![Vec::new()], 0);
    let mut next = 0;
    while let Some(way) = ways.get(next).cloned() {
        next += 1;
        for step in Step::all() {
            let further = [way.as_slice(), &[step]].concat();
            steps += 1;
            if known.insert(bench.take(&further)) {
                ways.push(further);
            }
        }
    }
    println!("{} states, {steps} steps", known.len());
    assert!(known.iter().flatten().any(|held| held.in_doubt && held.completed.is_some()));
    assert!(known.iter().flatten().any(|held| held.in_doubt && held.claim.is_some()));
}

#[test]
fn long_sequences_of_steps_lead_where_the_table_says() {
    let Some(mut bench) = Bench::set_up() else { return };
    let config =
        Config { cases: 200, failure_persistence: None, rng_seed: RngSeed::Fixed(1), ..Config::default() };
    let bench = std::cell::RefCell::new(&mut bench);
    let run = TestRunner::new(config).run(&vec(select(Step::all()), 1..40), |steps| {
        bench.borrow_mut().take(&steps);
        Ok(())
    });
    run.unwrap();
}

/// A claim that comes late finds the doubt that another push left, of which its own push knows nothing when it gives back.
#[test]
fn a_late_release_leaves_the_doubt_that_it_finds() {
    let Some(mut bench) = Bench::set_up() else { return };
    let (executed, late) = (0, 1);
    for died in [false, true] {
        let unknown = Step::Settle { push: executed, how: How::MarkUnknown };
        let left = if died { Step::Pass { hours: 2 } } else { unknown };
        let given_back = Step::Settle { push: late, how: How::Release };
        let steps = [Step::Claim { push: executed }, left, Step::Claim { push: late }, given_back];
        let held = bench.take(&steps).expect("the doubt");
        assert_eq!((held.in_doubt, held.claim, held.completed), (true, None, None));
    }
}
