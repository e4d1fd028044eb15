//! Pages of the web server, and of what stands between a caller and TOP.

use std::borrow::Cow;

use hyper::StatusCode;

use super::gateway::REST;
use super::reply::Page;

macro_rules! page {
    ($(#[$doc:meta])* $name:ident, $status:ident, $title:literal) => {
        $(#[$doc])*
        pub(super) const $name: Page = Page::html(
            StatusCode::$status,
            concat!("<html><head><title>", $title, "</title></head><body><h1>", $title, "</h1></body></html>\n"),
        );
    };
}

page! {
    /// No such path.
    NOT_FOUND, NOT_FOUND, "404 Not Found"
}
page! {
    /// The body did not arrive.
    TIME_OUT, REQUEST_TIMEOUT, "408 Request Time-out"
}
page! {
    /// The body is too large.
    TOO_LARGE, PAYLOAD_TOO_LARGE, "413 Request Entity Too Large"
}
page! {
    /// Something before TOP throttles.
    TOO_MANY, TOO_MANY_REQUESTS, "429 Too Many Requests"
}
page! {
    /// A proxy does not reach TOP.
    BAD_GATEWAY, BAD_GATEWAY, "502 Bad Gateway"
}
page! {
    /// A page for people, under a status for programs.
    MAINTENANCE, OK, "系统维护中"
}

/// Nothing at all.
pub(super) const EMPTY: Page =
    Page { status: StatusCode::OK, content_type: None, location: None, body: Cow::Borrowed("") };

/// A redirect to the gateway itself.
pub(super) const REDIRECT: Page =
    Page { status: StatusCode::FOUND, content_type: None, location: Some(REST), body: Cow::Borrowed("") };
