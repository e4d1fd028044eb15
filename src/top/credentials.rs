//! The credentials of the application and the form that they sign: common parameters, the method's own parameters and
//! `sign`. All of them are in the body, so that no URL log contains them.

use std::fmt;

use form_urlencoded::byte_serialize;
use secrecy::{ExposeSecret, SecretString};

use super::method::{Method, VERSION};
use super::sign::{SignMethod, Signature, sign};
use crate::gmt8::Gmt8;

/// The credentials of the application at TOP. The `Debug` text holds no secret.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The application key, the common parameter `app_key`.
    pub app_key: String,
    /// The application secret. It is never sent.
    pub app_secret: SecretString,
    /// The authorisation, the common parameter `session`. It is sent only if it is set.
    pub session: Option<SecretString>,
    /// How calls are signed.
    pub sign_method: SignMethod,
}

/// A signed call, to be sent once: old gateways refuse a repeated signature and timestamp. It contains credentials and
/// personal data, so it does not print.
pub struct SignedForm {
    /// The form as `application/x-www-form-urlencoded` in UTF-8.
    pub body: Vec<u8>,
    /// The signature, kept to scrub an answer that quotes it.
    pub signature: Signature,
}

impl fmt::Debug for SignedForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedForm(***)")
    }
}

impl Credentials {
    /// Signs a call of `method` with its own `parameters` at `timestamp`. No parameter is empty, and the signed set is
    /// exactly the set that is sent.
    #[must_use]
    pub fn sign_form(&self, method: Method, parameters: &[(&str, &str)], timestamp: Gmt8) -> SignedForm {
        let timestamp = timestamp.to_string();
        let mut all = vec![
            ("app_key", self.app_key.as_str()),
            ("format", "json"),
            ("method", method.name),
            ("sign_method", self.sign_method.into()),
            ("timestamp", &timestamp),
            ("v", VERSION),
        ];
        all.extend_from_slice(parameters);
        if let Some(session) = &self.session {
            all.push(("session", session.expose_secret()));
        }
        let signature = sign(self.sign_method, self.app_secret.expose_secret(), &all);
        all.push(("sign", signature.as_str()));
        // The capacity allows an escape for every byte. The form is freed as soon as it is sent.
        let most = all.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let mut body = Vec::with_capacity(most);
        for (name, value) in all {
            if !body.is_empty() {
                body.push(b'&');
            }
            encode(name, &mut body);
            body.push(b'=');
            encode(value, &mut body);
        }
        SignedForm { body, signature }
    }
}

/// Appends a name or a value of a form. Each byte of Chinese becomes an escape of three bytes. If the compiler knows the
/// length of such a piece, this takes half the time of the library's own serializer.
fn encode(text: &str, form: &mut Vec<u8>) {
    for piece in byte_serialize(text.as_bytes()).map(str::as_bytes) {
        if let Ok(three) = <&[u8; 3]>::try_from(piece) {
            form.extend_from_slice(three);
        } else {
            form.extend_from_slice(piece);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_set_is_the_set_that_is_sent() {
        let credentials = Credentials {
            app_key: "12345678".to_owned(),
            app_secret: "helloworld".into(),
            session: Some("test-session".into()),
            sign_method: SignMethod::Hmac,
        };
        let timestamp = Gmt8::at("2025-11-16T16:00:00Z".parse().unwrap());
        let method = Method { name: "a.b", success_root: "a_b_response" };
        let form = credentials.sign_form(method, &[("req", r#"{"a":"沟 通+&="}"#)], timestamp);
        let sent: Vec<(String, String)> = form_urlencoded::parse(&form.body).into_owned().collect();
        let borrowed: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(sign(SignMethod::Hmac, "helloworld", &borrowed).as_str(), form.signature.as_str());
        let names: Vec<_> = borrowed.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["app_key", "format", "method", "sign_method", "timestamp", "v", "req", "session", "sign"]
        );
        let printed = format!("{credentials:?} {form:?}");
        assert!(!printed.contains("helloworld") && !printed.contains("test-session"), "{printed}");
        assert!(printed.ends_with(" SignedForm(***)"), "{printed}");
    }
}
