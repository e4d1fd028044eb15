//! The HTTP API: routes, checks, answers, documents.
//!
//! In reading order: this file lists the routes. [`problem`] holds everything that is not a success. Every request
//! passes [`middleware`]; [`context`] holds what is known about a request; [`auth`] decides who may push. [`push`] is
//! the push itself. Any route below a mediation reads its case by `mediation_path` and maps what TOP did not accept by
//! `delivery_problem`. [`health`] and [`docs`] serve the other routes. [`openapi`] is the common part of the document.
//! [`paths`], `schema`, [`json`] and [`state`] depend on no other module here. The outcome of a push is decided in
//! [`crate::delivery`], which does not depend on HTTP.

pub mod auth;
pub mod context;
mod delivery_problem;
pub mod docs;
pub mod health;
pub mod json;
pub(crate) mod mediation_path;
pub mod middleware;
pub mod openapi;
pub mod paths;
pub mod problem;
pub mod push;
mod schema;
pub mod state;

use std::sync::LazyLock;

use actix_web::dev::{HttpServiceFactory, ResourceDef};
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, guard};
use utoipa::OpenApi;
use utoipa::openapi::path::PathItem;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_actix_web::{AppExt, OpenApiFactory};

use openapi::document::{self, Base};
use problem::{Code, Problem};
use state::State;

/// Adds the routes that the OpenAPI document describes.
fn add_routes(routes: impl Routes) {
    routes
        .add(push::push_result)
        .add(health::livez)
        .add(health::readyz)
        .add(problem::pages::list)
        .add(problem::pages::one)
        .add(health::metrics)
        .add(docs::openapi);
}

/// The routes of a server, or their description. A server does not describe its routes: this would add half to the work
/// of a start.
trait Routes {
    fn add(self, route: impl HttpServiceFactory + OpenApiFactory + 'static) -> Self;
}

impl Routes for &mut web::ServiceConfig {
    fn add(self, route: impl HttpServiceFactory + OpenApiFactory + 'static) -> Self {
        self.service(route)
    }
}

impl Routes for &mut ServiceConfig<'_> {
    fn add(self, route: impl HttpServiceFactory + OpenApiFactory + 'static) -> Self {
        self.service(route)
    }
}

/// Describes the routes.
fn described(config: &mut ServiceConfig<'_>) {
    add_routes(config);
}

/// Registers all routes.
pub fn configure(state: State) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let swagger_ui = state.swagger_ui;
        config.app_data(Data::new(state));
        add_routes(&mut *config);
        if swagger_ui {
            for pattern in PAGES {
                let resource = web::resource(pattern).guard(guard::Get());
                config.service(if pattern.ends_with('}') {
                    resource.to(docs::page)
                } else {
                    resource.to(docs::home)
                });
            }
        }
        config.default_service(web::to(unmatched));
    }
}

/// The pages that are not in the document: Swagger UI and the redirects to it.
const PAGES: [&str; 3] = ["/", "/swagger-ui", "/swagger-ui/{file:.*}"];

/// The OpenAPI document. It is the same text when it is served, printed and committed.
pub static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let (_, document) =
        App::new().into_utoipa_app().openapi(Base::openapi()).configure(described).split_for_parts();
    document::text(document)
});

/// The values of `Allow` for paths that are read and for the path of a push.
const READ: &str = "GET, HEAD";
const PUSH: &str = "POST";

/// The paths and the value of `Allow` for each.
static ALLOWED: LazyLock<Vec<(ResourceDef, &str)>> = LazyLock::new(|| {
    let (_, document) = App::new().into_utoipa_app().configure(described).split_for_parts();
    let methods = |item: &PathItem| if item.post.is_some() { PUSH } else { READ };
    let documented =
        document.paths.paths.iter().map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item)));
    documented.chain(PAGES.map(|pattern| (ResourceDef::new(pattern), READ))).collect()
});

/// The answer if no route matches: the path does not have this method, or the path does not exist.
async fn unmatched(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, Problem> {
    let path = request.path();
    let known = ALLOWED.iter().find(|(pattern, _)| pattern.is_match(path));
    let served = known.filter(|(pattern, _)| {
        state.swagger_ui || !PAGES.iter().any(|page| pattern.pattern() == Some(*page))
    });
    Err(match served {
        Some((_, allow)) => Problem::method_not_allowed(request.method().as_str(), allow),
        None => not_found(path),
    })
}

fn not_found(path: &str) -> Problem {
    let below_mediations =
        path.strip_prefix(paths::MEDIATIONS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let detail = if below_mediations {
        "No such path; a push is POST /mediations/{case_id}/result, with the case's identifier in place of \
         {case_id} and nothing after result."
    } else {
        "No such path; see /openapi.json."
    };
    Problem::new(Code::NotFound, detail)
}
