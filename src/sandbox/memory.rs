//! The state of the sandbox between calls: the counts of pushes and executions per case, and the current ban.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::mediation::CaseId;

/// The maximum number of cases. Beyond it, the case with the oldest first push is forgotten.
const MAX_CASES: usize = 100_000;

/// The state that all connections share.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    cases: HashMap<CaseId, Counts>,
    /// The cases in the order of their first push.
    order: VecDeque<CaseId>,
    banned_until: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    pushes: u64,
    executions: u64,
}

impl Memory {
    /// Counts a push of a case, and returns the number of earlier ones.
    pub(super) fn count_push(&self, case_id: &CaseId) -> u64 {
        let mut state = self.lock();
        if !state.cases.contains_key(case_id) {
            state.order.push_back(case_id.clone());
            if state.order.len() > MAX_CASES
                && let Some(oldest) = state.order.pop_front()
            {
                state.cases.remove(&oldest);
            }
        }
        let counts = state.cases.entry(case_id.clone()).or_default();
        counts.pushes += 1;
        counts.pushes - 1
    }

    /// Counts an execution of a case that was pushed.
    pub(super) fn count_execution(&self, case_id: &CaseId) {
        if let Some(counts) = self.lock().cases.get_mut(case_id) {
            counts.executions += 1;
        }
    }

    /// The number of executions of a case, if it is still remembered.
    pub(super) fn executions(&self, case_id: &CaseId) -> u64 {
        self.lock().cases.get(case_id).map_or(0, |counts| counts.executions)
    }

    /// Refuses all pushes for `length`.
    pub(super) fn ban(&self, now: Instant, length: Duration) {
        self.lock().banned_until = Some(now + length);
    }

    /// The remaining seconds of the ban, rounded up; `None` without a ban.
    pub(super) fn ban_left(&self, now: Instant) -> Option<u64> {
        let left = self.lock().banned_until?.saturating_duration_since(now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        (seconds > 0).then_some(seconds)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is always valid, even if a thread panicked while it held the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_and_executions_are_counted_and_the_oldest_case_is_forgotten() {
        let case = |number: usize| CaseId::parse(&number.to_string()).unwrap();
        let memory = Memory::default();
        memory.count_execution(&case(0));
        assert_eq!(memory.executions(&case(0)), 0, "a case that was never pushed");
        for number in 0..MAX_CASES {
            assert_eq!(memory.count_push(&case(number)), 0);
            memory.count_execution(&case(number));
        }
        assert_eq!(memory.count_push(&case(1)), 1);
        memory.count_execution(&case(1));
        assert_eq!([0, 1].map(|number| memory.executions(&case(number))), [1, 2]);
        memory.count_push(&case(MAX_CASES));
        assert_eq!([0, 1, MAX_CASES].map(|number| memory.executions(&case(number))), [0, 2, 0]);
        let state = memory.lock();
        assert_eq!((state.cases.len(), state.order.len()), (MAX_CASES, MAX_CASES));
    }

    #[test]
    fn a_ban_counts_down_to_its_end() {
        let (memory, now) = (Memory::default(), Instant::now());
        assert_eq!(memory.ban_left(now), None);
        memory.ban(now, Duration::from_secs(5));
        let table =
            [(0, Some(5)), (1, Some(5)), (1000, Some(4)), (4999, Some(1)), (5000, None), (9000, None)];
        for (milliseconds, left) in table {
            assert_eq!(memory.ban_left(now + Duration::from_millis(milliseconds)), left, "{milliseconds}");
        }
    }
}
