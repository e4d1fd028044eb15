//! Whether the process lives, and whether it takes requests. Neither asks TOP: its troubles are not cured by
//! restarting the bridge or by sending requests elsewhere.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::State;
use super::catalogue::Code;
use super::problem::Problem;

/// The good answer of both routes.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
}

impl Health {
    /// The one status there is; anything else is a problem.
    pub const OK: Self = Self { status: "ok" };
}

/// `GET /livez`: the process answers.
pub async fn livez() -> HttpResponse {
    good()
}

/// `GET /readyz`: a problem from the moment that a stop was asked for.
pub async fn readyz(request: HttpRequest, state: Data<State>) -> HttpResponse {
    if state.is_draining() { about_to_stop().respond(&request) } else { good() }
}

/// What `/readyz` says from the moment that a stop was asked for.
pub(super) fn about_to_stop() -> Problem {
    Problem::new(Code::ShuttingDown, "This process is about to stop; send requests elsewhere.")
}

fn good() -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(super::json(&Health::OK))
}
