//! A minimal HTTP client for requests to this machine, for `healthcheck` and `demo`.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, StatusCode, redirect};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

/// Sends one request, with a JSON body if there is one, and reads the whole answer within `timeout`.
pub(super) async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    json: Option<&'static str>,
    timeout: Duration,
) -> reqwest::Result<Answer> {
    let client = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .build()?;
    let mut request = client.request(method, format!("http://{address}{path}"));
    if let Some(json) = json {
        request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(json);
    }
    let answer = request.send().await?;
    Ok(Answer { status: answer.status(), body: answer.text().await? })
}
