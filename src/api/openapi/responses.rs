//! Answers in the document that come from the catalogue of problems: by status, with headers and examples.

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

/// Responses by status, as `IntoResponses` gives them.
pub type Responses = BTreeMap<String, RefOr<Response>>;

/// The longest wait that an answer asks for, in seconds.
pub const MAX_RETRY_AFTER: u16 = 3600;

/// The answers of an operation at `path` that are these problems, each an example of its kind.
pub fn problems(examples: impl IntoIterator<Item = Problem>, path: &str) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in examples {
        by_status.entry(problem.code.entry().status.as_u16()).or_default().push(problem);
    }
    let responses = by_status.into_iter();
    responses.map(|(status, problems)| (status.to_string(), response(&problems, path).into())).collect()
}

/// The answer with one status that is one of these problems.
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

/// An answer that is a problem.
#[must_use]
pub fn described(description: &str, problems: &[Problem], path: &str) -> ResponseBuilder {
    let examples = problems.iter().map(|problem| {
        let summary = problem.code.entry().en.title;
        let example = ExampleBuilder::new().summary(summary).value(Some(shown(problem, path)));
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

/// The header of answers that repeat an earlier one.
#[must_use]
pub fn replayed() -> Header {
    header(words(["true"]), "Sent where the answer is the one to an earlier push with the same key.")
}

/// The header that every answer carries.
#[must_use]
pub fn request_id() -> Header {
    let description =
        "The request's identifier: the caller's own `X-Request-Id` in its allowed form, or a new one.";
    header(RequestId::schema(), description)
}

/// The body of a problem as a caller at `path` gets it.
fn shown(problem: &Problem, path: &str) -> serde_json::Value {
    let mut headers = HeaderMap::new();
    headers.insert(X_REQUEST_ID, actix_web::http::header::HeaderValue::from_static("example-0001"));
    let context = Context::of_arrival(&headers);
    serde_json::to_value(problem.body(&context, path, Language::English)).unwrap_or_default()
}

fn header(schema: impl Into<RefOr<Schema>>, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}

/// The methods of a path. A pattern, for generators make constants of the words of an enum.
fn allow() -> utoipa::openapi::schema::ObjectBuilder {
    string(1, 9, "^(?:GET, HEAD|POST)$")
}

/// A link from a problem to what it means.
fn explanation() -> Link {
    LinkBuilder::new()
        .operation_id("getProblem")
        .parameter("code", "$response.body#/code")
        .description("What the problem means and what to do now, in English and Chinese.")
        .build()
}
