//! The Taobao Open Platform (TOP) gateway's protocol, for any method: how a call is signed and sent, and what comes back.
//!
//! In reading order: [`sign`] is the pure signature, [`credentials`] makes the signed form, [`client`] calls a [`Method`]
//! (with a `body` that knows whether it was sent), [`answer`] reads what comes back into an [`Envelope`] or an [`error`],
//! [`failure`] is the table from TOP's codes to what they mean, [`foreign`] an answer that is not TOP's, [`details`] what callers and operators are told of TOP's
//! own words, [`scrub`] what makes these fit to be shown. [`time_get`] is the one method that lives here, since it belongs
//! to no business.
//!
//! The only room that names `md5` and, for the way to TOP, `reqwest`. It knows nothing of mediations, nothing of HTTP
//! towards callers, and does not decide whether a call is made again.

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
pub use failure::Failure;
pub use method::{ERROR_ROOT, Method, VERSION};
pub use sign::SignMethod;
