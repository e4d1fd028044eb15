//! The Taobao Open Platform (TOP) gateway's protocol: how a call is signed and sent, and what an answer means.
//!
//! In reading order: [`sign`] is the pure signature, [`parameters`] the form that carries it (encoded by [`form`]),
//! [`request`] the payload inside the form, [`client`] the transport (with a `body` that knows whether it was sent), [`answer`] the reader of what comes back, [`class`] the table from TOP's codes to what they
//! mean for a push, [`scrub`] what makes TOP's texts fit to be shown.
//! The only room that names `md5`, and `reqwest` for the way to TOP. It knows nothing of HTTP towards callers,
//! and does not decide whether a push is tried again.

pub mod answer;
mod body;
pub mod class;
pub mod client;
pub mod form;
pub mod parameters;
pub mod request;
pub mod scrub;
pub mod sign;

pub use answer::{Answer, Said};
pub use class::Class;
pub use client::{Attempt, Client, ClientError, Fault, Route};
pub use parameters::Credentials;
pub use sign::SignMethod;

/// The one API that is called: 调解结果推送.
pub const METHOD: &str = "alibaba.jym.servicecenter.mediation.result.push";
/// The protocol version, the common parameter `v`.
pub const VERSION: &str = "2.0";
/// The member that holds a successful answer: [`METHOD`] with underscores, and `_response`.
pub const SUCCESS_ROOT: &str = "alibaba_jym_servicecenter_mediation_result_push_response";
/// The member that holds TOP's refusal.
pub const ERROR_ROOT: &str = "error_response";
