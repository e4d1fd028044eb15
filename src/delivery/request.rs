//! A request to TOP, of any method, and the result of one attempt at it.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::gmt8::Gmt8;
use crate::top::{CallError, Client, Envelope, Failure, Method, UpstreamDetails};

/// What TOP is called with, how its answer is read, and how long that may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// The method.
    pub(super) method: Method,
    /// The method's own parameters.
    pub(super) parameters: &'a [(&'a str, &'a str)],
    /// Reads the answer to a call that TOP did not refuse.
    pub(super) read: fn(&Envelope) -> Attempt,
    /// The time by which every attempt ends.
    pub(super) deadline: Instant,
}

/// The result of one attempt.
#[derive(Debug)]
pub struct Attempt {
    /// `Ok` if TOP executed the request.
    pub outcome: Result<(), Failure>,
    /// TOP's answer.
    pub upstream: UpstreamDetails,
    /// True if TOP itself answered, and not a proxy or firewall.
    pub from_top: bool,
    /// The gateway's clock, if a refusal has it.
    pub date: Option<SystemTime>,
    /// The error of the call, unless TOP itself refused it.
    pub error: Option<CallError>,
}

impl Request<'_> {
    /// Calls TOP once. It always returns, at the latest at the deadline.
    pub(super) async fn attempt(&self, client: &Client, timestamp: Gmt8) -> Attempt {
        let called = client.call(self.method, self.parameters, timestamp, self.deadline).await;
        Attempt::of_call(called, self.read)
    }
}

impl Attempt {
    /// The result of a call whose answer is read by `read`.
    pub(crate) fn of_call(called: Result<Envelope, CallError>, read: fn(&Envelope) -> Self) -> Self {
        match called {
            Ok(envelope) => read(&envelope),
            Err(CallError::Refused(refusal)) => Self {
                outcome: Err(refusal.failure),
                upstream: refusal.details,
                from_top: true,
                date: refusal.date,
                error: None,
            },
            Err(error) => Self {
                outcome: Err(error.failure()),
                upstream: error.details(),
                from_top: false,
                date: None,
                error: Some(error),
            },
        }
    }
}
