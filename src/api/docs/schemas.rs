//! The JSON schemas of requests and answers, with the limits, patterns and words that the checks use.

use serde_json::json;
use utoipa::openapi::schema::{
    AdditionalProperties, Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Ref, Schema, SchemaFormat,
    SchemaType, Type,
};

use super::super::catalogue::Code;
use super::super::context::MAX_REQUEST_ID;
use super::super::problem::{MAX_ERRORS, MAX_POINTER, type_of};
use crate::delivery::Outcome;
use crate::delivery::idempotency::IdempotencyKey;
use crate::mediation::{
    CaseId, CompletedTime, Content, MediatorName, MediatorPhone, ResultText, Rule, TextRule, WorkNumber,
};
use crate::top::scrub::{MAX_IDENTIFIER, MAX_MESSAGE};

/// The names of the schemas.
pub(super) const REQUEST: &str = "MediationResult";
pub(super) const ACCEPTED: &str = "AcceptedPush";
pub(super) const PROBLEM: &str = "Problem";
pub(super) const FIELD_ERROR: &str = "FieldError";
pub(super) const TOP_DETAILS: &str = "TopDetails";
pub(super) const HEALTH: &str = "Health";

/// The spelling of times in answers.
const GMT8_PATTERN: &str = "^20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$";
/// The most bytes that the request's path may take in an answer, and a sentence.
const MAX_TEXT: usize = 131_072;

/// Every schema by name.
pub(super) fn all() -> Vec<(&'static str, Schema)> {
    vec![
        (REQUEST, request().into()),
        (ACCEPTED, accepted().into()),
        (PROBLEM, problem().into()),
        (FIELD_ERROR, field_error().into()),
        (TOP_DETAILS, top_details().into()),
        (HEALTH, health().into()),
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

/// The header `Idempotent-Replayed` of answers.
pub(super) fn replayed() -> ObjectBuilder {
    words(["true"])
}

/// The header `X-Request-Id` of answers.
pub(super) fn request_id() -> ObjectBuilder {
    string(1, MAX_REQUEST_ID).pattern(Some("^[A-Za-z0-9._-]+$"))
}

/// The header `Retry-After`.
pub(super) fn retry_after() -> ObjectBuilder {
    integer(1, 2_678_400).description(Some("Seconds to wait before the next try."))
}

/// A page of text.
pub(super) fn text_page() -> ObjectBuilder {
    string(0, MAX_TEXT)
}

fn request() -> Object {
    let time = nullable(string(19, MAX_TEXT).pattern(Some(CompletedTime::pattern())))
        .description(Some(format!(
            "When the mediation ended (结束时间). Three spellings: {}. Years {} to {} in GMT+8. It is sent to TOP, and \
             echoed, as `YYYY-MM-DD HH:MM:SS` in GMT+8; fractions of a second are cut.",
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
                .pattern(Some(GMT8_PATTERN))
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

fn problem() -> Object {
    let names = || Code::ALL.iter().map(|code| code.entry().name);
    let mut problem = closed()
        .description(Some("Anything that is not a success, RFC 9457."))
        .property(
            "type",
            words(Code::ALL.iter().map(|code| type_of(*code)))
                .format(Some(SchemaFormat::Custom("uri-reference".to_owned())))
                .description(Some("Names the kind of problem.")),
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
        .property("code", words(names()).description(Some("The kind, for programs.")))
        .property("outcome", words(Outcome::ALL.map(Outcome::name)).description(Some(OUTCOME)))
        .property(
            "retryable",
            ObjectBuilder::new()
                .schema_type(Type::Boolean)
                .description(Some("Whether the same request may succeed later.")),
        )
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

/// One line of text.
const LINE: &str = r"^[^\u0000-\u001F]+$";
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

fn field_error() -> Object {
    closed()
        .description(Some("One broken rule; either `pointer` or `parameter` says where."))
        .property(
            "pointer",
            string(0, MAX_POINTER)
                .pattern(Some("^(/.*)?$"))
                .description(Some(
                    "The place in the body, a JSON pointer (RFC 6901); empty for the body itself.",
                ))
                .examples([json!("/completed_time")]),
        )
        .property(
            "parameter",
            words(["case_id", "Idempotency-Key"]).description(Some("The path parameter or header.")),
        )
        .property("code", words(Rule::ALL.map(Rule::code)).description(Some("The rule.")))
        .property("detail", string(1, 1000).pattern(Some(LINE)).description(Some("What to send instead.")))
        .required("code")
        .required("detail")
        .build()
}

fn top_details() -> Object {
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

fn health() -> Object {
    closed()
        .description(Some("The process lives, or takes requests."))
        .property("status", words(["ok"]).description(Some("The only good status.")))
        .required("status")
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

fn words<W: Into<String>>(words: impl IntoIterator<Item = W>) -> ObjectBuilder {
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
