//! Answers in the document: problems by status, and the headers that all or some of them carry.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::OperationBuilder;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Ref};

use super::super::catalogue::Code;
use super::super::{problem, problem_pages};
use super::{examples, schemas};

/// The operation that explains a problem.
pub(super) const EXPLAIN: &str = "getProblem";
/// The names of the answers that operations share.
const METHOD_NOT_ALLOWED: &str = "MethodNotAllowed";
const INTERNAL_ERROR: &str = "InternalError";
const OTHER_PROBLEM: &str = "OtherProblem";

/// A problem and an example of its answer.
pub(super) type Example = (Code, Value);

/// The answers that operations share, by name.
pub(super) fn shared() -> [(&'static str, Response); 3] {
    let failed = [(Code::InternalError, examples::internal())];
    let allow = header(schemas::allow(), "The methods of this path.");
    let not_allowed = problem_response(&[(Code::MethodNotAllowed, examples::method_not_allowed())]);
    [
        (METHOD_NOT_ALLOWED, not_allowed.header("Allow", allow).build()),
        (INTERNAL_ERROR, problem_response(&failed).build()),
        (OTHER_PROBLEM, described("Any other problem.", &failed).build()),
    ]
}

/// The beginning of an answer that is no problem.
pub(super) fn good(description: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(description).header("X-Request-Id", request_id())
}

/// A link to what a problem means; its code is at `pointer` in the answer.
pub(super) fn explanation(pointer: &str) -> Link {
    LinkBuilder::new()
        .operation_id(EXPLAIN)
        .parameter(problem_pages::CODE, format!("$response.body#{pointer}"))
        .description("What the problem means and what to do now, in English and Chinese.")
        .build()
}

/// Adds a response for each status among these problems, and the default one.
pub(super) fn problems(operation: OperationBuilder, problems: &[Example]) -> OperationBuilder {
    let mut by_status: BTreeMap<u16, Vec<Example>> = BTreeMap::new();
    for (code, example) in problems {
        by_status.entry(code.entry().status.as_u16()).or_default().push((*code, example.clone()));
    }
    by_status
        .into_iter()
        .fold(operation, |operation, (status, problems)| {
            operation.response(status.to_string(), problem_response(&problems))
        })
        .response("default", Ref::from_response_name(OTHER_PROBLEM))
}

/// The same for a route that is only read, where another method or a fault of the bridge can be answered, too.
pub(super) fn problems_of_reading(operation: OperationBuilder, of_its_own: &[Example]) -> OperationBuilder {
    problems(operation, of_its_own)
        .response(Code::MethodNotAllowed.entry().status.as_str(), Ref::from_response_name(METHOD_NOT_ALLOWED))
        .response(Code::InternalError.entry().status.as_str(), Ref::from_response_name(INTERNAL_ERROR))
}

/// The header of answers that repeat an earlier one.
pub(super) fn replayed() -> Header {
    header(schemas::words(["true"]), "Sent where the answer is the one to an earlier push with the same key.")
}

fn problem_response(problems: &[Example]) -> ResponseBuilder {
    let line = |(code, _): &Example| {
        let entry = code.entry();
        format!("`{}`: {}. {}.", entry.name, entry.en.meaning, entry.en.action)
    };
    let response = described(&problems.iter().map(line).collect::<Vec<_>>().join("\n\n"), problems);
    let any = |wanted: fn(Code) -> bool| problems.iter().any(|(code, _)| wanted(*code));
    let challenge = || header(schemas::words(["Bearer"]), "How to authenticate.");
    let wait = || header(schemas::retry_after(), "Seconds to wait before the next try.");
    let headers = [
        any(|code| code == Code::Unauthenticated).then(|| ("WWW-Authenticate", challenge())),
        any(|code| code == Code::TopRejected).then(|| ("Idempotent-Replayed", replayed())),
        any(|code| code.entry().retry_after.is_some()).then(|| ("Retry-After", wait())),
    ];
    headers.into_iter().flatten().fold(response, |response, (name, header)| response.header(name, header))
}

fn described(description: &str, problems: &[Example]) -> ResponseBuilder {
    let examples = problems.iter().map(|(code, value)| {
        let entry = code.entry();
        let example = ExampleBuilder::new().summary(entry.en.title).value(Some(value.clone()));
        (entry.name, example.build())
    });
    good(description).link("explanation", explanation("/code")).content(
        problem::MEDIA_TYPE,
        ContentBuilder::new()
            .schema(Some(schemas::reference(schemas::PROBLEM)))
            .examples_from_iter(examples)
            .build(),
    )
}

/// The header of answers that come in more than one form.
pub(super) fn vary() -> Header {
    header(schemas::words(["Accept"]), "The answer depends on this header.")
}

fn request_id() -> Header {
    header(
        schemas::request_id(),
        "The request's identifier: the caller's own `X-Request-Id` in its allowed form, or a new one.",
    )
}

fn header(schema: ObjectBuilder, description: &str) -> Header {
    HeaderBuilder::new().schema(Some(schema)).description(Some(description)).build()
}
