//! Tracks whether the process accepts pushes, and which pushes are in flight.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The phase of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The process accepts pushes.
    Serving,
    /// The process has to stop, and still accepts pushes.
    Draining,
    /// The process finishes the pushes in flight and accepts no more.
    Closing,
}

/// The phase of the process, which only advances, and the pushes in flight.
#[derive(Debug, Default)]
pub struct Lifecycle {
    /// A [`Phase`] as a number.
    phase: AtomicU8,
    in_flight: TaskTracker,
}

impl Lifecycle {
    /// The current phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Closing,
        }
    }

    /// Enters a later phase.
    pub fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    /// Waits until no push is in flight. Call `advance(Phase::Closing)` first.
    pub async fn drained(&self) {
        self.in_flight.close();
        self.in_flight.wait().await;
    }

    /// The token that a push holds while it is in flight.
    pub(super) fn token(&self) -> TaskTrackerToken {
        self.in_flight.token()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_only_advances() {
        let lifecycle = Lifecycle::default();
        assert_eq!(lifecycle.phase(), Phase::Serving);
        for (phase, expected) in [
            (Phase::Draining, Phase::Draining),
            (Phase::Serving, Phase::Draining),
            (Phase::Closing, Phase::Closing),
            (Phase::Draining, Phase::Closing),
        ] {
            lifecycle.advance(phase);
            assert_eq!(lifecycle.phase(), expected);
        }
    }
    #[tokio::test]
    async fn it_is_drained_once_every_token_is_dropped() {
        let lifecycle = Lifecycle::default();
        let tokens = [lifecycle.token(), lifecycle.token()];
        let mut drained = std::pin::pin!(lifecycle.drained());
        for token in tokens {
            assert!(futures_util::poll!(drained.as_mut()).is_pending());
            drop(token);
        }
        assert!(futures_util::poll!(drained).is_ready());
    }
}
