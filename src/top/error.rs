//! Why a call came to no success. The variants say what happened; [`CallError::failure`] says what it means.

use std::time::{Duration, SystemTime};

use super::details::UpstreamDetails;
use super::failure::Failure;
use super::foreign::ForeignAnswer;

/// The most bytes of an answer that are read.
pub const MAX_ANSWER: usize = 1 << 20;

/// Why a call came to no success. The texts hold no URL and no byte of an answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Name not resolved, connection refused or not made in time, tunnel or TLS not established.
    #[error("no connection to the gateway could be made, nothing was sent")]
    NotConnected(#[source] reqwest::Error),
    /// The deadline passed while nothing of the request had been written.
    #[error("the deadline passed before anything was sent")]
    DeadlineBeforeSending,
    /// The deadline passed after the request was begun.
    #[error("the deadline passed before the gateway's answer was complete")]
    DeadlineAfterSending,
    /// The connection broke after the request was begun, or what came was not HTTP.
    #[error("the connection broke before the gateway's answer was complete")]
    Broken(#[source] reqwest::Error),
    /// A redirect; it is never followed, since it would carry a signed call elsewhere.
    #[error("HTTP {0}: a redirect, which is not followed")]
    Redirected(u16),
    /// More than [`MAX_ANSWER`] bytes.
    #[error("HTTP {0}: an answer of more than {MAX_ANSWER} bytes")]
    TooLarge(u16),
    /// An answer that contradicts itself: a member of it twice, or success and refusal at once.
    #[error("TOP's answer contradicts itself")]
    Contradictory,
    /// An answer without a member that the method needs.
    #[error("TOP's answer lacks {0}")]
    Incomplete(&'static str),
    /// An answer without an envelope of TOP.
    #[error(transparent)]
    Foreign(ForeignAnswer),
    /// TOP's refusal.
    #[error("TOP refused the call")]
    Refused(Box<Refusal>),
}

/// TOP's refusal of a call, an `error_response`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it means.
    pub failure: Failure,
    /// What TOP said, scrubbed of credentials.
    pub details: UpstreamDetails,
    /// The gateway's `Date` header, its clock to the second.
    pub date: Option<SystemTime>,
}

impl CallError {
    /// What it means: unreachable only where it is proven that nothing was sent, or where TOP says so.
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

    /// What TOP, or something before it, said.
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

    /// How long the caller is asked to wait by something before TOP.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::Foreign(answer) = self { answer.retry_after } else { None }
    }
}
