//! The one table of problems: what each is called, its status, its promise, and what to do now.
//!
//! Answers, the OpenAPI document, the README's table and the tests are all made from it or compared with it.

use actix_web::http::StatusCode;

use crate::delivery::Outcome;

/// What is the same for every problem of one [`Code`].
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name in JSON, in `type` and in the log.
    pub name: &'static str,
    /// The HTTP status.
    pub status: StatusCode,
    /// Whether the push was executed. Of `internal_error` this is the promise once a call had begun.
    pub outcome: Outcome,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// `Retry-After` in seconds where TOP names none; `None` where the header is not sent.
    pub retry_after: Option<u64>,
    /// A few words for people.
    pub title: &'static str,
    /// When it happens.
    pub when: &'static str,
    /// What the caller should do now.
    pub action: &'static str,
}

macro_rules! catalogue {
    ($($code:ident $name:literal $status:ident $outcome:ident $retryable:literal $retry_after:expr;
        $title:literal; $when:literal; $action:literal.)+) => {
        /// What kind of problem, the member `code`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $code,)+
        }

        impl Code {
            /// Every problem, by status.
            pub const ALL: &[Self] = &[$(Self::$code,)+];

            /// The problem's row of the table.
            #[must_use]
            pub const fn entry(self) -> Entry {
                match self {
                    $(Self::$code => Entry {
                        name: $name,
                        status: StatusCode::$status,
                        outcome: Outcome::$outcome,
                        retryable: $retryable,
                        retry_after: $retry_after,
                        title: $title,
                        when: $when,
                        action: $action,
                    },)+
                }
            }
        }
    };
}

catalogue! {
    MalformedJson "malformed_json" BAD_REQUEST NotExecuted false None;
        "The body is not JSON";
        "The body is empty, not JSON or not UTF-8, begins with a byte order mark, or holds half a surrogate \
         pair, a number that no double holds or more than 127 levels";
        "Mend the program that writes the body; `detail` says where reading stopped".
    Unauthenticated "unauthenticated" UNAUTHORIZED NotExecuted false None;
        "The caller is not known";
        "No bearer token came, or one that this bridge does not know";
        "Send `Authorization: Bearer TOKEN` with the token that the bridge's operator gave you".
    NotFound "not_found" NOT_FOUND NotExecuted false None;
        "There is nothing at this path";
        "No route has this path";
        "Check the path against `/openapi.json`; a push is `POST /mediations/{case_id}/result`".
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED NotExecuted false None;
        "This path takes another method";
        "The path exists, but not with this method";
        "Use a method that the header `Allow` names".
    RequestTimeout "request_timeout" REQUEST_TIMEOUT NotExecuted true None;
        "The body came too slowly";
        "The body had not arrived when the deadline of the bridge had passed";
        "Send it again; if it happens often, look at the network between you and the bridge".
    IdempotencyInFlight "idempotency_in_flight" CONFLICT NotExecuted true Some(1);
        "A push with this key is under way";
        "Another push with the same `Idempotency-Key` and the same request is under way";
        "Wait as long as `Retry-After` says, then send it again with the same key: you get what it came to".
    PayloadTooLarge "payload_too_large" PAYLOAD_TOO_LARGE NotExecuted false None;
        "The body is too large";
        "The body has more bytes than the bridge takes";
        "Shorten it; every valid push fits".
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE NotExecuted false None;
        "The body is declared as something else than plain JSON";
        "`Content-Type` is missing or not `application/json`, or there is a `Content-Encoding`";
        "Send `Content-Type: application/json` and no `Content-Encoding`".
    ValidationFailed "validation_failed" UNPROCESSABLE_ENTITY NotExecuted false None;
        "The request breaks rules";
        "A member, the `case_id` or a header is missing, unknown, repeated, or breaks a rule";
        "Mend what `errors` lists; it lists everything at once".
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY NotExecuted false None;
        "The key belongs to another request";
        "The `Idempotency-Key` came before, or is in flight, with another request for the same case";
        "Use a new key for every new request; with an old key, send the very request that it came with".
    TopRejected "top_rejected" UNPROCESSABLE_ENTITY Rejected false None;
        "TOP rejected the push";
        "TOP looked at the push and said no";
        "Read `top.sub_msg`, mend the data or ask Jiaoyimao; the same push will be rejected again".
    TopRateLimited "top_rate_limited" TOO_MANY_REQUESTS NotExecuted true Some(1);
        "TOP throttles the application";
        "TOP refused the call for its frequency, or a ban that it announced still lasts";
        "Wait as long as `Retry-After` says, then send it again".
    InternalError "internal_error" INTERNAL_SERVER_ERROR Unknown false None;
        "The bridge failed";
        "A fault of the bridge itself";
        "Tell the bridge's operator the `request_id`; if `outcome` is `unknown`, find out at Jiaoyimao before \
         you push again".
    TopAccessDenied "top_access_denied" BAD_GATEWAY NotExecuted false None;
        "TOP refused the bridge";
        "TOP does not accept the bridge's key, secret, session, rights, address or clock";
        "Tell the bridge's operator, who must mend it; then send it again".
    TopSystemError "top_system_error" BAD_GATEWAY Unknown true None;
        "TOP's back end failed";
        "The back end answered with a failure of its own; it may have executed the push";
        "Send it again later, with the same `Idempotency-Key`; it may then be executed twice".
    TopBadResponse "top_bad_response" BAD_GATEWAY Unknown true None;
        "TOP's answer cannot be understood";
        "The answer was cut short, too large, a redirect or in no known form; the push may have been executed";
        "Send it again later, with the same `Idempotency-Key`; it may then be executed twice".
    TopUnreachable "top_unreachable" SERVICE_UNAVAILABLE NotExecuted true Some(2);
        "TOP was not reached";
        "No connection to TOP could be made, or TOP could not reach its back end";
        "Wait as long as `Retry-After` says, then send it again".
    TopUnavailable "top_unavailable" SERVICE_UNAVAILABLE Unknown true Some(5);
        "TOP is not available";
        "TOP or its back end is down or busy; the push may have been executed";
        "Wait as long as `Retry-After` says, then send it again with the same `Idempotency-Key`; it may then be executed \
         twice".
    Overloaded "overloaded" SERVICE_UNAVAILABLE NotExecuted true Some(1);
        "Too many pushes are under way";
        "As many pushes as allowed are calling TOP";
        "Wait as long as `Retry-After` says, then send it again".
    ShuttingDown "shutting_down" SERVICE_UNAVAILABLE NotExecuted true Some(1);
        "The bridge is stopping";
        "This process takes no more pushes";
        "Wait as long as `Retry-After` says, then send it again; another replica or the next process takes it".
    IdempotencyStoreUnavailable "idempotency_store_unavailable" SERVICE_UNAVAILABLE NotExecuted true Some(2);
        "Keys cannot be looked up";
        "The store of Idempotency-Keys cannot be used; pushes without a key are served";
        "Wait as long as `Retry-After` says, then send it again with the same key".
    TopTimeout "top_timeout" GATEWAY_TIMEOUT Unknown true None;
        "TOP did not answer in time";
        "The deadline passed after the push was sent, or TOP's back end did not answer TOP in time; the push may \
         have been executed";
        "Send it again later, with the same `Idempotency-Key`; it may then be executed twice".
}
