//! The state that the routes of one worker share.

use std::sync::{Arc, LazyLock};

use super::auth::Authenticator;
use crate::delivery::Delivery;
use crate::metrics::Metrics;

/// The gateway, as shown to people.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// The URL of the gateway.
    pub url: String,
    /// True if the gateway is on this machine, so that it can only be a simulated one.
    pub simulated: bool,
}

/// The state that the routes of one worker share.
#[derive(Debug)]
pub struct State {
    /// Delivers pushes to TOP.
    pub delivery: Arc<Delivery>,
    /// The callers that may push.
    pub callers: Authenticator,
    /// The metrics of all workers.
    pub metrics: Arc<Metrics>,
    /// The maximum size of a body, in bytes.
    pub max_body: usize,
    /// The OpenAPI document.
    pub document: &'static LazyLock<String>,
    /// True if Swagger UI is served.
    pub swagger_ui: bool,
    /// The gateway, as shown to people.
    pub gateway: Gateway,
    /// True if only this machine may send requests: then a request that names another host is DNS rebinding.
    pub only_loopback: bool,
}
