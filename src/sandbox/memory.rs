//! What the sandbox remembers between calls: how often each case was pushed and executed, and a ban that it keeps.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::mediation::CaseId;

/// The most cases that are remembered; of more, the one that was pushed first is forgotten.
const MAX_CASES: usize = 100_000;

/// What is remembered, shared by all connections.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    cases: HashMap<CaseId, Counts>,
    /// The cases above, in the order of their first push.
    order: VecDeque<CaseId>,
    banned_until: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    pushes: u64,
    executions: u64,
}

impl Memory {
    /// Counts a push of a case, and returns how many there were before.
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

    /// How often a case was executed, as far as it is remembered.
    pub(super) fn executions(&self, case_id: &CaseId) -> u64 {
        self.lock().cases.get(case_id).map_or(0, |counts| counts.executions)
    }

    /// Bans every push for so long.
    pub(super) fn ban(&self, now: Instant, length: Duration) {
        self.lock().banned_until = Some(now + length);
    }

    /// The whole seconds that a ban still lasts, rounded up; `None` without one.
    pub(super) fn ban_left(&self, now: Instant) -> Option<u64> {
        let left = self.lock().banned_until?.saturating_duration_since(now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        (seconds > 0).then_some(seconds)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is valid at every moment, also where a holder panicked.
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
