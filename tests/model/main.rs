//! Proofs over all cases that fit into a model, where the tests of `tests/api` hold chosen ones.
//!
//! `keys` is the protocol of Idempotency-Keys: callers, bridges, the store and the gateway, in every order of their steps.
//! `clocks` is one rule of it: how far clocks may move apart for a claim to outlive its push.
//! `body` is the proof of `not_executed` in the body of a request to TOP, in every order of the threads' steps.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that fails should fail loudly and at once"
)]

mod body;
mod clocks;
mod keys;

use std::hash::Hash;

use stateright::{Checker, Model};

/// The longest way to a counter-example that is looked for.
const LONGEST: usize = 20;

/// The shortest steps to what is found for a property, if anything is.
fn shortest<M: Model<State: Hash + Send + Sync> + Clone + Send + Sync + 'static>(
    model: &M,
    property: &'static str,
) -> Option<Vec<M::Action>>
where
    M::State: Clone + PartialEq + std::fmt::Debug + 'static,
    M::Action: Clone + PartialEq + std::fmt::Debug,
{
    let found =
        |depth| model.clone().checker().target_max_depth(depth).spawn_bfs().join().discovery(property);
    (1..LONGEST).find_map(found).map(stateright::Path::into_actions)
}
