//! The store of the model: one slot, which the program's own table changes.

use std::sync::LazyLock;
use std::time::Duration;

use mediation_bridge::delivery::idempotency::{
    Acquired, Claim, Completed, Decision, Entry, Lives, Settlement, Slot, State,
};
use tokio::time::Instant;

use super::push::Record;
use super::rules::{Off, Rule};

/// The only moment: that time passes is a step of its own.
static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);
const LIVES: Lives = Lives { claim: Duration::from_secs(10), slot: Duration::from_secs(70) };
const TTL: Duration = Duration::from_mins(1);

/// A set of pushes, by their bits.
pub(crate) type Pushes = u8;

/// A store, or its copy, and what it has promised.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    pub(crate) held: Option<Held>,
    /// Pushes of which it has kept that they acquired the slot.
    pub(crate) acquired: Pushes,
    /// Whether a push that was told of a doubt has recorded in it since.
    pub(crate) doubted: bool,
    /// Whether it has kept TOP's decision.
    pub(crate) decided: bool,
}

/// What the slot holds: an [`Entry`] without its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Held {
    request: u8,
    pub(crate) holder: u8,
    in_doubt: bool,
    pub(crate) state: HeldState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum HeldState {
    Claimed,
    /// Claimed, and the claim has ended.
    Expired,
    Undecided,
    Completed {
        accepted: bool,
        in_doubt: bool,
    },
}

impl Held {
    fn entry(self) -> Entry {
        let state = match self.state {
            HeldState::Claimed => State::Claimed { until: *NOW + LIVES.claim },
            HeldState::Expired => State::Claimed { until: *NOW },
            HeldState::Undecided => State::Undecided,
            HeldState::Completed { accepted, in_doubt } => {
                match (Record::Complete { accepted, in_doubt }).settlement() {
                    Settlement::Complete(completed) => State::Completed(Box::new(completed)),
                    other @ (Settlement::Release | Settlement::MarkUnknown) => panic!("{other:?}"),
                }
            }
        };
        let request = slot(self.request).request;
        Entry { request, holder: self.holder.into(), in_doubt: self.in_doubt, state, end: *NOW + LIVES.slot }
    }

    fn of(entry: &Entry) -> Self {
        let state = match &entry.state {
            State::Claimed { until } if *until > *NOW => HeldState::Claimed,
            State::Claimed { .. } => HeldState::Expired,
            State::Undecided => HeldState::Undecided,
            State::Completed(completed) => {
                let Completed { decision, in_doubt, .. } = **completed;
                HeldState::Completed { accepted: decision == Decision::Accepted, in_doubt }
            }
        };
        let holder = u8::try_from(entry.holder).unwrap();
        Self { request: entry.request[0], holder, in_doubt: entry.in_doubt, state }
    }
}

impl Store {
    /// Applies the claim of a push.
    pub(crate) fn claim(&mut self, push: u8, request: u8) -> Claim {
        let mut entry = self.held.map(Held::entry);
        let claim = Entry::claim(&mut entry, slot(request), push.into(), LIVES, *NOW);
        self.held = entry.as_ref().map(Held::of);
        if matches!(claim, Claim::Acquired(_)) {
            self.acquired |= 1 << push;
        }
        claim
    }

    /// Applies a record of a push; false where the slot is another's.
    pub(crate) fn settle(&mut self, push: u8, request: u8, record: Record, off: Off) -> bool {
        let mut token = push;
        if let Some(held) = self.held.filter(|_| off.has(Rule::OnlyTheHolderSettles)) {
            token = held.holder;
        }
        let mut settlement = record.settlement();
        if off.has(Rule::DecisionIsRecorded) && matches!(record, Record::Complete { .. }) {
            settlement = Settlement::MarkUnknown;
        }
        let mut entry = self.held.map(Held::entry);
        if record == Record::Release && off.has(Rule::ReleaseKeepsTheDoubt) {
            entry = entry.map(|entry| Entry { in_doubt: false, ..entry });
        }
        let acquired = Acquired { slot: slot(request), token: token.into(), in_doubt: false };
        let recorded = Entry::settle(&mut entry, &acquired, settlement, TTL, *NOW);
        if recorded {
            self.held = entry.as_ref().map(Held::of);
            self.decided |= matches!(record, Record::Complete { .. });
            if record == Record::MarkUnknown {
                self.acquired |= 1 << push;
            }
        }
        recorded
    }

    /// Ends the claim, if there is a live one.
    pub(crate) fn expire(&mut self, off: Off) {
        let expired = self.held.map(|held| Held { state: HeldState::Expired, ..held });
        self.held = expired.filter(|_| !off.has(Rule::SlotOutlivesItsClaim));
    }

    /// The push whose claim lives.
    pub(crate) fn claimed_by(self) -> Option<u8> {
        self.held.filter(|held| held.state == HeldState::Claimed).map(|held| held.holder)
    }

    pub(crate) fn has_acquired(self, push: usize) -> bool {
        self.acquired & (1 << push) != 0
    }
}

fn slot(request: u8) -> Slot {
    Slot { location: [0; 32], request: [request; 32] }
}
