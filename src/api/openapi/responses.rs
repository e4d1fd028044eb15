//! Answers of the document that are generated from the catalogue of problems: by status, with headers and examples.

use std::collections::BTreeMap;

use actix_web::http::header::HeaderMap;
use utoipa::PartialSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::api::context::{Context, RequestId, X_REQUEST_ID};
use crate::api::problem::explanation::Language;
use crate::api::problem::{Code, MEDIA_TYPE, Problem};
use crate::api::schema::{integer, string, words};

/// Responses by status, the type that `IntoResponses` returns.
pub type Responses = BTreeMap<String, RefOr<Response>>;

/// The maximum of `Retry-After`, in seconds.
pub const MAX_RETRY_AFTER: u16 = 3600;

/// The answers of the operation at `path` that are `examples`.
pub fn problems(examples: impl IntoIterator<Item = Problem>, path: &str) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in examples {
        by_status.entry(problem.code.entry().status.as_u16()).or_default().push(problem);
    }
    let responses = by_status.into_iter();
    responses.map(|(status, problems)| (status.to_string(), response(&problems, path).into())).collect()
}

/// The answer for these problems, which share one status.
#[must_use]
pub fn response(problems: &[Problem], path: &str) -> Response {
    let line = |problem: &Problem| {
        let entry = problem.code.entry();
        format!("`{}`: {}. {}.", problem.code.name(), entry.en.meaning, entry.en.action)
    };
    let description = problems.iter().map(line).collect::<Vec<_>>().join("\n\n");
    let any = |wanted: fn(&Problem) -> bool| problems.iter().any(wanted);
    let headers = [
        any(|problem| problem.code == Code::Unauthenticated)
            .then(|| ("WWW-Authenticate", header(words(["Bearer"]), "How to authenticate."))),
        any(|problem| problem.code == Code::TopRejected).then(|| ("Idempotent-Replayed", replayed())),
        any(|problem| problem.allow.is_some())
            .then(|| ("Allow", header(allow(), "The methods of this path."))),
        any(|problem| problem.retry_after.is_some()).then(|| {
            (
                "Retry-After",
                header(integer(1, MAX_RETRY_AFTER.into()), "Seconds to wait before the next try."),
            )
        }),
    ];
    let response = described(&description, problems, path);
    headers
        .into_iter()
        .flatten()
        .fold(response, |response, (name, header)| response.header(name, header))
        .build()
}

/// The answer for these problems, with its own description.
#[must_use]
pub fn described(description: &str, problems: &[Problem], path: &str) -> ResponseBuilder {
    let examples = problems.iter().map(|problem| {
        let summary = problem.code.entry().en.title;
        let example = ExampleBuilder::new().summary(summary).value(Some(body(problem, path)));
        (problem.code.name(), example.build())
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    ResponseBuilder::new()
        .description(description)
        .header("Content-Language", header(words(["en", "zh-CN"]), "The language of `title`."))
        .header("Vary", header(words(["Accept-Language"]), "The answer depends on this header."))
        .link("explanation", explanation())
        .content(MEDIA_TYPE, content)
}

/// The header of an answer that repeats an earlier one.
#[must_use]
pub fn replayed() -> Header {
    header(words(["true"]), "Sent if this is the answer to an earlier push with the same key.")
}

/// The header of every answer with the identifier of the request.
#[must_use]
pub fn request_id() -> Header {
    let description =
        "The request's identifier: the caller's own `X-Request-Id` in its allowed form, or a new one.";
    header(RequestId::schema(), description)
}

/// The JSON body of a problem at `path`.
fn body(problem: &Problem, path: &str) -> serde_json::Value {
    let mut headers = HeaderMap::new();
    headers.insert(X_REQUEST_ID, actix_web::http::header::HeaderValue::from_static("example-0001"));
    let context = Context::on_arrival(&headers);
    serde_json::to_value(problem.body(&context, path, Language::English)).unwrap_or_default()
}

fn header(schema: impl Into<RefOr<Schema>>, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

/// The values of `Allow`. A pattern, because generators turn the words of an enum into constants.
fn allow() -> utoipa::openapi::schema::ObjectBuilder {
    string(1, 9, "^(?:GET, HEAD|POST)$")
}

/// The link from a problem to its explanation.
fn explanation() -> Link {
    LinkBuilder::new()
        .operation_id("getProblem")
        .parameter("code", "$response.body#/code")
        .description("What the problem means and what to do now, in English and Chinese.")
        .build()
}
