//! The bridge through its front door, against a gateway of the tests' own.
//!
//! `support` holds what the tests stand on: `TestApp`, the bridge in a thread of its own; `Gateway`, which
//! recomputes signatures with its own code and can misbehave on the wire; `Program`, the real binary.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that fails should fail loudly and at once"
)]

mod support;

mod answers;
mod bans;
mod clocks;
mod codes;
mod compatibility;
mod connections;
mod contradictions;
mod documents;
mod doubts;
mod failover;
mod foreign;
mod guides;
mod heads;
mod honesty;
mod http;
mod key_stores;
mod keys;
mod late_claims;
mod load;
mod log;
mod masks;
mod metrics;
mod online;
mod openapi;
mod operations;
mod problem_pages;
mod process;
mod proxy;
mod push;
mod quotations;
mod redis_words;
mod replicas;
mod rooms;
mod sandbox;
mod sandbox_scenarios;
mod sandbox_tour;
mod secrets;
mod slow_clients;
mod throttling;
mod transport;
mod validation;
