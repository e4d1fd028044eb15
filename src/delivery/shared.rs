//! The state that all workers share: the permits for calls to TOP, the ban, the clock and the lifecycle of the process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::ban::Ban;
use super::clock::Clock;
use super::lifecycle::Lifecycle;

/// The limits of a delivery.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The time from the arrival of a request to its answer.
    pub deadline: Duration,
    /// The maximum number of calls per push.
    pub max_attempts: u32,
    /// The maximum number of pushes that call TOP at the same time.
    pub max_in_flight: usize,
}

/// The state that all workers share.
#[derive(Debug)]
pub struct Shared {
    pub(super) limits: Limits,
    pub(super) permits: Semaphore,
    pub(super) ban: Ban,
    pub(super) clock: Clock,
    pub(super) lifecycle: Lifecycle,
}

impl Shared {
    /// The shared state before the first push.
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

    /// The time from the arrival of a request to its answer.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.limits.deadline
    }

    /// The number of pushes that are calling TOP.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.limits.max_in_flight.saturating_sub(self.permits.available_permits())
    }

    /// The maximum number of pushes that call TOP at the same time.
    #[must_use]
    pub fn max_in_flight(&self) -> usize {
        self.limits.max_in_flight
    }

    /// The number of seconds by which TOP's clock is ahead of this machine's.
    #[must_use]
    pub fn clock_skew(&self) -> i64 {
        self.clock.skew()
    }

    /// The time until the ban that TOP announced ends; zero without a ban.
    #[must_use]
    pub fn ban_remaining(&self) -> Duration {
        self.ban.remaining(Instant::now())
    }

    /// The lifecycle of the process.
    #[must_use]
    pub fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }
}
