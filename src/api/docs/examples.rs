//! Examples for the document, made by the code that makes the answers: each is what a caller would get.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::super::catalogue::Code;
use super::super::context::{Context, X_REQUEST_ID};
use super::super::problem::Problem;
use super::super::problem_pages::PROBLEMS;
use super::super::{READ, health, members, problem_pages, report};
use crate::delivery::{End, History, Report};
use crate::mediation::{CaseId, CompletedTime, MediationResult, ResultText};
use crate::top::{Class, Said};

/// The case of the examples.
pub(super) const CASE_ID: &str = "1290293148910";
/// The path of the examples.
const PATH: &str = "/mediations/1290293148910/result";
/// The identifier of the examples' requests.
const REQUEST_ID: &str = "example-0001";

/// Bodies of a push: a name, what it shows, the body. The first is accepted as it stands.
pub(super) fn requests() -> Vec<(&'static str, &'static str, Value)> {
    let full = json!({
        "result": "success",
        "work_number": "123123",
        "completed_time": "2025-11-16T16:00:00Z",
        "mediator_name": "张三",
        "mediator_phone": "13812345678",
        "content": "双方经调解达成一致意见。",
    });
    let timed = |time: &str| json!({ "result": "success", "completed_time": time });
    vec![
        ("full", "Every member; the time in UTC", full),
        ("minimal", "The one required member", json!({ "result": "success" })),
        (
            "offset_and_fraction",
            "RFC 3339 with an offset and a fraction",
            timed("2025-11-17T00:00:00.123+08:00"),
        ),
        ("top_spelling", "TOP's own spelling, already GMT+8", timed("2025-11-17 00:00:00")),
        ("no_offset", "With T and without an offset: already GMT+8", timed("2025-11-17T00:00:00")),
    ]
}

/// Answers to the first of [`requests`]: a name, what it shows, the body.
pub(super) fn accepted() -> [(&'static str, &'static str, Value); 2] {
    [
        ("accepted", "TOP executed the push", accepted_after(History::default())),
        (
            "accepted_after_unknown",
            "TOP executed the push; an earlier one with the same key may have been executed, too",
            accepted_after(History { in_doubt: true, ..History::default() }),
        ),
    ]
}

fn accepted_after(history: History) -> Value {
    let said = Said {
        state_code: Some("20000".to_owned()),
        request_id: Some("15r5ob2gprlsv".to_owned()),
        ..Said::default()
    };
    let report = Report { history, ..report_of(Class::Accepted, said) };
    push().and_then(|push| report::answer(&push, &report).ok()).map_or(Value::Null, |answer| json!(answer))
}

/// The problem of one kind that a push's caller would get.
pub(super) fn problem(code: Code) -> Value {
    answered(&made(code), PATH)
}

/// What every other method gets where only GET and HEAD are available.
pub(super) fn method_not_allowed() -> Value {
    answered(&super::super::wrong_method(&Method::POST, READ), PROBLEMS)
}

/// What a fault of the bridge comes to where nothing is pushed.
pub(super) fn internal() -> Value {
    answered(&Problem::internal(false), PROBLEMS)
}

/// What `/readyz` says once a stop was asked for.
pub(super) fn about_to_stop() -> Value {
    answered(&health::about_to_stop(), "/readyz")
}

/// What is said of a code that there is not.
pub(super) fn no_such_problem() -> Value {
    answered(&problem_pages::no_such_problem(), "/problems/nothing")
}

fn answered(problem: &Problem, path: &str) -> Value {
    let mut headers = HeaderMap::new();
    headers.insert(X_REQUEST_ID, HeaderValue::from_static(REQUEST_ID));
    serde_json::from_str(&problem.body(&Context::arriving(&headers), path)).unwrap_or_default()
}

fn made(code: Code) -> Problem {
    let said = |code: i32, sub_code: &str| Said {
        code: Some(code),
        sub_code: Some(sub_code.to_owned()),
        request_id: Some("15r5ob2gprlsv".to_owned()),
        ..Said::default()
    };
    match code {
        Code::MalformedJson => broken(br#"{"result":"success","#),
        Code::ValidationFailed => broken(
            r#"{"resault":"success","completed_time":"2025-02-30 00:00:00","mediator_name":" "}"#.as_bytes(),
        ),
        Code::TopRejected => {
            let sub_msg = Some("非法参数".to_owned());
            told(Class::Rejected, Said { sub_msg, ..said(50, "isv.invalid-parameter") })
        }
        Code::TopRateLimited => told(
            Class::RateLimited { ban: Some(Duration::from_secs(71)) },
            said(7, "accesscontrol.limited-by-api-access-count"),
        ),
        Code::TopAccessDenied => told(Class::AccessDenied, said(29, "isv.appkey-not-exists")),
        Code::TopSystemError => told(Class::SystemError, said(15, "isp.null-pointer-exception")),
        Code::TopUnavailable => told(Class::Unavailable, said(15, "isp.system-busy")),
        Code::TopUnreachable => told(Class::Unreachable, said(15, "isp.top-remote-connection-error")),
        Code::TopTimeout => told(Class::Timeout, said(15, "isp.remote-service-timeout")),
        Code::TopBadResponse => told(Class::BadResponse, Said::default()),
        Code::Overloaded => ended(End::Overloaded),
        Code::ShuttingDown => ended(End::ShuttingDown),
        Code::IdempotencyInFlight => ended(End::KeyInFlight),
        Code::IdempotencyKeyReused => ended(End::KeyReused),
        Code::IdempotencyStoreUnavailable => ended(End::StoreUnavailable),
        Code::InternalError => Problem::internal(true),
        Code::Unauthenticated
        | Code::NotFound
        | Code::MethodNotAllowed
        | Code::RequestTimeout
        | Code::PayloadTooLarge
        | Code::UnsupportedMediaType => Problem::new(code, format!("{}.", code.entry().en.meaning)),
    }
}

/// What a broken body is told.
fn broken(body: &[u8]) -> Problem {
    match members::read(body) {
        Err(problem) => problem,
        Ok(judged) => Problem::validation(judged.err().unwrap_or_default()),
    }
}

fn told(class: Class, said: Said) -> Problem {
    of(&report_of(class, said))
}

fn ended(end: End) -> Problem {
    of(&Report::uncalled(end))
}

fn of(report: &Report) -> Problem {
    push().and_then(|push| report::answer(&push, report).err()).unwrap_or_else(|| Problem::internal(true))
}

fn report_of(class: Class, said: Said) -> Report {
    Report { attempts: 1, said, ..Report::uncalled(End::Top(class)) }
}

fn push() -> Option<MediationResult> {
    Some(MediationResult {
        case_id: CaseId::parse(CASE_ID).ok()?,
        result: ResultText::parse("success".to_owned()).ok()?,
        work_number: None,
        completed_time: CompletedTime::parse("2025-11-16T16:00:00Z").ok(),
        mediator_name: None,
        mediator_phone: None,
        content: None,
    })
}
