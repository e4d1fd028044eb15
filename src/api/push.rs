//! `POST /mediations/{case_id}/result`: check, deliver, answer.
//!
//! In reading order: this file is the handler. [`request`] and `members` read and check the request, [`response`] turns
//! the outcome into the answer, and [`record`] writes log line and metrics.

pub(crate) mod members;
pub mod record;
pub mod request;
pub mod response;

use std::sync::Arc;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, post};
use utoipa::{IntoParams, IntoResponses};

use super::context::Context;
use super::delivery_problem;
use super::openapi::responses::{Responses, problems};
use super::paths;
use super::problem::Problem;
use super::schema::Replayed;
use super::state::State;
use crate::delivery::attempts::AttemptCounter;
use crate::delivery::idempotency::IdempotencyKey;
use crate::delivery::{Delivery, Push};
use crate::mediation::{CaseId, MediationResult};
use record::PushRecord;
use response::AcceptedPush;

/// The handler. It reports problems in this order: caller, media type, size, JSON, then all other violations at once.
#[utoipa::path(
    tag = "mediations",
    operation_id = "pushMediationResult",
    summary = "Push the result of a mediation (调解结果推送)",
    description = "Checks the result, forwards it to TOP, signed, and answers once TOP has answered or the deadline has passed. \
                   All violations of a request are reported at once. A push that has begun is finished even if its caller hangs \
                   up. Send an `Idempotency-Key` to make retries safe.",
    params(
        ("case_id" = CaseId, Path, description = "The case that was settled (调解案件ID).", example = "DEMO-1"),
        RetryHeaders,
    ),
    request_body(
        content = MediationResult,
        description = "The result, as plain JSON.",
        content_type = "application/json",
        examples(
            ("full" = (summary = "Every member; the time in UTC", value = json!(members::example()))),
            ("minimal" = (summary = "The one required member", value = json!({ "result": "success" }))),
            ("offset_and_fraction" = (
                summary = "RFC 3339 with an offset and a fraction",
                value = json!({ "result": "success", "completed_time": "2025-11-17T00:00:00.123+08:00" }),
            )),
            ("top_spelling" = (
                summary = "TOP's own spelling, already GMT+8",
                value = json!({ "result": "success", "completed_time": "2025-11-17 00:00:00" }),
            )),
            ("no_offset" = (
                summary = "With T and without an offset: already GMT+8",
                value = json!({ "result": "success", "completed_time": "2025-11-17T00:00:00" }),
            )),
        ),
    ),
    responses(
        (
            status = 200,
            description = "TOP executed the push, now or for an earlier request with the same `Idempotency-Key`.",
            body = AcceptedPush,
            headers((
                "Idempotent-Replayed" = inline(Replayed),
                description = "Sent if this is the answer to an earlier push with the same key."
            )),
            examples(
                ("accepted" = (
                    summary = "TOP executed the push",
                    value = json!(AcceptedPush::example(false)),
                )),
                ("accepted_after_unknown" = (
                    summary = "TOP executed the push; an earlier one with the same key may also have been executed",
                    value = json!(AcceptedPush::example(true)),
                )),
            ),
        ),
        PushProblems,
    ),
    security(("bearer" = []), ()),
)]
#[post("/mediations/{case_id}/result")]
pub(super) async fn push_result(
    request: HttpRequest,
    payload: Payload,
    context: Context,
    state: Data<State>,
) -> Result<AcceptedPush, Problem> {
    let mut record = PushRecord::begin(&state, context);
    match request::parse_request(&request, payload, &state, &mut record).await {
        Ok(push) => deliver(push, Arc::clone(&state.delivery), record).await,
        Err(problem) => {
            record.refused(&problem);
            Err(problem)
        }
    }
}

/// The header `Idempotency-Key` of a push.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its description is used")]
struct RetryHeaders {
    /// Makes a retry safe: 1 to 255 visible ASCII characters, bare or quoted. Use a new key for every new request and
    /// the same key for its retries. The key is scoped to the caller and the case. If TOP has decided on the push, the
    /// answer is replayed and nothing is pushed again. After `unknown` the push runs again, and the answer has
    /// `prior_outcome`. A bridge that stores no keys refuses the header.
    #[param(rename = "Idempotency-Key", value_type = IdempotencyKey, inline, required = false)]
    idempotency_key: Option<String>,
}

/// Delivers in a separate task: a push that has begun is finished and recorded, even if the caller hangs up.
async fn deliver(
    push: Push,
    delivery: Arc<Delivery>,
    mut record: PushRecord,
) -> Result<AcceptedPush, Problem> {
    let attempts = AttemptCounter::default();
    record.delivering(attempts.clone());
    let counter = attempts.clone();
    let task = tokio::spawn(async move {
        let delivered = delivery.deliver(&push, &counter).await;
        let answer = response::answer(&push, &delivered);
        record.finish(&push, &delivered, answer.as_ref().err());
        answer
    });
    // The task records its own end, even after a panic. The text of a panic may hold data that must not be logged.
    task.await.unwrap_or_else(|_| Err(record::abandoned(&attempts)))
}

/// The problems that answer a push, for the document.
struct PushProblems;

impl IntoResponses for PushProblems {
    fn responses() -> Responses {
        let path = paths::PUSH.replace("{case_id}", "DEMO-1");
        let examples = request::example_problems().into_iter().chain(delivery_problem::example_problems());
        problems(examples, &path)
    }
}
