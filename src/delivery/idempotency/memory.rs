//! Slots in this process: for one replica. They go when the process goes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Claim, Hash, Lives, Settlement, Slot, Standing, Token, Verdict};

/// The most slots that are kept. Beyond it the oldest settled ones are forgotten before their time.
const MOST_SLOTS: usize = 200_000;

/// The slots of one process.
#[derive(Debug)]
pub struct Memory {
    slots: Mutex<Slots>,
    most: usize,
}

#[derive(Debug, Default)]
struct Slots {
    by_place: HashMap<Hash, Entry>,
    /// Settled slots by the time of their end. One that was claimed again since, or is gone, is left out of
    /// account.
    settled: VecDeque<(Instant, Hash)>,
    /// Whether it was said already that there are too many.
    overflowed: bool,
}

#[derive(Debug)]
struct Entry {
    request: Hash,
    holder: Token,
    state: State,
    /// When it ceases to count.
    end: Instant,
}

#[derive(Debug)]
enum State {
    Claimed { until: Instant },
    Undecided,
    Decided(Box<Verdict>),
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

    pub(super) fn claim(&self, slot: Slot, token: Token, lives: Lives, now: Instant) -> Standing {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.expire(now);
        let in_doubt = match slots.by_place.get(&slot.place).filter(|entry| entry.end > now) {
            Some(entry) if entry.request != slot.request => return Standing::Reused,
            Some(Entry { state: State::Decided(verdict), .. }) => {
                return Standing::Decided((**verdict).clone());
            }
            Some(Entry { state: State::Claimed { until }, .. }) if *until > now => return Standing::InFlight,
            Some(Entry { state: State::Claimed { .. } | State::Undecided, .. }) => true,
            None => false,
        };
        let state = State::Claimed { until: now + lives.claim };
        let entry = Entry { request: slot.request, holder: token, state, end: now + lives.slot };
        slots.by_place.insert(slot.place, entry);
        slots.bound(self.most);
        Standing::Ours(Claim { slot, token, in_doubt })
    }

    pub(super) fn settle(&self, claim: &Claim, settlement: Settlement, ttl: Duration, now: Instant) -> bool {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let Claim { slot, token, .. } = claim;
        if slots.by_place.get(&slot.place).is_some_and(|entry| entry.holder != *token) {
            return false;
        }
        let state = match settlement {
            Settlement::Forget => {
                slots.by_place.remove(&slot.place);
                return true;
            }
            Settlement::Keep => State::Undecided,
            Settlement::Decide(verdict) => State::Decided(Box::new(verdict)),
        };
        let end = now + ttl;
        slots.by_place.insert(slot.place, Entry { request: slot.request, holder: *token, state, end });
        slots.settled.push_back((end, slot.place));
        slots.bound(self.most);
        true
    }
}

impl Slots {
    /// Drops what has come to its end.
    fn expire(&mut self, now: Instant) {
        while let Some((end, place)) = self.settled.pop_front_if(|(end, _)| *end <= now) {
            self.remove_settled(end, &place);
        }
    }

    /// Drops the oldest settled slots while there are more than `most`.
    fn bound(&mut self, most: usize) {
        while self.by_place.len().max(self.settled.len()) > most {
            let Some((end, place)) = self.settled.pop_front() else { return };
            if self.remove_settled(end, &place) && !self.overflowed {
                self.overflowed = true;
                tracing::warn!(
                    slots = most,
                    "more Idempotency-Keys than this store holds: the oldest are forgotten before their time; \
                     shorten BRIDGE_IDEMPOTENCY_TTL or use Redis"
                );
            }
        }
    }

    /// Removes a slot unless it was claimed or settled again since.
    fn remove_settled(&mut self, end: Instant, place: &Hash) -> bool {
        let same = self.by_place.get(place).is_some_and(|entry| entry.end == end);
        same && self.by_place.remove(place).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Decision, Hash};
    use super::*;
    use crate::top::Said;

    const LIVES: Lives = Lives { claim: Duration::from_secs(13), slot: Duration::from_secs(73) };
    const TTL: Duration = Duration::from_mins(1);

    fn slot(place: u8, request: u8) -> Slot {
        Slot { place: [place; 32], request: [request; 32] }
    }

    fn verdict() -> Verdict {
        Verdict { decision: Decision::Accepted, attempts: 1, in_doubt: false, said: Said::default() }
    }

    fn claimed(standing: Standing) -> Claim {
        match standing {
            Standing::Ours(claim) => claim,
            Standing::InFlight | Standing::Reused | Standing::Decided(_) => panic!("{standing:?}"),
        }
    }

    #[test]
    fn a_claim_blocks_its_slot_for_its_life_and_leaves_a_doubt() {
        let (memory, now) = (Memory::default(), Instant::now());
        let claim = claimed(memory.claim(slot(1, 1), 1, LIVES, now));
        assert!(!claim.in_doubt);
        let later = now + LIVES.claim;
        assert_eq!(memory.claim(slot(1, 1), 2, LIVES, later - Duration::from_millis(1)), Standing::InFlight);
        assert_eq!(memory.claim(slot(1, 2), 2, LIVES, now), Standing::Reused);
        assert!(claimed(memory.claim(slot(1, 1), 2, LIVES, later)).in_doubt);
    }

    #[test]
    fn a_late_holder_cannot_overwrite_its_successor_but_settles_where_there_is_none() {
        let (memory, now) = (Memory::default(), Instant::now());
        let late = claimed(memory.claim(slot(1, 1), 1, LIVES, now));
        let later = now + LIVES.claim;
        let next = claimed(memory.claim(slot(1, 1), 2, LIVES, later));
        assert!(!memory.settle(&late, Settlement::Decide(verdict()), TTL, later));
        assert!(!memory.settle(&late, Settlement::Forget, TTL, later));
        assert_eq!(memory.claim(slot(1, 1), 3, LIVES, later), Standing::InFlight);
        assert!(memory.settle(&next, Settlement::Keep, TTL, later));

        let late = claimed(memory.claim(slot(2, 1), 1, LIVES, now));
        assert!(memory.settle(&late, Settlement::Decide(verdict()), TTL, later + LIVES.claim));
        assert_eq!(memory.claim(slot(2, 1), 2, LIVES, later + LIVES.claim), Standing::Decided(verdict()));
    }

    #[test]
    fn what_is_settled_lives_for_its_time_and_what_is_forgotten_is_gone_at_once() {
        let (memory, now) = (Memory::default(), Instant::now());
        for (place, settlement) in
            [(1, Settlement::Decide(verdict())), (2, Settlement::Keep), (3, Settlement::Forget)]
        {
            let claim = claimed(memory.claim(slot(place, 1), 1, LIVES, now));
            assert!(memory.settle(&claim, settlement, TTL, now));
        }
        let last = now + TTL - Duration::from_millis(1);
        assert_eq!(memory.claim(slot(1, 1), 2, LIVES, last), Standing::Decided(verdict()));
        assert_eq!(memory.claim(slot(1, 2), 2, LIVES, last), Standing::Reused);
        assert_eq!(memory.claim(slot(2, 2), 2, LIVES, last), Standing::Reused);
        assert!(!claimed(memory.claim(slot(3, 2), 2, LIVES, now)).in_doubt);
        assert!(!claimed(memory.claim(slot(1, 2), 3, LIVES, now + TTL)).in_doubt);
        assert!(!claimed(memory.claim(slot(2, 2), 3, LIVES, now + TTL)).in_doubt);
        assert_eq!(memory.slots.lock().unwrap().settled.len(), 0);
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest_settled_ones_first() {
        let (memory, now) = (Memory::holding(4), Instant::now());
        let held = claimed(memory.claim(slot(0, 1), 1, LIVES, now));
        for place in 1..=20 {
            let now = now + Duration::from_millis(u64::from(place));
            let claim = claimed(memory.claim(slot(place, 1), 1, LIVES, now));
            // The same key over and over must not fill it either.
            assert!(memory.settle(&claim, Settlement::Keep, TTL, now));
            let claim = claimed(memory.claim(slot(place, 1), 2, LIVES, now));
            assert!(memory.settle(&claim, Settlement::Decide(verdict()), TTL, now));
        }
        let (kept, queue): (Vec<Hash>, usize) = {
            let slots = memory.slots.lock().unwrap();
            (slots.by_place.keys().copied().collect(), slots.settled.len())
        };
        assert!(kept.len() <= 4 && queue <= 4, "{kept:?} {queue}");
        assert!(kept.contains(&[0; 32]), "a claim is never forgotten");
        assert!(kept.contains(&[20; 32]) && !kept.contains(&[1; 32]));
        assert!(memory.settle(&held, Settlement::Decide(verdict()), TTL, now));
    }
}
