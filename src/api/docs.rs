//! The OpenAPI document, and Swagger UI to read it and to try it offline.

use std::error::Error;
use std::io::Read;
use std::sync::Arc;

use actix_web::http::header::{
    ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, Encoding, Header, HeaderValue, LOCATION,
    VARY,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use flate2::read::GzDecoder;
use maud::{PreEscaped, html};
use utoipa::ToSchema;
use utoipa_swagger_ui::Config;

use super::paths;
use super::problem::{Code, Problem};
use super::schema::{AnyObject, AnyObjects, SpecificationVersion};
use super::state::{Gateway, State};
use crate::telemetry::chain;

/// The first level of an OpenAPI 3.1 document.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used: the document is a text")]
struct OpenApiDocument {
    /// The version of the OpenAPI specification.
    #[schema(value_type = SpecificationVersion)]
    openapi: String,
    /// The title, version and description of this API.
    #[schema(value_type = AnyObject)]
    info: (),
    /// The URLs of this API.
    #[schema(value_type = AnyObjects)]
    servers: (),
    /// The operations, by path and method.
    #[schema(value_type = AnyObject)]
    paths: (),
    /// The definitions that the operations share.
    #[schema(value_type = AnyObject)]
    components: (),
    /// The groups of operations.
    #[schema(value_type = AnyObjects)]
    tags: (),
}

/// `GET /openapi.json`.
#[utoipa::path(
    tag = "documents",
    operation_id = "getOpenApiDocument",
    summary = "This document",
    description = "The OpenAPI 3.1 document of this bridge.",
    responses((status = 200, description = "The OpenAPI document.", body = OpenApiDocument))
)]
#[get("/openapi.json")]
pub(super) async fn openapi(state: Data<State>) -> HttpResponse {
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    HttpResponse::Ok().insert_header(json).body(state.document.as_str())
}

/// `GET /` and the path of Swagger UI without its slash redirect there. The redirect is relative, so that a proxy may
/// strip a path prefix.
pub(super) async fn home() -> HttpResponse {
    let swagger_ui = paths::SWAGGER_UI.trim_start_matches('/');
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, swagger_ui)).finish()
}

/// `GET /swagger-ui/…`: a file of Swagger UI.
pub(super) async fn page(
    request: HttpRequest,
    file: Path<String>,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let failed = |error: &dyn Error| {
        tracing::error!("a file of Swagger UI cannot be served: {}", chain(error));
        Problem::internal(false)
    };
    let found =
        utoipa_swagger_ui::serve(&file, config(&state.gateway)).map_err(|error| failed(error.as_ref()))?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound, "Swagger UI has no such file."))?;
    let is_page = found.content_type.starts_with("text/html");
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, found.content_type));
    if found.gzpipped && !is_page {
        response.insert_header((VARY, HeaderValue::from_name(ACCEPT_ENCODING)));
    }
    if !found.gzpipped || (accepts_gzip(&request) && !is_page) {
        if found.gzpipped {
            response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        }
        return Ok(response.body(found.bytes.into_owned()));
    }
    let mut plain = Vec::new();
    GzDecoder::new(&*found.bytes).read_to_end(&mut plain).map_err(|error| failed(&error))?;
    Ok(if is_page { response.body(with_destination(&plain, &state.gateway)) } else { response.body(plain) })
}

/// The settings of Swagger UI. If pushes go to a real gateway, nothing is enabled before the user presses *Try it out*.
fn config(gateway: &Gateway) -> Arc<Config<'static>> {
    let document = format!("..{}", paths::OPENAPI);
    // Without "none" the page sends every document to a foreign validator.
    let config = Config::from(document).validator_url("none").use_base_layout();
    let config = config.display_request_duration(true).persist_authorization(false);
    Arc::new(config.try_it_out_enabled(gateway.simulated))
}

/// Adds a line to the page of Swagger UI that says where a push would go.
fn with_destination(page: &[u8], gateway: &Gateway) -> String {
    let url = html! { code { (gateway.url) } };
    let banner = html! {
        style { (PreEscaped(STYLE)) }
        @if gateway.simulated {
            p.destination.simulated {
                "Pushes go to " (url) " on this machine, where simulated gateways run. 推送发往本机的网关（模拟网关）。"
            }
        } @else {
            p.destination.real {
                strong { "Every push from this page is real. " } "It goes to " (url) ". "
                strong { "本页的每次推送都会真实发往上述网关。" }
            }
        }
    };
    let body = format!("<body>{}", banner.into_string());
    String::from_utf8_lossy(page).replacen("<body>", &body, 1)
}

/// The colours of that line, and the layout for narrow screens.
const STYLE: &str = "\
.destination{position:sticky;top:0;z-index:2;margin:0;padding:.75rem 1.25rem;font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}\
.simulated{background:#dff5e7;color:#0f4a2a}\
.real{background:#fde3e3;color:#7a1212;border-bottom:3px solid #9b1c1c}\
@media(max-width:40rem){.swagger-ui .wrapper{padding:0 .5rem}\
.swagger-ui .opblock .opblock-summary-path,.swagger-ui .opblock .opblock-summary-description{max-width:100%;\
word-break:break-word}.swagger-ui .opblock-summary{flex-wrap:wrap}\
.swagger-ui table.parameters,.swagger-ui table.parameters tbody,.swagger-ui table.parameters tr,\
.swagger-ui table.parameters td{display:block;width:auto}.swagger-ui table.parameters thead{display:none}\
.swagger-ui .responses-table .response-col_status{padding-right:.5rem}\
.swagger-ui .parameters-col_description input,.swagger-ui select{max-width:100%;width:100%}}";

/// True if the client accepts gzip, RFC 9110 section 12.5.3. A client without `Accept-Encoding` gets no gzip.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let supported = [Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(request).ok();
    accepted.and_then(|accepted| accepted.negotiate(supported.iter())) == Some(Encoding::gzip())
}
