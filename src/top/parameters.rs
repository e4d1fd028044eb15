//! The signed form: common parameters, `req` and `sign`, all in the body so that no URL log holds them.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::sign::{SignMethod, Signature, sign};
use super::{METHOD, VERSION, form};
use crate::mediation::Gmt8;

/// What the application is known by at TOP. Its `Debug` text holds no secret.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The public half, the common parameter `app_key`.
    pub app_key: String,
    /// The secret half; it never leaves the process.
    pub app_secret: SecretString,
    /// The authorisation, the common parameter `session`; sent only when set.
    pub session: Option<SecretString>,
    /// How calls are signed.
    pub sign_method: SignMethod,
}

/// One call, ready to be sent once: old gateways refuse a repeated signature and timestamp. It holds
/// credentials and personal data, so it does not print.
pub struct SignedForm {
    /// `application/x-www-form-urlencoded`, UTF-8.
    pub body: Vec<u8>,
    /// The signature in it, kept so that an answer that quotes it can be scrubbed.
    pub signature: Signature,
}

impl fmt::Debug for SignedForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedForm(***)")
    }
}

impl Credentials {
    /// Signs `req` at `timestamp`. No parameter is empty, and exactly the set that is signed is sent.
    #[must_use]
    pub fn sign_form(&self, req: &str, timestamp: Gmt8) -> SignedForm {
        let timestamp = timestamp.to_string();
        let mut parameters = vec![
            ("app_key", self.app_key.as_str()),
            ("format", "json"),
            ("method", METHOD),
            ("req", req),
            ("sign_method", self.sign_method.name()),
            ("timestamp", &timestamp),
            ("v", VERSION),
        ];
        if let Some(session) = &self.session {
            parameters.push(("session", session.expose_secret()));
        }
        let signature = sign(self.sign_method, self.app_secret.expose_secret(), &parameters);
        parameters.push(("sign", signature.as_str()));
        let body = form::encode(&parameters);
        SignedForm { body, signature }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_that_is_signed_is_the_set_that_is_sent() {
        let credentials = Credentials {
            app_key: "12345678".to_owned(),
            app_secret: "helloworld".into(),
            session: Some("test-session".into()),
            sign_method: SignMethod::Hmac,
        };
        let timestamp = Gmt8::at("2025-11-16T16:00:00Z".parse().unwrap());
        let form = credentials.sign_form(r#"{"a":"沟 通+&="}"#, timestamp);
        let sent: Vec<(String, String)> = form_urlencoded::parse(&form.body).into_owned().collect();
        let borrowed: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(sign(SignMethod::Hmac, "helloworld", &borrowed).as_str(), form.signature.as_str());
        let names: Vec<_> = borrowed.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            ["app_key", "format", "method", "req", "sign_method", "timestamp", "v", "session", "sign"]
        );
        let printed = format!("{credentials:?} {form:?}");
        assert!(!printed.contains("helloworld") && !printed.contains("test-session"), "{printed}");
    }
}
