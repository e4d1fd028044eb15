//! The JSON schemas of requests and answers, with the limits, patterns and words that the checks use.

mod problems;

use serde_json::json;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Ref, Schema, SchemaFormat,
    SchemaType, Type,
};

use super::super::catalogue::Code;
use super::super::context::MAX_REQUEST_ID;
use super::super::{PUSH, READ};
use crate::delivery::Outcome;
use crate::delivery::idempotency::IdempotencyKey;
use crate::mediation::{
    CaseId, CompletedTime, Content, MediatorName, MediatorPhone, ResultText, TextRule, WorkNumber,
};

/// The names of the schemas.
pub(super) const REQUEST: &str = "MediationResult";
pub(super) const ACCEPTED: &str = "AcceptedPush";
pub(super) const PROBLEM: &str = "Problem";
pub(super) const FIELD_ERROR: &str = "FieldError";
pub(super) const TOP_DETAILS: &str = "TopDetails";
pub(super) const PROBLEM_CATALOGUE: &str = "ProblemCatalogue";
pub(super) const PROBLEM_KIND: &str = "ProblemKind";
pub(super) const EXPLANATION: &str = "ProblemExplanation";
pub(super) const HEALTH: &str = "Health";
pub(super) const OPENAPI_DOCUMENT: &str = "OpenApiDocument";

/// The most characters that the request's path may take in an answer, a sentence, or a page.
const MAX_TEXT: usize = 131_072;
/// The most bytes of the metrics: every route by every method and status, and room to spare.
const MAX_METRICS: usize = 1 << 20;
/// The most characters of a time in the document. The bridge takes fractions of any length that fits into a body; a
/// bound so large would only make tools send bodies that are too large.
const MAX_TIME: usize = 1024;
/// One line of text.
const LINE: &str = r"^[^\u0000-\u001F]+$";
/// Pages of text: no control characters but the ends of lines.
const PAGE: &str = r"[^\u0000-\u0009\u000B-\u001F]*$";

/// Every schema by name.
pub(super) fn all() -> Vec<(&'static str, Schema)> {
    vec![
        (REQUEST, request().into()),
        (ACCEPTED, accepted().into()),
        (PROBLEM, problems::problem().into()),
        (FIELD_ERROR, problems::field_error().into()),
        (TOP_DETAILS, problems::top_details().into()),
        (PROBLEM_CATALOGUE, problems::catalogue().into()),
        (PROBLEM_KIND, problems::kind().into()),
        (EXPLANATION, problems::explanation().into()),
        (HEALTH, health().into()),
        (OPENAPI_DOCUMENT, openapi_document().into()),
    ]
}

/// A reference to one of them.
pub(super) fn reference(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

/// The path parameter `case_id`.
pub(super) fn case_id() -> ObjectBuilder {
    string(1, CaseId::MAX).pattern(Some(CaseId::PATTERN)).examples([json!("1290293148910")])
}

/// The header `Idempotency-Key`.
pub(super) fn idempotency_key() -> ObjectBuilder {
    // Quotes around it, and every character escaped.
    string(1, 2 * IdempotencyKey::MAX + 2)
        .pattern(Some(IdempotencyKey::PATTERN))
        .examples([json!("7c4a8d09-ca37-4f2e-9d1b-2f0b3a5e6c11")])
}

/// The member `code` of problems, and the path parameter.
pub(super) fn code() -> ObjectBuilder {
    words(Code::ALL.iter().map(|code| code.entry().name))
}

/// The header `X-Request-Id` of answers.
pub(super) fn request_id() -> ObjectBuilder {
    string(1, MAX_REQUEST_ID).pattern(Some("^[A-Za-z0-9._-]+$"))
}

/// The header `Allow` of a path that is only read. A pattern, for generators make constants of the words of an enum.
pub(super) fn allow() -> ObjectBuilder {
    string(1, READ.len()).pattern(Some(format!("^(?:{READ}|{PUSH})$")))
}

/// The header `Retry-After`.
pub(super) fn retry_after() -> ObjectBuilder {
    integer(1, 2_678_400)
}

/// The page of metrics.
pub(super) fn metrics_page() -> ObjectBuilder {
    string(1, MAX_METRICS).pattern(Some(format!("^{PAGE}")))
}

/// A page of HTML.
pub(super) fn html_page() -> ObjectBuilder {
    string(1, MAX_TEXT).pattern(Some(format!("^<!DOCTYPE html>{PAGE}")))
}

fn request() -> Object {
    let time = nullable(string(19, MAX_TIME).pattern(Some(CompletedTime::pattern())))
        .description(Some(format!(
            "When the mediation ended (结束时间). Three spellings: {}. Years {} to {} in GMT+8. It is sent to TOP, and \
             echoed, as `YYYY-MM-DD HH:MM:SS` in GMT+8; fractions of a second are cut. The schema leaves out two \
             things that the bridge takes: offsets other than UTC and +08:00 on the days around the first and the last \
             New Year, and fractions of more than a thousand digits.",
            CompletedTime::SPELLINGS.map(|(name, example)| format!("`{example}` ({name})")).join(", "),
            CompletedTime::FIRST_YEAR,
            CompletedTime::LAST_YEAR,
        )))
        .examples(CompletedTime::SPELLINGS.map(|(_, example)| json!(example)));
    let phone =
        nullable(string(MediatorPhone::MIN, MediatorPhone::MAX).pattern(Some(MediatorPhone::PATTERN)))
            .description(Some("How to reach the mediator (联系电话): at least 3 digits; sent on unchanged."))
            .examples([json!("13812345678")]);
    closed()
        .description(Some(
            "How a mediation ended, as its mediator reports it. Members that are null count as absent.",
        ))
        .property(
            "result",
            text(ResultText::RULE)
                .description(Some("How it ended (调解结果). TOP documents no list of values."))
                .examples([json!("success")]),
        )
        .required("result")
        .property(
            "work_number",
            nullable(text(WorkNumber::RULE))
                .description(Some("The number of the complaint's work order (投诉工单号)."))
                .examples([json!("123123")]),
        )
        .property("completed_time", time)
        .property(
            "mediator_name",
            nullable(text(MediatorName::RULE))
                .description(Some("The mediator's name (调解员姓名)."))
                .examples([json!("张三")]),
        )
        .property("mediator_phone", phone)
        .property(
            "content",
            nullable(text(Content::RULE))
                .description(Some("What was said (沟通情况); line breaks and tabs are allowed."))
                .examples([json!("沟通内容")]),
        )
        .build()
}

fn accepted() -> Object {
    closed()
        .description(Some("TOP executed the push."))
        .property("case_id", case_id().description(Some("The case (调解案件ID).")))
        .property("outcome", words([Outcome::Accepted.name()]).description(Some("The push was executed.")))
        .property(
            "completed_time",
            string(19, 19)
                .pattern(Some(CompletedTime::printed_pattern()))
                .description(Some("The time as it was sent to TOP, in GMT+8 (结束时间)."))
                .examples([json!("2025-11-17 00:00:00")]),
        )
        .property("attempts", attempts())
        .property("prior_outcome", prior_outcome())
        .property("top", reference(TOP_DETAILS))
        .required("case_id")
        .required("outcome")
        .required("attempts")
        .required("top")
        .build()
}

fn health() -> Object {
    closed()
        .description(Some("The process lives, or takes requests."))
        .property("status", words(["ok"]).description(Some("The only good status.")))
        .required("status")
        .build()
}

/// The document itself, as far as its first level.
fn openapi_document() -> Object {
    let part = |description: &str| {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .max_properties(Some(100))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .description(Some(description))
    };
    let list = |description: &str, of: &str| {
        ArrayBuilder::new().items(part(of)).max_items(Some(100)).description(Some(description))
    };
    closed()
        .description(Some("An OpenAPI 3.1 document."))
        .property(
            "openapi",
            string(5, 16)
                .pattern(Some(r"^3\.1\.[0-9]+$"))
                .description(Some("The version of the specification.")),
        )
        .property("info", part("What this interface is."))
        .property("servers", list("Where it is served.", "A server."))
        .property("paths", part("The operations, by path and method."))
        .property("components", part("What the operations share."))
        .property("tags", list("The groups of operations.", "A group."))
        .required("openapi")
        .required("info")
        .required("servers")
        .required("paths")
        .required("components")
        .required("tags")
        .build()
}

/// An object without further members.
fn closed() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

fn string(min: usize, max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length((min > 0).then_some(min)).max_length(Some(max))
}

fn text(rule: TextRule) -> ObjectBuilder {
    string(rule.min, rule.max).pattern(Some(rule.pattern()))
}

fn nullable(string: ObjectBuilder) -> ObjectBuilder {
    string.schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

/// One of these words.
pub(super) fn words<W: Into<String>>(words: impl IntoIterator<Item = W>) -> ObjectBuilder {
    let words = words.into_iter().map(|word| json!(word.into()));
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

fn integer(min: i32, max: i32) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)))
        .minimum(Some(min))
        .maximum(Some(max))
}

fn prior_outcome() -> ObjectBuilder {
    words([Outcome::Unknown.name()]).description(Some(
        "Set where an earlier push with the same `Idempotency-Key` may have been executed, too.",
    ))
}

fn attempts() -> ObjectBuilder {
    integer(0, 100).description(Some("Calls to TOP that were begun; 0 under a ban."))
}
