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
//!
//! # The path of a push
//!
//! There is one, in production, in the sandbox's demonstration and in tests. From top to bottom, with what it
//! allocates and copies:
//!
//! | step | where | allocates and copies |
//! | --- | --- | --- |
//! | the head is read | the server library | its header map and a request, both used again; names and values are slices of what was read |
//! | identifier, trace, time of arrival | [`api::envelope`], [`api::context`] | the two texts, shared by all that needs them later |
//! | caller, media type | [`api::auth`], [`api::body`] | the caller's name |
//! | the body | [`api::body`] | one buffer, dropped before TOP is called |
//! | members | [`api::members`] | one string a member, which becomes the checked type itself; a text without escapes is copied once |
//! | a task of its own | [`api::push`] | the task: a push that was begun is finished, whoever hangs up |
//! | `req` | [`top::request`] | the JSON text, kept for another attempt, with no room to spare |
//! | signature | [`top::sign`] | streamed into the digest: nothing is joined; a list of seven or eight pairs and 32 or 64 characters |
//! | form | [`top::form`] | one buffer, freed when it is written to the socket, not when it is answered |
//! | the call | `top::connections` | a copy of the prepared header map; path, method and version are constants. A connection keeps its buffers |
//! | TOP's answer | [`top::answer`] | its JSON as a tree, and the four texts that are kept |
//! | scrubbing | [`top::scrub`] | nothing where nothing has to be blanked, else the text once more |
//! | the answer | [`api::report`] | the case, the time and TOP's texts once more, and the JSON text |
//! | counting | [`metrics`] | nothing: the handles are there from the start |
//! | the log line | [`api::push_line`], [`telemetry`] | the line, which is copied into the queue; one thread writes many at once |
//!
//! That is some ninety allocations a push, most of them below 100 bytes. It is enough: user code takes about as long
//! as the kernel's work for the same two requests, and what is left of it is spread thinly (`benches/README.md`).
//! Each worker thread has its own client and connections, as many as it has pushes in flight; what workers share
//! are the places for pushes in flight, TOP's ban and clock, the metrics, the log's queue and keys kept in memory.

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
