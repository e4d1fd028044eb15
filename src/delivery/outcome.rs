//! The promise that callers build on: whether a push was executed.

use crate::top::Class;

/// Whether a push was executed. When in doubt it is [`Self::Unknown`]; a false [`Self::NotExecuted`] is the
/// worst mistake this program could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// TOP executed it.
    Accepted,
    /// TOP decided, and said no.
    Rejected,
    /// Proven: TOP's back end did not see it.
    NotExecuted,
    /// It may have been executed.
    Unknown,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Rejected, Self::NotExecuted, Self::Unknown];

    /// The word in answers and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::NotExecuted => "not_executed",
            Self::Unknown => "unknown",
        }
    }

    /// What a call's class says about its push.
    #[must_use]
    pub const fn of(class: Class) -> Self {
        match class {
            Class::Accepted => Self::Accepted,
            Class::Rejected => Self::Rejected,
            Class::RateLimited { .. }
            | Class::AccessDenied
            | Class::InvalidTimestamp
            | Class::Unreachable => Self::NotExecuted,
            Class::Timeout | Class::SystemError | Class::Unavailable | Class::BadResponse => Self::Unknown,
        }
    }
}
