//! The parts of the OpenAPI document that all operations share.

use serde_json::Value;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::server::ServerBuilder;
use utoipa::openapi::{OpenApi, Ref, RefOr, Required, Schema};
use utoipa::{Modify, PartialSchema};

use super::responses::{described, request_id, response};
use crate::api::context::{RequestId, TraceId};
use crate::api::json;
use crate::api::paths;
use crate::api::problem::{FieldError, Problem, ProblemBody};

const DESCRIPTION: &str = "\
Pushes the results of mediations at Jiaoyimao (交易猫) to the Taobao Open Platform (TOP), method \
`alibaba.jym.servicecenter.mediation.result.push` (调解结果推送), and reports the outcome of each.

A push is plain JSON. The bridge checks everything, converts `completed_time` to GMT+8, signs, forwards, and maps what \
TOP answers to an HTTP status. Everything but a success is `application/problem+json` (RFC 9457) with a `code`, an \
`outcome` that says whether the push was executed, and `retryable`; [/problems](../problems) explains them all, in \
English and Chinese. HEAD is available for every GET.

Requests are closed: an unknown member is refused. Answers are open: a later version may add members and codes, and \
keeps those that there are.";

/// The extensions of `info` by which API catalogues identify this API and its audience. They are written in this order,
/// which `utoipa` does not keep.
const IDENTITY: [(&str, &str); 2] =
    [("x-api-id", "fdd5106f-9f58-44ad-b87d-8da33abe5b17"), ("x-audience", "company-internal")];

/// The document without its operations.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "mediation-bridge",
        description = DESCRIPTION,
        contact(
            name = "The operators of this mediation-bridge",
            url = "https://mediation-bridge.example.com",
            email = "mediation-bridge@example.com",
        ),
        license(name = "MIT License", identifier = "MIT"),
    ),
    components(schemas(ProblemBody, FieldError)),
    tags(
        (name = "mediations", description = "Results of mediations (调解结果)."),
        (name = "health", description = "For orchestrators; no route calls TOP."),
        (name = "documents", description = "The explanations of problems, and this document."),
    ),
)]
pub struct Base;

/// The name of the security scheme.
const BEARER: &str = "bearer";
/// The names of the answers that operations share.
const METHOD_NOT_ALLOWED: &str = "MethodNotAllowed";
const MISDIRECTED_REQUEST: &str = "MisdirectedRequest";
const INTERNAL_ERROR: &str = "InternalError";
const OTHER_PROBLEM: &str = "OtherProblem";

/// Adds what every operation shares, so that no handler repeats it.
pub struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        document.servers = Some(vec![
            ServerBuilder::new()
                .url(".")
                .description(Some("The bridge that serves this document: local, staging or production"))
                .extensions(Some(ExtensionsBuilder::new().add("x-internal", true).build()))
                .build(),
        ]);
        for item in document.paths.paths.values_mut() {
            if let PathItem { get: Some(operation), .. } = item {
                add_reading_parts(operation);
            }
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                add_common_parts(operation);
            }
        }
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(BEARER, bearer());
        for (name, response) in shared_responses() {
            components.responses.insert(name.to_owned(), response.into());
        }
    }
}

/// Adds the headers for logs and traces and the common problems to an operation.
fn add_common_parts(operation: &mut Operation) {
    let parameter = |name: &str, schema: RefOr<Schema>, description: &str| -> RefOr<Parameter> {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(description))
            .schema(Some(schema))
            .build()
            .into()
    };
    operation.parameters.get_or_insert_default().extend([
        parameter(
            "X-Request-Id",
            RequestId::schema(),
            "The caller's own identifier of this request. The answer, its `request_id` and the bridge's log repeat it.",
        ),
        parameter(
            "traceparent",
            TraceId::schema(),
            "The trace of this request (W3C Trace Context). The bridge's log repeats its identifier.",
        ),
    ]);
    for (status, name) in [("421", MISDIRECTED_REQUEST), ("default", OTHER_PROBLEM)] {
        operation.responses.responses.insert(status.to_owned(), Ref::from_response_name(name).into());
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert("X-Request-Id".to_owned(), request_id().into());
        }
    }
}

/// Adds the answers of an operation that only reads.
fn add_reading_parts(operation: &mut Operation) {
    operation.security = Some(vec![utoipa::openapi::security::SecurityRequirement::default()]);
    for (status, name) in [("405", METHOD_NOT_ALLOWED), ("500", INTERNAL_ERROR)] {
        let response = Ref::from_response_name(name);
        operation.responses.responses.insert(status.to_owned(), response.into());
    }
}

/// The answers that operations share, by name.
fn shared_responses() -> [(&'static str, Response); 4] {
    let path = paths::PROBLEMS;
    let failed = || [Problem::internal(false)];
    let shared = [
        (METHOD_NOT_ALLOWED, response(&[Problem::method_not_allowed("POST", "GET, HEAD")], path)),
        (MISDIRECTED_REQUEST, response(&[Problem::misdirected()], path)),
        (INTERNAL_ERROR, response(&failed(), path)),
        (OTHER_PROBLEM, described("Any other problem.", &failed(), path).build()),
    ];
    shared.map(|(name, mut response)| {
        response.headers.insert("X-Request-Id".to_owned(), request_id().into());
        (name, response)
    })
}

fn bearer() -> SecurityScheme {
    let description =
        "The token that the bridge's operator gave to the caller. Not required if no callers are configured.";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
    SecurityScheme::Http(scheme.build())
}

/// The document as text, as it is served, printed and committed.
pub fn text(mut document: OpenApi) -> String {
    Common.modify(&mut document);
    let mut document = serde_json::to_value(document).unwrap_or_default();
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.extend(IDENTITY.map(|(name, value)| (name.to_owned(), value.into())));
    }
    json::pretty(&document)
}
