//! The protocol of the Taobao Open Platform (TOP) gateway for any method: signing, sending and reading a call.
//!
//! In reading order: [`sign`] is the pure signature. [`credentials`] builds the signed form. [`client`] calls a
//! [`Method`], with a `body` that records whether it was sent. [`answer`] parses what comes back into an [`Envelope`]
//! or an [`error`]. [`failure`] maps TOP's codes to their meaning, and [`foreign`] describes an answer that is not
//! TOP's. [`details`] holds TOP's codes and messages for callers and operators, and [`scrub`] makes them safe to show.
//! [`time_get`] is the only method here, because it belongs to no business.
//!
//! This is the only module that depends on `md5` and, for calls to TOP, on `reqwest`. It does not depend on mediations
//! or on the HTTP API, and it does not decide whether a call is repeated.

pub mod answer;
mod body;
pub mod client;
pub mod credentials;
pub mod details;
pub mod error;
pub mod failure;
pub mod foreign;
pub mod method;
pub mod scrub;
pub mod sign;
pub mod time_get;

pub use answer::{Envelope, Scalar};
pub use client::{Client, ClientError, Route};
pub use credentials::Credentials;
pub use details::UpstreamDetails;
pub use error::{CallError, Refusal};
pub use failure::{Failure, Proof};
pub use method::{ERROR_ROOT, Method, VERSION};
pub use sign::SignMethod;
