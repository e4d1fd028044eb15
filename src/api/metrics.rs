//! `GET /metrics`: what the delivery knows now, for Prometheus.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;

use super::State;
use crate::metrics::{BAN, CLOCK_SKEW, IN_FLIGHT, MEDIA_TYPE, page};

/// The route's handler.
pub async fn metrics(state: Data<State>) -> HttpResponse {
    let shared = state.delivery.shared();
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let ban = i64::try_from(shared.ban_remaining().as_secs()).unwrap_or(i64::MAX);
    let page = page(&[(CLOCK_SKEW, shared.clock_skew()), (IN_FLIGHT, count(shared.in_flight())), (BAN, ban)]);
    HttpResponse::Ok().insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(page)
}
