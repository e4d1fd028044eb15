//! Reads a call's parameters: from the query, a form body and multipart, all three at once, as TOP does.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use multer::Multipart;
use percent_encoding::percent_decode;
use tokio::time::timeout;

use super::refusal::Refusal;

/// The most bytes of a body.
pub(super) const MAX_BODY: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The parameters as they were sent, decoded, in the order of their names.
#[derive(Default)]
pub(super) struct Parameters(BTreeMap<String, String>);

/// Why a call has no parameters that could be judged.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// More than [`MAX_BODY`] bytes.
    TooLarge,
    /// Not here within the time that a body is given.
    TooSlow,
    /// The caller went away in the middle of it.
    Broken,
    /// It is here, and TOP refuses it.
    Refused(Refusal),
}

impl From<Refusal> for Unreadable {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Parameters {
    /// Reads a request to its end.
    pub(super) async fn read(request: Request<Incoming>) -> Result<Self, Unreadable> {
        let (head, body) = request.into_parts();
        let body = match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Unreadable::TooLarge),
            Ok(Err(_)) => return Err(Unreadable::Broken),
            Err(_) => return Err(Unreadable::TooSlow),
        };
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Self::parse(head.uri.query().unwrap_or_default(), content_type.unwrap_or_default(), body).await?)
    }

    /// Reads the parts of a request. A body of another kind holds no parameters, so it is ignored.
    pub(super) async fn parse(query: &str, content_type: &str, body: Bytes) -> Result<Self, Refusal> {
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

    /// A parameter's value. One without any counts as not sent, though it is signed.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Every parameter as it was sent, `sign` and empty ones included.
    pub(super) fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn add_form(&mut self, form: &[u8]) -> Result<(), Refusal> {
        for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decoded(halves.next().unwrap_or_default());
            let (name, value) = (half()?, half()?);
            self.add(name, value)?;
        }
        Ok(())
    }

    async fn add_multipart(&mut self, content_type: &str, body: Bytes) -> Result<(), Refusal> {
        let malformed = |_| Refusal::new(43, "Parameter Error");
        let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
        let body = stream::iter([Ok::<_, Infallible>(body)]);
        let mut multipart = Multipart::new(body, boundary);
        while let Some(field) = multipart.next_field().await.map_err(malformed)? {
            let name = field.name().unwrap_or_default().to_owned();
            let value = field.bytes().await.map_err(malformed)?;
            self.add(name, text(value.into())?)?;
        }
        Ok(())
    }

    /// A name that stands twice is refused: no two parties agree which of the values is signed, so such a call
    /// would work here and fail elsewhere.
    fn add(&mut self, name: String, value: String) -> Result<(), Refusal> {
        if self.0.contains_key(&name) {
            return Err(Refusal::invalid(&name, "sent more than once"));
        }
        self.0.insert(name, value);
        Ok(())
    }
}

fn decoded(half: &[u8]) -> Result<String, Refusal> {
    let spaced: Vec<u8> = half.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    text(percent_decode(&spaced).collect())
}

fn text(bytes: Vec<u8>) -> Result<String, Refusal> {
    String::from_utf8(bytes).map_err(|_| Refusal::new(47, "Invalid encoding"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "Application/X-WWW-Form-Urlencoded;charset=UTF-8";
    const MULTIPART: &str = "multipart/form-data; boundary=XX";

    async fn read(query: &str, content_type: &str, body: &'static str) -> Result<Vec<(String, String)>, u16> {
        let read = Parameters::parse(query, content_type, Bytes::from_static(body.as_bytes())).await;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        read.map(|found| found.pairs().into_iter().map(owned).collect()).map_err(|refusal| refusal.code)
    }

    #[tokio::test]
    async fn query_form_and_multipart_are_one_set() {
        let multipart = "--XX\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n沟 通+%41\r\n--XX--\r\n";
        let table = [
            ("a=1&b=%E6%B2%9F+%e9%80%9A%2B", "", "x=2", vec![("a", "1"), ("b", "沟 通+")]),
            ("a=1", FORM, "&b=x=y&&c&=d", vec![("", "d"), ("a", "1"), ("b", "x=y"), ("c", "")]),
            ("a=1", MULTIPART, multipart, vec![("a", "1"), ("b", "沟 通+%41")]),
            ("a=%zz%4", "text/plain", "b=1", vec![("a", "%zz%4")]),
        ];
        for (query, content_type, body, expected) in table {
            let expected = expected.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            assert_eq!(read(query, content_type, body).await, Ok(expected), "{query} {body}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_refused() {
        let table = [
            ("a=%ff", "", "", 47),
            ("%ff=a", "", "", 47),
            ("a=1", FORM, "a=1", 41),
            ("a=1&a=2", "", "", 41),
            ("", "multipart/form-data", "", 43),
            ("", MULTIPART, "--XX\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ncut", 43),
        ];
        for (query, content_type, body, code) in table {
            assert_eq!(read(query, content_type, body).await, Err(code), "{query} {body}");
        }
    }

    #[tokio::test]
    async fn an_empty_value_is_signed_and_counts_as_missing() {
        let parameters = Parameters::parse("a=&b=1", "", Bytes::new()).await.unwrap();
        assert_eq!(parameters.pairs(), [("a", ""), ("b", "1")]);
        assert_eq!((parameters.value("a"), parameters.value("b")), (None, Some("1")));
    }
}
