//! The answer to a push: what TOP executed is an [`AcceptedPush`], everything else a problem of the delivery.

use actix_web::body::BoxBody;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::delivery_problem;
use crate::api::json;
use crate::api::problem::{Problem, REPLAYED};
use crate::api::schema::{AcceptedOutcome, Attempts, PriorOutcome};
use crate::delivery::{Delivered, Outcome, Push};
use crate::mediation::{CaseId, CompletedTime};
use crate::top::UpstreamDetails;

/// The answer to a push that TOP executed.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptedPush {
    /// The case (调解案件ID).
    #[schema(value_type = CaseId)]
    case_id: String,
    /// The push was executed.
    #[schema(value_type = AcceptedOutcome)]
    outcome: Outcome,
    /// The time as it was sent to TOP, in GMT+8 (结束时间).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = CompletedTime, required = false)]
    completed_time: Option<String>,
    /// Calls to TOP that were begun.
    #[schema(value_type = Attempts)]
    attempts: u32,
    /// Set if an earlier push with the same `Idempotency-Key` may also have been executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PriorOutcome, required = false)]
    prior_outcome: Option<Outcome>,
    /// TOP's own identifiers.
    top: UpstreamDetails,
    /// Whether this is the answer to an earlier push with the same key.
    #[serde(skip)]
    #[schema(ignore)]
    replayed: bool,
}

impl Responder for AcceptedPush {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        response.insert_header((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        if self.replayed {
            response.insert_header(REPLAYED);
        }
        response.body(json::compact(&self))
    }
}

/// The answer to the caller of `push`.
///
/// # Errors
/// The problem, if TOP did not accept the push.
pub(super) fn answer(push: &Push, delivered: &Delivered) -> Result<AcceptedPush, Problem> {
    match delivered.result {
        Ok(()) => Ok(accepted(push, delivered)),
        Err(why) => Err(delivery_problem::problem(why, delivered)),
    }
}

fn accepted(push: &Push, delivered: &Delivered) -> AcceptedPush {
    let top = UpstreamDetails { sub_msg: None, ..delivered.upstream.clone() };
    AcceptedPush {
        case_id: push.case_id.to_string(),
        outcome: Outcome::Accepted,
        completed_time: push.result.completed_time.map(|time| time.to_string()),
        attempts: delivered.attempts,
        prior_outcome: delivered.is_in_doubt().then_some(Outcome::Unknown),
        top: top.without_addresses(),
        replayed: delivered.is_replayed(),
    }
}

impl AcceptedPush {
    /// An example for the document: the answer to the first example of a request.
    pub(super) fn example(in_doubt: bool) -> Self {
        let top = UpstreamDetails {
            state_code: Some("20000".to_owned()),
            request_id: Some("15r5ob2gprlsv".to_owned()),
            ..UpstreamDetails::default()
        };
        Self {
            case_id: "DEMO-1".to_owned(),
            outcome: Outcome::Accepted,
            completed_time: Some("2025-11-17 00:00:00".to_owned()),
            attempts: 1,
            prior_outcome: in_doubt.then_some(Outcome::Unknown),
            top,
            replayed: false,
        }
    }
}
