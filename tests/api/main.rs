//! Tests of the bridge through its HTTP API, against a gateway of their own.
//!
//! `support` holds what the tests share: `TestApp`, the bridge in a separate thread; `Gateway`, which recomputes
//! signatures with its own code and can break the protocol; `Program`, the real binary.

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
mod browsers;
mod clocks;
mod codes;
mod compatibility;
mod configuration;
mod connections;
mod contradictions;
mod documents;
mod doubts;
mod failover;
mod foreign;
mod framing;
mod guides;
mod heads;
mod http;
mod key_stores;
mod keys;
mod late_claims;
mod load;
mod log;
mod masks;
mod members;
mod metrics;
mod modules;
mod online;
mod openapi;
mod operations;
mod outcomes;
mod problem_pages;
mod process;
mod proxy;
mod push;
mod quotations;
mod redis_error_messages;
mod replicas;
mod retries;
mod sandbox;
mod sandbox_scenarios;
mod sandbox_tour;
mod secrets;
mod slow_clients;
mod throttling;
mod transport;
mod validation;
