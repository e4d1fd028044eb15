//! Who may push: bearer tokens, RFC 6750.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use secrecy::ExposeSecret;
use subtle::{Choice, ConstantTimeEq};

use super::catalogue::Code;
use super::problem::Problem;
use crate::settings::Caller;

/// The callers that are known. Without any, everyone who reaches the port is taken.
#[derive(Debug, Clone)]
pub struct Callers(Vec<Caller>);

impl Callers {
    /// The callers of the settings.
    #[must_use]
    pub fn new(callers: Vec<Caller>) -> Self {
        Self(callers)
    }

    /// The caller's name; `None` where no callers are configured.
    ///
    /// # Errors
    /// `unauthenticated`, in the same words whatever was wrong.
    pub fn authenticate(&self, request: &HttpRequest) -> Result<Option<&str>, Problem> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut headers = request.headers().get_all(AUTHORIZATION);
        let token = match (headers.next(), headers.next()) {
            (Some(value), None) => bearer(value.as_bytes()),
            _ => None,
        };
        token.and_then(|token| self.name(token)).map(Some).ok_or_else(|| {
            let detail = "Send one header Authorization: Bearer TOKEN with a token that this bridge knows.";
            Problem::new(Code::Unauthenticated, detail)
        })
    }

    /// Compares with every token to its end, so that the time taken tells nothing about them but their lengths.
    fn name(&self, token: &[u8]) -> Option<&str> {
        self.0.iter().fold(None, |found, caller| {
            let same: Choice = caller.token.expose_secret().as_bytes().ct_eq(token);
            if same.into() { Some(caller.name.as_str()) } else { found }
        })
    }
}

/// The token of `Bearer TOKEN`; the scheme is case-insensitive, RFC 9110 section 11.1.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn callers() -> Callers {
        let caller = |name: &str, token: &str| Caller { name: name.to_owned(), token: token.into() };
        Callers::new(vec![
            caller("wms", "old-token-0123456789"),
            caller("erp", "erp-token-0123456789"),
            caller("wms", "new-token-0123456789"),
        ])
    }

    fn name(headers: &[&str]) -> Result<Option<String>, Code> {
        let request = headers
            .iter()
            .fold(TestRequest::default(), |request, value| request.append_header((AUTHORIZATION, *value)));
        let callers = callers();
        let found = callers.authenticate(&request.to_http_request());
        found.map(|name| name.map(str::to_owned)).map_err(|problem| problem.code)
    }

    #[test]
    fn a_known_token_names_its_caller() {
        assert_eq!(name(&["Bearer old-token-0123456789"]), Ok(Some("wms".to_owned())));
        assert_eq!(name(&["bearer  new-token-0123456789 "]), Ok(Some("wms".to_owned())));
        assert_eq!(name(&["BEARER erp-token-0123456789"]), Ok(Some("erp".to_owned())));
    }

    #[test]
    fn anything_else_is_unauthenticated() {
        for headers in [
            &[][..],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["Bearer erp-token-012345678"],
            &["Bearer erp-token-01234567890"],
            &["Bearererp-token-0123456789"],
            &["Basic erp-token-0123456789"],
            &["erp-token-0123456789"],
            &["Bearer erp-token-0123456789", "Bearer erp-token-0123456789"],
        ] {
            assert_eq!(name(headers), Err(Code::Unauthenticated), "{headers:?}");
        }
    }

    #[test]
    fn without_callers_everyone_is_taken() {
        let request = TestRequest::default().to_http_request();
        assert_eq!(Callers::new(Vec::new()).authenticate(&request).unwrap(), None);
    }
}
