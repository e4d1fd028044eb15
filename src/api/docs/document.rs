//! The OpenAPI 3.1 document: routes, answers by status, security.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::info::{ContactBuilder, InfoBuilder, LicenseBuilder};
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Components, ComponentsBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::server::{Server, ServerBuilder};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Info, OpenApi, OpenApiBuilder, Required};

use super::super::body;
use super::super::catalogue::Code;
use super::super::problem_pages::PROBLEMS;
use super::answers::{self, Example, good, problems, problems_of_reading};
use super::{OPENAPI, examples, problem_routes, schemas};

/// The name of the security scheme.
const BEARER: &str = "bearer";

const DESCRIPTION: &str = "\
Pushes the results of mediations at Jiaoyimao (交易猫) to the Taobao Open Platform (TOP), method \
`alibaba.jym.servicecenter.mediation.result.push` (调解结果推送), and says honestly what became of each.

A push is plain JSON. The bridge checks everything, converts `completed_time` to GMT+8, signs, forwards, and maps what \
TOP answers to an HTTP status. Everything but a success is `application/problem+json` (RFC 9457) with a `code`, an \
`outcome` that tells whether the push was executed, and `retryable`; `/problems` explains them all, in English and \
Chinese. HEAD works wherever GET does.";

/// What catalogues of interfaces tell this one by, and whom it is for: extensions of `info` in the order in which they
/// are written, which `utoipa` does not keep.
pub(super) const IDENTITY: [(&str, &str); 2] =
    [("x-api-id", "fdd5106f-9f58-44ad-b87d-8da33abe5b17"), ("x-audience", "company-internal")];

/// The problems that the push route can answer; the others belong to paths and methods that are not in here.
const OF_A_PUSH: [Code; 20] = [
    Code::MalformedJson,
    Code::Unauthenticated,
    Code::RequestTimeout,
    Code::IdempotencyInFlight,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
    Code::ValidationFailed,
    Code::IdempotencyKeyReused,
    Code::TopRejected,
    Code::TopRateLimited,
    Code::InternalError,
    Code::TopAccessDenied,
    Code::TopSystemError,
    Code::TopBadResponse,
    Code::TopUnreachable,
    Code::TopUnavailable,
    Code::Overloaded,
    Code::ShuttingDown,
    Code::IdempotencyStoreUnavailable,
    Code::TopTimeout,
];

/// Builds the document.
pub(super) fn build() -> OpenApi {
    let tag = |name, description| TagBuilder::new().name(name).description(Some(description)).build();
    let paths = PathsBuilder::new()
        .path("/mediations/{case_id}/result", PathItem::new(HttpMethod::Post, push()))
        .path(
            "/livez",
            PathItem::new(
                HttpMethod::Get,
                health("getLiveness", "Whether the process lives", "The process answers.", &[]),
            ),
        )
        .path(
            "/readyz",
            PathItem::new(
                HttpMethod::Get,
                health(
                    "getReadiness",
                    "Whether requests are taken",
                    "Requests are taken.",
                    &[(Code::ShuttingDown, examples::about_to_stop())],
                ),
            ),
        )
        .path(PROBLEMS, PathItem::new(HttpMethod::Get, problem_routes::list()))
        .path(format!("{PROBLEMS}/{{code}}"), PathItem::new(HttpMethod::Get, problem_routes::one()))
        .path("/metrics", PathItem::new(HttpMethod::Get, metrics()))
        .path(OPENAPI, PathItem::new(HttpMethod::Get, openapi()));
    OpenApiBuilder::new()
        .info(info())
        .servers(Some([server()]))
        .paths(paths)
        .components(Some(components()))
        .tags(Some([
            tag("mediations", "Results of mediations (调解结果)."),
            tag("health", "For orchestrators; neither route calls TOP."),
            tag("documents", "The explanations of problems, and this document."),
        ]))
        .build()
}

fn info() -> Info {
    let contact = ContactBuilder::new()
        .name(Some("The operators of this mediation-bridge"))
        .url(Some("https://mediation-bridge.example.com"))
        .email(Some("mediation-bridge@example.com"));
    InfoBuilder::new()
        .title("mediation-bridge")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(contact.build()))
        .license(Some(LicenseBuilder::new().name("MIT License").identifier(Some("MIT")).build()))
        .build()
}

fn server() -> Server {
    ServerBuilder::new()
        .url("/")
        .description(Some("This bridge, wherever it runs: local, staging or production"))
        .extensions(Some(ExtensionsBuilder::new().add("x-internal", true).build()))
        .build()
}

fn components() -> Components {
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas::all())
        .security_scheme(BEARER, SecurityScheme::Http(bearer()));
    answers::shared()
        .into_iter()
        .fold(components, |components, (name, answer)| components.response(name, answer))
        .build()
}

fn bearer() -> utoipa::openapi::security::Http {
    HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "The token that the bridge's operator gave to the caller. Not asked for where none are set up.",
        ))
        .build()
}

fn push() -> OperationBuilder {
    let case_id = ParameterBuilder::new()
        .name("case_id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The case that was settled (调解案件ID)."))
        .schema(Some(schemas::case_id()))
        .example(Some(examples::CASE_ID.into()));
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes a retry safe: 1 to 255 visible ASCII characters, bare or quoted, new for every new request, the same \
             for its retries. It belongs to the caller and the case. What TOP decided is not pushed again but replayed; \
             after `unknown` the push runs again, and its answer says so in `prior_outcome`. A bridge that keeps no keys \
             refuses it.",
        ))
        .schema(Some(schemas::idempotency_key()));
    let bodies = examples::requests().into_iter().map(|(name, summary, value)| {
        (name, ExampleBuilder::new().summary(summary).value(Some(value)).build())
    });
    let body = RequestBodyBuilder::new()
        .description(Some("The result, as plain JSON."))
        .required(Some(Required::True))
        .content(
            body::MEDIA_TYPE,
            ContentBuilder::new()
                .schema(Some(schemas::reference(schemas::REQUEST)))
                .examples_from_iter(bodies)
                .build(),
        );
    let accepted = good("TOP executed the push, now or when it came first with the same `Idempotency-Key`.")
        .header("Idempotent-Replayed", answers::replayed())
        .content(
            body::MEDIA_TYPE,
            ContentBuilder::new()
                .schema(Some(schemas::reference(schemas::ACCEPTED)))
                .examples_from_iter(examples::accepted().map(|(name, summary, value)| {
                    (name, ExampleBuilder::new().summary(summary).value(Some(value)).build())
                }))
                .build(),
        );
    let operation = OperationBuilder::new()
        .tag("mediations")
        .operation_id(Some("pushMediationResult"))
        .summary(Some("Push the result of a mediation (调解结果推送)"))
        .description(Some(
            "Checks the result, forwards it to TOP, signed, and answers once TOP has answered or the deadline has \
             passed. What is wrong with a request is told all at once. A push that has begun is finished even if its \
             caller hangs up. Send an `Idempotency-Key` to make retries safe.",
        ))
        .security(SecurityRequirement::new::<_, _, String>(BEARER, []))
        .security(SecurityRequirement::default())
        .parameter(case_id)
        .parameter(key)
        .request_body(Some(body.build()))
        .response("200", accepted);
    problems(operation, &OF_A_PUSH.map(|code| (code, examples::problem(code))))
}

fn health(id: &str, summary: &str, what: &str, bad: &[Example]) -> OperationBuilder {
    let ok = good(what).content(
        body::MEDIA_TYPE,
        ContentBuilder::new()
            .schema(Some(schemas::reference(schemas::HEALTH)))
            .example(Some(serde_json::json!(super::super::health::Health::OK)))
            .build(),
    );
    let operation = OperationBuilder::new()
        .tag("health")
        .operation_id(Some(id))
        .summary(Some(summary))
        .description(Some(format!("{what} TOP is not asked.")))
        .security(SecurityRequirement::default())
        .response("200", ok);
    problems_of_reading(operation, bad)
}

fn metrics() -> OperationBuilder {
    let page = good("The metrics.").content(
        "text/plain",
        ContentBuilder::new()
            .schema(Some(schemas::metrics_page()))
            .example(Some(super::super::metrics::example().into()))
            .build(),
    );
    let operation = OperationBuilder::new()
        .tag("health")
        .operation_id(Some("getMetrics"))
        .summary(Some("Metrics"))
        .description(Some(
            "Counters, gauges and histograms in the text format of Prometheus. TOP is not asked.",
        ))
        .security(SecurityRequirement::default())
        .response("200", page);
    problems_of_reading(operation, &[])
}

fn openapi() -> OperationBuilder {
    let document = good("The OpenAPI document.").content(
        body::MEDIA_TYPE,
        ContentBuilder::new().schema(Some(schemas::reference(schemas::OPENAPI_DOCUMENT))).build(),
    );
    let operation = OperationBuilder::new()
        .tag("documents")
        .operation_id(Some("getOpenApiDocument"))
        .summary(Some("This document"))
        .description(Some("The OpenAPI 3.1 document of this very bridge."))
        .security(SecurityRequirement::default())
        .response("200", document);
    problems_of_reading(operation, &[])
}
