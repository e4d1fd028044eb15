//! `GET /problems` and `GET /problems/{code}`: the catalogue as a page for browsers and as JSON for other clients. The
//! `type` of a problem is a path of these pages.

mod html;

use actix_web::http::header::{
    ACCEPT_LANGUAGE, Accept, CONTENT_LANGUAGE, CONTENT_TYPE, Header, HeaderValue, Quality, VARY,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use strum::VariantArray;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoResponses, ToSchema};

use super::catalogue::{Actor, Code};
use super::explanation::{Explanation, Language};
use super::{Problem, type_of};
use crate::api::json;
use crate::api::openapi::responses::{Responses, problems};
use crate::api::schema::{HtmlPage, ProblemOutcome, ProblemStatus, ProblemType, VaryByForm};
use crate::api::state::State;
use crate::delivery::Outcome;

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// The kinds of problems that the bridge answers with.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemCatalogue {
    /// Every kind of problem, by status.
    #[schema(schema_with = kinds_schema)]
    problems: Vec<ProblemKind>,
}

/// The values that all problems with this code share.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemKind {
    /// The path of this description.
    #[schema(value_type = ProblemType)]
    r#type: String,
    /// The kind, for programs.
    code: Code,
    /// The HTTP status.
    #[schema(value_type = ProblemStatus)]
    status: u16,
    /// The values of `outcome`: `internal_error` is `not_executed` if no call to TOP had begun, else `unknown`. All
    /// others have one value.
    #[schema(value_type = Vec<ProblemOutcome>, min_items = 1, max_items = 2)]
    outcomes: Vec<Outcome>,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Who has to act: the caller, the bridge's operator, or nobody if it passes by itself.
    actor: Actor,
    /// The explanation in English.
    en: Explanation,
    /// The explanation in Chinese.
    zh: Explanation,
}

fn kinds_schema() -> RefOr<Schema> {
    let items = Ref::from_schema_name(ProblemKind::name());
    let kinds = ArrayBuilder::new().items(items).min_items(Some(1)).max_items(Some(Code::VARIANTS.len()));
    kinds.description(Some("Every kind of problem, by status.")).into()
}

impl ProblemCatalogue {
    /// The kinds of problems with these codes.
    #[must_use]
    pub fn new(codes: &[Code]) -> Self {
        Self { problems: codes.iter().copied().map(ProblemKind::new).collect() }
    }
}

impl ProblemKind {
    /// The kind of problem with this code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let entry = code.entry();
        Self {
            r#type: type_of(code),
            code,
            status: entry.status.as_u16(),
            outcomes: code.outcomes(),
            retryable: entry.retryable,
            actor: entry.actor,
            en: Explanation::new(code, Language::English),
            zh: Explanation::new(code, Language::Chinese),
        }
    }
}

/// `GET /problems`.
#[utoipa::path(
    tag = "documents",
    operation_id = "listProblems",
    summary = "All problems (问题一览)",
    description = "The catalogue of problems: of each what it means, whether the push was executed, whether to retry, what to \
                   do now and who should act, in English and Chinese.",
    responses((
        status = 200,
        description = "All problems, as JSON, or as a page if `Accept` names `text/html`.",
        headers(("Vary" = inline(VaryByForm), description = "The answer depends on these headers.")),
        content(
            (ProblemCatalogue = "application/json", example = json!(ProblemCatalogue::new(&[Code::TopTimeout]))),
            (HtmlPage = "text/html"),
        ),
        links(("explanation" = (
            operation_id = "getProblem",
            parameters(("code" = "$response.body#/problems/0/code")),
            description = "What the problem means and what to do now, in English and Chinese.",
        ))),
    ))
)]
#[get("/problems")]
pub(in crate::api) async fn list(request: HttpRequest, state: Data<State>) -> HttpResponse {
    let page = |language| html::list(language, state.swagger_ui);
    answer(&request, page, || ProblemCatalogue::new(Code::VARIANTS))
}

/// `GET /problems/{code}`.
#[utoipa::path(
    tag = "documents",
    operation_id = "getProblem",
    summary = "One kind of problem",
    description = "What a problem means, whether the push was executed, whether to retry, what to do now and who should act, \
                   in English and Chinese. The member `type` of a problem is this path.",
    params(("code" = Code, Path, description = "The member `code` of a problem.", example = "top_timeout")),
    responses(
        (
            status = 200,
            description = "What the problem means, as JSON, or as a page if `Accept` names `text/html`.",
            headers(("Vary" = inline(VaryByForm), description = "The answer depends on these headers.")),
            content(
                (ProblemKind = "application/json", example = json!(ProblemKind::new(Code::TopTimeout))),
                (HtmlPage = "text/html"),
            ),
        ),
        NoSuchProblem,
    )
)]
#[get("/problems/{code}")]
pub(in crate::api) async fn one(
    request: HttpRequest,
    code: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let code: Code = code.parse().map_err(|_| no_such_problem())?;
    let page = |language| html::one(code, language, state.swagger_ui);
    Ok(answer(&request, page, || ProblemKind::new(code)))
}

fn no_such_problem() -> Problem {
    Problem::new(Code::NotFound, "Unknown problem code; see /problems.")
}

/// The answer to an unknown code, for the document.
struct NoSuchProblem;

impl IntoResponses for NoSuchProblem {
    fn responses() -> Responses {
        problems([no_such_problem()], "/problems/nothing")
    }
}

fn answer<T: Serialize>(
    request: &HttpRequest,
    page: impl FnOnce(Language) -> String,
    json: impl FnOnce() -> T,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if names_html(request) {
        let language = Language::preferred(request.headers().get(ACCEPT_LANGUAGE));
        response
            .insert_header((CONTENT_TYPE, HeaderValue::from_static(HTML)))
            .insert_header((CONTENT_LANGUAGE, HeaderValue::from_static(language.tag())))
            .insert_header((VARY, HeaderValue::from_static("Accept, Accept-Language")))
            .body(page(language))
    } else {
        response
            .insert_header((CONTENT_TYPE, HeaderValue::from_static(JSON)))
            .insert_header((VARY, HeaderValue::from_static("Accept, Accept-Language")))
            .body(json::pretty(&json()))
    }
}

/// True if `Accept` names `text/html` with a quality above 0. A wildcard does not count, because curl sends one.
fn names_html(request: &HttpRequest) -> bool {
    Accept::parse(request).is_ok_and(|Accept(ranges)| {
        ranges.iter().any(|range| range.item.essence_str() == "text/html" && range.quality > Quality::ZERO)
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ACCEPT;
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_page_is_sent_only_if_html_is_named() {
        let names = |values: &[&str]| {
            let add = |request: TestRequest, value: &&str| request.append_header((ACCEPT, *value));
            names_html(&values.iter().fold(TestRequest::default(), add).to_http_request())
        };
        for html in [
            &["text/html"][..],
            &["TEXT/HTML;level=1;q=0.1"],
            &["text/html;charset=utf-8"],
            &["application/xhtml+xml,text/html;q=0.9,*/*;q=0.8"],
            &["application/json", "text/html"],
            &["nonsense, ,;, text/html"],
        ] {
            assert!(names(html), "{html:?}");
        }
        for json in [
            &[][..],
            &[""],
            &["*/*"],
            &["text/*"],
            &["application/json"],
            &["text/html;q=0"],
            &["text/html; q=0.000, */*"],
            &["text/htmlx"],
            &["text/plain;x=text/html"],
            &["application/xhtml+xml"],
        ] {
            assert!(!names(json), "{json:?}");
        }
    }
}
