//! The routes for health checks and metrics. None of them calls TOP: neither a restart of the bridge nor another
//! replica fixes a failure of TOP.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoResponses, ToSchema};

use super::openapi::responses::{Responses, problems};
use super::problem::{Code, Problem};
use super::schema::{MetricsPage, words};
use super::state::State;
use crate::delivery::lifecycle::Phase;
use crate::metrics::{MEDIA_TYPE, Now};
use crate::telemetry;

/// The status of the process.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// The only value; otherwise the answer is a problem.
    #[schema(schema_with = status_schema)]
    status: &'static str,
}

fn status_schema() -> RefOr<Schema> {
    words([Health::OK.status]).description(Some("The only value; otherwise the answer is a problem.")).into()
}

impl Health {
    const OK: Self = Self { status: "ok" };
}

/// `GET /livez`: 200 while the process runs.
#[utoipa::path(
    tag = "health",
    operation_id = "getLiveness",
    summary = "Whether the process is alive",
    description = "The process answers. TOP is not called.",
    responses((status = 200, description = "The process answers.", body = Health, example = json!(Health::OK)))
)]
#[get("/livez")]
pub(super) async fn livez() -> Json<Health> {
    Json(Health::OK)
}

/// `GET /readyz`: a problem as soon as the process is asked to stop.
#[utoipa::path(
    tag = "health",
    operation_id = "getReadiness",
    summary = "Whether requests are accepted",
    description = "Requests are accepted. TOP is not called.",
    responses(
        (status = 200, description = "Requests are accepted.", body = Health, example = json!(Health::OK)),
        NotReady,
    )
)]
#[get("/readyz")]
pub(super) async fn readyz(state: Data<State>) -> Result<Json<Health>, Problem> {
    match state.delivery.shared().lifecycle().phase() {
        Phase::Serving => Ok(Json(Health::OK)),
        Phase::Draining | Phase::Closing => Err(about_to_stop()),
    }
}

fn about_to_stop() -> Problem {
    Problem::new(Code::ShuttingDown, "This process is about to stop; send requests elsewhere.")
}

/// The answer of a process that is about to stop, for the document.
struct NotReady;

impl IntoResponses for NotReady {
    fn responses() -> Responses {
        problems([about_to_stop()], "/readyz")
    }
}

/// `GET /metrics`.
#[utoipa::path(
    tag = "health",
    operation_id = "getMetrics",
    summary = "Metrics",
    description = "Counters, gauges and histograms in the text format of Prometheus. TOP is not called.",
    responses((
        status = 200,
        description = "The metrics.",
        content((MetricsPage = "text/plain", example = json!(EXAMPLE))),
    ))
)]
#[get("/metrics")]
pub(super) async fn metrics(state: Data<State>) -> HttpResponse {
    let shared = state.delivery.shared();
    let page = state.metrics.page(&Now {
        in_flight: shared.in_flight(),
        in_flight_limit: shared.max_in_flight(),
        ban_remaining: shared.ban_remaining(),
        clock_skew: shared.clock_skew(),
        lines_dropped: telemetry::lines_dropped(),
    });
    HttpResponse::Ok().insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(page)
}

/// An excerpt of the metrics, as an example for the document.
const EXAMPLE: &str = "\
# HELP mediation_bridge_pushes_in_flight Pushes that call TOP now.
# TYPE mediation_bridge_pushes_in_flight gauge
mediation_bridge_pushes_in_flight 3
# HELP mediation_bridge_pushes_in_flight_limit How many pushes may call TOP at once, BRIDGE_MAX_IN_FLIGHT.
# TYPE mediation_bridge_pushes_in_flight_limit gauge
mediation_bridge_pushes_in_flight_limit 1024
";
