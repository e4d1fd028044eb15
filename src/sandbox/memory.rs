//! What the sandbox remembers between calls: executions, a ban that is meant, and whose turn it is.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::mediation::CaseId;

/// The most cases whose executions are counted; of more, the one that was executed first is forgotten.
const MAX_CASES: usize = 100_000;

/// What is remembered, shared by all connections.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    executions: HashMap<CaseId, u64>,
    /// The cases above, in the order of their first execution.
    order: VecDeque<CaseId>,
    banned_until: Option<Instant>,
    /// The cases that were refused and are to be accepted the next time. Only cases of the scenario table get
    /// here, so it stays small.
    refused: HashSet<CaseId>,
}

impl Memory {
    /// Counts one execution of a case.
    pub(super) fn count_execution(&self, case_id: &CaseId) {
        let mut remembered = self.lock();
        if let Some(executions) = remembered.executions.get_mut(case_id) {
            *executions += 1;
            return;
        }
        if remembered.order.len() >= MAX_CASES
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.executions.remove(&oldest);
        }
        remembered.order.push_back(case_id.clone());
        remembered.executions.insert(case_id.clone(), 1);
    }

    /// How often a case was executed, as far as it is remembered.
    pub(super) fn executions(&self, case_id: &CaseId) -> u64 {
        self.lock().executions.get(case_id).copied().unwrap_or(0)
    }

    /// Bans every call for so long.
    pub(super) fn ban(&self, now: Instant, length: Duration) {
        self.lock().banned_until = Some(now + length);
    }

    /// The whole seconds that a ban still lasts, rounded up; `None` without one.
    pub(super) fn ban_left(&self, now: Instant) -> Option<u64> {
        let left = self.lock().banned_until?.saturating_duration_since(now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        (seconds > 0).then_some(seconds)
    }

    /// Whether it is this case's turn to be refused: the first time and every second time after it.
    pub(super) fn refuses_in_turn(&self, case_id: &CaseId) -> bool {
        let mut remembered = self.lock();
        let accepts = remembered.refused.remove(case_id);
        if !accepts {
            remembered.refused.insert(case_id.clone());
        }
        !accepts
    }

    /// Whatever a panic elsewhere left behind is still a count or an instant.
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(number: usize) -> CaseId {
        CaseId::parse(&number.to_string()).unwrap()
    }

    #[test]
    fn executions_are_counted_and_the_oldest_case_is_forgotten() {
        let memory = Memory::default();
        (0..MAX_CASES).for_each(|number| memory.count_execution(&case(number)));
        memory.count_execution(&case(1));
        assert_eq!([0, 1].map(|number| memory.executions(&case(number))), [1, 2]);
        memory.count_execution(&case(MAX_CASES));
        assert_eq!([0, 1, MAX_CASES].map(|number| memory.executions(&case(number))), [0, 2, 1]);
        assert_eq!(memory.lock().executions.len(), MAX_CASES);
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

    #[test]
    fn turns_alternate_case_by_case() {
        let memory = Memory::default();
        let turns = [1, 1, 2, 1, 2, 2].map(|number| memory.refuses_in_turn(&case(number)));
        assert_eq!(turns, [true, false, true, true, false, true]);
    }
}
