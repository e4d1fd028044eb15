//! Maps a delivery that was not accepted to its problem. This is the only file that maps deliveries to problems.

use std::time::Duration;

use super::openapi::responses::MAX_RETRY_AFTER;
use super::problem::{Code, Problem};
use crate::delivery::{Delivered, NotAccepted, Outcome};
use crate::top::{CallError, Failure, UpstreamDetails, failure};

/// The maximum of `Retry-After` during a ban, because TOP can lift a ban early.
const MAX_WAIT_IN_BAN: Duration = Duration::from_mins(1);

/// The problem for a caller whose request was not accepted.
pub(super) fn problem(why: NotAccepted, delivered: &Delivered) -> Problem {
    let problem = match why {
        NotAccepted::Failed(failure) => failed(failure, delivered),
        NotAccepted::Banned { remaining } => {
            let detail = "A ban that TOP announced still lasts, so TOP was not called; Retry-After says how long to wait.";
            let retry_after = Some(whole_seconds(remaining.min(MAX_WAIT_IN_BAN)));
            Problem {
                retry_after,
                attempts: Some(delivered.attempts),
                ..Problem::new(Code::TopRateLimited, detail)
            }
        }
        NotAccepted::Overloaded => {
            let detail = "As many pushes as this bridge allows are calling TOP; nothing was sent.";
            Problem::new(Code::Overloaded, detail)
        }
        NotAccepted::ShuttingDown => Problem::shutting_down(),
        NotAccepted::KeyInFlight => {
            let detail = "Another push with this Idempotency-Key is in flight and may be executed; nothing was sent for this \
                          request.";
            Problem::new(Code::IdempotencyInFlight, detail)
        }
        NotAccepted::KeyReused => {
            let detail = "This Idempotency-Key was used with another request for this case; nothing was sent for this request.";
            Problem::new(Code::IdempotencyKeyReused, detail)
        }
        NotAccepted::StoreUnavailable => {
            let detail = "The store of Idempotency-Keys cannot be used; nothing was sent.";
            Problem::new(Code::IdempotencyStoreUnavailable, detail)
        }
    };
    Problem { in_doubt: delivered.is_in_doubt(), replayed: delivered.is_replayed(), ..problem }
}

fn failed(failure: Failure, delivered: &Delivered) -> Problem {
    let upstream = &delivered.upstream;
    let explained = failure == Failure::Rejected
        || failure::has_code_of_back_end(upstream.code, upstream.sub_code.as_deref());
    let sub_msg = upstream.sub_msg.clone().filter(|_| explained);
    let top = UpstreamDetails { sub_msg, ..upstream.clone() }.without_addresses();
    let mut problem = Problem::new(code(failure), detail(failure, delivered));
    problem.outcome = Outcome::from_failure(failure);
    problem.attempts = Some(delivered.attempts);
    problem.top = Some(Box::new(top)).filter(|top| !top.is_empty());
    if let Failure::RateLimited { ban: Some(ban) } = failure {
        problem.retry_after = Some(whole_seconds(ban.min(MAX_WAIT_IN_BAN)));
    }
    if let Some(wait) = delivered.error.as_ref().and_then(CallError::retry_after) {
        problem.retry_after = Some(whole_seconds(wait).min(MAX_RETRY_AFTER.into()));
    }
    problem
}

/// Whole seconds, rounded up and at least one: a caller that returned a moment early would be refused again.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

/// The problem code of a failure.
const fn code(failure: Failure) -> Code {
    match failure {
        Failure::Rejected => Code::TopRejected,
        Failure::RateLimited { .. } => Code::TopRateLimited,
        Failure::AccessDenied | Failure::InvalidTimestamp => Code::TopAccessDenied,
        Failure::Unreachable => Code::TopUnreachable,
        Failure::Timeout => Code::TopTimeout,
        Failure::SystemError => Code::TopSystemError,
        Failure::Unavailable => Code::TopUnavailable,
        Failure::BadResponse => Code::TopBadResponse,
    }
}

fn detail(failure: Failure, delivered: &Delivered) -> &'static str {
    match &delivered.error {
        Some(error) => error_detail(error, failure),
        None => failure_detail(failure, delivered.is_in_doubt()),
    }
}

fn error_detail(error: &CallError, failure: Failure) -> &'static str {
    match error {
        CallError::NotConnected(_) => "No connection to TOP could be made; nothing was sent.",
        CallError::DeadlineBeforeSending => "The deadline passed before anything was sent to TOP.",
        CallError::DeadlineAfterSending => {
            "The deadline passed after the push was sent, before TOP's answer was complete; TOP may have executed it."
        }
        CallError::Broken(_) => {
            "The connection broke after the push was sent, before TOP's answer was complete; TOP may have executed it."
        }
        CallError::Redirected(_) => "TOP's address answered with a redirect, which is not followed.",
        CallError::TooLarge(_) => {
            "TOP's answer is larger than the bridge reads; TOP may have executed the push."
        }
        CallError::Contradictory => "TOP's answer contradicts itself; the push may have been executed.",
        CallError::Foreign(_) if failure == Failure::BadResponse => {
            "The answer from TOP's address is not an answer of TOP; the push may have been executed."
        }
        CallError::Incomplete(_) | CallError::Foreign(_) | CallError::Refused(_) => {
            failure_detail(failure, false)
        }
    }
}

const fn failure_detail(failure: Failure, in_doubt: bool) -> &'static str {
    match failure {
        Failure::Rejected if in_doubt => {
            "TOP decided on the push and refused it; top gives TOP's reason, if there is one. An earlier push with this \
             Idempotency-Key may have been executed: a refusal such as a duplicate may mean that it was."
        }
        Failure::Rejected => {
            "TOP decided on the push and refused it; top gives TOP's reason, if there is one."
        }
        Failure::RateLimited { .. } => {
            "TOP refused the call for its frequency; Retry-After says how long to wait."
        }
        Failure::AccessDenied => {
            "TOP refused the bridge's key, signature, session, address or rights; its operator has to fix that."
        }
        Failure::InvalidTimestamp => {
            "TOP refused the timestamp: its clock and the bridge's differ; the bridge's operator has to fix that."
        }
        Failure::Unreachable => "TOP could not reach its own back end; the push was not executed.",
        Failure::Timeout => "TOP's back end did not answer TOP in time; it may have executed the push.",
        Failure::SystemError => "TOP's back end failed while it handled the push; it may have executed it.",
        Failure::Unavailable => "TOP or its back end is down or busy; the push may have been executed.",
        Failure::BadResponse => "TOP's answer is not understood; the push may have been executed.",
    }
}

/// An example of each problem of a delivery, for the document.
pub(super) fn example_problems() -> Vec<Problem> {
    let answered = |failure, code: i32, sub_code: &str, sub_msg: Option<&str>| {
        let upstream = UpstreamDetails {
            code: Some(code),
            sub_code: Some(sub_code.to_owned()),
            sub_msg: sub_msg.map(str::to_owned),
            request_id: Some("15r5ob2gprlsv".to_owned()),
            ..UpstreamDetails::default()
        };
        Delivered { attempts: 1, upstream, ..Delivered::without_call(NotAccepted::Failed(failure)) }
    };
    let banned = Failure::RateLimited { ban: Some(Duration::from_secs(31)) };
    let failures = [
        answered(Failure::Rejected, 50, "isv.invalid-parameter", Some("非法参数")),
        answered(banned, 7, "accesscontrol.limited-by-api-access-count", None),
        answered(Failure::AccessDenied, 29, "isv.appkey-not-exists", None),
        answered(Failure::SystemError, 15, "isp.null-pointer-exception", None),
        answered(Failure::Unavailable, 15, "isp.system-busy", None),
        answered(Failure::Unreachable, 15, "isp.top-remote-connection-error", None),
        answered(Failure::Timeout, 15, "isp.remote-service-timeout", None),
        Delivered { attempts: 1, ..Delivered::without_call(NotAccepted::Failed(Failure::BadResponse)) },
    ];
    let reasons = [
        NotAccepted::Overloaded,
        NotAccepted::ShuttingDown,
        NotAccepted::KeyInFlight,
        NotAccepted::KeyReused,
        NotAccepted::StoreUnavailable,
    ];
    let uncalled = reasons.map(Delivered::without_call);
    let deliveries = failures.into_iter().chain(uncalled);
    let problems = deliveries.filter_map(|delivered| Some(problem(delivered.result.err()?, &delivered)));
    problems.chain([Problem::internal(true)]).collect()
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn catalogue_and_delivery_agree_on_the_outcome() {
        for failure in Failure::iter() {
            assert_eq!(code(failure).entry().outcome, Outcome::from_failure(failure), "{failure:?}");
        }
    }

    #[test]
    fn a_wait_is_whole_seconds_and_at_least_one() {
        let waits = [0, 1, 999, 1_000, 1_001, 59_001].map(|ms| whole_seconds(Duration::from_millis(ms)));
        assert_eq!(waits, [1, 1, 1, 1, 2, 60]);
    }
}
