//! The routes of the catalogue of problems in the document.

use serde_json::{Value, json};
use utoipa::openapi::Required;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::SecurityRequirement;

use super::super::body;
use super::super::catalogue::Code;
use super::super::problem_pages::{CODE, ProblemCatalogue, ProblemKind};
use super::answers::{EXPLAIN, explanation, good, problems_of_reading, vary};
use super::{examples, schemas};

/// `GET /problems`.
pub(super) fn list() -> OperationBuilder {
    let answer = in_both_forms(
        good("All problems, as JSON, or as a page where `Accept` names `text/html`."),
        schemas::PROBLEM_CATALOGUE,
        json!(ProblemCatalogue::of(&[Code::TopTimeout])),
    );
    let operation = operation("listProblems", "All problems (问题一览)")
        .description(Some(
            "The catalogue of problems: of each what it means, whether the push was executed, whether to try again, what \
             to do now and who should act, in English and Chinese.",
        ))
        .response("200", answer.link("explanation", explanation("/problems/0/code")));
    problems_of_reading(operation, &[])
}

/// `GET /problems/{code}`.
pub(super) fn one() -> OperationBuilder {
    let code = ParameterBuilder::new()
        .name(CODE)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The member `code` of a problem."))
        .schema(Some(schemas::code()))
        .example(Some(Code::TopTimeout.entry().name.into()));
    let answer = in_both_forms(
        good("What the problem means, as JSON, or as a page where `Accept` names `text/html`."),
        schemas::PROBLEM_KIND,
        json!(ProblemKind::of(Code::TopTimeout)),
    );
    let operation = operation(EXPLAIN, "One kind of problem")
        .description(Some(
            "What a problem means, whether the push was executed, whether to try again, what to do now and who should \
             act, in English and Chinese. The member `type` of a problem leads here.",
        ))
        .parameter(code)
        .response("200", answer);
    problems_of_reading(operation, &[(Code::NotFound, examples::no_such_problem())])
}

fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .tag("documents")
        .operation_id(Some(id))
        .summary(Some(summary))
        .security(SecurityRequirement::default())
}

fn in_both_forms(answer: ResponseBuilder, schema: &str, example: Value) -> ResponseBuilder {
    let json = ContentBuilder::new().schema(Some(schemas::reference(schema))).example(Some(example));
    let page = ContentBuilder::new().schema(Some(schemas::html_page()));
    answer.header("Vary", vary()).content(body::MEDIA_TYPE, json.build()).content("text/html", page.build())
}
