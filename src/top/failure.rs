//! The meaning of a failed call: the table from TOP's codes to failures.
//!
//! An `error_response` contains two generations of codes: the numeric `code` and the textual `sub_code` (`isv.*` for
//! the caller's data or the application's set-up, `isp.*` for the service, `accesscontrol.*` for throttling). Neither
//! is sufficient alone, so the rows are tried in order and the first that matches either of them wins.

use std::time::Duration;

use strum::{EnumIter, IntoStaticStr, VariantNames};

use super::scrub::MAX_IDENTIFIER;

/// The meaning of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Failure {
    /// TOP decided and refused the call.
    Rejected,
    /// TOP throttled the call before its back end saw it.
    RateLimited {
        /// The remaining time, if TOP announced it.
        ban: Option<Duration>,
    },
    /// TOP refused the application: key, signature, permission or authorisation.
    AccessDenied,
    /// TOP refused the timestamp (code 31): one of the two clocks is wrong.
    InvalidTimestamp,
    /// The call did not reach the back end that would have executed it.
    Unreachable,
    /// There was no answer in time; the call may have been executed.
    Timeout,
    /// The back end failed, and what it did is unknown.
    SystemError,
    /// TOP or its back end is down or busy; the call may have been executed.
    Unavailable,
    /// The answer is not understood; the call may have been executed.
    BadResponse,
}

/// What a failure proves about the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// TOP decided on the call and refused it.
    Decided,
    /// The back end did not see the call.
    NotExecuted,
    /// Nothing: the call may have been executed.
    Nothing,
}

impl Failure {
    /// Classifies an `error_response` by TOP's `code` and `sub_code`. `ban` is the length of the announced ban.
    #[must_use]
    pub fn from_codes(code: Option<i32>, sub_code: Option<&str>, ban: Option<Duration>) -> Self {
        let (code, sub) = (code.unwrap_or(-1), without_suffix(sub_code));
        if is_rate_limited(code, sub) {
            Self::RateLimited { ban }
        } else if is_access_denied(code, sub) {
            if code == INVALID_TIMESTAMP { Self::InvalidTimestamp } else { Self::AccessDenied }
        } else if matches!(sub, "isp.top-remote-connection-error" | "isp.http-connection-refuse") {
            Self::Unreachable
        } else if is_timeout(sub) {
            Self::Timeout
        } else if sub.starts_with("isv.") && names_system_error(sub) {
            Self::SystemError
        } else if sub.starts_with("isv.") || is_rejected(code, sub) {
            Self::Rejected
        } else if matches!(sub, "isp.null-pointer-exception" | "isp.top-parse-error") {
            Self::SystemError
        } else if is_code_of_back_end(code, sub) {
            // It is not documented whether the back end refused or failed.
            Self::SystemError
        } else if sub.starts_with("isp.") || is_remote(code) || matches!(code, 1 | 10 | 88) {
            Self::Unavailable
        } else {
            Self::SystemError
        }
    }

    /// What the failure proves. In case of doubt it proves nothing.
    #[must_use]
    pub const fn proves(self) -> Proof {
        match self {
            Self::Rejected => Proof::Decided,
            Self::RateLimited { .. } | Self::AccessDenied | Self::InvalidTimestamp | Self::Unreachable => {
                Proof::NotExecuted
            }
            Self::Timeout | Self::SystemError | Self::Unavailable | Self::BadResponse => Proof::Nothing,
        }
    }
}

/// True if an `error_response` has a code of the back end, such as `2401`, which only TOP's text explains.
#[must_use]
pub fn has_code_of_back_end(code: Option<i32>, sub_code: Option<&str>) -> bool {
    let sub = without_suffix(sub_code);
    code.is_some_and(|code| is_code_of_back_end(code, sub))
        && Failure::from_codes(code, sub_code, None) == Failure::SystemError
}

const INVALID_TIMESTAMP: i32 = 31;

/// A sub-code without its `:suffix`, which names a parameter or contains a number. One that may have been cut keeps its
/// spaces, so that it equals no code that it only begins with.
fn without_suffix(sub_code: Option<&str>) -> &str {
    let sub_code = sub_code.unwrap_or_default();
    let name = sub_code.split(':').next().unwrap_or(sub_code);
    if name.chars().count() < MAX_IDENTIFIER { name.trim() } else { name }
}

fn is_rate_limited(code: i32, sub: &str) -> bool {
    matches!(code, 4..=8)
        || sub.starts_with("accesscontrol.")
        || matches!(sub, "isp.call-limited" | "isv.BUSINESS_LIMIT_CONTROL")
}

fn is_access_denied(code: i32, sub: &str) -> bool {
    matches!(code, 2 | 9 | 11..=13 | 20..=34 | 42 | 44 | 47 | 53)
        || ["isv.permission-", "isv.appkey-"].iter().any(|family| sub.starts_with(family))
        || matches!(sub, "isv.invalid-permission" | "isv.error-unauthorized")
}

fn is_timeout(sub: &str) -> bool {
    matches!(
        sub,
        "isp.remote-service-timeout"
            | "isp.top-remote-connection-timeout"
            | "isp.http-connection-timeout"
            | "isp.http-read-timeout"
            | "isp.http-closed"
    )
}

/// `isv.system-error`, `isv.INTERNAL_ERROR`, `isv.systemError`: a failure of the service despite the prefix.
fn names_system_error(sub: &str) -> bool {
    let lower = sub.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    has(&["system", "internal"]) && has(&["error", "exception", "fail"])
}

fn is_rejected(code: i32, sub: &str) -> bool {
    matches!(code, 40 | 41 | 43) || matches!(sub, "isp.invalid-parameters" | "isp.top-mapping-parse-error")
}

/// The codes that forward a back end's answer.
fn is_remote(code: i32) -> bool {
    matches!(code, 15 | 50)
}

fn is_code_of_back_end(code: i32, sub: &str) -> bool {
    is_remote(code) && !sub.is_empty() && !sub.starts_with("isp.") && !sub.starts_with("isv.")
}
