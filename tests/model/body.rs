//! The proof of `not_executed` in the body of a request to TOP, model-checked: the stage that is decided once.
//!
//! Three threads step in every order, one access to the stage at a time. A connection's task polls the body: it asks the
//! stage to begin, and where it may, writes the form. It polls again after that, and a second task does the same, as if the
//! library sent the request once more on another connection. The call gives up at any moment, since its deadline passes or
//! the connection breaks, and concludes from what the stage says. What its conclusion means is the program's own:
//! [`CallError::failure`], [`Outcome::from_failure`].
//!
//! The stage's compare-and-swap is one access. To show that it has to be, the second half of the test takes it apart into a
//! load and a store, and expects that the checker finds a push that is called `not_executed` and is written.
//!
//! That the program's stage decides so, and with one access, is tested beside it, in `src/top/body.rs`: every order of polls
//! and of giving up, and a race of two threads. Not seen: whether the HTTP library writes anything of a request before it polls
//! its body, which `tests/api/transport.rs` looks at on the wire. The order of accesses to other memory does not matter here:
//! the stage is one location, and the form is behind a lock.
//!
//! [`CallError::failure`]: mediation_bridge::top::CallError::failure
//! [`Outcome::from_failure`]: mediation_bridge::delivery::Outcome::from_failure

use mediation_bridge::delivery::Outcome;
use mediation_bridge::top::CallError;
use stateright::{Checker, Model, Property};

use crate::shortest;

/// Tasks that poll the body.
const SENDERS: usize = 2;
/// How often each of them does.
const POLLS: u8 = 2;

const NO_FALSE_PROOF: &str = "what is not_executed is never written";
const WRITTEN_ONCE: &str = "the form is written once";

/// How the stage is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decide {
    AtOnce,
    InTwoSteps,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Stage {
    #[default]
    Waiting,
    Begun,
    GivenUp,
}

/// How far a thread is with asking the stage for something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Asking {
    #[default]
    Not,
    /// It has loaded this, and will store what it wants if that was nothing yet.
    Loaded(Stage),
    Answered(Stage),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct State {
    stage: Stage,
    senders: [Asking; SENDERS],
    polls: [u8; SENDERS],
    /// Whether the form is still there.
    taken: bool,
    written: u8,
    call: Asking,
    concluded: Option<Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Ask { sender: usize },
    Write { sender: usize },
    GiveUp,
    Conclude,
}

impl Decide {
    /// Takes a thread one step further that asks the stage to be `wanted`.
    fn ask(self, asking: Asking, stage: &mut Stage, wanted: Stage) -> Asking {
        let found = match asking {
            Asking::Not if self == Self::InTwoSteps => return Asking::Loaded(*stage),
            Asking::Not => *stage,
            Asking::Loaded(found) => found,
            Asking::Answered(_) => return asking,
        };
        if found != Stage::Waiting {
            return Asking::Answered(found);
        }
        *stage = wanted;
        Asking::Answered(wanted)
    }
}

impl Model for Decide {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for sender in 0..SENDERS {
            match state.senders[sender] {
                Asking::Not if state.polls[sender] == POLLS => {}
                Asking::Not | Asking::Loaded(_) => actions.push(Action::Ask { sender }),
                Asking::Answered(Stage::Begun) => actions.push(Action::Write { sender }),
                // The body ends with an error, and the connection with it.
                Asking::Answered(_) => {}
            }
        }
        match state.call {
            Asking::Not | Asking::Loaded(_) => actions.push(Action::GiveUp),
            Asking::Answered(_) => actions.push(Action::Conclude),
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        match action {
            Action::Ask { sender } => {
                state.senders[sender] = self.ask(before.senders[sender], &mut state.stage, Stage::Begun);
            }
            Action::Write { sender } => {
                state.written += u8::from(!state.taken);
                state.taken = true;
                state.senders[sender] = Asking::Not;
                state.polls[sender] += 1;
            }
            Action::GiveUp => state.call = self.ask(before.call, &mut state.stage, Stage::GivenUp),
            Action::Conclude => {
                let never_sent = state.call == Asking::Answered(Stage::GivenUp);
                let error = if never_sent {
                    CallError::DeadlineBeforeSending
                } else {
                    CallError::DeadlineAfterSending
                };
                state.concluded = Some(Outcome::from_failure(error.failure()));
            }
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NO_FALSE_PROOF, |_, state: &State| {
                state.concluded != Some(Outcome::NotExecuted) || state.written == 0
            }),
            Property::always(WRITTEN_ONCE, |_, state: &State| state.written < 2),
            Property::sometimes("not_executed is proven", |_, state: &State| {
                state.concluded == Some(Outcome::NotExecuted)
            }),
            Property::sometimes("what is not yet written is unknown", |_, state: &State| {
                state.concluded == Some(Outcome::Unknown) && state.written == 0
            }),
        ]
    }
}

#[test]
fn what_is_not_executed_is_never_written() {
    let checker = Decide::AtOnce.checker().spawn_bfs().join();
    println!("{} states, depth {}", checker.unique_state_count(), checker.max_depth());
    checker.assert_properties();
}

#[test]
fn a_load_and_a_store_in_its_place_are_found_out() {
    println!("{:?}", shortest(&Decide::InTwoSteps, NO_FALSE_PROOF).expect("a false proof"));
}
