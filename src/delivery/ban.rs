//! What TOP forbade for a while, honoured by every worker.
//!
//! Calling during a ban is pointless and may lengthen it. But a ban of hours can be lifted early, so in one
//! longer than a minute a probe a minute goes through, and ends it if TOP answers without throttling.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::top::{Attempt, Class};

/// How often a probe goes through; shorter bans have none.
const PROBE_EVERY: Duration = Duration::from_mins(1);

/// The ban in force, if any.
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
    /// There is no ban.
    Free,
    /// There is one, and this call is the probe.
    Probe,
    /// There is one.
    Banned {
        /// How long it goes on.
        remaining: Duration,
    },
}

impl Ban {
    /// Asks for one call at `now`.
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
                state.next_probe = Some(now + PROBE_EVERY);
                Admission::Probe
            }
            Some(_) | None => Admission::Banned { remaining },
        }
    }

    /// How long the ban goes on at `now`; zero without one.
    pub fn remaining(&self, now: Instant) -> Duration {
        self.lock().map_or(Duration::ZERO, |state| state.until.saturating_duration_since(now))
    }

    /// Learns from a call that ended at `now`. Of several bans the one that lasts longest counts; a probe that
    /// TOP answered without throttling ends it.
    pub fn learn(&self, admission: Admission, attempt: &Attempt, now: Instant) {
        match attempt.class {
            Class::RateLimited { ban: Some(length) } if !length.is_zero() => {
                let mut ban = self.lock();
                let until = ban.map_or(now + length, |state| state.until.max(now + length));
                let probe = (until - now > PROBE_EVERY).then(|| now + PROBE_EVERY);
                let next_probe = ban.and_then(|state| state.next_probe).or(probe);
                *ban = Some(State { until, next_probe });
            }
            Class::RateLimited { .. } => {}
            Class::Accepted
            | Class::Rejected
            | Class::AccessDenied
            | Class::InvalidTimestamp
            | Class::Unreachable
            | Class::Timeout
            | Class::SystemError
            | Class::Unavailable
            | Class::BadResponse => {
                if admission == Admission::Probe && attempt.answered {
                    *self.lock() = None;
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        // The state is whole at every moment, also where a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::Said;

    fn attempt(class: Class, answered: bool) -> Attempt {
        Attempt { class, said: Said::default(), answered, date: None, fault: None }
    }

    fn limited(seconds: u64) -> Attempt {
        attempt(Class::RateLimited { ban: Some(Duration::from_secs(seconds)) }, true)
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
        ban.learn(Admission::Probe, &limited(940), after(start, 61));
        assert_eq!(ban.admit(after(start, 119)), banned(882));
        assert_eq!(ban.admit(after(start, 120)), Admission::Probe);
        ban.learn(Admission::Probe, &attempt(Class::Unreachable, false), after(start, 121));
        assert_eq!(ban.admit(after(start, 121)), banned(880));
        assert_eq!(ban.admit(after(start, 180)), Admission::Probe);
        ban.learn(Admission::Probe, &attempt(Class::SystemError, true), after(start, 181));
        assert_eq!(ban.admit(after(start, 181)), Admission::Free);
    }

    #[tokio::test]
    async fn stragglers_neither_shorten_nor_end_a_ban() {
        let (ban, start) = (Ban::default(), Instant::now());
        ban.learn(Admission::Free, &limited(100), start);
        ban.learn(Admission::Free, &limited(2), start);
        ban.learn(Admission::Free, &attempt(Class::Accepted, true), start);
        ban.learn(Admission::Free, &attempt(Class::RateLimited { ban: None }, true), start);
        assert_eq!(ban.admit(start), banned(100));
    }

    #[tokio::test]
    async fn throttling_without_a_number_is_no_ban() {
        let (ban, start) = (Ban::default(), Instant::now());
        ban.learn(Admission::Free, &attempt(Class::RateLimited { ban: None }, true), start);
        ban.learn(Admission::Free, &limited(0), start);
        assert_eq!(ban.admit(start), Admission::Free);
    }
}
