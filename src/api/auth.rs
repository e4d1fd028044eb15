//! Who may push: bearer tokens, RFC 6750.

use std::sync::Arc;

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

use super::problem::{Code, Problem};
use crate::settings::Callers;

/// The configured callers. If there are none, anyone who can connect may push.
#[derive(Debug, Clone)]
pub struct Authenticator(Vec<(Arc<str>, SecretString)>);

impl Authenticator {
    /// Takes the callers from the settings.
    #[must_use]
    pub fn new(callers: Option<&Callers>) -> Self {
        let callers = callers.into_iter().flat_map(|callers| &callers.0);
        Self(callers.map(|caller| (caller.name.as_str().into(), caller.token.clone())).collect())
    }

    /// True if no callers are configured.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the callers. A caller with several tokens appears once for each.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The name of the caller; `None` if no callers are configured.
    ///
    /// # Errors
    /// `unauthenticated`, with the same text for every cause.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Arc<str>>, Problem> {
        if self.is_open() {
            return Ok(None);
        }
        let mut values = headers.get_all(AUTHORIZATION);
        let token = match (values.next(), values.next()) {
            (Some(value), None) => bearer(value.as_bytes()),
            _ => None,
        };
        token.and_then(|token| self.name(token)).map(Some).ok_or_else(|| {
            let detail = "Send one header Authorization: Bearer TOKEN with a token that this bridge knows.";
            Problem::new(Code::Unauthenticated, detail)
        })
    }

    /// Compares `token` with every known token in full, so that the time taken reveals only their lengths.
    fn name(&self, token: &[u8]) -> Option<Arc<str>> {
        let found = self.0.iter().fold(None, |found, (name, known)| {
            let same: Choice = known.expose_secret().as_bytes().ct_eq(token);
            if same.into() { Some(name) } else { found }
        });
        found.map(Arc::clone)
    }
}

/// The token of `Bearer TOKEN`. The scheme is case-insensitive, RFC 9110 section 11.1.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;
    use crate::settings::Caller;

    fn callers() -> Authenticator {
        let caller = |name: &str, token: &str| Caller { name: name.to_owned(), token: token.into() };
        Authenticator::new(Some(&Callers(vec![
            caller("wms", "old-token-0123456789"),
            caller("erp", "erp-token-0123456789"),
            caller("wms", "new-token-0123456789"),
        ])))
    }

    fn name(values: &[&str]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let found = callers().authenticate(&headers);
        found.map(|name| name.map(|name| name.to_string())).map_err(|problem| problem.code)
    }

    #[test]
    fn a_known_token_identifies_its_caller() {
        assert_eq!(name(&["Bearer old-token-0123456789"]), Ok(Some("wms".to_owned())));
        assert_eq!(name(&["bearer  new-token-0123456789 "]), Ok(Some("wms".to_owned())));
        assert_eq!(name(&["BEARER erp-token-0123456789"]), Ok(Some("erp".to_owned())));
    }

    #[test]
    fn invalid_credentials_are_unauthenticated() {
        for values in [
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
            assert_eq!(name(values), Err(Code::Unauthenticated), "{values:?}");
        }
    }

    #[test]
    fn without_callers_everyone_may_push() {
        assert_eq!(Authenticator::new(None).authenticate(&HeaderMap::new()).unwrap(), None);
    }
}
