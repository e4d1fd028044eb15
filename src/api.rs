//! The REST face: routes, checks, answers, documents. The only room that names `utoipa`.
//!
//! In reading order: [`catalogue`] is the table of problems and [`problem`] their envelope; [`envelope`] is
//! what every request passes first, [`auth`], [`body`] and [`members`] what a push passes next; [`push`] is the
//! route, [`report`] turns what became of a push into its answer. [`health`], [`metrics`] and [`docs`] serve the rest. What
//! became of a push is decided in [`crate::delivery`], which knows nothing of HTTP.

pub mod auth;
pub mod body;
pub mod catalogue;
pub mod context;
pub mod docs;
pub mod envelope;
pub mod health;
pub mod members;
pub mod metrics;
pub mod problem;
pub mod push;
pub mod push_line;
pub mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};
use serde::Serialize;

use crate::delivery::Delivery;
use auth::Callers;
use catalogue::Code;
use problem::Problem;

/// What one worker's routes need.
#[derive(Debug)]
pub struct State {
    /// The way to TOP.
    pub delivery: Delivery,
    /// Who may push.
    pub callers: Callers,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// Whether a stop was asked for.
    pub draining: Arc<AtomicBool>,
    /// The documents, and whether Swagger UI is served.
    pub docs: docs::Docs,
}

impl State {
    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// The methods of a route that is read.
const READ: &str = "GET, HEAD";
/// The methods of a route that is pushed to.
const PUSH: &str = "POST";

/// Registers every route.
pub fn configure(state: State) -> impl FnOnce(&mut ServiceConfig) {
    let swagger_ui = state.docs.swagger_ui;
    move |config| {
        config
            .app_data(Data::new(state))
            .service(
                web::resource("/mediations/{case_id}/result")
                    .route(web::post().to(push::push))
                    .default_service(not_allowed(PUSH)),
            )
            .service(
                web::resource("/livez").route(read().to(health::livez)).default_service(not_allowed(READ)),
            )
            .service(
                web::resource("/readyz").route(read().to(health::readyz)).default_service(not_allowed(READ)),
            )
            .service(
                web::resource("/metrics")
                    .route(read().to(metrics::metrics))
                    .default_service(not_allowed(READ)),
            )
            .service(
                web::resource("/openapi.json")
                    .route(read().to(docs::openapi))
                    .default_service(not_allowed(READ)),
            );
        if swagger_ui {
            config
                .service(web::resource("/").route(read().to(docs::home)).default_service(not_allowed(READ)))
                .service(
                    web::resource("/swagger-ui")
                        .route(read().to(docs::home))
                        .default_service(not_allowed(READ)),
                )
                .service(
                    web::resource("/swagger-ui/{file:.*}")
                        .route(read().to(docs::page))
                        .default_service(not_allowed(READ)),
                );
        }
        config.default_service(web::to(not_found));
    }
}

/// A route for GET, and for HEAD, which is the same without the body.
fn read() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn not_found(request: HttpRequest) -> HttpResponse {
    Problem::new(Code::NotFound, "There is nothing at this path; /openapi.json lists what there is.")
        .respond(&request)
}

fn not_allowed(allow: &'static str) -> Route {
    web::to(move |request: HttpRequest, method: Method| async move {
        let detail = format!("{method} is not available here; use {allow}.");
        Problem { allow: Some(allow), ..Problem::new(Code::MethodNotAllowed, detail) }.respond(&request)
    })
}

/// The JSON text of one of our own answers.
fn json(value: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "our answers are structs of strings and numbers, which serialise")]
    serde_json::to_string(value).expect("an answer serialises")
}
