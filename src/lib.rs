//! **mediation-bridge** pushes the results of mediations at Jiaoyimao (交易猫) to the Taobao Open Platform (TOP) and tells
//! its callers the outcome of each push.
//!
//! The modules, in reading order. Each one starts with an overview of its own.
//!
//! | module | contents |
//! | --- | --- |
//! | [`mediation`] | the vocabulary: types that hold only valid values, each with its JSON schema |
//! | [`top`] | the gateway's protocol for any method: signature, call, envelope, failures |
//! | [`delivery`] | a push and its outcome: deadline, attempts, bans, clock, Idempotency-Keys |
//! | [`api`] | the HTTP API: routes, problems, OpenAPI |
//! | [`server`] | the running bridge: build, run, drain |
//! | [`settings`] | environment variables in, checked settings out |
//! | [`telemetry`] | log levels, log format and log output |
//! | [`metrics`] | all metrics and the page that lists them |
//! | [`sandbox`] | a simulated gateway, for trying and testing |
//! | [`cli`] | the subcommands |
//! | [`gmt8`], [`invisible`], [`json`], [`redis_url`], [`version`] | modules without dependencies: GMT+8, invisible characters, JSON objects with repeated names, the Redis URL, the program's version |
//!
//! Allowed dependencies: `main → cli → server → api → delivery → {top, mediation}`, `sandbox → {top, mediation}`;
//! `settings`, `telemetry` and `metrics` return plain values. No dependency points back and no files depend on each
//! other in a circle. A test checks this.
//!
//! # One push, step by step
//!
//! | step | module | result |
//! | --- | --- | --- |
//! | the head is read | actix-web, [`api::middleware`] | an [`api::context::Context`]: identifier, trace, arrival, language |
//! | caller, media type, size, JSON, members, key | [`api::push::request`] | a [`delivery::Push`], or an [`api::problem::Problem`] with every violation |
//! | a separate task | [`api::push`] | a push that has begun is finished, even if the caller hangs up |
//! | the key is claimed | [`delivery::idempotency`] | a `Claim`; what TOP has already decided becomes the answer |
//! | the payload | [`delivery::method`] | the parameter `req`, kept for further attempts |
//! | permit, ban and time | `delivery::call` | a timestamp for the attempt, or the reason why there is none |
//! | signature and form | [`top::credentials`], [`top::sign`] | a signed form, used once |
//! | the call | [`top::client`] | reqwest's response, or a [`top::CallError`]; the body knows whether it was sent |
//! | TOP's answer | [`top::answer`] | an [`top::Envelope`], or a [`top::CallError`] with its [`top::Failure`] |
//! | the result of the attempt | [`delivery::method`] | a [`delivery::request::Attempt`] |
//! | another attempt | [`delivery::attempts`] | only if it is proven that nothing was executed |
//! | the outcome is recorded | [`delivery`] | a [`delivery::Delivered`] |
//! | the answer | [`api::push::response`], `api::delivery_problem` | an `AcceptedPush` or a [`api::problem::Problem`] |
//! | log line and metrics | [`api::push::record`] | one log line, and one count in the metrics |

pub mod api;
pub mod cli;
pub mod delivery;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod gmt8;
pub mod invisible;
pub mod json;
pub mod mediation;
pub mod metrics;
pub mod redis_url;
pub mod sandbox;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod top;
pub mod version;
