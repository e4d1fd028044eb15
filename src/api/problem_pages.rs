//! `GET /problems` and `GET /problems/{code}`: the catalogue, as a page for browsers and as JSON for everyone else.
//! This is where the `type` of a problem leads.

mod html;

use actix_web::http::header::{Accept, CONTENT_TYPE, Header, HeaderValue, Quality, VARY};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::catalogue::Code;
use super::catalogue::words::{Explanation, Language};
use super::problem::{Problem, type_of};
use super::{State, body};

/// Where the catalogue is served; a problem's own page has its `code` behind that.
pub const PROBLEMS: &str = "/problems";
/// The path parameter of a problem's own page.
pub const CODE: &str = "code";
/// The media type of the pages.
const HTML: &str = "text/html; charset=utf-8";

/// The catalogue in JSON.
#[derive(Debug, Serialize)]
pub struct ProblemCatalogue {
    problems: Vec<ProblemKind>,
}

/// One kind of problem in JSON.
#[derive(Debug, Serialize)]
pub struct ProblemKind {
    r#type: String,
    code: &'static str,
    status: u16,
    outcomes: Vec<&'static str>,
    retryable: bool,
    actor: &'static str,
    en: Explanation,
    zh: Explanation,
}

impl ProblemCatalogue {
    /// The part of it that is about `codes`.
    #[must_use]
    pub fn of(codes: &[Code]) -> Self {
        Self { problems: codes.iter().copied().map(ProblemKind::of).collect() }
    }
}

impl ProblemKind {
    /// The problems called `code`.
    #[must_use]
    pub fn of(code: Code) -> Self {
        let entry = code.entry();
        Self {
            r#type: type_of(code),
            code: entry.name,
            status: entry.status.as_u16(),
            outcomes: code.outcomes().iter().map(|outcome| outcome.name()).collect(),
            retryable: entry.retryable,
            actor: entry.actor.name(),
            en: Explanation::of(code, Language::English),
            zh: Explanation::of(code, Language::Chinese),
        }
    }
}

/// `GET /problems`.
pub async fn list(request: HttpRequest, state: Data<State>) -> HttpResponse {
    answer(&request, || html::list(state.docs.swagger_ui), || ProblemCatalogue::of(Code::ALL))
}

/// `GET /problems/{code}`.
pub async fn one(request: HttpRequest, state: Data<State>) -> HttpResponse {
    match request.match_info().get(CODE).and_then(Code::named) {
        Some(code) => answer(&request, || html::one(code, state.docs.swagger_ui), || ProblemKind::of(code)),
        None => no_such_problem().respond(&request),
    }
}

/// What is said of a code that there is not.
pub(super) fn no_such_problem() -> Problem {
    Problem::new(Code::NotFound, "No problem has this code; /problems lists them.")
}

fn answer<T: Serialize>(
    request: &HttpRequest,
    page: impl FnOnce() -> String,
    json: impl FnOnce() -> T,
) -> HttpResponse {
    let (media_type, body) =
        if names_html(request) { (HTML, page()) } else { (body::MEDIA_TYPE, super::pretty_json(&json())) };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, HeaderValue::from_static(media_type)))
        .insert_header((VARY, HeaderValue::from_static("Accept")))
        .body(body)
}

/// Whether `Accept` asks for `text/html` by name, and not with `q=0`. A wildcard does not: curl sends one.
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
    fn a_page_is_for_those_who_name_html() {
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
