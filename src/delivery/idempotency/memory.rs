//! Slots in this process: for one replica. They end with the process.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::claim::{Acquired, Claim, Hash, Lives, Settlement, Slot, Token};
use super::entry::Entry;

/// The most slots that are kept. Beyond it the oldest settled ones are dropped before their time.
const MOST_SLOTS: usize = 200_000;

/// The slots of one process.
#[derive(Debug)]
pub struct Memory {
    slots: Mutex<Slots>,
    most: usize,
}

#[derive(Debug, Default)]
struct Slots {
    by_location: HashMap<Hash, Entry>,
    /// Settled slots by the time of their end. One that was claimed again since, or is gone, is skipped.
    settled: VecDeque<(Instant, Hash)>,
    /// Whether the warning that there are too many was logged.
    overflowed: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self::holding(MOST_SLOTS)
    }
}

impl Memory {
    fn holding(most: usize) -> Self {
        Self { slots: Mutex::default(), most }
    }

    pub(super) fn claim(&self, slot: Slot, token: Token, lives: Lives, now: Instant) -> Claim {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.expire(now);
        let mut held = slots.by_location.remove(&slot.location);
        let claim = Entry::claim(&mut held, slot, token, lives, now);
        slots.by_location.extend(held.map(|entry| (slot.location, entry)));
        slots.bound(self.most);
        claim
    }

    pub(super) fn settle(
        &self,
        acquired: &Acquired,
        settlement: Settlement,
        ttl: Duration,
        now: Instant,
    ) -> bool {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let location = acquired.slot.location;
        let mut held = slots.by_location.remove(&location);
        let settled = Entry::settle(&mut held, acquired, settlement, ttl, now);
        if settled {
            slots.settled.extend(held.as_ref().map(|entry| (entry.end, location)));
        }
        slots.by_location.extend(held.map(|entry| (location, entry)));
        slots.bound(self.most);
        settled
    }
}

impl Slots {
    /// Drops what has come to its end.
    fn expire(&mut self, now: Instant) {
        while let Some((end, location)) = self.settled.pop_front_if(|(end, _)| *end <= now) {
            self.remove_settled(end, &location);
        }
    }

    /// Drops the oldest settled slots while there are more than `most`.
    fn bound(&mut self, most: usize) {
        while self.by_location.len().max(self.settled.len()) > most {
            let Some((end, location)) = self.settled.pop_front() else { return };
            if self.remove_settled(end, &location) && !self.overflowed {
                self.overflowed = true;
                tracing::warn!(
                    slots = most,
                    "more Idempotency-Keys than this store holds: the oldest are dropped before their time; \
                     shorten BRIDGE_IDEMPOTENCY_TTL or use Redis"
                );
            }
        }
    }

    /// Removes a slot unless it was claimed or settled again since.
    fn remove_settled(&mut self, end: Instant, location: &Hash) -> bool {
        let same = self.by_location.get(location).is_some_and(|entry| entry.end == end);
        same && self.by_location.remove(location).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::claim::{Completed, Decision, Hash};
    use super::*;
    use crate::top::UpstreamDetails;

    const LIVES: Lives = Lives { claim: Duration::from_secs(13), slot: Duration::from_secs(73) };
    const TTL: Duration = Duration::from_mins(1);

    fn slot(location: u8, request: u8) -> Slot {
        Slot { location: [location; 32], request: [request; 32] }
    }

    fn completed() -> Completed {
        let upstream = UpstreamDetails::default();
        Completed { decision: Decision::Accepted, attempts: 1, in_doubt: false, upstream }
    }

    fn acquired(claim: Claim) -> Acquired {
        match claim {
            Claim::Acquired(acquired) => acquired,
            Claim::InFlight | Claim::Reused | Claim::Completed(_) => panic!("{claim:?}"),
        }
    }

    #[test]
    fn a_claim_blocks_its_slot_for_its_life_and_leaves_a_doubt() {
        let (memory, now) = (Memory::default(), Instant::now());
        let claim = acquired(memory.claim(slot(1, 1), 1, LIVES, now));
        assert!(!claim.in_doubt);
        let later = now + LIVES.claim;
        assert_eq!(memory.claim(slot(1, 1), 2, LIVES, later - Duration::from_millis(1)), Claim::InFlight);
        assert_eq!(memory.claim(slot(1, 2), 2, LIVES, now), Claim::Reused);
        assert!(acquired(memory.claim(slot(1, 1), 2, LIVES, later)).in_doubt);
    }

    #[test]
    fn a_late_holder_cannot_overwrite_its_successor_but_records_where_there_is_none() {
        let (memory, now) = (Memory::default(), Instant::now());
        let late = acquired(memory.claim(slot(1, 1), 1, LIVES, now));
        let later = now + LIVES.claim;
        let next = acquired(memory.claim(slot(1, 1), 2, LIVES, later));
        assert!(!memory.settle(&late, Settlement::Complete(completed()), TTL, later));
        assert!(!memory.settle(&late, Settlement::Release, TTL, later));
        assert_eq!(memory.claim(slot(1, 1), 3, LIVES, later), Claim::InFlight);
        assert!(memory.settle(&next, Settlement::MarkUnknown, TTL, later));

        let late = acquired(memory.claim(slot(2, 1), 1, LIVES, now));
        assert!(memory.settle(&late, Settlement::Complete(completed()), TTL, later + LIVES.claim));
        assert_eq!(memory.claim(slot(2, 1), 2, LIVES, later + LIVES.claim), Claim::Completed(completed()));
    }

    #[test]
    fn what_is_recorded_lives_for_its_time_and_what_is_released_is_gone_at_once() {
        let (memory, now) = (Memory::default(), Instant::now());
        for (location, settlement) in
            [(1, Settlement::Complete(completed())), (2, Settlement::MarkUnknown), (3, Settlement::Release)]
        {
            let claim = acquired(memory.claim(slot(location, 1), 1, LIVES, now));
            assert!(memory.settle(&claim, settlement, TTL, now));
        }
        let last = now + TTL - Duration::from_millis(1);
        assert_eq!(memory.claim(slot(1, 1), 2, LIVES, last), Claim::Completed(completed()));
        assert_eq!(memory.claim(slot(1, 2), 2, LIVES, last), Claim::Reused);
        assert_eq!(memory.claim(slot(2, 2), 2, LIVES, last), Claim::Reused);
        assert!(!acquired(memory.claim(slot(3, 2), 2, LIVES, now)).in_doubt);
        assert!(!acquired(memory.claim(slot(1, 2), 3, LIVES, now + TTL)).in_doubt);
        assert!(!acquired(memory.claim(slot(2, 2), 3, LIVES, now + TTL)).in_doubt);
        assert_eq!(memory.slots.lock().unwrap().settled.len(), 0);
    }

    #[test]
    fn a_claim_that_arrives_again_is_the_same_and_its_release_leaves_the_doubt_that_it_found() {
        let (memory, now) = (Memory::default(), Instant::now());
        let died = acquired(memory.claim(slot(1, 1), 1, LIVES, now));
        assert_eq!(memory.claim(slot(1, 1), 1, LIVES, now), Claim::Acquired(died));
        let later = now + LIVES.claim;
        let late = acquired(memory.claim(slot(1, 1), 2, LIVES, later));
        assert_eq!(memory.claim(slot(1, 1), 2, LIVES, later), Claim::Acquired(late.clone()));
        assert!(memory.settle(&late, Settlement::Release, TTL, later));
        assert!(acquired(memory.claim(slot(1, 1), 3, LIVES, later)).in_doubt);
    }

    #[test]
    fn one_key_over_and_over_does_not_fill_it() {
        let (memory, now) = (Memory::holding(4), Instant::now());
        for token in 0_u8..20 {
            let now = now + Duration::from_millis(u64::from(token));
            let claim = acquired(memory.claim(slot(1, 1), token.into(), LIVES, now));
            assert!(memory.settle(&claim, Settlement::MarkUnknown, TTL, now));
        }
        let slots = memory.slots.lock().unwrap();
        assert_eq!((slots.by_location.len(), slots.settled.len(), slots.overflowed), (1, 4, false));
    }

    #[test]
    fn it_is_bounded_and_drops_the_oldest_settled_ones_first() {
        let (memory, now) = (Memory::holding(4), Instant::now());
        let held = acquired(memory.claim(slot(0, 1), 1, LIVES, now));
        for location in 1..=20 {
            let now = now + Duration::from_millis(u64::from(location));
            let claim = acquired(memory.claim(slot(location, 1), 1, LIVES, now));
            assert!(memory.settle(&claim, Settlement::Complete(completed()), TTL, now));
        }
        let (mut kept, queue, overflowed): (Vec<Hash>, usize, bool) = {
            let slots = memory.slots.lock().unwrap();
            (slots.by_location.keys().copied().collect(), slots.settled.len(), slots.overflowed)
        };
        kept.sort_unstable();
        // A claim is never dropped.
        assert_eq!(kept, [[0; 32], [18; 32], [19; 32], [20; 32]]);
        assert!(queue <= 4 && overflowed, "{queue}");
        assert!(memory.settle(&held, Settlement::Complete(completed()), TTL, now));
    }
}
