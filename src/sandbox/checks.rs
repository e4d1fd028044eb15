//! Checks the common parameters in TOP's order and returns the first failure.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::answer::Refusal;
use super::parameters::{Parameters, parse_time};
use crate::top::VERSION;
use crate::top::sign::{SignMethod, sign, string_to_sign};

/// The maximum difference of a timestamp in either direction.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);
/// The replacement for secrets in the log.
const MASK: &str = "***";

/// The configuration of the sandbox, which knows a single application.
#[derive(Debug, Clone)]
pub struct Config {
    /// The application key, the common parameter `app_key`.
    pub app_key: String,
    /// The application secret, which signs calls.
    pub app_secret: SecretString,
    /// True if a push without `session` is refused (code 26). The value is never checked, because the sandbox grants no
    /// authorisations. Case id `sandbox-session-expired` returns code 27.
    pub require_session: bool,
}

/// Runs the checks of all methods for a call that arrived at `now` by the gateway's clock.
pub(super) fn check(config: &Config, parameters: &Parameters, now: Timestamp) -> Result<(), Refusal> {
    let format = parameters.value("format");
    ensure(matches!(format, None | Some("json" | "xml")), Refusal::new(23, "Invalid Format"))?;
    let app_key = required(parameters, "app_key", Refusal::new(28, "Missing App Key"))?;
    ensure(app_key == config.app_key, UNKNOWN_APP_KEY)?;
    let version = required(parameters, "v", Refusal::new(32, "Missing Version"))?;
    ensure(version == VERSION, Refusal::new(33, "Invalid Version"))?;
    let timestamp = required(parameters, "timestamp", Refusal::new(30, "Missing Timestamp"))?;
    ensure(is_in_time(timestamp, now), Refusal::TIMESTAMP)?;
    let signature = required(parameters, "sign", Refusal::new(24, "Missing Signature"))?;
    check_signature(signature, config, parameters)
}

/// Runs the additional check of methods that require authorisation.
pub(super) fn check_session(config: &Config, parameters: &Parameters) -> Result<(), Refusal> {
    let is_sent = parameters.value("session").is_some();
    ensure(is_sent || !config.require_session, Refusal::new(26, "Missing Session"))
}

fn required<'a>(parameters: &'a Parameters, name: &str, missing: Refusal) -> Result<&'a str, Refusal> {
    parameters.value(name).ok_or(missing)
}

fn ensure(is_met: bool, otherwise: Refusal) -> Result<(), Refusal> {
    if is_met { Ok(()) } else { Err(otherwise) }
}

const UNKNOWN_APP_KEY: Refusal = Refusal::explained(
    29,
    "Invalid App Key",
    "isv.appkey-not-exists",
    "appkey&apos;s application does not exist on this gateway",
);

/// True if a timestamp is close enough to `now`. It has the form `yyyy-MM-dd HH:mm:ss` in GMT+8 or, as in the official
/// Python client, milliseconds since 1970.
fn is_in_time(timestamp: &str, now: Timestamp) -> bool {
    let instant = if timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        timestamp.parse().ok().and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
    } else {
        parse_time(timestamp).and_then(|time| Offset::constant(8).to_timestamp(time).ok())
    };
    instant.is_some_and(|instant| now.duration_since(instant).abs() <= TOLERANCE)
}

fn check_signature(signature: &str, config: &Config, parameters: &Parameters) -> Result<(), Refusal> {
    let invalid = |sub_msg| Refusal::explained(25, "Invalid signature", "isv.invalid-signature", sub_msg);
    let method = parameters.value("sign_method").map_or(Ok(SignMethod::Md5), str::parse);
    let Ok(method) = method else {
        return Err(invalid("sign_method must be md5, hmac or hmac-sha256"));
    };
    let pairs = parameters.pairs();
    if sign(method, config.app_secret.expose_secret(), &pairs).as_str() == signature {
        return Ok(());
    }
    tracing::warn!(
        sign_method = %method,
        expected_string = explanation(config, &pairs),
        "a signature does not match: this is the string that had to be signed, secrets masked"
    );
    Err(invalid("signature does not match, check secret, charset and the signed string"))
}

/// The string to sign in a form that may be logged: without the session, and without the secret, which a faulty client
/// may have sent as a parameter.
fn explanation(config: &Config, pairs: &[(&str, &str)]) -> String {
    let masked = pairs.iter().map(|(name, value)| (*name, if *name == "session" { MASK } else { value }));
    let text = string_to_sign(&masked.collect::<Vec<_>>());
    let secret = config.app_secret.expose_secret();
    if secret.is_empty() { text } else { text.replace(secret, MASK) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_in_gmt8_and_at_most_ten_minutes_off() {
        let now = "2025-11-16T16:00:00Z".parse().unwrap();
        let table = [
            ("2025-11-17 00:00:00", true),
            ("2025-11-17 00:10:00", true),
            ("2025-11-16 23:50:00", true),
            ("2025-11-17 00:10:01", false),
            ("2025-11-16 23:49:59", false),
            ("2025-11-16 16:00:00", false),
            ("2025-11-17T00:00:00", false),
            ("1763308800000", true),
            ("1763309400000", true),
            ("1763309400001", false),
            ("1763308800", false),
            ("99999999999999999999", false),
        ];
        for (timestamp, expected) in table {
            assert_eq!(is_in_time(timestamp, now), expected, "{timestamp}");
        }
    }

    #[test]
    fn the_explanation_holds_neither_secret_nor_session_nor_signature() {
        let (app_key, app_secret) = ("12345678".to_owned(), "helloworld".into());
        let config = Config { app_key, app_secret, require_session: false };
        let pairs = [("session", "s3ss10n"), ("b", "helloworld"), ("a", "1"), ("sign", "S1GN")];
        assert_eq!(explanation(&config, &pairs), "a1b***session***");
    }
}
