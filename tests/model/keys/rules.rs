//! What the properties rest on. Each rule can be taken away, to see that the checker notices.

use strum::VariantArray;

use super::properties::{DOUBT_KEPT, HONEST, ONE_AT_ONCE, VERDICT_LAST};

/// A rule of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub(crate) enum Rule {
    /// A claim lives longer than its push can run.
    ClaimOutlivesItsPush,
    /// A push that is told that another one is in flight does not run.
    InFlightWaits,
    /// A push whose claim is not answered in time does not run.
    NoClaimNoPush,
    /// Only the push that acquired a slot last records in it.
    OnlyTheHolderSettles,
    /// TOP's decision is recorded.
    DecisionIsRecorded,
    /// A decision is repeated to whoever comes later, and nothing is run.
    DecisionIsReplayed,
    /// A push that may have been executed does not release its slot.
    UnknownIsADoubt,
    /// A push that was acquired in doubt and not executed leaves the doubt.
    NotExecutedKeepsTheDoubt,
    /// A release leaves the doubt that it finds: one that comes late, twice, or of a claim that is given back.
    ReleaseKeepsTheDoubt,
    /// A slot outlives its claim, so that the doubt is left of a push whose bridge died.
    SlotOutlivesItsClaim,
    /// A caller's doubt lasts over all its tries.
    CallerKeepsItsDoubt,
    /// A caller that gets no answer is in doubt.
    SilenceIsDoubt,
    /// Only a call that is proven not to be executed is followed by another one.
    OnlyProvenCallsAreRepeated,
    /// What the bridge calls `not_executed` was not executed: the proof in the body of the request.
    NotExecutedIsProven,
}

/// The rule that is taken away, if one is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Off(pub(crate) Option<Rule>);

impl Off {
    pub(crate) fn has(self, rule: Rule) -> bool {
        self.0 == Some(rule)
    }
}

impl Rule {
    /// The property that falls without it.
    pub(crate) fn property(self) -> &'static str {
        match self {
            Self::ClaimOutlivesItsPush
            | Self::InFlightWaits
            | Self::NoClaimNoPush
            | Self::OnlyTheHolderSettles => ONE_AT_ONCE,
            Self::DecisionIsRecorded | Self::DecisionIsReplayed => VERDICT_LAST,
            Self::UnknownIsADoubt
            | Self::NotExecutedKeepsTheDoubt
            | Self::ReleaseKeepsTheDoubt
            | Self::SlotOutlivesItsClaim => DOUBT_KEPT,
            Self::CallerKeepsItsDoubt
            | Self::SilenceIsDoubt
            | Self::OnlyProvenCallsAreRepeated
            | Self::NotExecutedIsProven => HONEST,
        }
    }
}
