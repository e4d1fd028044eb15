//! The REST face: routes, checks, answers, documents.
//!
//! In reading order: this file is the list of routes; [`problem`] is everything that is not a success; [`middleware`] is what
//! every request passes, [`context`] what is known of one, [`auth`] who may push; [`push`] is the push; [`health`] and
//! [`docs`] serve the rest; [`openapi`] is the document's common part. [`paths`], `schema`, [`json`] and [`state`] are
//! leaves. What became of a push is decided in [`crate::delivery`], which knows nothing of HTTP.

pub mod auth;
pub mod context;
pub mod docs;
pub mod health;
pub mod json;
pub mod middleware;
pub mod openapi;
pub mod paths;
pub mod problem;
pub mod push;
mod schema;
pub mod state;

use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse, guard};
use utoipa::OpenApi;
use utoipa::openapi::path::PathItem;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use openapi::document::{self, Base};
use problem::{Code, Problem};
use state::State;

/// The routes that the document describes; the document is made from this list.
fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(push::push_result)
        .service(health::livez)
        .service(health::readyz)
        .service(problem::pages::list)
        .service(problem::pages::one)
        .service(health::metrics)
        .service(docs::openapi);
}

/// Registers every route.
pub fn configure(state: State) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        let swagger_ui = state.swagger_ui;
        config.app_data(Data::new(state));
        routes(&mut ServiceConfig::new(config));
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

/// The pages that are no part of the document: Swagger UI, and what leads there.
const PAGES: [&str; 3] = ["/", "/swagger-ui", "/swagger-ui/{file:.*}"];

/// The OpenAPI document, as it is served, printed and committed.
pub static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let (_, document) =
        App::new().into_utoipa_app().openapi(Base::openapi()).configure(routes).split_for_parts();
    document::text(document)
});

/// The methods of a path that is read, and of one that is pushed to.
const READ: &str = "GET, HEAD";
const PUSH: &str = "POST";

/// Each path with its methods.
static ALLOWED: LazyLock<Vec<(ResourceDef, &str)>> = LazyLock::new(|| {
    let (_, document) = App::new().into_utoipa_app().configure(routes).split_for_parts();
    let methods = |item: &PathItem| if item.post.is_some() { PUSH } else { READ };
    let documented =
        document.paths.paths.iter().map(|(path, item)| (ResourceDef::new(path.as_str()), methods(item)));
    documented.chain(PAGES.map(|pattern| (ResourceDef::new(pattern), READ))).collect()
});

/// The answer to a request that no route takes: another method of a path, or another path.
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
        "There is nothing at this path; a push is POST /mediations/{case_id}/result, with the case's identifier in place of \
         {case_id} and nothing after result."
    } else {
        "There is nothing at this path; /openapi.json lists what there is."
    };
    Problem::new(Code::NotFound, detail)
}
