//! The runs: every property over the models, and every rule taken away.

use std::collections::BTreeSet;
use std::time::Instant;

use stateright::{Checker, Model};
use strum::VariantArray;

use super::properties::{self, PROVEN};
use super::protocol::{Action, Protocol, Retries};
use super::rules::{Off, Rule};
use crate::shortest;

const fn tries(tries: u8) -> Retries {
    Retries { request: 0, tries }
}

/// The same key with another request.
const OTHER_REQUEST: Retries = Retries { request: 1, tries: 1 };

/// A model by its name: callers, and whether the store has a copy to fail over to.
type Case = (&'static str, &'static [Retries], bool);

const SMALL: [Case; 6] = [
    ("one caller, 2 tries, a copy", &[tries(2)], true),
    ("two callers, a copy", &[tries(1), tries(1)], true),
    ("two callers, one with another request, a copy", &[tries(1), OTHER_REQUEST], true),
    ("one caller, 3 tries", &[tries(3)], false),
    ("two callers, one with 2 tries", &[tries(2), tries(1)], false),
    ("two callers, one with 2 tries, one with another request", &[tries(2), OTHER_REQUEST], false),
];

/// Those that `MODEL_DEPTH=deep` adds.
const DEEP: [Case; 5] = [
    ("one caller, 3 tries, a copy", &[tries(3)], true),
    ("two callers, one with 2 tries, a copy", &[tries(2), tries(1)], true),
    ("two callers, one with 2 tries, one with another request, a copy", &[tries(2), OTHER_REQUEST], true),
    ("one caller, 4 tries", &[tries(4)], false),
    ("three callers", &[tries(1), tries(1), tries(1)], false),
];

/// Checks a model, and returns what was reached of what must be.
fn check((name, callers, copy): Case) -> BTreeSet<&'static str> {
    let begun = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let checker = Protocol::new(callers, copy, Off::default()).checker().threads(threads).spawn_bfs().join();
    println!(
        "{name}: {} states, {} steps, depth {}, {:.1?}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        begun.elapsed()
    );
    let discoveries = checker.discoveries();
    for property in PROVEN {
        let found = discoveries.get(property).map(|path| steps(&path.clone().into_actions()));
        assert_eq!(found, None, "{property}");
    }
    discoveries.into_keys().collect()
}

/// The steps of a path, in one line.
fn steps(actions: &[Action]) -> String {
    let steps: Vec<String> = actions.iter().map(Action::to_string).collect();
    steps.join("; ")
}

#[test]
fn every_property_holds_in_every_state() {
    let deep = std::env::var("MODEL_DEPTH").is_ok_and(|depth| depth == "deep");
    let cases = SMALL.into_iter().chain(DEEP.into_iter().filter(|_| deep));
    let reached: BTreeSet<&str> = cases.flat_map(check).collect();
    let wanted = properties::all().into_iter().map(|property| property.name);
    let wanted: BTreeSet<&str> = wanted.filter(|name| !PROVEN.contains(name)).collect();
    assert_eq!(reached, wanted, "what nothing reaches proves nothing");
}

#[test]
fn without_a_rule_a_property_falls() {
    for rule in Rule::VARIANTS {
        let property = rule.property();
        let protocol = Protocol::new(&[tries(2), tries(1)], false, Off(Some(*rule)));
        let found = shortest(&protocol, property);
        let found = found.unwrap_or_else(|| panic!("{rule:?} is not needed for: {property}"));
        println!("without {rule:?}, {property}? {}", steps(&found));
    }
}
