//! From what became of a push to what its caller is told. The one file that maps deliveries to problems.

use std::time::Duration;

use serde::Serialize;

use super::catalogue::Code;
use super::problem::{Problem, TopDetails, prior_outcome};
use crate::delivery::{End, Outcome, Report};
use crate::mediation::MediationResult;
use crate::top::{Class, Fault, Said};

/// What a push is told that comes when the process stops.
pub const SHUTTING_DOWN: &str = "This process is stopping and takes no more pushes; nothing was sent.";

/// The answer to a push that TOP executed.
#[derive(Debug, Serialize)]
pub struct Accepted {
    /// The case.
    pub case_id: String,
    /// Always `accepted`.
    pub outcome: &'static str,
    /// The time as it was sent to TOP, in GMT+8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_time: Option<String>,
    /// Calls to TOP.
    pub attempts: u32,
    /// `unknown` where an earlier push with the same key may have been executed, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior_outcome: Option<&'static str>,
    /// TOP's own identifiers.
    pub top: TopDetails,
    /// Whether this is the answer to an earlier push with the same key.
    #[serde(skip)]
    pub replayed: bool,
}

/// What the caller of `push` is told after `report`.
///
/// # Errors
/// The problem, where TOP did not accept the push.
pub fn answer(push: &MediationResult, report: &Report) -> Result<Accepted, Problem> {
    let history = &report.history;
    let uncalled = |code, detail| {
        let mut problem = Problem::new(code, detail);
        problem.in_doubt = history.in_doubt;
        Err(problem)
    };
    let class = match report.end {
        End::Top(Class::Accepted) => {
            let top = Said { sub_msg: None, ..report.said.clone() };
            return Ok(Accepted {
                case_id: push.case_id.to_string(),
                outcome: Outcome::Accepted.name(),
                completed_time: push.completed_time.map(|time| time.to_string()),
                attempts: report.attempts,
                prior_outcome: prior_outcome(history.in_doubt),
                top: top.into(),
                replayed: history.replayed,
            });
        }
        End::Banned { remaining } => {
            let detail =
                "A ban that TOP announced still lasts, so TOP was not called; Retry-After says how long.";
            let mut problem = limited(Problem::new(Code::TopRateLimited, detail), remaining);
            (problem.attempts, problem.in_doubt) = (Some(report.attempts), history.in_doubt);
            return Err(problem);
        }
        End::Overloaded => {
            let detail = "As many pushes as this bridge allows are calling TOP; nothing was sent.";
            return uncalled(Code::Overloaded, detail);
        }
        End::ShuttingDown => return uncalled(Code::ShuttingDown, SHUTTING_DOWN),
        End::KeyInFlight => {
            let detail =
                "Another push with this Idempotency-Key is under way; nothing was sent for this one.";
            return uncalled(Code::IdempotencyInFlight, detail);
        }
        End::KeyReused => {
            let detail = "This Idempotency-Key came with another request for this case; nothing was sent for this one.";
            return uncalled(Code::IdempotencyKeyReused, detail);
        }
        End::StoreUnavailable => {
            let detail = "The store of Idempotency-Keys cannot be used; nothing was sent.";
            return uncalled(Code::IdempotencyStoreUnavailable, detail);
        }
        End::Top(class) => class,
    };
    let code = code(class);
    let sub_msg = report.said.sub_msg.clone().filter(|_| code == Code::TopRejected);
    let top = TopDetails::from(Said { sub_msg, ..report.said.clone() });
    let mut problem = Problem::new(code, detail(class, report));
    problem.outcome = Outcome::of(class);
    problem.attempts = Some(report.attempts);
    problem.in_doubt = history.in_doubt;
    problem.replayed = history.replayed;
    problem.top = Some(Box::new(top)).filter(|top| !top.is_empty());
    if let Class::RateLimited { ban: Some(ban) } = class {
        problem = limited(problem, ban);
    }
    Err(problem)
}

/// `problem` with the length of a ban as its `Retry-After`.
fn limited(problem: Problem, ban: Duration) -> Problem {
    Problem { retry_after: Some(whole_seconds(ban).max(1)), ..problem }
}

/// The length of a ban in whole seconds, rounded up: whoever comes back a moment early would be refused once more.
#[must_use]
pub fn whole_seconds(ban: Duration) -> u64 {
    ban.as_secs() + u64::from(ban.subsec_nanos() > 0)
}

/// The problem that a call's class is; acceptance is none, and a caller is told so before.
const fn code(class: Class) -> Code {
    match class {
        Class::Rejected => Code::TopRejected,
        Class::RateLimited { .. } => Code::TopRateLimited,
        Class::AccessDenied | Class::InvalidTimestamp => Code::TopAccessDenied,
        Class::Unreachable => Code::TopUnreachable,
        Class::Timeout => Code::TopTimeout,
        Class::SystemError => Code::TopSystemError,
        Class::Unavailable => Code::TopUnavailable,
        Class::BadResponse => Code::TopBadResponse,
        Class::Accepted => Code::InternalError,
    }
}

fn detail(class: Class, report: &Report) -> &'static str {
    match &report.fault {
        Some(fault) => of_fault(fault),
        None => of_class(class),
    }
}

const fn of_fault(fault: &Fault) -> &'static str {
    match fault {
        Fault::NotConnected(_) => "No connection to TOP could be made; nothing was sent.",
        Fault::DeadlineBeforeSending => "The deadline passed before anything was sent to TOP.",
        Fault::DeadlineAfterSending => {
            "The deadline passed after the push was sent, before TOP's answer was whole; TOP may have executed it."
        }
        Fault::Broken(_) => {
            "The connection broke after the push was sent, before TOP's answer was whole; TOP may have executed it."
        }
        Fault::Redirected(_) => "TOP's address answered with a redirect, which is not followed.",
        Fault::TooLarge => "TOP's answer is larger than the bridge reads; TOP may have executed the push.",
    }
}

const fn of_class(class: Class) -> &'static str {
    match class {
        Class::Accepted => "TOP executed the push.",
        Class::Rejected => "TOP decided on the push and said no; top says why, where TOP gave a reason.",
        Class::RateLimited { .. } => {
            "TOP refused the call for its frequency; Retry-After says how long to wait."
        }
        Class::AccessDenied => {
            "TOP refused the bridge's key, signature, session or rights; its operator has to mend that."
        }
        Class::InvalidTimestamp => {
            "TOP refused the timestamp: its clock and the bridge's differ; the bridge's operator has to mend that."
        }
        Class::Unreachable => "TOP could not reach its own back end; the push did not get there.",
        Class::Timeout => "TOP's back end did not answer TOP in time; it may have executed the push.",
        Class::SystemError => "TOP's back end failed while it handled the push; it may have executed it.",
        Class::Unavailable => "TOP or its back end is down or busy; the push may have been executed.",
        Class::BadResponse => "TOP's answer cannot be understood; the push may have been executed.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_promises_what_the_delivery_knows() {
        let classes = [
            Class::Rejected,
            Class::RateLimited { ban: None },
            Class::AccessDenied,
            Class::InvalidTimestamp,
            Class::Unreachable,
            Class::Timeout,
            Class::SystemError,
            Class::Unavailable,
            Class::BadResponse,
        ];
        for class in classes {
            assert_eq!(code(class).entry().outcome, Outcome::of(class), "{class:?}");
        }
    }
}
