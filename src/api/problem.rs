//! Everything that is not a success: one type for handlers to return, one shape for callers, RFC 9457,
//! `application/problem+json`.
//!
//! In reading order: [`catalogue`] is the table of problems, [`explanation`] makes whole sentences of a row, [`pages`] serves
//! them; this file is the problem itself. Handlers return it as an error; the middleware renders it, since only there the
//! request's identifier, path and language are at hand.

pub mod catalogue;
pub mod explanation;
mod field_error;
pub mod pages;

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
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
/// The header of an answer that repeats what an earlier push with the same key came to.
pub const REPLAYED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
/// The most violations that one answer lists; `detail` says so where there are more.
pub const MAX_ERRORS: usize = 100;
/// A problem, before it is tied to a request.
#[derive(Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// This one, in a sentence or two, for whoever sent the request.
    pub detail: Cow<'static, str>,
    /// Whether the push was executed.
    pub outcome: Outcome,
    /// Calls to TOP, where it came to calling.
    pub attempts: Option<u32>,
    /// Whether an earlier push with the same key may have been executed.
    pub in_doubt: bool,
    /// Whether this is the answer to an earlier push with the same key.
    pub replayed: bool,
    /// The violations of the request.
    pub errors: Vec<FieldError>,
    /// What TOP said.
    pub top: Option<Box<UpstreamDetails>>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// `Allow`.
    pub allow: Option<&'static str>,
}

fn errors_schema() -> RefOr<Schema> {
    let items = Ref::from_schema_name(FieldError::name());
    let errors = ArrayBuilder::new().items(items).min_items(Some(1)).max_items(Some(MAX_ERRORS));
    errors.description(Some("All violations of the request.")).into()
}

/// Anything that is not a success, RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody<'a> {
    /// Names the kind of problem, and leads to its explanation: one of [/problems](../problems).
    #[schema(value_type = ProblemType)]
    r#type: String,
    /// The kind in a few words, in the language that `Accept-Language` prefers.
    #[schema(value_type = Title)]
    title: &'static str,
    /// The HTTP status.
    #[schema(value_type = ProblemStatus)]
    status: u16,
    /// This one, in a sentence or two.
    #[schema(value_type = PathText)]
    detail: &'a str,
    /// The path that was asked for.
    #[schema(value_type = PathText)]
    instance: &'a str,
    /// The kind, for programs.
    code: Code,
    /// `rejected`: TOP decided and said no. `not_executed`: proven, TOP's back end did not see this push. `unknown`: it may
    /// have been executed.
    #[schema(value_type = ProblemOutcome)]
    outcome: Outcome,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Who has to act: the caller, the bridge's operator, or nobody, where it passes by itself.
    actor: catalogue::Actor,
    /// The request's identifier, as in `X-Request-Id`.
    #[schema(value_type = RequestId)]
    request_id: &'a str,
    /// Calls to TOP that were begun; 0 under a ban.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Attempts, required = false)]
    attempts: Option<u32>,
    /// Set where an earlier push with the same `Idempotency-Key` may have been executed, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = PriorOutcome, required = false)]
    prior_outcome: Option<Outcome>,
    /// All violations of the request.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(schema_with = errors_schema, required = false)]
    errors: &'a [FieldError],
    /// What TOP said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = UpstreamDetails, required = false)]
    top: Option<&'a UpstreamDetails>,
}

impl Problem {
    /// A problem with what its row of the catalogue says.
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

    /// An error of the bridge. `begun` tells whether a call to TOP had begun: then nobody knows its outcome.
    #[must_use]
    pub fn internal(begun: bool) -> Self {
        let outcome = if begun { Outcome::Unknown } else { Outcome::NotExecuted };
        let detail =
            "The bridge failed while it handled the request; its log says more under the request_id.";
        Self { outcome, ..Self::new(Code::InternalError, detail) }
    }

    /// The answer to a body that did not arrive in whole.
    #[must_use]
    pub fn broken_off() -> Self {
        Self::new(Code::MalformedJson, "The body broke off, or its transfer coding is wrong.")
    }

    /// The answer to a push that this process has no time for.
    #[must_use]
    pub fn shutting_down() -> Self {
        let detail = "This process is shutting down and accepts no more pushes; nothing was sent.";
        Self::new(Code::ShuttingDown, detail)
    }

    /// `misdirected_request` for a request that names another host.
    #[must_use]
    pub fn misdirected() -> Self {
        let detail =
            "Without callers this bridge answers on this machine alone, and the request's Host is another's.";
        Self::new(Code::MisdirectedRequest, detail)
    }

    /// `method_not_allowed` for a method that a path does not have.
    #[must_use]
    pub fn method_not_allowed(method: &str, allow: &'static str) -> Self {
        let detail = format!("{method} is not available here; use {allow}.");
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed, detail) }
    }

    /// The answer to the request that `context` tells of, at `path`.
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

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.entry().status
    }

    /// Only the status: the middleware renders the rest.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// The URI reference that names a kind of problem.
#[must_use]
pub fn type_of(code: Code) -> String {
    format!("{}/{}", paths::PROBLEMS, code.name())
}
