//! The documents: OpenAPI from the code, and Swagger UI to read and try it, offline.

mod answers;
mod document;
mod examples;
mod problem_routes;
mod schemas;

use std::io::Read;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{
    ACCEPT_ENCODING, AcceptEncoding, CONTENT_ENCODING, CONTENT_TYPE, Encoding, Header, HeaderValue, LOCATION,
    VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use flate2::read::GzDecoder;
use serde_json::Value;
use utoipa_swagger_ui::Config;

use super::body;
use super::catalogue::Code;
use super::problem::Problem;

/// Where the document is served.
pub const OPENAPI: &str = "/openapi.json";
/// Where Swagger UI is served.
pub const SWAGGER_UI: &str = "/swagger-ui/";

/// What the document routes need.
#[derive(Debug, Clone)]
pub struct Docs {
    /// Whether Swagger UI is served.
    pub swagger_ui: bool,
}

/// The OpenAPI document, as it is served, printed and committed.
pub static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the document is built from constants; a test builds it")]
    let mut document = serde_json::to_value(document::build()).expect("the document serialises");
    if let Some(info) = document.get_mut("info").and_then(Value::as_object_mut) {
        info.extend(document::IDENTITY.map(|(name, value)| (name.to_owned(), value.into())));
    }
    super::pretty_json(&document)
});

/// `GET /openapi.json`.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, body::MEDIA_TYPE)).body(DOCUMENT.as_str())
}

/// `GET /` and the path of Swagger UI without its slash: lead there.
pub async fn home() -> HttpResponse {
    HttpResponse::TemporaryRedirect().insert_header((LOCATION, SWAGGER_UI)).finish()
}

/// `GET /swagger-ui/…`: one of Swagger UI's files.
pub async fn page(request: HttpRequest) -> HttpResponse {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        // Without "none" the page asks a foreign validator about every document.
        let config = Config::from(OPENAPI).try_it_out_enabled(true).validator_url("none");
        Arc::new(config.display_request_duration(true).persist_authorization(false))
    });
    let file = request.match_info().get("file").unwrap_or_default();
    match utoipa_swagger_ui::serve(file, Arc::clone(&CONFIG)) {
        Ok(Some(found)) => {
            let mut response = HttpResponse::Ok();
            response.insert_header((CONTENT_TYPE, found.content_type));
            if !found.gzpipped {
                return response.body(found.bytes.into_owned());
            }
            response.insert_header((VARY, HeaderValue::from_name(ACCEPT_ENCODING)));
            if takes_gzip(&request) {
                response.insert_header((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
                return response.body(found.bytes.into_owned());
            }
            let mut plain = Vec::new();
            match GzDecoder::new(&*found.bytes).read_to_end(&mut plain) {
                Ok(_) => response.body(plain),
                Err(error) => {
                    tracing::error!(%error, "a file of Swagger UI could not be unpacked");
                    Problem::internal(false).respond(&request)
                }
            }
        }
        Ok(None) => Problem::new(Code::NotFound, "Swagger UI has no such file.").respond(&request),
        Err(error) => {
            tracing::error!(%error, "Swagger UI's configuration could not be written");
            Problem::internal(false).respond(&request)
        }
    }
}

/// Whether whoever asks can read gzip, RFC 9110 section 12.5.3. Who says nothing is given what everyone can read.
fn takes_gzip(request: &HttpRequest) -> bool {
    let supported = [Encoding::gzip(), Encoding::identity()];
    let accepted = AcceptEncoding::parse(request).ok();
    accepted.and_then(|accepted| accepted.negotiate(supported.iter())) == Some(Encoding::gzip())
}
