//! One plain HTTP request to this machine, for `healthcheck` and `demo`.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, StatusCode, redirect};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long all of it may take.
const ANSWER: Duration = Duration::from_secs(15);

/// An answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

/// Sends one request, with a JSON body if there is one, and reads the answer to its end.
pub(super) async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    json: Option<&'static str>,
) -> reqwest::Result<Answer> {
    let client = Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .build()?;
    let mut request = client.request(method, format!("http://{address}{path}"));
    if let Some(json) = json {
        request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(json);
    }
    let answer = request.send().await?;
    Ok(Answer { status: answer.status(), body: answer.text().await? })
}
