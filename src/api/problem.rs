//! The type of every answer that is not a success. Handlers return it as an error; callers get it as
//! `application/problem+json`, RFC 9457.
//!
//! In reading order: [`catalogue`] is the table of problems, [`explanation`] turns a row into sentences, and [`pages`]
//! serves them. The middleware renders a problem, because only the middleware has the identifier, path and language of
//! the request.

pub mod catalogue;
pub mod explanation;
mod field_error;
pub mod pages;

use std::borrow::Cow;
use std::fmt;

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};

use super::context::{Context, RequestId};
use super::schema::{Attempts, PathText, PriorOutcome, ProblemOutcome, ProblemStatus, ProblemType, Title};
use super::{json, paths};
use crate::delivery::Outcome;
use crate::top::UpstreamDetails;
pub use catalogue::Code;
use explanation::Language;
pub use field_error::{CASE_ID, FieldError, IDEMPOTENCY_KEY, MAX_POINTER};

/// The media type of every problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// The header of an answer that repeats the outcome of an earlier push with the same key.
pub const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
/// The maximum number of violations in one answer. If there are more, `detail` says so.
pub const MAX_ERRORS: usize = 100;

/// A problem that is not yet tied to a request.
#[derive(Debug)]
pub struct Problem {
    /// The kind of the problem.
    pub code: Code,
    /// A description of this occurrence for the caller, in one or two sentences.
    pub detail: Cow<'static, str>,
    /// Whether the push was executed.
    pub outcome: Outcome,
    /// The number of calls to TOP; `None` if the request ended before the bridge could call.
    pub attempts: Option<u32>,
    /// Whether an earlier push with the same key may have been executed.
    pub in_doubt: bool,
    /// Whether this is the answer to an earlier push with the same key.
    pub replayed: bool,
    /// The violations of the request.
    pub errors: Vec<FieldError>,
    /// TOP's answer.
    pub top: Option<Box<UpstreamDetails>>,
    /// The value of `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// The value of `Allow`.
    pub allow: Option<&'static str>,
}

fn errors_schema() -> RefOr<Schema> {
    let items = Ref::from_schema_name(FieldError::name());
    let errors = ArrayBuilder::new().items(items).min_items(Some(1)).max_items(Some(MAX_ERRORS));
    errors.description(Some("All violations of the request.")).into()
}

/// An answer that is not a success, RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody<'a> {
    /// The kind of the problem, and the path of its explanation: one of [/problems](../problems).
    #[schema(value_type = ProblemType)]
    r#type: String,
    /// The kind in a few words, in the language that `Accept-Language` prefers.
    #[schema(value_type = Title)]
    title: &'static str,
    /// The HTTP status.
    #[schema(value_type = ProblemStatus)]
    status: u16,
    /// A description of this occurrence, in one or two sentences.
    #[schema(value_type = PathText)]
    detail: &'a str,
    /// The path of the request.
    #[schema(value_type = PathText)]
    instance: &'a str,
    /// The kind, for programs.
    code: Code,
    /// `rejected`: TOP decided and refused. `not_executed`: it is proven that TOP's back end did not see this push.
    /// `unknown`: the push may have been executed.
    #[schema(value_type = ProblemOutcome)]
    outcome: Outcome,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Who has to act: the caller, the bridge's operator, or nobody if it passes by itself.
    actor: catalogue::Actor,
    /// The request's identifier, as in `X-Request-Id`.
    #[schema(value_type = RequestId)]
    request_id: &'a str,
    /// Calls to TOP that were begun; 0 under a ban.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Attempts, required = false)]
    attempts: Option<u32>,
    /// Set if an earlier push with the same `Idempotency-Key` may also have been executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PriorOutcome, required = false)]
    prior_outcome: Option<Outcome>,
    /// All violations of the request.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(schema_with = errors_schema, required = false)]
    errors: &'a [FieldError],
    /// TOP's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UpstreamDetails, required = false)]
    top: Option<&'a UpstreamDetails>,
}

impl Problem {
    /// A problem with the values of its row in the catalogue.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let entry = code.entry();
        Self {
            code,
            detail: detail.into(),
            outcome: entry.outcome,
            attempts: None,
            in_doubt: false,
            replayed: false,
            errors: Vec::new(),
            top: None,
            retry_after: entry.retry_after,
            allow: None,
        }
    }

    /// `validation_failed` with all violations of a request.
    #[must_use]
    pub fn validation(mut errors: Vec<FieldError>) -> Self {
        let listed = errors.len().min(MAX_ERRORS);
        let detail = match errors.len() {
            1 => "The request has 1 violation.".to_owned(),
            all if all > listed => {
                format!("The request has {all} violations; the first {listed} are listed.")
            }
            all => format!("The request has {all} violations."),
        };
        errors.truncate(MAX_ERRORS);
        Self { errors, ..Self::new(Code::ValidationFailed, detail) }
    }

    /// An error of the bridge. `begun` is true if a call to TOP had begun: then the outcome is unknown.
    #[must_use]
    pub fn internal(begun: bool) -> Self {
        let outcome = if begun { Outcome::Unknown } else { Outcome::NotExecuted };
        let detail =
            "The bridge failed while it handled the request; its log says more under the request_id.";
        Self { outcome, ..Self::new(Code::InternalError, detail) }
    }

    /// `malformed_json` for a body that did not arrive completely.
    #[must_use]
    pub fn incomplete_body() -> Self {
        Self::new(Code::MalformedJson, "The body broke off, or its transfer coding is wrong.")
    }

    /// `shutting_down` for a push that arrives while this process is stopping.
    #[must_use]
    pub fn shutting_down() -> Self {
        let detail = "This process is shutting down and accepts no more pushes; nothing was sent.";
        Self::new(Code::ShuttingDown, detail)
    }

    /// `misdirected_request` for a request that names another host.
    #[must_use]
    pub fn misdirected() -> Self {
        let detail = "Without callers this bridge answers on this machine alone, and the request's Host names another host.";
        Self::new(Code::MisdirectedRequest, detail)
    }

    /// `method_not_allowed` for a method that a path does not have.
    #[must_use]
    pub fn method_not_allowed(method: &str, allow: &'static str) -> Self {
        let detail = format!("{method} is not available here; use {allow}.");
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, detail) }
    }

    /// The answer to the request with this `context` and `path`.
    #[must_use]
    pub fn render(&self, context: &Context, path: &str) -> HttpResponse {
        let language = Language::preferred(context.accept_language.as_ref());
        let mut response = HttpResponse::build(self.code.entry().status);
        response
            .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)))
            .insert_header((header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag())))
            .insert_header((header::VARY, HeaderValue::from_static("Accept-Language")));
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(allow) = self.allow {
            response.insert_header((header::ALLOW, HeaderValue::from_static(allow)));
        }
        if self.replayed {
            response.insert_header(REPLAYED);
        }
        if self.code == Code::Unauthenticated {
            response.insert_header((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        response.body(json::compact(&self.body(context, path, language)))
    }

    pub(super) fn body<'a>(
        &'a self,
        context: &'a Context,
        path: &'a str,
        language: Language,
    ) -> ProblemBody<'a> {
        let entry = self.code.entry();
        ProblemBody {
            r#type: type_of(self.code),
            title: language.title(self.code),
            status: entry.status.as_u16(),
            detail: &self.detail,
            instance: path,
            code: self.code,
            outcome: self.outcome,
            retryable: entry.retryable,
            actor: entry.actor,
            request_id: context.request_id.as_str(),
            attempts: self.attempts,
            prior_outcome: self.in_doubt.then_some(Outcome::Unknown),
            errors: &self.errors,
            top: self.top.as_deref(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// The middleware renders it as the whole answer, so nothing of the library's own answer is sent.
impl ResponseError for Problem {}

/// The URI reference that identifies a kind of problem.
#[must_use]
pub fn type_of(code: Code) -> String {
    format!("{}/{}", paths::PROBLEMS, code.name())
}
