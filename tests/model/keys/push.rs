//! A push as one bridge delivers it, and the ways in which its calls to TOP end.

use std::time::Duration;

use mediation_bridge::api::problem::Problem;
use mediation_bridge::delivery::attempts::{self, Next, Situation};
use mediation_bridge::delivery::idempotency::{Completed, Completion, Decision, KeyStanding, Settlement};
use mediation_bridge::delivery::{Delivered, NotAccepted, Outcome};
use mediation_bridge::top::{Failure, UpstreamDetails};
use strum::IntoEnumIterator;

use super::rules::{Off, Rule};

/// Calls that a push may make.
pub(crate) const ALLOWED: u8 = 2;

/// A push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Push {
    pub(crate) phase: Phase,
    /// Whether the store told it of a doubt when it acquired the slot.
    pub(crate) in_doubt: bool,
    /// The records that it has sent to the store, as bits. They may arrive at any later moment.
    sent: u8,
    /// Whether the store has lost its claim while it relied on it.
    pub(crate) lost: bool,
    /// Whether TOP may have executed it. Where nobody will ever know, the worst is assumed.
    pub(crate) executed: bool,
}

/// How far a push is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    /// Its request has not arrived.
    #[default]
    Idle,
    /// It waits for the store's answer to its claim.
    Claiming,
    /// It has acquired the slot and is about to call TOP.
    Acquired { made: u8 },
    /// It calls TOP.
    Calling { made: u8 },
    /// It is over, or its bridge died.
    Over { answer: Option<Answer> },
}

/// What its caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// Whether it has `prior_outcome`.
    pub(crate) prior: bool,
}

/// What a push records in its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    Release,
    MarkUnknown,
    Complete { accepted: bool, in_doubt: bool },
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallEnd {
    pub(crate) outcome: Outcome,
    /// Whether another call follows.
    pub(crate) again: bool,
    /// Whether TOP may have executed the push.
    pub(crate) executed: bool,
}

impl Push {
    /// Whether it needs its claim: it runs, or may begin to.
    pub(crate) fn is_active(self) -> bool {
        matches!(self.phase, Phase::Claiming | Phase::Acquired { .. } | Phase::Calling { .. })
    }

    pub(crate) fn is_calling(self) -> bool {
        matches!(self.phase, Phase::Calling { .. })
    }

    /// Calls that it has begun.
    pub(crate) fn made(self) -> u8 {
        match self.phase {
            Phase::Acquired { made } | Phase::Calling { made } => made,
            Phase::Idle | Phase::Claiming | Phase::Over { .. } => 0,
        }
    }

    /// It, with its slot.
    pub(crate) fn with_slot(self, in_doubt: bool) -> Self {
        Self { phase: Phase::Acquired { made: 0 }, in_doubt, ..self }
    }

    /// It, over and with its answer.
    pub(crate) fn with_answer(self, answer: Answer) -> Self {
        Self { phase: Phase::Over { answer: Some(answer) }, ..self }
    }

    /// Ends without a record. Whether TOP executes a call that it was making, nobody will know.
    pub(crate) fn die(&mut self, answer: Option<Answer>) {
        self.executed |= self.is_calling();
        self.phase = Phase::Over { answer };
    }

    pub(crate) fn send(&mut self, record: Record) {
        self.sent |= record.bit();
    }

    pub(crate) fn sent(&self) -> impl Iterator<Item = Record> {
        Record::ALL.into_iter().filter(|record| self.sent & record.bit() != 0)
    }
}

impl Record {
    pub(crate) const ALL: [Self; 6] = [
        Self::Release,
        Self::MarkUnknown,
        Self::Complete { accepted: false, in_doubt: false },
        Self::Complete { accepted: false, in_doubt: true },
        Self::Complete { accepted: true, in_doubt: false },
        Self::Complete { accepted: true, in_doubt: true },
    ];

    fn bit(self) -> u8 {
        match self {
            Self::Release => 1,
            Self::MarkUnknown => 2,
            Self::Complete { accepted, in_doubt } => 4 << (2 * u8::from(accepted) + u8::from(in_doubt)),
        }
    }

    /// What a push that came to `outcome` records.
    pub(crate) fn of(outcome: Outcome, in_doubt: bool) -> Self {
        let completion = Completion { outcome, attempts: 1, upstream: &UpstreamDetails::default() };
        match completion.settlement(in_doubt) {
            Settlement::Release => Self::Release,
            Settlement::MarkUnknown => Self::MarkUnknown,
            Settlement::Complete(Completed { decision, in_doubt, .. }) => {
                Self::Complete { accepted: decision == Decision::Accepted, in_doubt }
            }
        }
    }

    pub(crate) fn settlement(self) -> Settlement {
        match self {
            Self::Release => Settlement::Release,
            Self::MarkUnknown => Settlement::MarkUnknown,
            Self::Complete { accepted, in_doubt } => {
                let decision = if accepted { Decision::Accepted } else { Decision::Rejected };
                let upstream = UpstreamDetails::default();
                Settlement::Complete(Completed { decision, attempts: 1, in_doubt, upstream })
            }
        }
    }
}

impl Answer {
    fn of(delivered: &Delivered) -> Self {
        Self { outcome: delivered.outcome(), prior: delivered.is_in_doubt() }
    }

    /// To a push that never held its slot.
    pub(crate) fn refused(why: NotAccepted, standing: KeyStanding) -> Self {
        Self::of(&Delivered { standing: Some(standing), ..Delivered::without_call(why) })
    }

    /// To a push that repeats what TOP has decided on.
    pub(crate) fn replayed(completed: Completed) -> Self {
        Self::of(&Delivered::replayed(completed))
    }

    /// To a push that has run.
    pub(crate) fn run(outcome: Outcome, in_doubt: bool) -> Self {
        let result = match outcome {
            Outcome::Accepted => Ok(()),
            Outcome::Rejected => Err(NotAccepted::Failed(Failure::Rejected)),
            Outcome::NotExecuted => Err(NotAccepted::Failed(Failure::Unreachable)),
            Outcome::Unknown => Err(NotAccepted::Failed(Failure::Timeout)),
        };
        let standing = if in_doubt { KeyStanding::InDoubt } else { KeyStanding::New };
        Self::of(&Delivered {
            result,
            standing: Some(standing),
            ..Delivered::without_call(NotAccepted::Overloaded)
        })
    }

    /// To a push whose task panicked after this many calls had begun.
    pub(crate) fn panicked(made: u8) -> Self {
        Self { outcome: Problem::internal(made > 0).outcome, prior: false }
    }
}

/// The ways in which the call number `made` ends, as far as they differ.
pub(crate) fn call_ends(made: u8, off: Off) -> Vec<CallEnd> {
    let mut ends = Vec::new();
    for result in [Ok(())].into_iter().chain(Failure::iter().map(Err)) {
        for (corrected, seconds) in [(false, 0), (false, 9), (true, 0), (true, 9)] {
            let remaining = Duration::from_secs(seconds);
            let situation = Situation { made: made.into(), allowed: ALLOWED.into(), corrected, remaining };
            let outcome = result.map_or_else(Outcome::from_failure, |()| Outcome::Accepted);
            let executed = match outcome {
                Outcome::Accepted | Outcome::Unknown => true,
                Outcome::Rejected => false,
                Outcome::NotExecuted => off.has(Rule::NotExecutedIsProven),
            };
            let repeated = off.has(Rule::OnlyProvenCallsAreRepeated) && made < ALLOWED;
            let again = attempts::next(result, &situation, 0.5) != Next::Stop || repeated;
            let end = CallEnd { outcome, again, executed };
            if !ends.contains(&end) {
                ends.push(end);
            }
        }
    }
    ends
}
