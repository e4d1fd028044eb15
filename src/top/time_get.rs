//! `taobao.time.get` (获取淘宝系统当前时间): the time of TOP's clock. It is free, needs no session and belongs to no business, so
//! a call of it tests application key, secret, signature method, address and clock without a push.

use jiff::civil::DateTime;
use tokio::time::Instant;

use super::client::Client;
use super::error::CallError;
use super::{Method, UpstreamDetails};
use crate::gmt8::Gmt8;

/// The name of the method and the root of its answer.
pub const TIME_GET: Method = Method { name: "taobao.time.get", success_root: "time_get_response" };

/// The answer of TOP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopTime {
    /// The time of TOP's clock in GMT+8, if the answer has one.
    pub time: Option<DateTime>,
    /// TOP's identifier of the call.
    pub details: UpstreamDetails,
}

/// Requests TOP's time with a call signed at `timestamp`.
///
/// # Errors
/// If there is no answer with the success root.
pub async fn time_get(client: &Client, timestamp: Gmt8, deadline: Instant) -> Result<TopTime, CallError> {
    let envelope = client.call(TIME_GET, &[], timestamp, deadline).await?;
    let time = envelope.text("time").and_then(|time| time.parse().ok());
    let details =
        UpstreamDetails { request_id: envelope.identifier("request_id"), ..UpstreamDetails::default() };
    Ok(TopTime { time, details })
}
