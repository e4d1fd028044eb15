//! What one worker's routes need.

use std::sync::{Arc, LazyLock};

use super::auth::Authenticator;
use crate::delivery::Delivery;
use crate::metrics::Metrics;

/// Where pushes go, for people.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its URL.
    pub url: String,
    /// Whether it is on this machine, where no real one is.
    pub simulated: bool,
}

/// What one worker's routes need.
#[derive(Debug)]
pub struct State {
    /// The way to TOP.
    pub delivery: Arc<Delivery>,
    /// Who may push.
    pub callers: Authenticator,
    /// What is counted, for all workers together.
    pub metrics: Arc<Metrics>,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The OpenAPI document.
    pub document: &'static LazyLock<String>,
    /// Whether Swagger UI is served.
    pub swagger_ui: bool,
    /// Where pushes go, for people.
    pub gateway: Gateway,
    /// Whether only this machine may ask: then another host's name in a request is a web page's trick.
    pub only_loopback: bool,
}
