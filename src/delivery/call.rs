//! Calls TOP until another call gains nothing: within the permits, outside bans, by TOP's clock, until the deadline.

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::attempts::{self, AttemptCounter, Next, Situation};
use super::ban::Admission;
use super::clock::{self, Clock, Stamp};
use super::delivered::{Call, Delivered, NotAccepted};
use super::lifecycle::Phase;
use super::request::{Attempt, Request};
use super::shared::Shared;
use crate::top::{Client, Failure};

/// Makes the calls of `request`. `attempts` counts them while it runs.
pub(super) async fn call(
    client: &Client,
    shared: &Shared,
    request: &Request<'_>,
    attempts: &AttemptCounter,
) -> Delivered {
    if shared.lifecycle.phase() == Phase::Closing {
        return Delivered::without_call(NotAccepted::ShuttingDown);
    }
    let Ok(_permit) = shared.permits.try_acquire() else {
        return Delivered::without_call(NotAccepted::Overloaded);
    };
    let mut calls: Vec<Call> = Vec::new();
    let mut timestamp_refused = false;
    loop {
        let admission = shared.ban.admit(Instant::now());
        if let Admission::Banned { remaining } = admission {
            return Delivered::after_calls(Err(NotAccepted::Banned { remaining }), calls);
        }
        let stamp =
            shared.clock.stamp(Timestamp::now(), |second| calls.iter().any(|call| call.stamp == second));
        let made = attempts.begin();
        let begun = Instant::now();
        let attempt = request.attempt(client, clock::gmt8(stamp.second)).await;
        calls.push(Call { stamp: stamp.second, outcome: attempt.outcome, took: begun.elapsed() });

        shared.ban.learn(admission, &attempt, Instant::now());
        let corrected = learn_clock(&shared.clock, stamp, &attempt, &mut timestamp_refused);
        let situation = Situation {
            made,
            allowed: shared.limits.max_attempts,
            corrected,
            remaining: request.deadline.saturating_duration_since(Instant::now()),
        };
        match attempts::next(attempt.outcome, &situation, fastrand::f64()) {
            Next::Again { wait } => sleep(wait).await,
            Next::Stop => {
                return Delivered {
                    upstream: attempt.upstream,
                    error: attempt.error,
                    ..Delivered::after_calls(attempt.outcome.map_err(NotAccepted::Failed), calls)
                };
            }
        }
    }
}

/// Learns from the answer to a call that was signed with `stamp`. The first refused timestamp of a request corrects the
/// clock, a second one takes the correction back. Returns whether the clock was corrected now.
fn learn_clock(clock: &Clock, stamp: Stamp, attempt: &Attempt, refused_before: &mut bool) -> bool {
    let Err(failure) = attempt.outcome else {
        clock.confirm(stamp);
        return false;
    };
    if failure != Failure::InvalidTimestamp {
        return false;
    }
    if *refused_before {
        clock.revert(stamp);
        return false;
    }
    *refused_before = true;
    clock.correct(stamp, attempt.date, Timestamp::now())
}
