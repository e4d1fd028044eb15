//! Entry points for the fuzz targets in `tests/fuzz`, to code that other crates cannot call. Nothing of this is compiled
//! without `--cfg fuzzing`, which cargo-fuzz sets.

use std::sync::Arc;

use actix_web::dev::RequestHead;
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderName, HeaderValue};
use futures_util::FutureExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reqwest::header as outgoing;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use crate::api::auth::Authenticator;
use crate::api::context::{RequestId, TraceId};
use crate::api::problem::explanation::Language;
use crate::api::problem::{FieldError, Problem};
use crate::api::push::members::{mediation_result, members};
use crate::api::push::request::{check_media_type, idempotency_key};
use crate::api::{mediation_path, middleware};
use crate::delivery::idempotency::IdempotencyKey;
use crate::delivery::method::{PUSH, answered};
use crate::delivery::request::Attempt;
use crate::mediation::{CaseId, MediationResult, Violation};
use crate::sandbox::Config;
use crate::sandbox::gateway::Gateway;
use crate::top::answer;
use crate::top::client::read_whole;
use crate::top::scrub::Secrets;

/// A header field as it was sent: name and value.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// The result of a push that the gateway answers with this. Fields that are not valid are skipped, as the client of HTTP
/// does. `None` if `status` is not one of HTTP.
#[must_use]
pub fn read_answer(status: u16, fields: &[Field<'_>], body: Vec<u8>, secrets: &Secrets) -> Option<Attempt> {
    let mut response = hyper::Response::new(body);
    *response.status_mut() = hyper::StatusCode::from_u16(status).ok()?;
    for (name, value) in fields {
        let name = outgoing::HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, outgoing::HeaderValue::from_bytes(value)) {
            response.headers_mut().append(name, value);
        }
    }
    // The whole body is there, so nothing is waited for.
    let read = read_whole(response.into()).now_or_never()?.ok()?;
    Some(Attempt::of_call(read.and_then(|answer| answer::read(PUSH, &answer, secrets)), answered))
}

/// The result in the body of a push.
///
/// # Errors
/// `malformed_json` or `validation_failed`.
pub fn read_body(body: &[u8]) -> Result<MediationResult, Problem> {
    members(body)?.and_then(mediation_result).map_err(Problem::validation)
}

/// What the bridge reads in the head of a push.
#[derive(Debug)]
pub struct Head {
    /// `X-Request-Id`, or a new one.
    pub request_id: RequestId,
    /// The trace of `traceparent`.
    pub trace_id: Option<TraceId>,
    /// The language that `Accept-Language` prefers.
    pub language: Language,
    /// `Idempotency-Key`.
    pub key: Result<Option<IdempotencyKey>, Violation>,
    /// Whether `Content-Type` and `Content-Encoding` are accepted.
    pub media_type: Result<(), Problem>,
    /// The caller by `Authorization`.
    pub caller: Result<Option<Arc<str>>, Problem>,
    /// Whether every `Host` is this machine.
    pub is_loopback: bool,
    /// The case in the path.
    pub case_id: Result<CaseId, Vec<FieldError>>,
}

/// Reads the head of a push. Fields that are not valid are skipped.
#[must_use]
pub fn read_head(path: &str, fields: &[Field<'_>], callers: &Authenticator) -> Head {
    let mut head = RequestHead::default();
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            head.headers_mut().append(name, value);
        }
    }
    let headers = head.headers();
    Head {
        request_id: RequestId::from_headers(headers),
        trace_id: TraceId::from_headers(headers),
        language: Language::preferred(headers.get(ACCEPT_LANGUAGE)),
        key: idempotency_key(headers, true),
        media_type: check_media_type(headers),
        caller: callers.authenticate(headers),
        is_loopback: middleware::is_loopback(&head),
        case_id: mediation_path::case_id(path),
    }
}

/// The bytes that a new sandbox writes in reply to the bytes of a request, over a connection in memory. A scenario that
/// breaks the connection writes none.
pub async fn sandbox_reply(config: Config, request: &[u8]) -> Vec<u8> {
    /// More than any reply: nothing waits for a reader.
    const CAPACITY: usize = 4 << 20;
    let (mut caller, connection) = duplex(CAPACITY);
    let gateway = Gateway::new(config);
    let service = service_fn(|request| gateway.respond(request));
    let mut reply = Vec::new();
    if caller.write_all(request).await.is_ok() && caller.shutdown().await.is_ok() {
        let mut server = http1::Builder::new();
        // An error is the end of the connection, which the caller sees.
        let _ = server.half_close(true).serve_connection(TokioIo::new(connection), service).await;
        let _ = caller.read_to_end(&mut reply).await;
    }
    reply
}
