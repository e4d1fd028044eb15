//! The errors of a call. The variants say what happened; [`CallError::failure`] says what it means for the call.

use std::time::{Duration, SystemTime};

use super::details::UpstreamDetails;
use super::failure::Failure;
use super::foreign::ForeignAnswer;

/// The maximum size of an answer in bytes.
pub const MAX_ANSWER: usize = 1 << 20;

/// The error of a call. The texts contain no URL and no byte of an answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The name was not resolved, or no connection, tunnel or TLS session was established in time.
    #[error("no connection to the gateway could be made, nothing was sent")]
    NotConnected(#[source] reqwest::Error),
    /// The deadline passed before anything of the request was written.
    #[error("the deadline passed before anything was sent")]
    DeadlineBeforeSending,
    /// The deadline passed after the request was begun.
    #[error("the deadline passed before the gateway's answer was complete")]
    DeadlineAfterSending,
    /// The connection broke after the request was begun, or the answer was not HTTP.
    #[error("the connection broke before the gateway's answer was complete")]
    Broken(#[source] reqwest::Error),
    /// The answer is a redirect. It is never followed, because this would send a signed call elsewhere.
    #[error("HTTP {0}: a redirect, which is not followed")]
    Redirected(u16),
    /// The answer has more than [`MAX_ANSWER`] bytes.
    #[error("HTTP {0}: an answer of more than {MAX_ANSWER} bytes")]
    TooLarge(u16),
    /// The answer contradicts itself: a member is repeated, or both success and refusal are present.
    #[error("TOP's answer contradicts itself")]
    Contradictory,
    /// The answer lacks a member that the method needs.
    #[error("TOP's answer lacks {0}")]
    Incomplete(&'static str),
    /// The answer has no envelope of TOP.
    #[error(transparent)]
    Foreign(ForeignAnswer),
    /// TOP refused the call.
    #[error("TOP refused the call")]
    Refused(Box<Refusal>),
}

/// TOP's refusal of a call, an `error_response`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The meaning of the refusal.
    pub failure: Failure,
    /// What TOP answered, scrubbed of credentials.
    pub details: UpstreamDetails,
    /// The gateway's `Date` header, the time of its clock in seconds.
    pub date: Option<SystemTime>,
}

impl CallError {
    /// The meaning of the error. It is unreachable only if it is proven that nothing was sent, or if TOP says so.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match self {
            Self::NotConnected(_) | Self::DeadlineBeforeSending => Failure::Unreachable,
            Self::DeadlineAfterSending => Failure::Timeout,
            Self::Broken(_)
            | Self::Redirected(_)
            | Self::TooLarge(_)
            | Self::Contradictory
            | Self::Incomplete(_) => Failure::BadResponse,
            Self::Foreign(answer) => answer.failure,
            Self::Refused(refusal) => refusal.failure,
        }
    }

    /// What TOP, or a proxy before it, answered.
    #[must_use]
    pub fn details(&self) -> UpstreamDetails {
        let http_status = match self {
            Self::Redirected(status) | Self::TooLarge(status) => Some(*status),
            Self::Foreign(answer) => Some(answer.status),
            Self::Refused(refusal) => return refusal.details.clone(),
            Self::NotConnected(_)
            | Self::DeadlineBeforeSending
            | Self::DeadlineAfterSending
            | Self::Broken(_)
            | Self::Contradictory
            | Self::Incomplete(_) => None,
        };
        UpstreamDetails { http_status, ..UpstreamDetails::default() }
    }

    /// The time to wait that a proxy before TOP asked for.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Foreign(answer) = self { answer.retry_after } else { None }
    }
}
