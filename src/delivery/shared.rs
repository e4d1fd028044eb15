//! What all workers share: the permits to call TOP, what it forbade, its clock, and whether the process takes pushes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::ban::Ban;
use super::clock::Clock;
use super::lifecycle::Lifecycle;

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

/// What all workers share: the permits to call TOP, its ban and its clock.
#[derive(Debug)]
pub struct Shared {
    pub(super) limits: Limits,
    pub(super) permits: Semaphore,
    pub(super) ban: Ban,
    pub(super) clock: Clock,
    pub(super) lifecycle: Lifecycle,
}

impl Shared {
    /// The shared half, before any push.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            permits: Semaphore::new(limits.max_in_flight),
            ban: Ban::default(),
            clock: Clock::default(),
            lifecycle: Lifecycle::default(),
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
        self.limits.max_in_flight.saturating_sub(self.permits.available_permits())
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

    /// How long the ban lasts that TOP announced; zero without one.
    #[must_use]
    pub fn ban_remaining(&self) -> Duration {
        self.ban.remaining(Instant::now())
    }

    /// Whether the process takes pushes.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }
}
