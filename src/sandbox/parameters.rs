//! Reads the parameters of a call from the query, a form body and multipart, as TOP does.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use jiff::civil::DateTime;
use multer::Multipart;
use percent_encoding::percent_decode;
use tokio::time::timeout;

use super::answer::{Format, Refusal};
use super::reply::{End, Fault, Page, Reply};
use crate::gmt8::Gmt8;

/// The maximum size of a body in bytes.
const MAX_BODY: usize = 1 << 20;
/// The limit for the arrival of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

const TOO_LARGE: Page =
    Page::html(StatusCode::PAYLOAD_TOO_LARGE, "<html><h1>413 Payload Too Large</h1></html>\n");
const TOO_SLOW: Page = Page::html(StatusCode::REQUEST_TIMEOUT, "<html><h1>408 Request Timeout</h1></html>\n");

/// The decoded parameters, sorted by name.
#[derive(Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads the whole request.
    pub(super) async fn read(request: Request<Incoming>) -> Result<Self, Reply> {
        let (head, body) = request.into_parts();
        let body = match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Reply::Page(TOO_LARGE)),
            Ok(Err(_)) => return Err(Reply::Fault(Fault { sent: b"", end: End::Close })),
            Err(_) => return Err(Reply::Page(TOO_SLOW)),
        };
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Self::parse(head.uri.query().unwrap_or_default(), content_type.unwrap_or_default(), body).await?)
    }

    /// Parses the parts of a request. A body of another media type is ignored, because it has no parameters.
    async fn parse(query: &str, content_type: &str, body: Bytes) -> Result<Self, Refusal> {
        let mut parameters = Self::default();
        parameters.add_form(query.as_bytes())?;
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/x-www-form-urlencoded" => parameters.add_form(&body)?,
            "multipart/form-data" => parameters.add_multipart(content_type, body).await?,
            _ => {}
        }
        Ok(parameters)
    }

    /// The value of a parameter. An empty value counts as absent, although it is signed.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All parameters as they were sent, including `sign` and empty ones.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// The format of the answer, even if the answer refuses this format.
    pub(super) fn format(&self) -> Format {
        match (self.value("format"), self.value("simplify")) {
            (Some("json"), Some("true")) => Format::SimpleJson,
            (Some("json"), _) => Format::Json,
            _ => Format::Xml,
        }
    }

    fn add_form(&mut self, form: &[u8]) -> Result<(), Refusal> {
        for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default());
            let (name, value) = (half()?, half()?);
            self.add(name, value)?;
        }
        Ok(())
    }

    async fn add_multipart(&mut self, content_type: &str, body: Bytes) -> Result<(), Refusal> {
        let malformed = |_| Refusal::new(43, "Parameter Error");
        let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
        let mut multipart = Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
        while let Some(field) = multipart.next_field().await.map_err(malformed)? {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.bytes().await.map_err(malformed)?;
            self.add(name, utf8(value.into())?)?;
        }
        Ok(())
    }

    /// Adds a parameter. A repeated name is refused: clients and servers disagree on which value is signed, so the call
    /// might work here and fail elsewhere.
    fn add(&mut self, name: String, value: String) -> Result<(), Refusal> {
        if self.0.contains_key(&name) {
            return Err(Refusal::invalid(&name, "sent more than once"));
        }
        self.0.insert(name, value);
        Ok(())
    }
}

fn decode(half: &[u8]) -> Result<String, Refusal> {
    let spaced: Vec<u8> = half.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    utf8(percent_decode(&spaced).collect())
}

fn utf8(bytes: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(bytes).map_err(|_| Refusal::new(47, "Invalid encoding"))
}

/// Parses `yyyy-MM-dd HH:mm:ss`, a valid date and time in exactly this spelling.
///
/// The library accepts many other spellings and turns a second 60 into 59. So the result is printed again and compared
/// with the text.
pub(super) fn parse_time(text: &str) -> Option<DateTime> {
    let time: DateTime = text.parse().ok()?;
    (Gmt8::from_civil(time).to_string() == text).then_some(time)
}
