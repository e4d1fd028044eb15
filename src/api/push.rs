//! `POST /mediations/{case_id}/result`: check, deliver, answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;

use super::catalogue::Code;
use super::context::{Context, TraceId};
use super::problem::{FieldError, Problem, REPLAYED};
use super::push_line::{ACCEPTED, PushLine, chain};
use super::report::{self, Accepted};
use super::{State, body, members, metrics};
use crate::delivery::idempotency::IdempotencyKey;
use crate::delivery::{Begun, Delivery, Keyed, Outcome, Report, Trouble};
use crate::mediation::{CaseId, MediationResult, Rule, Violation};
use crate::metrics::Metrics;

/// The header by which a caller makes retries safe.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long a body may take that is sent when the process is stopping.
const LAST_BODY: Duration = Duration::from_secs(1);
/// The path parameter.
pub const CASE_ID: &str = "case_id";

/// A push as it came in, sound.
#[derive(Debug)]
struct Push {
    result: MediationResult,
    key: Option<IdempotencyKey>,
}

/// A push on its way: who sent it, and what is noted of it in log and metrics. It is noted once, at the latest when this
/// is dropped.
#[derive(Debug)]
struct Origin {
    metrics: Arc<Metrics>,
    context: Context,
    caller: Option<String>,
    /// The case, where the path holds a sound one.
    case_id: Option<CaseId>,
    /// How many calls to TOP were begun, once it came to delivering.
    begun: Option<Begun>,
    noted: AtomicBool,
    draining: Arc<AtomicBool>,
}

/// The route's handler. What is wrong is told in this order: caller, media type, size, JSON, then everything
/// else at once.
pub async fn push(request: HttpRequest, payload: Payload, state: Data<State>) -> HttpResponse {
    let case_id = case_id(request.uri().path()).ok();
    let metrics = Arc::clone(&state.metrics);
    let context = Context::of(&request);
    let (noted, draining) = (AtomicBool::new(false), Arc::clone(&state.draining));
    let mut origin = Origin { metrics, context, caller: None, case_id, begun: None, noted, draining };
    let answer = match take(&request, payload, &state, &mut origin).await {
        Ok(push) => deliver(push, Arc::clone(&state.delivery), origin).await,
        Err(problem) => {
            origin.note(&Conclusion::refused(&problem));
            Err(problem)
        }
    };
    match answer {
        Ok(accepted) => {
            let mut response = HttpResponse::Ok();
            response.insert_header((CONTENT_TYPE, body::MEDIA_TYPE));
            if accepted.replayed {
                response.insert_header(REPLAYED);
            }
            response.body(super::json(&accepted))
        }
        Err(problem) => problem.respond(&request),
    }
}

/// Reads and checks the whole request.
async fn take(
    request: &HttpRequest,
    payload: Payload,
    state: &State,
    origin: &mut Origin,
) -> Result<Push, Problem> {
    origin.caller = state.callers.authenticate(request)?.map(str::to_owned);
    body::check_media_type(request)?;
    let (patience, closing) = (state.delivery.shared().deadline(), state.delivery.shared().is_closing());
    let patience = if closing { patience.min(LAST_BODY) } else { patience };
    let read = body::read(request, payload, state.max_body, origin.context.arrival + patience).await;
    let bytes = read.map_err(|problem| {
        let too_late = closing && problem.code == Code::RequestTimeout;
        if too_late { shutting_down() } else { problem }
    })?;
    let members = members::read(&bytes)?;

    let mut errors = Vec::new();
    // Only one that is not sound is read again, for what is wrong with it.
    let case_id = origin.case_id.clone().map_or_else(|| case_id(request.uri().path()), Ok);
    let case_id =
        case_id.map_err(|found| errors.extend(found.iter().map(|it| FieldError::in_parameter(CASE_ID, it))));
    let key = idempotency_key(request.headers(), state.delivery.takes_keys())
        .map_err(|violation| errors.push(FieldError::in_parameter("Idempotency-Key", &violation)));
    match (case_id, key, members) {
        (Ok(case_id), Ok(key), Ok(members)) => Ok(Push { result: members.of_case(case_id), key }),
        (_, _, members) => {
            errors.extend(members.err().into_iter().flatten());
            Err(Problem::validation(errors))
        }
    }
}

/// The key that came with the request. `available` is whether this bridge keeps keys.
fn idempotency_key(headers: &HeaderMap, available: bool) -> Result<Option<IdempotencyKey>, Violation> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY);
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(_), _) if !available => {
            Err(Violation::new(Rule::NotAvailable, "is not available at this bridge; leave the header out"))
        }
        (Some(_), Some(_)) => Err(Violation::new(Rule::Repeated, "must stand once only")),
        // What is no UTF-8 is no visible ASCII either.
        (Some(key), None) => IdempotencyKey::parse(&String::from_utf8_lossy(key.as_bytes())).map(Some),
    }
}

/// The second segment of the path as it was sent, percent-decoded once. The framework's own path parameters
/// are decoded already, by rules that differ from character to character.
fn case_id(path: &str) -> Result<CaseId, Vec<Violation>> {
    let raw = path.split('/').nth(2).unwrap_or_default();
    let escapes = raw.split('%').skip(1);
    let sound = escapes.clone().all(|behind| {
        behind.get(..2).is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
    });
    match percent_decode_str(raw).decode_utf8() {
        Ok(text) if sound => CaseId::parse(&text),
        Ok(_) | Err(_) => Err(vec![Violation::new(
            Rule::BadFormat,
            "must be percent-encoded UTF-8, if it is encoded at all",
        )]),
    }
}

/// Delivers in a task of its own: a push that has begun is finished and noted, whatever its caller does.
async fn deliver(push: Push, delivery: Arc<Delivery>, mut origin: Origin) -> Result<Accepted, Problem> {
    let begun = Begun::default();
    origin.begun = Some(Arc::clone(&begun));
    let calls = Arc::clone(&begun);
    let task = tokio::spawn(async move {
        let Push { result, key } = push;
        let keyed = key.as_ref().map(|key| Keyed { caller: origin.caller.as_deref(), key });
        let report = delivery.push(&result, keyed, origin.context.arrival, &calls).await;
        let answer = report::answer(&result, &report);
        origin.note(&Conclusion {
            answer: answer.as_ref().map(|_| ()),
            push: Some(&result),
            keyed: key.is_some(),
            attempts: report.attempts,
            report: Some(&report),
        });
        answer
    });
    // The task has noted its own end, also in a panic, whose text may hold what must not be logged.
    task.await.unwrap_or_else(|_| Err(Problem::internal(begun.load(Ordering::Acquire) > 0)))
}

/// What a push is told that this process has no time for any more.
fn shutting_down() -> Problem {
    Problem::new(Code::ShuttingDown, report::SHUTTING_DOWN)
}

/// How a push ended, as far as it got.
#[derive(Debug)]
struct Conclusion<'a> {
    answer: Result<(), &'a Problem>,
    push: Option<&'a MediationResult>,
    keyed: bool,
    attempts: u32,
    report: Option<&'a Report>,
}

impl<'a> Conclusion<'a> {
    /// The end of a push that was not delivered.
    fn refused(problem: &'a Problem) -> Self {
        Self { answer: Err(problem), push: None, keyed: false, attempts: 0, report: None }
    }
}

impl Drop for Origin {
    /// Notes a push that was given up on the way: its handler panicked, the process was stopped at once, or its caller
    /// reset the connection before the body was whole.
    fn drop(&mut self) {
        if self.noted.load(Ordering::Acquire) {
            return;
        }
        let attempts = self.begun.as_ref().map_or(0, |begun| begun.load(Ordering::Acquire));
        let problem = if self.begun.is_some() || std::thread::panicking() {
            Problem::internal(attempts > 0)
        } else if self.draining.load(Ordering::Acquire) {
            shutting_down()
        } else {
            body::broken_off()
        };
        self.note(&Conclusion { attempts, ..Conclusion::refused(&problem) });
    }
}

impl Origin {
    /// Counts a push, and writes the one line that each leaves in the log.
    fn note(&self, end: &Conclusion<'_>) {
        self.noted.store(true, Ordering::Release);
        let (outcome, code) = match end.answer {
            Ok(()) => (Outcome::Accepted, ACCEPTED),
            Err(problem) => (problem.outcome, problem.code.entry().name),
        };
        metrics::count(&self.metrics, outcome, code, end.keyed, end.report);
        PushLine {
            request_id: self.context.request_id.as_str(),
            trace_id: self.context.trace_id.as_ref().map(TraceId::as_str),
            caller: self.caller.as_deref(),
            case_id: self.case_id.as_ref(),
            push: end.push,
            outcome: outcome.name(),
            code,
            attempts: end.attempts,
            total: self.context.arrival.elapsed(),
            report: end.report,
        }
        .write();
        let lost = match end.report.and_then(|report| report.history.trouble.as_ref()) {
            Some(trouble @ (Trouble::NotKept(_) | Trouble::Superseded)) => trouble,
            Some(Trouble::Unavailable(_)) | None => return,
        };
        tracing::error!(
            request.id = self.context.request_id.as_str(),
            push.case_id = self.case_id.as_ref().map(CaseId::as_str),
            push.outcome = outcome.name(),
            push.error = chain(lost),
            "what a push came to is not kept under its Idempotency-Key: a retry may run it again"
        );
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderMap;

    use super::*;

    /// What is counted of a push that was never noted, once `calls` were begun, if it came to delivering.
    fn counted(calls: Option<u32>, panics: bool, draining: bool) -> Vec<String> {
        let metrics = Arc::new(metrics::begun());
        let origin = Origin {
            metrics: Arc::clone(&metrics),
            context: Context::arriving(&HeaderMap::new()),
            caller: None,
            case_id: None,
            begun: calls.map(|calls| Begun::new(calls.into())),
            noted: AtomicBool::new(false),
            draining: Arc::new(AtomicBool::new(draining)),
        };
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _origin = origin;
            assert!(!panics, "a test's panic");
        }));
        assert_eq!(ended.is_err(), panics);
        let now = crate::metrics::Now {
            in_flight: 0,
            in_flight_limit: 1,
            ban_remaining: 0,
            clock_skew: 0,
            lines_dropped: 0,
        };
        let page = metrics.page(&now);
        let ours = page.lines().filter_map(|line| line.strip_prefix("mediation_bridge_pushes_total"));
        ours.filter(|sample| !sample.ends_with(" 0")).map(str::to_owned).collect()
    }

    #[test]
    fn a_push_that_was_given_up_is_noted_all_the_same() {
        let once = |code: &str, outcome: &str| vec![format!("{{code=\"{code}\",outcome=\"{outcome}\"}} 1")];
        assert_eq!(counted(None, true, false), once("internal_error", "not_executed"));
        assert_eq!(counted(Some(0), true, false), once("internal_error", "not_executed"));
        assert_eq!(counted(Some(1), true, false), once("internal_error", "unknown"));
        assert_eq!(counted(Some(2), false, true), once("internal_error", "unknown"));
        assert_eq!(counted(None, false, false), once("malformed_json", "not_executed"));
        assert_eq!(counted(None, false, true), once("shutting_down", "not_executed"));
    }

    #[test]
    fn the_case_id_is_decoded_once_and_then_judged() {
        let read = |raw: &str| {
            case_id(&format!("/mediations/{raw}/result"))
                .map(|id| id.to_string())
                .map_err(|found| found.iter().map(|violation| violation.rule).collect::<Vec<_>>())
        };
        assert_eq!(read("12_3-a"), Ok("12_3-a".to_owned()));
        assert_eq!(read("%31%32"), Ok("12".to_owned()));
        assert_eq!(read("a%2Fb"), Err(vec![Rule::BadCharacter]));
        assert_eq!(read("%2531"), Err(vec![Rule::BadCharacter]));
        assert_eq!(read("a%00"), Err(vec![Rule::BadCharacter]));
        assert_eq!(read("a+b"), Err(vec![Rule::BadCharacter]));
        for bad in ["%zz", "%", "%2", "a%2", "%ff", "%c3%28"] {
            assert_eq!(read(bad), Err(vec![Rule::BadFormat]), "{bad}");
        }
    }
}
