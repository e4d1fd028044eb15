//! A caller, as the retry guide and the clients to copy have it.

use mediation_bridge::delivery::Outcome;

use super::push::Answer;
use super::rules::{Off, Rule};

/// What a caller knows of its tries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Caller {
    /// Tries that it has begun.
    pub(crate) tries: u8,
    /// Whether one of them may have been executed, as far as it was told.
    doubt: bool,
    last: Last,
}

/// How its last try stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Last {
    #[default]
    None,
    Waiting,
    Told(Outcome),
}

impl Caller {
    /// Begins another try.
    pub(crate) fn try_again(&mut self) {
        self.tries += 1;
        self.last = Last::Waiting;
    }

    pub(crate) fn is_waiting(self) -> bool {
        self.last == Last::Waiting
    }

    /// Whether TOP has decided, as far as it was told.
    pub(crate) fn is_done(self) -> bool {
        matches!(self.last, Last::Told(Outcome::Accepted | Outcome::Rejected))
    }

    /// Learns what its try came to: an answer of the bridge, or none.
    pub(crate) fn learn(&mut self, answer: Option<Answer>, off: Off) {
        if off.has(Rule::CallerKeepsItsDoubt) {
            self.doubt = false;
        }
        self.doubt |= match answer {
            Some(answer) => answer.outcome == Outcome::Unknown || answer.prior,
            None => !off.has(Rule::SilenceIsDoubt),
        };
        self.last = Last::Told(answer.map_or(Outcome::Unknown, |answer| answer.outcome));
    }

    /// What it concludes if it gives up now.
    pub(crate) fn conclusion(self) -> Option<Outcome> {
        match self.last {
            Last::None | Last::Waiting => None,
            Last::Told(decided @ (Outcome::Accepted | Outcome::Rejected)) => Some(decided),
            Last::Told(Outcome::NotExecuted | Outcome::Unknown) => {
                Some(if self.doubt { Outcome::Unknown } else { Outcome::NotExecuted })
            }
        }
    }
}
