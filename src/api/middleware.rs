//! The middleware of all requests. It assigns an identifier, sets security headers, records the time taken, and renders
//! every error, including a panic, as a problem.

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

/// The content security policy of pages. They may load their own files, and inline styles and images, which Swagger UI
/// needs. No other page may frame them.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The route label of requests that match no route.
const UNMATCHED: &str = "unmatched";

/// The middleware around all routes.
///
/// # Errors
/// When a handler panicked; the error is answered with a problem.
pub async fn middleware(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let context = Context::on_arrival(request.headers());
    request.extensions_mut().insert(context.clone());
    let (method, path) = (request.method().clone(), request.uri().clone());
    if method == Method::HEAD {
        // The handler runs as for GET; the server omits the body.
        request.head_mut().method = Method::GET;
    }
    let state = request.app_data::<Data<State>>().cloned();
    let offers_upgrade = request.head().upgrade();
    let foreign = state.as_ref().is_some_and(|state| state.only_loopback) && !is_loopback(request.head());
    // Do not keep the request itself: routing must be its only owner.
    let answered = AssertUnwindSafe(async {
        if foreign {
            return Ok(request.error_response(Problem::misdirected()));
        }
        next.call(request).await.map(ServiceResponse::map_into_boxed_body)
    });
    let answered = answered.catch_unwind().await;
    let Ok(answered) = answered else {
        record(state.as_ref(), &context, UNMATCHED, &method, StatusCode::INTERNAL_SERVER_ERROR);
        // The previous log line holds the place of the panic.
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

/// True if every host in a request is this machine. A browser that was led here by a foreign name sends that name in
/// `Host` (DNS rebinding).
pub(crate) fn is_loopback(head: &RequestHead) -> bool {
    let named = head.headers().get_all(HOST).map(|host| host.to_str().unwrap_or_default());
    let mut hosts = named.chain(head.uri.authority().map(Authority::as_str));
    hosts.all(|host| {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        // The library looks neither at what stands between a bracket and the port, nor at the digits of the port.
        let Some(behind) = host.strip_prefix(authority.host()) else { return false };
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let name = authority.host().trim_start_matches('[').trim_end_matches([']', '.']);
        let is_local = name.eq_ignore_ascii_case("localhost")
            || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        is_local && (behind.is_empty() || behind.strip_prefix(':').is_some_and(is_port))
    })
}

/// Renders a handler's problem as the whole answer; other answers stay as they are.
fn rendered(response: ServiceResponse<BoxBody>, context: &Context) -> ServiceResponse<BoxBody> {
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    match problem.map(|problem| problem.render(context, response.request().path())) {
        Some(whole) => response.into_response(whole),
        None => response,
    }
}

/// Records the time of a request, and logs it at level debug. A push has its own log line.
fn record(state: Option<&Data<State>>, context: &Context, route: &str, method: &Method, status: StatusCode) {
    let took = context.arrival.elapsed();
    let label = method_label(method);
    if let Some(state) = state {
        state.metrics.request(route, label, status.as_str(), took);
    }
    if route != paths::PUSH || method != Method::POST {
        tracing::debug!(
            request.id = context.request_id.as_str(),
            trace.id = context.trace_id.as_ref().map(TraceId::as_str),
            http.route = route,
            http.method = label,
            http.status = status.as_u16(),
            http.duration_ms = milliseconds(took),
            "request"
        );
    }
}

/// The metric label of a method. An unknown method counts as `other`, since callers can send any number of them.
fn method_label(method: &Method) -> &'static str {
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

/// Sets the headers of every answer, and those of pages.
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

/// The error of a handler that panicked. The request no longer exists, so the answer is made from a copy of its
/// context.
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
        // Code that calls TOP runs in a separate task; its panics are answered by the code that awaits it.
        let mut response = Problem::internal(false).render(&self.context, &self.path);
        protect(response.headers_mut(), &self.context);
        response
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service, try_call_service};
    use actix_web::{App, web};
    use serde_json::Value;

    use super::*;

    async fn panicking() -> HttpResponse {
        panic!("a test's panic")
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        let check = |host: &str| {
            let request = TestRequest::get().insert_header((HOST, host)).to_srv_request();
            is_loopback(request.head())
        };
        for host in [
            "127.0.0.1",
            "127.1.2.3:8080",
            "LocalHost:8080",
            "localhost.",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:80",
        ] {
            assert!(check(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "0.0.0.0",
            "10.0.0.1",
            "[::1]4:80",
            "[::1].example.com",
            "user@localhost",
            "localhost:8O80",
            "localhost, localhost",
        ] {
            assert!(!check(host), "{host}");
        }
    }

    #[tokio::test]
    async fn a_panic_is_answered_with_a_problem() {
        let app = App::new().route("/panic/{it}", web::get().to(panicking)).wrap(from_fn(middleware));
        let service = init_service(app).await;
        let request = TestRequest::get().uri("/panic/1").insert_header((X_REQUEST_ID, "mine")).to_request();
        let error = try_call_service(&service, request).await.expect_err("the panic comes out as an error");
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
