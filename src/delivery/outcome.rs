//! The promise that callers build on: whether a push was executed.

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::top::Failure;

/// Whether a push was executed. When in doubt it is [`Self::Unknown`]; a false [`Self::NotExecuted`] is the worst mistake
/// that this program could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    /// What the failure of a call says about its push.
    #[must_use]
    pub const fn of(failure: Failure) -> Self {
        match failure {
            Failure::Rejected => Self::Rejected,
            Failure::RateLimited { .. }
            | Failure::AccessDenied
            | Failure::InvalidTimestamp
            | Failure::Unreachable => Self::NotExecuted,
            Failure::Timeout | Failure::SystemError | Failure::Unavailable | Failure::BadResponse => {
                Self::Unknown
            }
        }
    }
}
