//! **mediation-bridge** pushes the results of mediations at Jiaoyimao (交易猫) to the Taobao Open Platform (TOP)
//! and tells its callers honestly what became of each push.
//!
//! The map, in reading order, each room with its own:
//!
//! | room | what it is |
//! | --- | --- |
//! | [`mediation`] | the vocabulary: types that cannot hold anything wrong |
//! | [`top`] | the gateway's protocol: signature, form, transport, answers, error classes |
//! | [`delivery`] | a push and its outcome: deadline, attempts, bans, clock |
//! | [`api`] | the REST face: routes, problems, OpenAPI |
//! | [`server`] | the running bridge: build, run, drain |
//! | [`settings`] | environment variables in, checked settings out |
//! | [`telemetry`] | which log lines there are, and how they get out |
//! | [`metrics`] | every metric, and the page of them |
//! | [`sandbox`] | a simulated gateway, for trying and testing |
//! | [`cli`] | the subcommands |
//!
//! Who may use whom: `main → cli → server → api → delivery → {top, mediation}`, `top → mediation`,
//! `sandbox → {top, mediation}`, `settings → top` for the names of the signature methods, `telemetry → settings`,
//! `api → {metrics, telemetry}`; `server` and `api` take the settings' plain values. Nothing points back; a test keeps
//! it so.

pub mod api;
pub mod cli;
pub mod delivery;
pub mod mediation;
pub mod metrics;
pub mod sandbox;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod top;
