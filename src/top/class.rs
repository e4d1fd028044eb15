//! What an answer of TOP means for a push: the table from codes to classes, in one place.
//!
//! Two generations of codes stand side by side in an `error_response`: the numeric `code`, and the textual
//! `sub_code` (`isv.*` the caller's data or the application's set-up, `isp.*` the service,
//! `accesscontrol.*` throttling). Neither decides alone, so the rows are tried in order and the first that
//! matches by either wins.

use std::time::Duration;

/// What became of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// TOP executed the push and said so twice, `is_success` and `result`.
    Accepted,
    /// TOP decided, and said no.
    Rejected,
    /// TOP throttled the call before its back end saw it.
    RateLimited {
        /// How long TOP said that it goes on, where it said so.
        ban: Option<Duration>,
    },
    /// TOP refused the application: key, signature, permission, authorisation.
    AccessDenied,
    /// TOP refused the timestamp (code 31): one of the two clocks is wrong.
    InvalidTimestamp,
    /// The push did not get through to the back end that would have executed it.
    Unreachable,
    /// Nobody answered in time; the push may have been executed.
    Timeout,
    /// The back end failed in a way that leaves open what it did.
    SystemError,
    /// TOP or its back end is down or busy; the push may have been executed.
    Unavailable,
    /// What came back cannot be understood; the push may have been executed.
    BadResponse,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Rejected,
        Self::RateLimited { ban: None },
        Self::AccessDenied,
        Self::InvalidTimestamp,
        Self::Unreachable,
        Self::Timeout,
        Self::SystemError,
        Self::Unavailable,
        Self::BadResponse,
    ];

    /// The word in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::RateLimited { .. } => "rate_limited",
            Self::AccessDenied => "access_denied",
            Self::InvalidTimestamp => "invalid_timestamp",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::SystemError => "system_error",
            Self::Unavailable => "unavailable",
            Self::BadResponse => "bad_response",
        }
    }

    /// Classifies an `error_response` by TOP's `code` and `sub_code`; `ban` is the length of the ban that its
    /// text announces.
    #[must_use]
    pub fn of_error(code: Option<i32>, sub_code: Option<&str>, ban: Option<Duration>) -> Self {
        let sub_code = sub_code.map(|text| text.split(':').next().unwrap_or(text).trim());
        let (code, sub) = (code.unwrap_or(-1), sub_code.unwrap_or(""));
        if rate_limited(code, sub) {
            Self::RateLimited { ban }
        } else if access_denied(code, sub) {
            if code == INVALID_TIMESTAMP { Self::InvalidTimestamp } else { Self::AccessDenied }
        } else if unreachable(sub) {
            Self::Unreachable
        } else if timeout(sub) {
            Self::Timeout
        } else if rejected(code, sub) {
            Self::Rejected
        } else if matches!(sub, "isp.null-pointer-exception" | "isp.top-parse-error") {
            Self::SystemError
        } else if sub.starts_with("isp.") || matches!(code, 1 | 10 | 15 | 50 | 88) {
            Self::Unavailable
        } else {
            Self::SystemError
        }
    }

    /// Classifies a success root by its two booleans and its `state_code`. The booleans decide; `state_code`
    /// only tells whether a failure was the back end's own.
    #[must_use]
    pub fn of_success(is_success: bool, result: bool, state_code: Option<&str>) -> Self {
        match (is_success, result) {
            (true, true) => Self::Accepted,
            (false, _) if state_code.is_some_and(own_failure) => Self::SystemError,
            (true | false, _) => Self::Rejected,
        }
    }

    /// Classifies a whole answer without any envelope by its HTTP status.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            429 => Self::RateLimited { ban: None },
            502..=504 => Self::Unavailable,
            _ => Self::BadResponse,
        }
    }
}

const INVALID_TIMESTAMP: i32 = 31;

fn rate_limited(code: i32, sub: &str) -> bool {
    matches!(code, 4..=8)
        || sub.starts_with("accesscontrol.")
        || matches!(sub, "isp.call-limited" | "isv.BUSINESS_LIMIT_CONTROL")
}

fn access_denied(code: i32, sub: &str) -> bool {
    matches!(code, 2 | 9 | 11..=13 | 20..=34 | 42 | 44 | 47 | 53)
        || ["isv.permission-", "isv.appkey-"].iter().any(|family| sub.starts_with(family))
        || matches!(sub, "isv.invalid-permission" | "isv.error-unauthorized")
}

fn unreachable(sub: &str) -> bool {
    matches!(
        sub,
        "isp.top-remote-connection-error" | "isp.http-connection-refuse" | "isp.http-connection-timeout"
    )
}

fn timeout(sub: &str) -> bool {
    matches!(
        sub,
        "isp.remote-service-timeout"
            | "isp.top-remote-connection-timeout"
            | "isp.http-read-timeout"
            | "isp.http-closed"
    )
}

fn rejected(code: i32, sub: &str) -> bool {
    matches!(code, 40 | 41 | 43)
        || matches!(sub, "isp.invalid-parameters" | "isp.top-mapping-parse-error")
        || sub.starts_with("isv.")
}

/// `500000`, `INTERNAL_SERVER_ERROR`: sibling APIs of Jiaoyimao spell their own failures in both ways.
fn own_failure(state_code: &str) -> bool {
    let upper = state_code.to_ascii_uppercase();
    let number = !upper.is_empty() && upper.bytes().all(|byte| byte.is_ascii_digit());
    (number && upper.starts_with('5')) || upper.contains("SYSTEM") || upper.contains("INTERNAL")
}
