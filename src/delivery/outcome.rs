//! Whether a push was executed, as reported to the caller.

use serde::Serialize;
use strum::{IntoStaticStr, VariantArray};

use crate::top::{Failure, Proof};

/// Whether a push was executed. If in doubt, it is [`Self::Unknown`]: a false [`Self::NotExecuted`] is the worst error
/// of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// TOP executed it.
    Accepted,
    /// TOP decided and refused it.
    Rejected,
    /// It is proven that TOP's back end did not see it.
    NotExecuted,
    /// It may have been executed.
    Unknown,
}

impl Outcome {
    /// The outcome of a push after this failure of its last call.
    #[must_use]
    pub const fn from_failure(failure: Failure) -> Self {
        match failure.proves() {
            Proof::Decided => Self::Rejected,
            Proof::NotExecuted => Self::NotExecuted,
            Proof::Nothing => Self::Unknown,
        }
    }
}
