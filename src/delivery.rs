//! A push and its outcome: within one deadline, as many calls as are proven safe, and an honest report.
//!
//! In reading order: [`outcome`] is the promise that callers build on, [`attempts`] the pure decision to try
//! again, [`clock`] the time that TOP believes in, [`ban`] what TOP forbade for a while, [`idempotency`] what
//! callers may repeat without harm, [`report`] what became of a push. It knows no HTTP: the report says what
//! happened, and whoever asked puts it into words.

pub mod attempts;
pub mod ban;
pub mod clock;
pub mod idempotency;
pub mod outcome;
pub mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use crate::mediation::MediationResult;
use crate::top::{Class, Client, Said, request};
use attempts::{Next, Situation};
use ban::{Admission, Ban};
use clock::Clock;
use idempotency::{IdempotencyKey, Keys, Slot, Standing};
pub use outcome::Outcome;
pub use report::{Call, End, History, Report, Trouble};

/// What bounds deliveries.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From a request's arrival to its answer.
    pub deadline: Duration,
    /// The most calls for one push.
    pub max_attempts: u32,
    /// How many pushes may call TOP at once.
    pub max_in_flight: usize,
}

/// What all workers share: the places for pushes under way, TOP's ban, and TOP's clock.
#[derive(Debug)]
pub struct Shared {
    limits: Limits,
    places: Arc<Semaphore>,
    under_way: TaskTracker,
    ban: Ban,
    clock: Clock,
    closing: AtomicBool,
}

/// Delivers pushes through one worker's client.
#[derive(Debug)]
pub struct Delivery {
    client: Client,
    keys: Option<Keys>,
    shared: Arc<Shared>,
}

/// An Idempotency-Key and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Keyed<'a> {
    /// Who pushes, where callers are told apart.
    pub caller: Option<&'a str>,
    /// The key.
    pub key: &'a IdempotencyKey,
}

/// How many calls of one push were begun, readable while it runs: it tells whether a push whose task died
/// may have been executed.
pub type Begun = Arc<AtomicU32>;

impl Shared {
    /// The shared half, before any push.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            places: Arc::new(Semaphore::new(limits.max_in_flight)),
            under_way: TaskTracker::new(),
            ban: Ban::default(),
            clock: Clock::default(),
            closing: AtomicBool::new(false),
        })
    }

    /// From a request's arrival to its answer.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.limits.deadline
    }

    /// Pushes that call TOP now.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.limits.max_in_flight.saturating_sub(self.places.available_permits())
    }

    /// How many may call TOP at once.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.limits.max_in_flight
    }

    /// Seconds by which TOP's clock is taken to be ahead of this machine's.
    #[must_use]
    pub fn clock_skew(&self) -> i64 {
        self.clock.skew()
    }

    /// How long the ban goes on that TOP announced; zero without one.
    #[must_use]
    pub fn ban_remaining(&self) -> Duration {
        self.ban.remaining(Instant::now())
    }

    /// Whether new pushes are told [`End::ShuttingDown`].
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// From now on every new push is told [`End::ShuttingDown`].
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Waits until no push is under way. Call [`Self::close`] first.
    pub async fn drained(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }

    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

impl Delivery {
    /// A delivery through `client`, under what `shared` knows, with keys where the operator wants them.
    #[must_use]
    pub fn new(client: Client, keys: Option<Keys>, shared: Arc<Shared>) -> Self {
        Self { client, keys, shared }
    }

    /// What all workers share.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Whether pushes may come with an Idempotency-Key.
    #[must_use]
    pub fn takes_keys(&self) -> bool {
        self.keys.is_some()
    }

    /// Pushes one result. `arrival` is when its request came in: the deadline counts from there, and the report
    /// is there by then, or, where a sick store of keys takes its time, within a second after.
    pub async fn push(
        &self,
        push: &MediationResult,
        keyed: Option<Keyed<'_>>,
        arrival: Instant,
        begun: &Begun,
    ) -> Report {
        let _under_way = self.shared.under_way.token();
        let deadline = arrival + self.shared.limits.deadline;
        let req = request::req(push);
        match (keyed, &self.keys) {
            (None, _) => self.call(&req, deadline, begun).await,
            (Some(Keyed { caller, key }), Some(keys)) => {
                let slot = keys.slot(caller, push.case_id.as_str(), key, &req);
                // Boxed, so that a push without a key needs no room for what only one with a key remembers.
                Box::pin(self.call_once(keys, slot, &req, deadline, begun)).await
            }
            (Some(_), None) => Report::uncalled(End::StoreUnavailable),
        }
    }

    /// Calls TOP if the slot of the push's key allows it, and leaves there what it came to.
    async fn call_once(
        &self,
        keys: &Keys,
        slot: Slot,
        req: &str,
        deadline: Instant,
        begun: &Begun,
    ) -> Report {
        match keys.claim(slot, deadline).await {
            Ok(Standing::Ours(claim)) => {
                let report = self.call(req, deadline, begun).await;
                let trouble = match keys.settle(&claim, &report.settled()).await {
                    Ok(true) => None,
                    Ok(false) => Some(Trouble::Superseded),
                    Err(error) => Some(Trouble::NotKept(error)),
                };
                Report { history: History { in_doubt: claim.in_doubt, replayed: false, trouble }, ..report }
            }
            Ok(Standing::InFlight) => Report::uncalled(End::KeyInFlight),
            Ok(Standing::Reused) => Report::uncalled(End::KeyReused),
            Ok(Standing::Decided(verdict)) => Report::replayed(verdict),
            Err(error) => {
                let history = History { trouble: Some(Trouble::Unavailable(error)), ..History::default() };
                Report { history, ..Report::uncalled(End::StoreUnavailable) }
            }
        }
    }

    /// Calls TOP until there is nothing to gain by another call.
    async fn call(&self, req: &str, deadline: Instant, begun: &Begun) -> Report {
        let shared = &*self.shared;
        if shared.is_closing() {
            return Report::uncalled(End::ShuttingDown);
        }
        let Some(_place) = shared.place() else { return Report::uncalled(End::Overloaded) };

        let (mut attempts, mut calls, mut clock_corrected) = (0, Vec::<Call>::new(), false);
        let (end, said, fault) = loop {
            let admission = shared.ban.admit(Instant::now());
            if let Admission::Banned { remaining } = admission {
                // What an earlier call of this push came to is not why it ends.
                break (End::Banned { remaining }, Said::default(), None);
            }
            let used = |stamp| calls.iter().any(|call| call.stamp == stamp);
            let stamp = shared.clock.stamp(Timestamp::now(), used);
            attempts = begun.fetch_add(1, Ordering::AcqRel) + 1;
            let called = Instant::now();
            let attempt = self.client.push(req, clock::gmt8(stamp), deadline).await;
            calls.push(Call { stamp, class: attempt.class, took: called.elapsed() });

            shared.ban.learn(admission, &attempt, Instant::now());
            let corrected = !clock_corrected
                && attempt.class == Class::InvalidTimestamp
                && shared.clock.correct(stamp, attempt.date, Timestamp::now());
            clock_corrected |= corrected;
            let situation = Situation {
                made: attempts,
                allowed: shared.limits.max_attempts,
                corrected,
                remaining: deadline.saturating_duration_since(Instant::now()),
            };
            let class = attempt.class;
            match attempts::next(class, &situation, fastrand::f64()) {
                Next::Stop => break (End::Top(class), attempt.said, attempt.fault),
                Next::Again { wait } => sleep(wait).await,
            }
        };
        Report { end, attempts, said, calls, fault, history: History::default() }
    }
}
