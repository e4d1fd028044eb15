//! The documents: the OpenAPI document, and Swagger UI to read and try it, offline.

use std::io::Read;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{
    ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, Encoding, Header, HeaderValue, LOCATION,
    VARY,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use flate2::read::GzDecoder;
use utoipa::ToSchema;
use utoipa_swagger_ui::Config;

use super::paths;
use super::problem::{Code, Problem};
use super::schema::{AnyObject, AnyObjects, SpecificationVersion};
use super::state::State;

/// An OpenAPI 3.1 document, as far as its first level.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used: the document is a text")]
struct OpenApiDocument {
    /// The version of the specification.
    #[schema(value_type = SpecificationVersion)]
    openapi: String,
    /// What this interface is.
    #[schema(value_type = AnyObject)]
    info: (),
    /// Where it is served.
    #[schema(value_type = AnyObjects)]
    servers: (),
    /// The operations, by path and method.
    #[schema(value_type = AnyObject)]
    paths: (),
    /// What the operations share.
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
    description = "The OpenAPI 3.1 document of this very bridge.",
    responses((status = 200, description = "The OpenAPI document.", body = OpenApiDocument))
)]
#[get("/openapi.json")]
pub(super) async fn openapi(state: Data<State>) -> HttpResponse {
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    HttpResponse::Ok().insert_header(json).body(state.document.as_str())
}

/// `GET /` and the path of Swagger UI without its slash: lead there. Relative, so that a proxy may strip a prefix.
pub(super) async fn home() -> HttpResponse {
    let swagger_ui = paths::SWAGGER_UI.trim_start_matches('/');
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, swagger_ui)).finish()
}

/// `GET /swagger-ui/…`: one of Swagger UI's files.
pub(super) async fn page(request: HttpRequest, file: Path<String>) -> Result<HttpResponse, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        let document = format!("..{}", paths::OPENAPI);
        // Without "none" the page asks a foreign validator about every document.
        let config = Config::from(document).try_it_out_enabled(true).validator_url("none");
        Arc::new(config.display_request_duration(true).persist_authorization(false))
    });
    let found = utoipa_swagger_ui::serve(&file, Arc::clone(&CONFIG)).map_err(|error| {
        tracing::error!(%error, "Swagger UI's configuration could not be written");
        Problem::internal(false)
    })?;
    let found = found.ok_or_else(|| Problem::new(Code::NotFound, "Swagger UI has no such file."))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, found.content_type));
    if !found.gzpipped {
        return Ok(response.body(found.bytes.into_owned()));
    }
    response.insert_header((VARY, HeaderValue::from_name(ACCEPT_ENCODING)));
    if accepts_gzip(&request) {
        response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        return Ok(response.body(found.bytes.into_owned()));
    }
    let mut plain = Vec::new();
    GzDecoder::new(&*found.bytes).read_to_end(&mut plain).map_err(|error| {
        tracing::error!(%error, "a file of Swagger UI could not be unpacked");
        Problem::internal(false)
    })?;
    Ok(response.body(plain))
}

/// Whether the client reads gzip, RFC 9110 section 12.5.3. One that says nothing is given what everyone can read.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let supported = [Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(request).ok();
    accepted.and_then(|accepted| accepted.negotiate(supported.iter())) == Some(Encoding::gzip())
}
