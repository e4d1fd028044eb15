//! How far apart clocks may run, model-checked: behind the rule of `keys` that a claim outlives its push.
//!
//! No message tells a time of day: a bridge sends how long its claim shall live, and the store counts that by its own clock
//! from the moment at which it applies the claim. So it makes no difference how far apart two clocks are, only how far they
//! move apart while a claim lives: one that runs fast, is set forward, or belongs to the copy that the store fails over to.
//! Both clocks tick in every order here, as long as the store's gets ahead by no more than a number of seconds. A claim is sent
//! at any moment and arrives at any later one. [`Lives`] and [`Entry`] are the program's own.
//!
//! Two pushes never run at once as long as the store's clock gets ahead by less than [`GRACE`] while a claim lives. If it gets
//! ahead by as much, they do.

use std::sync::LazyLock;
use std::time::Duration;

use mediation_bridge::delivery::idempotency::{Claim, Entry, GRACE, Lives, Slot, State as EntryState};
use stateright::{Checker, Model, Property};
use tokio::time::Instant;

/// The deadline of a push, in seconds.
const DEADLINE: u64 = 5;
const TTL: Duration = Duration::from_mins(1);
const SLOT: Slot = Slot { location: [0; 32], request: [0; 32] };
const TWO_AT_ONCE: &str = "two pushes run at once";
const AFTER_ONE_DIED: &str = "a push acquires the slot of one that died";

/// When both clocks were at zero.
static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A bridge, a push of it, and a store whose clock may get ahead of the bridge's by so many seconds.
struct Clocks {
    ahead: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct State {
    push: Push,
    /// Seconds since the push arrived, by the bridge's clock.
    bridge: u64,
    /// When the claim was sent, by the bridge's clock.
    sent: u64,
    /// Seconds since then, by the store's clock.
    store: u64,
    /// When the claim ends, by the store's clock.
    until: Option<u64>,
    /// Whether another push has acquired the slot.
    succeeded: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Push {
    #[default]
    Arrived,
    /// It has sent a claim that shall live for so many seconds.
    Claiming {
        life: u64,
    },
    /// It calls TOP.
    Running,
    Died,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    BridgeTicks,
    StoreTicks,
    Claim,
    ClaimArrives { life: u64 },
    Die,
    AnotherClaims,
}

fn lives(remaining: u64) -> Lives {
    Lives::new(Duration::from_secs(remaining), TTL)
}

/// Applies a claim to a slot that is claimed `until` then; whether it was acquired, and until when.
fn claim(until: Option<u64>, token: u128, life: u64, now: u64) -> Option<u64> {
    let at = |seconds| *ZERO + Duration::from_secs(seconds);
    let mut held = until.map(|until| {
        let state = EntryState::Claimed { until: at(until) };
        Entry { request: SLOT.request, holder: 1, in_doubt: false, state, end: at(until) + TTL }
    });
    let lives = Lives { claim: Duration::from_secs(life), slot: Duration::from_secs(life) + TTL };
    match Entry::claim(&mut held, SLOT, token, lives, at(now)) {
        Claim::Acquired(_) => Some(now + life),
        Claim::InFlight | Claim::Reused | Claim::Completed(_) => None,
    }
}

impl Model for Clocks {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        match state.push {
            Push::Arrived => actions.push(Action::Claim),
            Push::Claiming { life } => actions.push(Action::ClaimArrives { life }),
            Push::Running => actions.extend([Action::Die, Action::AnotherClaims]),
            Push::Died => actions.push(Action::AnotherClaims),
        }
        // At its deadline a push is over. A claim that outlives one that died has gone by then, too.
        let last = if state.push == Push::Died { DEADLINE + GRACE.as_secs() } else { DEADLINE };
        if state.bridge < last {
            actions.push(Action::BridgeTicks);
        }
        if state.push != Push::Arrived && state.store < state.bridge - state.sent + self.ahead {
            actions.push(Action::StoreTicks);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = *before;
        match action {
            Action::BridgeTicks => state.bridge += 1,
            Action::StoreTicks => state.store += 1,
            Action::Claim => {
                let life = lives(DEADLINE - state.bridge).claim.as_secs();
                (state.push, state.sent) = (Push::Claiming { life }, state.bridge);
            }
            Action::ClaimArrives { life } => {
                state.until = Some(claim(None, 1, life, state.store)?);
                state.push = Push::Running;
            }
            Action::Die => state.push = Push::Died,
            Action::AnotherClaims => state.succeeded |= claim(state.until, 2, 1, state.store).is_some(),
        }
        (state != *before).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::sometimes(TWO_AT_ONCE, |_, state: &State| {
                state.push == Push::Running && state.succeeded
            }),
            Property::sometimes(AFTER_ONE_DIED, |_, state: &State| {
                state.push == Push::Died && state.succeeded
            }),
        ]
    }
}

#[test]
fn a_claim_outlives_its_push_by_clocks_that_move_apart_by_less_than_the_grace() {
    for ahead in 0..=GRACE.as_secs() {
        let checker = Clocks { ahead }.checker().spawn_bfs().join();
        println!("{ahead} s: {} states, depth {}", checker.unique_state_count(), checker.max_depth());
        assert!(checker.discovery(AFTER_ONE_DIED).is_some(), "{ahead} s");
        let path = checker.discovery(TWO_AT_ONCE);
        assert_eq!(path.is_some(), ahead == GRACE.as_secs(), "{ahead} s: {path:?}");
    }
}
