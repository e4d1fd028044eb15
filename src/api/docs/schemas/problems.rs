//! The JSON schemas of problems and of their catalogue.

use serde_json::json;
use utoipa::openapi::schema::{Array, ArrayBuilder, Object, ObjectBuilder, SchemaFormat, Type};

use super::super::super::catalogue::{Actor, Code};
use super::super::super::problem::{MAX_ERRORS, MAX_POINTER, type_of};
use super::super::super::problem_pages::PROBLEMS;
use super::super::super::push;
use super::{
    EXPLANATION, FIELD_ERROR, LINE, MAX_TEXT, PROBLEM_KIND, TOP_DETAILS, attempts, closed, code, integer,
    prior_outcome, reference, request_id, string, words,
};
use crate::delivery::Outcome;
use crate::mediation::Rule;
use crate::top::scrub::{MAX_IDENTIFIER, MAX_MESSAGE};

/// A problem.
pub(super) fn problem() -> Object {
    let mut problem = closed()
        .description(Some("Anything that is not a success, RFC 9457."))
        .property(
            "type",
            kind_of_problem().description(Some("Names the kind of problem, and leads to its explanation.")),
        )
        .property("title", string(1, 200).pattern(Some(LINE)).description(Some("The kind in a few words.")))
        .property("status", integer(400, 504).description(Some("The HTTP status.")))
        .property(
            "detail",
            string(1, MAX_TEXT).pattern(Some(LINE)).description(Some("This one, in a sentence or two.")),
        )
        .property(
            "instance",
            string(1, MAX_TEXT).pattern(Some(LINE)).description(Some("The path that was asked for.")),
        )
        .property("code", code().description(Some("The kind, for programs.")))
        .property("outcome", outcome().description(Some(OUTCOME)))
        .property("retryable", retryable())
        .property(
            "request_id",
            request_id().description(Some("The request's identifier, as in `X-Request-Id`.")),
        );
    for name in
        ["type", "title", "status", "detail", "instance", "code", "outcome", "retryable", "request_id"]
    {
        problem = problem.required(name);
    }
    problem
        .property("attempts", attempts())
        .property("prior_outcome", prior_outcome())
        .property("errors", errors())
        .property("top", reference(TOP_DETAILS))
        .build()
}

/// What `outcome` promises.
const OUTCOME: &str = "`rejected`: TOP decided and said no. `not_executed`: proven, TOP's back end did not see this \
                       push. `unknown`: it may have been executed.";

fn errors() -> Array {
    ArrayBuilder::new()
        .items(reference(FIELD_ERROR))
        .min_items(Some(1))
        .max_items(Some(MAX_ERRORS))
        .description(Some("Everything that the request breaks."))
        .build()
}

/// A broken rule.
pub(super) fn field_error() -> Object {
    closed()
        .description(Some("One broken rule; either `pointer` or `parameter` says where."))
        .property(
            "pointer",
            string(0, MAX_POINTER)
                .pattern(Some("^(?:/(?:[^/~]|~[01])*)?$"))
                .description(Some(
                    "The place in the body, a JSON pointer (RFC 6901); empty for the body itself.",
                ))
                .examples([json!("/completed_time")]),
        )
        .property(
            "parameter",
            words([push::CASE_ID, "Idempotency-Key"]).description(Some("The path parameter or header.")),
        )
        .property("code", words(Rule::ALL.map(Rule::code)).description(Some("The rule.")))
        .property("detail", string(1, 1000).pattern(Some(LINE)).description(Some("What to send instead.")))
        .required("code")
        .required("detail")
        .build()
}

/// TOP's own words.
pub(super) fn top_details() -> Object {
    let identifier = |description: &str| {
        string(0, MAX_IDENTIFIER).pattern(Some("^[^\\u0000-\\u001F]*$")).description(Some(description))
    };
    closed()
        .description(Some("What TOP said, each where it gave it; credentials and addresses are blanked."))
        .property("code", integer(i32::MIN, i32::MAX).description(Some("TOP's `code` (错误码).")))
        .property("sub_code", identifier("TOP's `sub_code`."))
        .property(
            "sub_msg",
            string(0, MAX_MESSAGE).pattern(Some("^[^\\u0000-\\u001F]*$")).description(Some(
                "TOP's `sub_msg` or `extra_err_msg` (错误描述), with `top_rejected` only.",
            )),
        )
        .property("state_code", identifier("TOP's `state_code` (错误码)."))
        .property("request_id", identifier("TOP's identifier of the call; its support asks for it."))
        .build()
}

/// The whole catalogue.
pub(super) fn catalogue() -> Object {
    let problems = ArrayBuilder::new()
        .items(reference(PROBLEM_KIND))
        .min_items(Some(1))
        .max_items(Some(Code::ALL.len()))
        .description(Some("Every kind of problem, by status."));
    closed()
        .description(Some("The kinds of problems that the bridge answers with."))
        .property("problems", problems)
        .required("problems")
        .build()
}

/// One row of the catalogue.
pub(super) fn kind() -> Object {
    let actor = words(Actor::ALL.map(Actor::name)).description(Some(
        "Who should act: the `caller`, the `operator` of the bridge, or `nobody`, where it passes by itself.",
    ));
    let kind = closed()
        .description(Some("What is the same for every problem with this code."))
        .property("type", kind_of_problem().description(Some("The path of this very description.")))
        .property("code", code().description(Some("The kind, for programs.")))
        .property("status", integer(400, 504).description(Some("The HTTP status.")))
        .property("outcomes", outcomes())
        .property("retryable", retryable())
        .property("actor", actor)
        .property("en", reference(EXPLANATION))
        .property("zh", reference(EXPLANATION));
    ["type", "code", "status", "outcomes", "retryable", "actor", "en", "zh"]
        .into_iter()
        .fold(kind, ObjectBuilder::required)
        .build()
}

/// What there is to say of a problem in one language.
pub(super) fn explanation() -> Object {
    let members = [
        ("title", "The problem in a few words."),
        ("meaning", "What happened."),
        ("executed", "Whether the push was executed."),
        ("retry", "Whether to try again."),
        ("action", "What to do now."),
        ("actor", "Who should act."),
    ];
    let text = |description| string(1, 1000).pattern(Some(LINE)).description(Some(description));
    members
        .into_iter()
        .fold(closed(), |object, (name, description)| object.property(name, text(description)).required(name))
        .description(Some(
            "What there is to say of a problem in one language; what is literal stands between backticks.",
        ))
        .build()
}

/// The member `type`. Its values follow from `code`, which lists them: two lists would be two enums in a client.
fn kind_of_problem() -> ObjectBuilder {
    string(1, 64)
        .pattern(Some(format!("^{PROBLEMS}/[a-z_]+$")))
        .format(Some(SchemaFormat::Custom("uri-reference".to_owned())))
        .examples([json!(type_of(Code::TopTimeout))])
}

/// The outcomes that are problems.
fn outcome() -> ObjectBuilder {
    words(Outcome::ALL.into_iter().filter(|outcome| *outcome != Outcome::Accepted).map(Outcome::name))
}

/// The outcomes that problems of one kind can have.
fn outcomes() -> Array {
    ArrayBuilder::new()
        .items(outcome())
        .min_items(Some(1))
        .max_items(Some(2))
        .description(Some(
            "What `outcome` can be: `internal_error` is `not_executed` where no call to TOP had begun, else `unknown`; \
             all others have one.",
        ))
        .build()
}

fn retryable() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .description(Some("Whether the same request may succeed later."))
}
