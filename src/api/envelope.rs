//! What every answer goes through: it gets its `X-Request-Id`, and a panic becomes a problem.

use std::fmt;
use std::panic::AssertUnwindSafe;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{ConnectionType, StatusCode, Uri};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use futures_util::FutureExt;

use super::State;
use super::context::{Context, X_REQUEST_ID};
use super::problem::Problem;

/// The middleware around all routes.
///
/// # Errors
/// When a handler panicked; the error is answered with a problem.
pub async fn envelope(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let context = Context::arriving(request.headers());
    request.extensions_mut().insert(context.clone());
    // The request itself must not be held here: routing needs to be its only owner.
    let uri = request.uri().clone();
    match AssertUnwindSafe(async { next.call(request).await }).catch_unwind().await {
        Ok(answered) => {
            let mut response = answered?.map_into_boxed_body();
            let draining =
                response.request().app_data::<Data<State>>().is_some_and(|state| state.is_draining());
            let head = response.response_mut().head_mut();
            if let Ok(id) = HeaderValue::from_str(context.request_id.as_str()) {
                head.headers_mut().insert(X_REQUEST_ID, id);
            }
            if draining {
                head.set_connection_type(ConnectionType::Close);
            }
            Ok(response)
        }
        Err(_) => Err(Panicked { context, uri }.into()),
    }
}

/// A handler panicked. The request went with it, so its answer is made from what was kept.
#[derive(Debug)]
struct Panicked {
    context: Context,
    uri: Uri,
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
        let mut response = Problem::internal(false).render(&self.context, self.uri.path());
        if let Ok(id) = HeaderValue::from_str(self.context.request_id.as_str()) {
            response.headers_mut().insert(X_REQUEST_ID, id);
        }
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
        let app = App::new().route("/panic/{it}", web::get().to(panicking)).wrap(from_fn(envelope));
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
