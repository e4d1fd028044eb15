//! The log line and the metrics of a push. Each push is recorded once, whatever its outcome.
//!
//! Names and telephone numbers mask themselves, and TOP's texts are already scrubbed of credentials. Quotations of the
//! request are blanked here. The content is never logged.

use std::borrow::Cow;
use std::sync::Arc;

use strum::{VariantArray, VariantNames};

use crate::api::auth::Authenticator;
use crate::api::context::{Context, TraceId};
use crate::api::paths;
use crate::api::problem::catalogue::Actor;
use crate::api::problem::{Code, Problem};
use crate::api::state::State;
use crate::delivery::attempts::AttemptCounter;
use crate::delivery::idempotency::KeyStanding;
use crate::delivery::lifecycle::Phase;
use crate::delivery::{Delivered, Outcome, Push, Shared, StoreTrouble};
use crate::mediation::{CaseId, MediationResult};
use crate::metrics::{Labels, Metrics};
use crate::telemetry::{chain, milliseconds};
use crate::top::Failure;
use crate::top::scrub::{Quotable, blank_quotations};

/// The value of `code` for a push that TOP accepted; all other values are problem codes.
pub const ACCEPTED: &str = "accepted";
/// The metric label of the caller if no callers are configured.
const ANONYMOUS: &str = "anonymous";
/// The maximum length of a value that counts as an identifier of TOP.
const MAX_PLAIN_IDENTIFIER: usize = 64;

/// The record of a push. It is written once: when the push is refused or finished, or when this is dropped before that.
pub struct PushRecord {
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
    /// The metric label of a caller without a name, if no callers are configured.
    anonymous: Option<&'static str>,
    /// The context of the request.
    pub(super) context: Context,
    /// The caller, if callers are configured.
    pub(super) caller: Option<Arc<str>>,
    /// The case, if the path holds a valid one.
    pub(super) case_id: Option<CaseId>,
    /// The number of calls to TOP, once the delivery begins.
    attempts: Option<AttemptCounter>,
    recorded: bool,
}

impl PushRecord {
    /// Starts the record of a request that has just arrived.
    pub(super) fn begin(state: &State, context: Context) -> Self {
        let (metrics, shared) = (Arc::clone(&state.metrics), Arc::clone(state.delivery.shared()));
        Self::new(metrics, shared, &state.callers, context)
    }

    fn new(metrics: Arc<Metrics>, shared: Arc<Shared>, callers: &Authenticator, context: Context) -> Self {
        Self {
            metrics,
            shared,
            anonymous: anonymous(callers),
            context,
            caller: None,
            case_id: None,
            attempts: None,
            recorded: false,
        }
    }

    /// Marks the push as in delivery.
    pub(super) fn delivering(&mut self, attempts: AttemptCounter) {
        self.attempts = Some(attempts);
    }

    /// Records a push that was refused before it was delivered.
    pub(super) fn refused(mut self, problem: &Problem) {
        self.record(Some(problem), None);
    }

    /// Records a push that was delivered.
    pub(super) fn finish(mut self, push: &Push, delivered: &Delivered, problem: Option<&Problem>) {
        self.record(problem, Some((push, delivered)));
    }

    fn record(&mut self, problem: Option<&Problem>, delivery: Option<(&Push, &Delivered)>) {
        self.recorded = true;
        let (outcome, code) =
            problem.map_or((Outcome::Accepted, ACCEPTED), |problem| (problem.outcome, problem.code.name()));
        self.count(outcome, code, delivery.map(|(_, delivered)| delivered));
        self.log(outcome, code, delivery);
        if let Some(problem) = problem.filter(|problem| problem.code.entry().actor == Actor::Operator) {
            tracing::error!(
                request.id = self.context.request_id.as_str(),
                push.code = code,
                "the operator has to act: {problem}"
            );
        }
        if let Some((_, delivered)) = delivery {
            self.log_store_trouble(outcome, delivered);
        }
    }

    fn count(&self, outcome: Outcome, code: &'static str, delivered: Option<&Delivered>) {
        let metrics = &self.metrics;
        metrics.push(outcome.into(), code);
        if let Some(caller) = self.caller.as_deref().or(self.anonymous) {
            metrics.caller_push(caller, outcome.into());
        }
        let Some(delivered) = delivered else { return };
        for call in &delivered.calls {
            metrics.attempt(call.outcome.map_or_else(Into::into, |()| ACCEPTED), call.took);
            if matches!(call.outcome, Err(Failure::RateLimited { ban: Some(_) })) {
                metrics.ban();
            }
        }
        if let Some(standing) = delivered.standing {
            metrics.key(standing.into());
        }
        if matches!(delivered.store_trouble, Some(StoreTrouble::NotRecorded(_) | StoreTrouble::Superseded)) {
            metrics.outcome_not_recorded();
        }
    }

    /// Writes the log line of the push.
    fn log(&self, outcome: Outcome, code: &'static str, delivery: Option<(&Push, &Delivered)>) {
        let (result, delivered) = delivery.map(|(push, delivered)| (&push.result, delivered)).unzip();
        let upstream = delivered.map(|delivered| &delivered.upstream);
        let (outcome, unknown): (&str, &str) = (outcome.into(), Outcome::Unknown.into());
        let prior = delivered.filter(|delivered| delivered.is_in_doubt()).map(|_| unknown);
        let attempts = self.attempts.as_ref().map_or(0, AttemptCounter::begun);
        let text = |text: Option<&'_ String>| Some(blank_personal_data(text?, result?).into_owned());
        let name = result.and_then(|result| result.mediator_name.as_ref());
        let phone = result.and_then(|result| result.mediator_phone.as_ref());
        tracing::info!(
            request.id = self.context.request_id.as_str(),
            trace.id = self.context.trace_id.as_ref().map(TraceId::as_str),
            caller.name = self.caller.as_deref(),
            push.case_id = self.case_id.as_ref().map(CaseId::as_str),
            push.outcome = outcome,
            push.code = code,
            push.prior_outcome = prior,
            push.replayed = delivered.is_some_and(Delivered::is_replayed),
            push.attempts = delivered.map_or(attempts, |delivered| delivered.attempts),
            push.duration_ms = milliseconds(self.context.arrival.elapsed()),
            push.mediator_name = name.map(tracing::field::display),
            push.mediator_phone = phone.map(tracing::field::display),
            top.request_id = text(upstream.and_then(|upstream| upstream.request_id.as_ref())),
            top.code = upstream.and_then(|upstream| upstream.code),
            top.sub_code = text(upstream.and_then(|upstream| upstream.sub_code.as_ref())),
            top.sub_msg = text(upstream.and_then(|upstream| upstream.sub_msg.as_ref())),
            top.state_code = text(upstream.and_then(|upstream| upstream.state_code.as_ref())),
            top.http_status = upstream.and_then(|upstream| upstream.http_status),
            top.duration_ms = delivered.map(|delivered| milliseconds(delivered.top_time())),
            push.error = delivered.and_then(error),
            "push"
        );
    }

    fn log_store_trouble(&self, outcome: Outcome, delivered: &Delivered) {
        let lost = match &delivered.store_trouble {
            Some(trouble @ (StoreTrouble::NotRecorded(_) | StoreTrouble::Superseded)) => trouble,
            Some(StoreTrouble::Unavailable(_)) | None => return,
        };
        let outcome: &str = outcome.into();
        tracing::error!(
            request.id = self.context.request_id.as_str(),
            push.case_id = self.case_id.as_ref().map(CaseId::as_str),
            push.outcome = outcome,
            push.error = chain(lost),
            "the outcome of a push is not recorded under its Idempotency-Key: a retry may run it again"
        );
    }
}

impl Drop for PushRecord {
    /// Records a push that was abandoned: its handler panicked, the process was stopped at once, or the caller reset
    /// the connection before the body had arrived.
    fn drop(&mut self) {
        if self.recorded {
            return;
        }
        let problem = match &self.attempts {
            Some(attempts) => abandoned(attempts),
            None if std::thread::panicking() => Problem::internal(false),
            None if self.shared.lifecycle().phase() != Phase::Serving => Problem::shutting_down(),
            None => Problem::incomplete_body(),
        };
        self.record(Some(&problem), None);
    }
}

/// The problem of a push whose delivery ended without a result.
pub(super) fn abandoned(attempts: &AttemptCounter) -> Problem {
    Problem::internal(attempts.begun() > 0)
}

/// The reason why the last call failed.
fn error(delivered: &Delivered) -> Option<String> {
    let unavailable = match &delivered.store_trouble {
        Some(trouble @ StoreTrouble::Unavailable(_)) => Some(chain(trouble)),
        Some(StoreTrouble::NotRecorded(_) | StoreTrouble::Superseded) | None => None,
    };
    delivered.error.as_ref().map(|error| chain(error)).or(unavailable)
}

/// Blanks quotations of the request's personal data in a text of TOP.
fn blank_personal_data<'a>(text: &'a str, result: &MediationResult) -> Cow<'a, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if text.len() <= MAX_PLAIN_IDENTIFIER && text.bytes().all(plain) {
        // An identifier quotes nothing, even if it has some digits in common with a telephone number.
        let quotes = result.personal_data().any(|(whole, part)| whole.len() >= part && text.contains(whole));
        return if quotes { "***".into() } else { text.into() };
    }
    let quotables: Vec<Quotable> =
        result.personal_data().map(|(whole, part)| Quotable::new(whole, part)).collect();
    blank_quotations(text, &quotables)
}

/// The metric label of a caller without a name, if no callers are configured.
fn anonymous(callers: &Authenticator) -> Option<&'static str> {
    callers.is_open().then_some(ANONYMOUS)
}

/// Metrics without any counts, with all known labels initialised.
#[must_use]
pub fn metrics(callers: &Authenticator) -> Metrics {
    let problems = Code::VARIANTS
        .iter()
        .flat_map(|code| code.outcomes().into_iter().map(|outcome| [outcome.into(), code.name()]));
    let pushes: Vec<_> = [[Outcome::Accepted.into(), ACCEPTED]].into_iter().chain(problems).collect();
    let caller_pushes = callers
        .names()
        .chain(anonymous(callers))
        .flat_map(|caller| Outcome::VARIANTS.iter().map(move |outcome| [caller, (*outcome).into()]));
    let classes = [ACCEPTED].iter().chain(Failure::VARIANTS).map(|class| [*class]);
    Metrics::new(&Labels {
        requests: &[[paths::PUSH, "POST", "200"]],
        pushes: &pushes,
        caller_pushes: &caller_pushes.collect::<Vec<_>>(),
        classes: &classes.collect::<Vec<_>>(),
        standings: &KeyStanding::VARIANTS.iter().map(|standing| [*standing]).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::header::HeaderMap;

    use super::*;
    use crate::delivery::Limits;
    use crate::mediation::{MediatorName, MediatorPhone, ResultText};
    use crate::metrics::Now;

    /// The metrics of a push that was dropped unrecorded after `calls` calls, if it was delivered.
    fn counted(calls: Option<u32>, panics: bool, phase: Phase) -> Vec<String> {
        let limits = Limits { deadline: Duration::from_secs(1), max_attempts: 1, max_in_flight: 1 };
        let (shared, callers) = (Shared::new(limits), Authenticator::new(None));
        shared.lifecycle().advance(phase);
        let metrics = Arc::new(metrics(&callers));
        let context = Context::on_arrival(&HeaderMap::new());
        let mut record = PushRecord::new(Arc::clone(&metrics), shared, &callers, context);
        if let Some(calls) = calls {
            let attempts = AttemptCounter::default();
            (0..calls).for_each(|_| assert!(attempts.begin() > 0));
            record.delivering(attempts);
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _record = record;
            assert!(!panics, "a test's panic");
        }));
        assert_eq!(ended.is_err(), panics);
        let now = Now {
            in_flight: 0,
            in_flight_limit: 1,
            ban_remaining: Duration::ZERO,
            clock_skew: 0,
            lines_dropped: 0,
        };
        let page = metrics.page(&now);
        let ours = page.lines().filter_map(|line| line.strip_prefix("mediation_bridge_pushes_total"));
        ours.filter(|sample| !sample.ends_with(" 0")).map(str::to_owned).collect()
    }

    #[test]
    fn an_abandoned_push_is_recorded() {
        let once = |code: &str, outcome: &str| vec![format!("{{code=\"{code}\",outcome=\"{outcome}\"}} 1")];
        let serving = Phase::Serving;
        assert_eq!(counted(None, true, serving), once("internal_error", "not_executed"));
        assert_eq!(counted(Some(0), true, serving), once("internal_error", "not_executed"));
        assert_eq!(counted(Some(1), true, serving), once("internal_error", "unknown"));
        assert_eq!(counted(Some(2), false, Phase::Closing), once("internal_error", "unknown"));
        assert_eq!(counted(None, false, serving), once("malformed_json", "not_executed"));
        assert_eq!(counted(None, false, Phase::Draining), once("shutting_down", "not_executed"));
    }

    #[test]
    fn an_identifier_that_shares_digits_with_a_phone_number_is_shown() {
        let result = MediationResult {
            mediator_name: MediatorName::parse("A".to_owned()).ok(),
            mediator_phone: MediatorPhone::parse("13812345678".to_owned()).ok(),
            ..MediationResult::new(ResultText::parse("success".to_owned()).unwrap())
        };
        let shown = |text| blank_personal_data(text, &result).into_owned();
        assert_eq!(shown("16mch1234xA"), "16mch1234xA");
        assert_eq!(shown("id-13812345678"), "***");
        assert_eq!(shown("call 1234 now"), "call *** now");
    }
}
