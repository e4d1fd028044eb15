//! What is proven.
//!
//! | property | of every state that can be reached |
//! | --- | --- |
//! | [`ONE_AT_ONCE`] | no two pushes call TOP whose claims the store has kept |
//! | [`VERDICT_LAST`] | no push whose claim the store has kept calls TOP while the store has kept a decision |
//! | [`DOUBT_KEPT`] | a push that acquires the slot is told of the doubt, where the store has kept that an earlier one acquired it which may have been executed, or has recorded what a push came to that knew of a doubt |
//! | [`HONEST`] | a caller that would conclude `not_executed` now has made no try that may have been executed; whatever the store loses |
//!
//! The others are of states that must be reachable, so that nothing above holds only because nothing happens.

use mediation_bridge::delivery::Outcome;
use stateright::Property;

use super::protocol::{Protocol, State};
use super::push::{Answer, Phase, Push};
use super::store::HeldState;

pub(crate) const ONE_AT_ONCE: &str = "no two pushes run at once";
pub(crate) const VERDICT_LAST: &str = "a verdict is never followed by an execution";
pub(crate) const DOUBT_KEPT: &str = "a doubt is never forgotten";
pub(crate) const HONEST: &str = "no caller concludes not_executed of an executed push";

/// What must hold always.
pub(crate) const PROVEN: [&str; 4] = [ONE_AT_ONCE, VERDICT_LAST, DOUBT_KEPT, HONEST];

pub(crate) fn all() -> Vec<Property<Protocol>> {
    let mut all = vec![
        Property::always(ONE_AT_ONCE, |_, state: &State| kept_calls(state).count() < 2),
        Property::always(VERDICT_LAST, |_, state: &State| {
            !state.store.decided || kept_calls(state).count() == 0
        }),
        Property::always(DOUBT_KEPT, |_, state: &State| !state.forgets_a_doubt()),
        Property::always(HONEST, |protocol: &Protocol, state: &State| !protocol.a_caller_is_deceived(state)),
    ];
    all.extend(reachable());
    all
}

/// Pushes that call TOP and whose claims the store has kept.
fn kept_calls(state: &State) -> impl Iterator<Item = usize> {
    (0..state.pushes.len()).filter(|&push| state.pushes[push].is_calling() && !state.pushes[push].lost)
}

impl State {
    fn forgets_a_doubt(&self) -> bool {
        let executed = |push: usize| self.pushes[push].executed && self.store.has_acquired(push);
        let told_nothing = |push: usize| {
            let Push { phase, in_doubt, lost, .. } = self.pushes[push];
            phase == Phase::Acquired { made: 0 } && !in_doubt && !lost
        };
        let others = |push: usize| (0..self.pushes.len()).filter(move |other| *other != push);
        let forgotten =
            |push: usize| told_nothing(push) && (self.store.doubted || others(push).any(executed));
        (0..self.pushes.len()).any(forgotten)
    }
}

impl Protocol {
    fn a_caller_is_deceived(&self, state: &State) -> bool {
        (0..self.callers.len()).any(|caller| {
            let mut own = self.pushes_of(caller);
            state.callers[caller].conclusion() == Some(Outcome::NotExecuted)
                && own.any(|push| state.pushes[push].executed)
        })
    }
}

fn reachable() -> Vec<Property<Protocol>> {
    fn any_answer(state: &State, wanted: fn(Answer) -> bool) -> bool {
        state.pushes.iter().any(|push| match push.phase {
            Phase::Over { answer: Some(answer) } => wanted(answer) && !push.executed,
            Phase::Over { answer: None }
            | Phase::Idle
            | Phase::Claiming
            | Phase::Acquired { .. }
            | Phase::Calling { .. } => false,
        })
    }
    vec![
        Property::sometimes("a decision is replayed", |_, state: &State| {
            any_answer(state, |answer| answer.outcome == Outcome::Accepted)
        }),
        Property::sometimes("a replayed decision tells the doubt before it", |_, state: &State| {
            any_answer(state, |answer| answer.outcome == Outcome::Accepted && answer.prior)
        }),
        Property::sometimes("a push is refused because another one is in flight", |_, state: &State| {
            any_answer(state, |answer| answer.outcome == Outcome::Unknown)
        }),
        Property::sometimes("a push is executed twice under one key", |_, state: &State| {
            state.pushes.iter().filter(|push| push.executed).count() > 1
        }),
        Property::sometimes("two pushes run at once after the store has lost a claim", |_, state: &State| {
            state.pushes.iter().filter(|push| push.is_calling()).count() > 1
        }),
        Property::sometimes("a claim that nobody runs under blocks the slot", |_, state: &State| {
            state.store.claimed_by().is_some_and(|push| !state.pushes[usize::from(push)].is_active())
        }),
        Property::sometimes("a decision outlives a doubt", |_, state: &State| {
            let held = state.store.held.map(|held| held.state);
            held == Some(HeldState::Completed { accepted: false, in_doubt: true })
        }),
        Property::sometimes("a caller concludes not_executed", |_, state: &State| {
            state.callers.iter().any(|caller| caller.conclusion() == Some(Outcome::NotExecuted))
        }),
    ]
}
