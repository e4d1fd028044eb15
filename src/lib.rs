//! **mediation-bridge** pushes the results of mediations at Jiaoyimao (交易猫) to the Taobao Open Platform (TOP)
//! and tells its callers honestly what became of each push.
//!
//! The map, in reading order; each room opens with its own:
//!
//! | room | what it is |
//! | --- | --- |
//! | [`mediation`] | the vocabulary: types that cannot hold anything wrong, each with its JSON schema |
//! | [`top`] | the gateway's protocol for any method: signature, call, envelope, failures |
//! | [`delivery`] | a push and its outcome: deadline, attempts, bans, clock, Idempotency-Keys |
//! | [`api`] | the REST face: routes, problems, OpenAPI |
//! | [`server`] | the running bridge: build, run, drain |
//! | [`settings`] | environment variables in, checked settings out |
//! | [`telemetry`] | which log lines there are, and how they get out |
//! | [`metrics`] | every metric, and the page of them |
//! | [`sandbox`] | a simulated gateway, for trying and testing |
//! | [`cli`] | the subcommands |
//! | [`gmt8`], [`invisible`], [`json`], [`redis_url`], [`version`] | leaves: China's time, characters that show as nothing, JSON objects as they came, where Redis is, which program this is |
//!
//! Who may use whom: `main → cli → server → api → delivery → {top, mediation}`, `sandbox → {top, mediation}`; `settings`,
//! `telemetry` and `metrics` hand out plain values. Nothing points back and no files use each other in a circle; a test
//! keeps it so.
//!
//! # One push, hop by hop
//!
//! | step | where | the value becomes |
//! | --- | --- | --- |
//! | the head is read | actix-web, [`api::middleware`] | an [`api::context::Context`]: identifier, trace, arrival, language |
//! | caller, media type, size, JSON, members, key | [`api::push::request`] | a [`delivery::Push`], or an [`api::problem::Problem`] with every violation |
//! | a task of its own | [`api::push`] | a push that has begun is finished, whoever hangs up |
//! | the key is claimed | [`delivery::idempotency`] | a `Claim`; what TOP has decided goes straight to the answer |
//! | the payload | [`delivery::method`] | the parameter `req`, kept for another attempt |
//! | signature and form | [`top::credentials`], [`top::sign`] | a signed form, used once |
//! | the call | [`top::client`] | reqwest's response, or a [`top::CallError`]; the body knows whether it was sent |
//! | TOP's answer | [`top::answer`] | an [`top::Envelope`], or a [`top::CallError`] with its [`top::Failure`] |
//! | what it means for the push | [`delivery::method`] | an `Attempt`; another one follows where nothing was executed, provably |
//! | the outcome is recorded | [`delivery`] | a [`delivery::Delivered`] |
//! | the answer | [`api::push::response`] | an `AcceptedPush` or a [`api::problem::Problem`] |
//! | log line and metrics | [`api::push::record`] | nothing: it is the end of it |

pub mod api;
pub mod cli;
pub mod delivery;
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
