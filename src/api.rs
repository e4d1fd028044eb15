//! The REST face: routes, checks, answers, documents. The only room that names `utoipa`.
//!
//! In reading order: [`catalogue`] is the table of problems and [`problem`] their envelope; [`envelope`] is
//! what every request passes first, [`auth`], [`body`] and [`members`] what a push passes next; [`push`] is the
//! route, [`report`] turns what became of a push into its answer. [`health`], [`metrics`], [`docs`] and
//! [`problem_pages`] serve the rest. What became of a push is decided in [`crate::delivery`], which knows nothing of
//! HTTP.

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
pub mod problem_pages;
pub mod push;
pub mod push_line;
pub mod report;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::Method;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, Route, guard};
use serde::Serialize;

use crate::delivery::Delivery;
use crate::metrics::Metrics;
use auth::Callers;
use catalogue::Code;
use problem::Problem;

/// What one worker's routes need.
#[derive(Debug)]
pub struct State {
    /// The way to TOP.
    pub delivery: Arc<Delivery>,
    /// Who may push.
    pub callers: Callers,
    /// What is counted, for all workers together.
    pub metrics: Arc<Metrics>,
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

/// The pattern of the push's route.
const PUSH_ROUTE: &str = "/mediations/{case_id}/result";

/// The pattern of the route that a request met: what metrics and log call it.
#[derive(Debug, Clone, Copy)]
struct RoutePattern(&'static str);

/// Registers every route.
pub fn configure(state: State) -> impl FnOnce(&mut ServiceConfig) {
    let swagger_ui = state.docs.swagger_ui;
    move |config| {
        config
            .app_data(Data::new(state))
            .service(resource(PUSH_ROUTE, PUSH).route(web::post().to(push::push)))
            .service(resource("/livez", READ).route(read().to(health::livez)))
            .service(resource("/readyz", READ).route(read().to(health::readyz)))
            .service(resource("/metrics", READ).route(read().to(metrics::metrics)))
            .service(resource("/openapi.json", READ).route(read().to(docs::openapi)))
            .service(resource("/problems", READ).route(read().to(problem_pages::list)))
            .service(resource("/problems/{code}", READ).route(read().to(problem_pages::one)));
        if swagger_ui {
            config
                .service(resource("/", READ).route(read().to(docs::home)))
                .service(resource("/swagger-ui", READ).route(read().to(docs::home)))
                .service(resource("/swagger-ui/{file:.*}", READ).route(read().to(docs::page)));
        }
        config.default_service(web::to(not_found));
    }
}

/// A path, known by its pattern, where every method but those of its routes is told which are allowed.
fn resource(pattern: &'static str, allow: &'static str) -> Resource {
    web::resource(pattern).app_data(RoutePattern(pattern)).default_service(not_allowed(allow))
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
        wrong_method(&method, allow).respond(&request)
    })
}

/// What is said of a method that a path does not have.
fn wrong_method(method: &Method, allow: &'static str) -> Problem {
    let detail = format!("{method} is not available here; use {allow}.");
    Problem { allow: Some(allow), ..Problem::new(Code::MethodNotAllowed, detail) }
}

/// The JSON text of one of our own answers.
fn json(value: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "our answers are structs of strings and numbers, which serialise")]
    serde_json::to_string(value).expect("an answer serialises")
}

/// The same, for people to read.
fn pretty_json(value: &impl Serialize) -> String {
    #[expect(clippy::expect_used, reason = "our answers are structs of strings and numbers, which serialise")]
    let text = serde_json::to_string_pretty(value).expect("an answer serialises");
    text + "\n"
}
