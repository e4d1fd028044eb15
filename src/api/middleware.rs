//! What every request passes: it gets an identifier and the headers that protect whoever reads the answer, it is timed, and
//! every error, a panic included, is rendered as a problem.

use std::fmt;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{RequestHead, ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::http::uri::Authority;
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use futures_util::FutureExt;

use super::context::{Context, TraceId, X_REQUEST_ID};
use super::paths;
use super::problem::Problem;
use super::state::State;
use crate::delivery::lifecycle::Phase;
use crate::telemetry::milliseconds;

/// What pages may load: their own files, and styles and pictures inside them, which Swagger UI needs. Nobody may frame them.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The route of requests that matched none.
const UNMATCHED: &str = "unmatched";

/// The middleware around all routes.
///
/// # Errors
/// When a handler panicked; the error is answered with a problem.
pub async fn middleware(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let context = Context::of_arrival(request.headers());
    request.extensions_mut().insert(context.clone());
    let (method, path) = (request.method().clone(), request.uri().clone());
    if method == Method::HEAD {
        // The same as GET; the server leaves the body out.
        request.head_mut().method = Method::GET;
    }
    let state = request.app_data::<Data<State>>().cloned();
    let offers_upgrade = request.head().upgrade();
    let foreign = state.as_ref().is_some_and(|state| state.only_loopback) && !is_loopback(request.head());
    // The request itself must not be held here: routing needs to be its only owner.
    let answered = AssertUnwindSafe(async {
        if foreign {
            return Ok(request.error_response(Problem::misdirected()));
        }
        next.call(request).await.map(ServiceResponse::map_into_boxed_body)
    });
    let answered = answered.catch_unwind().await;
    let Ok(answered) = answered else {
        record(state.as_ref(), &context, UNMATCHED, &method, StatusCode::INTERNAL_SERVER_ERROR);
        // The line before this one says where.
        tracing::error!(request.id = context.request_id.as_str(), "a request failed in the bridge");
        return Err(Panicked { context, path: path.path().to_owned() }.into());
    };
    let response = rendered(answered?, &context);
    let route = response.request().match_pattern();
    record(state.as_ref(), &context, route.as_deref().unwrap_or(UNMATCHED), &method, response.status());
    let mut response = response;
    let head = response.response_mut().head_mut();
    protect(head.headers_mut(), &context);
    let stopping = state.is_some_and(|state| state.delivery.shared().lifecycle().phase() != Phase::Serving);
    if stopping || offers_upgrade {
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Whether every host that a request names is this machine. A browser that was led here by a foreign name says so in `Host`
/// (DNS rebinding).
fn is_loopback(head: &RequestHead) -> bool {
    let named = head.headers().get_all(HOST).map(|host| host.to_str().unwrap_or_default());
    let mut hosts = named.chain(head.uri.authority().map(Authority::as_str));
    hosts.all(|host| {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host().trim_start_matches('[').trim_end_matches([']', '.']);
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    })
}

/// A handler's problem as its whole answer; others as they are.
fn rendered(response: ServiceResponse<BoxBody>, context: &Context) -> ServiceResponse<BoxBody> {
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    match problem.map(|problem| problem.render(context, response.request().path())) {
        Some(whole) => response.into_response(whole),
        None => response,
    }
}

/// Times a request, and logs it for whoever wants them all; a push has a line of its own.
fn record(state: Option<&Data<State>>, context: &Context, route: &str, method: &Method, status: StatusCode) {
    let took = context.arrival.elapsed();
    let word = word(method);
    if let Some(state) = state {
        state.metrics.request(route, word, status.as_str(), took);
    }
    if route != paths::PUSH || method != Method::POST {
        tracing::debug!(
            request.id = context.request_id.as_str(),
            trace.id = context.trace_id.as_ref().map(TraceId::as_str),
            http.route = route,
            http.method = word,
            http.status = status.as_u16(),
            http.duration_ms = milliseconds(took),
            "request"
        );
    }
}

/// A method's word: one that no standard knows counts as `other`, since anybody may make up more of them.
fn word(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "TRACE" => "TRACE",
        _ => "other",
    }
}

/// The headers that every answer has, and those of pages.
fn protect(headers: &mut HeaderMap, context: &Context) {
    if let Ok(id) = HeaderValue::from_str(context.request_id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if headers.get(CONTENT_TYPE).is_some_and(|content| content.as_bytes().starts_with(b"text/html")) {
        headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
}

/// A handler panicked. The request is gone with it, so its answer is made from what was kept.
#[derive(Debug)]
struct Panicked {
    context: Context,
    path: String,
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a handler panicked")
    }
}

impl ResponseError for Panicked {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }

    fn error_response(&self) -> HttpResponse {
        // What calls TOP runs in a task of its own, whose panics are answered where it is awaited.
        let mut response = Problem::internal(false).render(&self.context, &self.path);
        protect(response.headers_mut(), &self.context);
        response
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::{App, test, web};
    use serde_json::Value;

    use super::*;

    async fn panicking() -> HttpResponse {
        panic!("a test's panic")
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_a_problem() {
        let app = App::new().route("/panic/{it}", web::get().to(panicking)).wrap(from_fn(middleware));
        let service = test::init_service(app).await;
        let request =
            test::TestRequest::get().uri("/panic/1").insert_header((X_REQUEST_ID, "mine")).to_request();
        let error =
            test::try_call_service(&service, request).await.expect_err("the panic comes out as an error");
        let response = error.error_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers().get(X_REQUEST_ID).unwrap(), "mine");
        let bytes = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let body: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(body["code"], "internal_error");
        assert_eq!(body["outcome"], "not_executed");
        assert_eq!(body["instance"], "/panic/1");
        assert_eq!(body["request_id"], "mine");
    }
}
