//! The ban that TOP announced, shared by all workers.
//!
//! A call during a ban is useless and may lengthen it. But TOP can lift a ban of hours early, so during a ban longer
//! than a minute one probe per minute is let through. It ends the ban if TOP answers without throttling.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::request::Attempt;
use crate::top::Failure;

/// The interval between probes. Shorter bans have none.
const PROBE_INTERVAL: Duration = Duration::from_mins(1);

/// The current ban, if there is one.
#[derive(Debug, Default)]
pub struct Ban(Mutex<Option<State>>);

#[derive(Debug, Clone, Copy)]
struct State {
    until: Instant,
    next_probe: Option<Instant>,
}

/// Whether a call may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// No ban is active.
    Free,
    /// A ban is active, and this call is the probe.
    Probe,
    /// A ban is active.
    Banned {
        /// The time until the ban ends.
        remaining: Duration,
    },
}

impl Ban {
    /// Requests admission for one call at `now`.
    pub fn admit(&self, now: Instant) -> Admission {
        let mut ban = self.lock();
        let Some(state) = ban.as_mut() else { return Admission::Free };
        let remaining = state.until.saturating_duration_since(now);
        if remaining.is_zero() {
            *ban = None;
            return Admission::Free;
        }
        match state.next_probe {
            Some(at) if at <= now => {
                state.next_probe = Some(now + PROBE_INTERVAL);
                Admission::Probe
            }
            Some(_) | None => Admission::Banned { remaining },
        }
    }

    /// The time until the ban ends; zero without a ban.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.lock().map_or(Duration::ZERO, |state| state.until.saturating_duration_since(now))
    }

    /// Updates the ban after a call that ended at `now`. A probe that TOP answers ends the ban, or starts the new ban
    /// that the answer announces. If several other calls announce bans, the one that ends last counts.
    pub fn learn(&self, admission: Admission, attempt: &Attempt, now: Instant) {
        let is_probe = admission == Admission::Probe;
        if let Err(Failure::RateLimited { ban }) = attempt.outcome {
            let Some(length) = ban.filter(|length| !length.is_zero()) else { return };
            let mut ban = self.lock();
            let earlier = ban.filter(|_| !is_probe);
            let until = earlier.map_or(now + length, |state| state.until.max(now + length));
            let probe = (until - now > PROBE_INTERVAL).then(|| now + PROBE_INTERVAL);
            let next_probe = earlier.and_then(|state| state.next_probe).or(probe);
            *ban = Some(State { until, next_probe });
        } else if is_probe && attempt.from_top {
            *self.lock() = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        // The state is always valid, even if a thread panicked while it held the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::UpstreamDetails;

    fn attempt(outcome: Result<(), Failure>, from_top: bool) -> Attempt {
        Attempt { outcome, upstream: UpstreamDetails::default(), from_top, date: None, error: None }
    }

    fn limited(seconds: u64) -> Attempt {
        attempt(Err(Failure::RateLimited { ban: Some(Duration::from_secs(seconds)) }), true)
    }

    fn banned(seconds: u64) -> Admission {
        Admission::Banned { remaining: Duration::from_secs(seconds) }
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[tokio::test]
    async fn a_short_ban_lets_nothing_through_and_ends_by_itself() {
        let (ban, start) = (Ban::default(), Instant::now());
        assert_eq!(ban.admit(start), Admission::Free);
        ban.learn(Admission::Free, &limited(60), start);
        assert_eq!(ban.admit(start), banned(60));
        assert_eq!(ban.admit(after(start, 59)), banned(1));
        assert_eq!(ban.admit(after(start, 60)), Admission::Free);
        assert_eq!(ban.admit(start), Admission::Free);
    }

    #[tokio::test]
    async fn a_long_ban_lets_one_probe_a_minute_through() {
        let (ban, start) = (Ban::default(), Instant::now());
        ban.learn(Admission::Free, &limited(1000), start);
        assert_eq!(ban.admit(after(start, 59)), banned(941));
        assert_eq!(ban.admit(after(start, 60)), Admission::Probe);
        assert_eq!(ban.admit(after(start, 60)), banned(940));
        ban.learn(Admission::Probe, &limited(940), after(start, 60));
        assert_eq!(ban.admit(after(start, 119)), banned(881));
        assert_eq!(ban.admit(after(start, 120)), Admission::Probe);
        ban.learn(Admission::Probe, &attempt(Err(Failure::Unreachable), false), after(start, 121));
        assert_eq!(ban.admit(after(start, 121)), banned(879));
        assert_eq!(ban.admit(after(start, 180)), Admission::Probe);
        ban.learn(Admission::Probe, &attempt(Err(Failure::SystemError), true), after(start, 181));
        assert_eq!(ban.admit(after(start, 181)), Admission::Free);
    }

    #[tokio::test]
    async fn a_probe_answered_with_another_ban_starts_that_ban() {
        let (ban, start) = (Ban::default(), Instant::now());
        ban.learn(Admission::Free, &limited(31_000), start);
        assert_eq!(ban.admit(after(start, 60)), Admission::Probe);
        ban.learn(Admission::Probe, &limited(200), after(start, 61));
        assert_eq!(ban.admit(after(start, 62)), banned(199));
        assert_eq!(ban.admit(after(start, 120)), banned(141), "the next probe is a minute after the new ban");
        assert_eq!(ban.admit(after(start, 121)), Admission::Probe);
        ban.learn(Admission::Probe, &limited(5), after(start, 122));
        assert_eq!(ban.admit(after(start, 126)), banned(1));
        assert_eq!(ban.admit(after(start, 127)), Admission::Free);
    }

    #[tokio::test]
    async fn a_ban_that_grows_beyond_a_minute_is_probed_a_minute_later() {
        let (ban, start) = (Ban::default(), Instant::now());
        ban.learn(Admission::Free, &limited(60), start);
        ban.learn(Admission::Free, &limited(300), after(start, 30));
        assert_eq!(ban.admit(after(start, 89)), banned(241));
        assert_eq!(ban.admit(after(start, 90)), Admission::Probe);
    }

    #[tokio::test]
    async fn late_answers_neither_shorten_nor_end_a_ban() {
        let (ban, start) = (Ban::default(), Instant::now());
        ban.learn(Admission::Free, &limited(100), start);
        ban.learn(Admission::Free, &limited(2), start);
        ban.learn(Admission::Free, &attempt(Ok(()), true), start);
        ban.learn(Admission::Free, &attempt(Err(Failure::RateLimited { ban: None }), true), start);
        assert_eq!(ban.admit(start), banned(100));
    }

    #[tokio::test]
    async fn throttling_without_a_number_is_not_a_ban() {
        let (ban, start) = (Ban::default(), Instant::now());
        ban.learn(Admission::Free, &attempt(Err(Failure::RateLimited { ban: None }), true), start);
        ban.learn(Admission::Free, &limited(0), start);
        assert_eq!(ban.admit(start), Admission::Free);
    }
}
