//! A push and its outcome: within one deadline, as many calls as are proven safe, and an honest report.
//!
//! In reading order: [`outcome`] is the promise that callers build on, [`attempts`] the pure decision to try
//! again, [`clock`] the time that TOP believes in, [`ban`] what TOP forbade for a while. It knows no HTTP:
//! the report says what happened, and whoever asked puts it into words.

pub mod attempts;
pub mod ban;
pub mod clock;
pub mod outcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use crate::mediation::MediationResult;
use crate::top::{Attempt, Class, Client, Fault, Said, request};
use attempts::{Next, Situation};
use ban::{Admission, Ban};
use clock::Clock;
pub use outcome::Outcome;

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
    ban: Ban,
    clock: Clock,
    closing: AtomicBool,
}

/// Delivers pushes through one worker's client.
#[derive(Debug, Clone)]
pub struct Delivery {
    client: Client,
    shared: Arc<Shared>,
}

/// What became of a push.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub end: End,
    /// Calls to TOP that were begun.
    pub attempts: u32,
    /// What TOP said in its last answer, scrubbed of credentials but not of what it quotes of the request.
    pub said: Said,
    /// The time spent in calls to TOP.
    pub top_time: Duration,
    /// What went wrong on the way in the last call, where something did.
    pub fault: Option<Fault>,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The last call to TOP came to this, or, without a call, a ban stands.
    Top(Class),
    /// As many pushes as allowed are calling TOP.
    Overloaded,
    /// The process is stopping and takes no more pushes.
    ShuttingDown,
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

    /// From now on every new push is told [`End::ShuttingDown`].
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Waits until no push is under way. Call [`Self::close`] first.
    pub async fn drained(&self) {
        let all = u32::try_from(self.limits.max_in_flight).unwrap_or(u32::MAX);
        // The semaphore is never closed; if it were, nothing would be under way.
        let _ = self.places.acquire_many(all).await;
    }

    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

impl Delivery {
    /// A delivery through `client`, under what `shared` knows.
    #[must_use]
    pub fn new(client: Client, shared: Arc<Shared>) -> Self {
        Self { client, shared }
    }

    /// What all workers share.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Pushes one result. `arrival` is when its request came in: the deadline counts from there, and the report
    /// is there by then.
    pub async fn push(&self, push: &MediationResult, arrival: Instant, begun: &Begun) -> Report {
        let shared = &*self.shared;
        let mut report = Report::empty();
        if shared.closing.load(Ordering::Acquire) {
            return report.ended(End::ShuttingDown);
        }
        let Some(_place) = shared.place() else { return report.ended(End::Overloaded) };

        let req = request::req(push);
        let deadline = arrival + shared.limits.deadline;
        let mut used = Vec::new();
        let mut clock_corrected = false;
        loop {
            let admission = shared.ban.admit(Instant::now());
            if let Admission::Banned { remaining } = admission {
                return report.ended(End::Top(Class::RateLimited { ban: Some(remaining) }));
            }
            let stamp = shared.clock.stamp(Timestamp::now(), &used);
            used.push(stamp);
            report.attempts = begun.fetch_add(1, Ordering::AcqRel) + 1;
            let called = Instant::now();
            let attempt = self.client.push(&req, clock::gmt8(stamp), deadline).await;
            report.top_time += called.elapsed();

            shared.ban.learn(admission, &attempt, Instant::now());
            let corrected = !clock_corrected
                && attempt.class == Class::InvalidTimestamp
                && shared.clock.correct(stamp, attempt.date, Timestamp::now());
            clock_corrected |= corrected;
            let situation = Situation {
                made: report.attempts,
                allowed: shared.limits.max_attempts,
                corrected,
                remaining: deadline.saturating_duration_since(Instant::now()),
            };
            let next = attempts::next(attempt.class, &situation, fastrand::f64());
            report.take(attempt);
            match next {
                Next::Stop => return report,
                Next::Again { wait } => sleep(wait).await,
            }
        }
    }
}

impl Report {
    fn empty() -> Self {
        Self {
            end: End::ShuttingDown,
            attempts: 0,
            said: Said::default(),
            top_time: Duration::ZERO,
            fault: None,
        }
    }

    fn ended(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    fn take(&mut self, attempt: Attempt) {
        self.end = End::Top(attempt.class);
        self.said = attempt.said;
        self.fault = attempt.fault;
    }
}
