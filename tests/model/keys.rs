//! The protocol of Idempotency-Keys, model-checked.
//!
//! One key of one caller for one case, the pushes that come with it, and everything that can happen between two steps:
//!
//! * A message to the store is applied at once, late, several times or never, and its answer arrives or does not: once
//!   sent, it may be applied at any later moment, as often as may be. This is more than any network does. An answer that comes
//!   late is one whose push takes its next step late.
//! * The store keeps one slot. It loses all, or fails over to a copy that is behind by any number of steps.
//! * A push's bridge dies at any step, or its task panics; its caller stops waiting at any step, and tries again while the
//!   push goes on. Each push may have a bridge of its own, so several that die at once are among the cases.
//! * A call ends in every way that [`attempts::next`] and [`Outcome::from_failure`] tell apart, with and without time left. The gateway
//!   has executed what it accepted, what came to `unknown`, and a call whose end nobody learns. A push that a ban, the number
//!   of pushes or a stop of the bridge ends before its call is as one whose call was not executed.
//! * A caller keeps its doubt over its tries, as the retry guide and the clients to copy do. It may give up after each, which
//!   is more than they do.
//! * There are no clocks. A claim ends at any moment, but not while its push waits for it, is about to call TOP or calls it:
//!   that is the rule that the life of a claim stands for, and the model `clocks` says how far clocks may move apart for it.
//!
//! What is proven is in [`properties`], with what each needs of the store. What decides is the program's own: [`Entry`],
//! which the store in memory keeps and which the scripts for Redis follow (`tests/api/key_stores.rs`), [`Completion`],
//! [`attempts::next`], [`Outcome::from_failure`], [`Delivered`]. The steps between are this model's, as `delivery.rs` and
//! `idempotency/redis.rs` take them. [`rules`] lists what the properties rest on; a test takes each away and expects that
//! the checker finds where that leads.
//!
//! Not seen: what happens inside a step (the scripts run as a whole, the store in memory holds a lock), a process that is
//! suspended between its last look at the clock and its call, a record that outlives its time, several keys, more pushes than
//! a model has, and whether anything ever comes to an end.
//!
//! `cargo test --test model` checks models of up to three pushes, in some seconds. `MODEL_DEPTH=deep cargo test --test model
//! keys` adds larger ones, for some minutes and with a few gigabytes.
//!
//! [`attempts::next`]: mediation_bridge::delivery::attempts::next
//! [`Outcome::from_failure`]: mediation_bridge::delivery::Outcome::from_failure
//! [`Entry`]: mediation_bridge::delivery::idempotency::Entry
//! [`Completion`]: mediation_bridge::delivery::idempotency::Completion
//! [`Delivered`]: mediation_bridge::delivery::Delivered

mod caller;
mod checks;
mod properties;
mod protocol;
mod push;
mod rules;
mod store;
