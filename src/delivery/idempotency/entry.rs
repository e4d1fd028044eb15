//! What a slot holds, and how a claim and a settlement change it: the table that every store follows.

use std::time::Duration;

use tokio::time::Instant;

use super::claim::{Acquired, Claim, Completed, Hash, Lives, Settlement, Slot, Token};

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The request that it belongs to.
    pub request: Hash,
    /// The claim that acquired it last.
    pub holder: Token,
    /// Whether an earlier push may have been executed when the holder acquired it.
    pub in_doubt: bool,
    /// How far the holder's push is.
    pub state: State,
    /// When it is forgotten.
    pub end: Instant,
}

/// How far the push is that holds a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It runs, or died.
    Claimed {
        /// When it is over, or dead.
        until: Instant,
    },
    /// It may have been executed.
    Undecided,
    /// TOP has decided.
    Completed(Box<Completed>),
}

impl Entry {
    /// Claims a slot that holds `held`. Only [`Claim::Acquired`] changes it.
    pub fn claim(held: &mut Option<Self>, slot: Slot, token: Token, lives: Lives, now: Instant) -> Claim {
        let entry = held.as_ref().filter(|entry| entry.end > now);
        if let Some(Self { request, holder, in_doubt, state, .. }) = entry {
            match state {
                _ if *request != slot.request => return Claim::Reused,
                State::Completed(completed) => return Claim::Completed((**completed).clone()),
                // The same claim again, because its first answer was lost on the way.
                State::Claimed { until } if *until > now && *holder == token => {
                    return Claim::Acquired(Acquired { slot, token, in_doubt: *in_doubt });
                }
                State::Claimed { until } if *until > now => return Claim::InFlight,
                State::Claimed { .. } | State::Undecided => {}
            }
        }
        let in_doubt = entry.is_some();
        let state = State::Claimed { until: now + lives.claim };
        let end = now + lives.slot;
        *held = Some(Self { request: slot.request, holder: token, in_doubt, state, end });
        Claim::Acquired(Acquired { slot, token, in_doubt })
    }

    /// Records in a slot that holds `held` what the push of `acquired` came to. False, and nothing changes, where another push
    /// has acquired the slot since. A slot that was lost in between is written again.
    pub fn settle(
        held: &mut Option<Self>,
        acquired: &Acquired,
        settlement: Settlement,
        ttl: Duration,
        now: Instant,
    ) -> bool {
        let entry = held.take().filter(|entry| entry.end > now);
        if entry.as_ref().is_some_and(|entry| entry.holder != acquired.token) {
            *held = entry;
            return false;
        }
        let in_doubt = entry.as_ref().is_some_and(|entry| entry.in_doubt);
        let state = match (settlement, entry.map(|entry| entry.state)) {
            // A release that comes late or twice may find a doubt of which its push did not know.
            (Settlement::Release, _) if !in_doubt => return true,
            (Settlement::Complete(completed), _) => State::Completed(Box::new(completed)),
            (Settlement::Release | Settlement::MarkUnknown, Some(decided @ State::Completed(_))) => decided,
            (
                Settlement::Release | Settlement::MarkUnknown,
                Some(State::Claimed { .. } | State::Undecided) | None,
            ) => State::Undecided,
        };
        let Acquired { slot, token, .. } = acquired;
        *held = Some(Self { request: slot.request, holder: *token, in_doubt, state, end: now + ttl });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVES: Lives = Lives { claim: Duration::from_secs(2), slot: Duration::from_secs(10) };

    fn slot(request: u8) -> Slot {
        Slot { location: [0; 32], request: [request; 32] }
    }

    fn acquired(in_doubt: bool, token: Token) -> Claim {
        Claim::Acquired(Acquired { slot: slot(1), token, in_doubt })
    }

    #[test]
    fn at_its_end_a_claim_is_over_and_a_slot_is_forgotten() {
        let begin = Instant::now();
        let claim =
            |held: &mut Option<Entry>, token, after| Entry::claim(held, slot(1), token, LIVES, begin + after);
        let just_before = |life: Duration| life.checked_sub(Duration::from_nanos(1)).unwrap();
        let mut held = None;
        assert_eq!(claim(&mut held, 1, Duration::ZERO), acquired(false, 1));
        assert_eq!(claim(&mut held, 2, just_before(LIVES.claim)), Claim::InFlight);
        assert_eq!(claim(&mut held.clone(), 2, LIVES.claim), acquired(true, 2));
        // A claim that is over is over for its own token, too.
        assert_eq!(claim(&mut held.clone(), 1, LIVES.claim), acquired(true, 1));
        assert_eq!(claim(&mut held.clone(), 2, just_before(LIVES.slot)), acquired(true, 2));
        assert_eq!(claim(&mut held.clone(), 2, LIVES.slot), acquired(false, 2));

        let other = Acquired { slot: slot(1), token: 2, in_doubt: false };
        let settle = |after| {
            Entry::settle(&mut held.clone(), &other, Settlement::MarkUnknown, LIVES.slot, begin + after)
        };
        assert!(!settle(just_before(LIVES.slot)), "it is another push's");
        assert!(settle(LIVES.slot), "it was forgotten, and is written again");
    }
}
