//! The steps: what can happen in a state, and where it leads.

use std::fmt;
use std::ops::Range;

use mediation_bridge::delivery::idempotency::{Claim, KeyStanding};
use mediation_bridge::delivery::{NotAccepted, Outcome};
use stateright::{Model, Property};

use super::caller::Caller;
use super::properties;
use super::push::{ALLOWED, Answer, CallEnd, Phase, Push, Record, call_ends};
use super::rules::{Off, Rule};
use super::store::Store;

/// The most pushes and callers of a model.
const PUSHES: usize = 4;
const CALLERS: usize = 3;

/// What is modelled.
#[derive(Debug, Clone)]
pub(crate) struct Protocol {
    pub(crate) callers: Vec<Retries>,
    /// Whether the store has a copy that it may fail over to.
    pub(crate) copy: bool,
    off: Off,
    /// How calls end, by their number.
    ends: Vec<Vec<CallEnd>>,
}

/// What a caller pushes, and how often it tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retries {
    pub(crate) request: u8,
    pub(crate) tries: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) store: Store,
    copy: Store,
    pub(crate) pushes: [Push; PUSHES],
    pub(crate) callers: [Caller; CALLERS],
}

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Try { caller: usize },
    TimeOut { caller: usize },
    Receive { caller: usize, push: usize },
    Claim { push: usize, told: bool },
    Refuse { push: usize },
    Call { push: usize },
    End { push: usize, end: CallEnd },
    Settle { push: usize, record: Record },
    Die { push: usize },
    Panic { push: usize },
    Expire,
    Lose,
    Copy,
    FailOver,
}

impl Protocol {
    pub(crate) fn new(callers: &[Retries], copy: bool, off: Off) -> Self {
        let pushes: u8 = callers.iter().map(|caller| caller.tries).sum();
        assert!(usize::from(pushes) <= PUSHES && callers.len() <= CALLERS);
        let ends = (1..=ALLOWED).map(|made| call_ends(made, off)).collect();
        Self { callers: callers.to_vec(), copy, off, ends }
    }

    /// The pushes that a caller's tries are.
    pub(crate) fn pushes_of(&self, caller: usize) -> Range<usize> {
        let first: usize = self.callers[..caller].iter().map(|caller| usize::from(caller.tries)).sum();
        first..first + usize::from(self.callers[caller].tries)
    }

    fn caller_of(&self, push: usize) -> usize {
        (0..self.callers.len()).find(|caller| self.pushes_of(*caller).contains(&push)).unwrap()
    }

    fn request_of(&self, push: usize) -> u8 {
        self.callers[self.caller_of(push)].request
    }

    /// The push that a caller waits for, or waited for last.
    fn current(&self, state: &State, caller: usize) -> usize {
        self.pushes_of(caller).start + usize::from(state.callers[caller].tries) - 1
    }

    fn actions_of_caller(&self, state: &State, caller: usize, actions: &mut Vec<Action>) {
        let Caller { tries, .. } = state.callers[caller];
        if state.callers[caller].is_waiting() {
            let push = self.current(state, caller);
            actions.push(Action::TimeOut { caller });
            if matches!(state.pushes[push].phase, Phase::Over { answer: Some(_) }) {
                actions.push(Action::Receive { caller, push });
            }
        } else if tries < self.callers[caller].tries && !state.callers[caller].is_done() {
            actions.push(Action::Try { caller });
        }
    }

    fn actions_of_push(&self, state: &State, push: usize, actions: &mut Vec<Action>) {
        let now = &state.pushes[push];
        if now.phase == Phase::Idle {
            return;
        }
        actions.push(Action::Claim { push, told: false });
        actions.extend(now.sent().map(|record| Action::Settle { push, record }));
        match now.phase {
            Phase::Claiming => {
                actions.extend([Action::Claim { push, told: true }, Action::Refuse { push }]);
            }
            Phase::Acquired { .. } => actions.push(Action::Call { push }),
            Phase::Calling { made, .. } => {
                let ends = &self.ends[usize::from(made) - 1];
                actions.extend(ends.iter().map(|end| Action::End { push, end: *end }));
            }
            Phase::Idle | Phase::Over { .. } => {}
        }
        if now.is_active() {
            actions.extend([Action::Die { push }, Action::Panic { push }]);
        }
    }

    /// Applies the claim of a push, or applies it again; its answer arrives or is lost.
    fn claim(&self, state: &mut State, push: usize, told: bool) {
        let request = self.request_of(push);
        let claim = state.store.claim(u8::try_from(push).unwrap(), request);
        let now = &mut state.pushes[push];
        if !told {
            return;
        }
        // Runs all the same, where the rule is taken away that forbids it.
        let runs = match &claim {
            Claim::InFlight => self.off.has(Rule::InFlightWaits),
            Claim::Completed(_) => self.off.has(Rule::DecisionIsReplayed),
            Claim::Acquired(_) | Claim::Reused => false,
        };
        let before = *now;
        let refused = |why, standing| before.with_answer(Answer::refused(why, standing));
        *now = match claim {
            _ if runs => before.with_slot(false),
            Claim::Acquired(acquired) => before.with_slot(acquired.in_doubt),
            Claim::InFlight => refused(NotAccepted::KeyInFlight, KeyStanding::InFlight),
            Claim::Reused => refused(NotAccepted::KeyReused, KeyStanding::Reused),
            Claim::Completed(completed) => now.with_answer(Answer::replayed(completed)),
        };
    }

    /// Gives up waiting for the answer to a claim, and gives the claim back.
    fn refuse(&self, now: &mut Push) {
        if self.off.has(Rule::NoClaimNoPush) {
            now.phase = Phase::Acquired { made: 0 };
            return;
        }
        now.send(Record::Release);
        *now = now.with_answer(Answer::refused(NotAccepted::StoreUnavailable, KeyStanding::Unavailable));
    }

    /// Ends a call: another one follows, or the push sends its record and answers.
    fn end(&self, now: &mut Push, end: CallEnd) {
        let Phase::Calling { made } = now.phase else { return };
        now.executed |= end.executed;
        if end.again {
            now.phase = Phase::Acquired { made };
            return;
        }
        let forgets = match end.outcome {
            Outcome::NotExecuted => self.off.has(Rule::NotExecutedKeepsTheDoubt),
            Outcome::Unknown => self.off.has(Rule::UnknownIsADoubt),
            Outcome::Accepted | Outcome::Rejected => false,
        };
        now.send(if forgets { Record::Release } else { Record::of(end.outcome, now.in_doubt) });
        *now = now.with_answer(Answer::run(end.outcome, now.in_doubt));
    }

    /// Forgets what makes no difference any more, so that equal states are one.
    fn normalise(&self, state: &mut State) {
        let mut matter = 0;
        for push in 0..PUSHES {
            let now = state.pushes[push];
            if now.is_active() || now.executed {
                matter |= 1 << push;
            }
            state.pushes[push].lost &= now.is_active();
            if let Phase::Over { answer: Some(_) } = now.phase {
                let caller = self.caller_of(push);
                let waited_for = state.callers[caller].is_waiting() && self.current(state, caller) == push;
                if !waited_for {
                    state.pushes[push].phase = Phase::Over { answer: None };
                }
            }
        }
        state.store.acquired &= matter;
        state.copy.acquired &= matter;
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for caller in 0..self.callers.len() {
            self.actions_of_caller(state, caller, actions);
        }
        for push in 0..PUSHES {
            self.actions_of_push(state, push, actions);
        }
        if let Some(holder) = state.store.claimed_by() {
            let needed = state.pushes[usize::from(holder)].is_active();
            if !needed || self.off.has(Rule::ClaimOutlivesItsPush) {
                actions.push(Action::Expire);
            }
        }
        actions.push(Action::Lose);
        if self.copy {
            actions.extend([Action::Copy, Action::FailOver]);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        match action {
            Action::Try { caller } => {
                state.callers[caller].try_again();
                let push = self.current(&state, caller);
                state.pushes[push].phase = Phase::Claiming;
            }
            Action::TimeOut { caller } => state.callers[caller].learn(None, self.off),
            Action::Receive { caller, push } => {
                let Phase::Over { answer } = state.pushes[push].phase else { return None };
                state.callers[caller].learn(answer, self.off);
            }
            Action::Claim { push, told } => self.claim(&mut state, push, told),
            Action::Refuse { push } => self.refuse(&mut state.pushes[push]),
            Action::Call { push } => {
                let Phase::Acquired { made } = state.pushes[push].phase else { return None };
                state.pushes[push].phase = Phase::Calling { made: made + 1 };
            }
            Action::End { push, end } => self.end(&mut state.pushes[push], end),
            Action::Settle { push, record } => {
                let (token, request) = (u8::try_from(push).unwrap(), self.request_of(push));
                let recorded = state.store.settle(token, request, record, self.off);
                state.store.doubted |= recorded && state.pushes[push].in_doubt;
            }
            Action::Die { push } => state.pushes[push].die(None),
            Action::Panic { push } => {
                let answer = Answer::panicked(state.pushes[push].made());
                state.pushes[push].die(Some(answer));
            }
            Action::Expire => state.store.expire(self.off),
            Action::Lose => {
                state.copy = Store::default();
                fail_over(&mut state);
            }
            Action::Copy => state.copy = state.store,
            Action::FailOver => fail_over(&mut state),
        }
        self.normalise(&mut state);
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}

/// The store is what the copy was.
fn fail_over(state: &mut State) {
    for (push, now) in state.pushes.iter_mut().enumerate() {
        let lost = state.store.has_acquired(push) && !state.copy.has_acquired(push);
        now.lost |= lost && matches!(now.phase, Phase::Acquired { .. } | Phase::Calling { .. });
    }
    state.store = state.copy;
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Try { caller } => write!(f, "caller {caller} tries"),
            Self::TimeOut { caller } => write!(f, "caller {caller} stops waiting"),
            Self::Receive { caller, push } => write!(f, "caller {caller} gets the answer of push {push}"),
            Self::Claim { push, told: true } => write!(f, "push {push} claims"),
            Self::Claim { push, told: false } => {
                write!(f, "the claim of push {push} arrives, its answer does not")
            }
            Self::Refuse { push } => write!(f, "push {push} gives up its claim"),
            Self::Call { push } => write!(f, "push {push} calls TOP"),
            Self::End { push, end } => {
                let executed = if end.executed { ", perhaps executed" } else { "" };
                let again = if end.again { ", and is made again" } else { "" };
                let outcome: &'static str = end.outcome.into();
                write!(f, "the call of push {push} ends {outcome}{executed}{again}")
            }
            Self::Settle { push, record } => write!(f, "the record {record:?} of push {push} arrives"),
            Self::Die { push } => write!(f, "the bridge of push {push} dies"),
            Self::Panic { push } => write!(f, "push {push} panics"),
            Self::Expire => f.write_str("the claim ends"),
            Self::Lose => f.write_str("the store loses all"),
            Self::Copy => f.write_str("the copy catches up"),
            Self::FailOver => f.write_str("the store fails over"),
        }
    }
}
