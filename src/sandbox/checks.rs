//! Judges the common parameters in TOP's order; the first that fails is the answer.

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;

use super::Config;
use super::PUSH;
use super::parameters::Parameters;
use super::refusal::Refusal;
use super::wall_clock;
use crate::top::VERSION;
use crate::top::sign::{SignMethod, sign, string_to_sign};

/// How far a timestamp may be off, either way.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(10);
/// What stands in the log where something must not be read.
const MASK: &str = "***";

/// Judges a call that arrived at `now` by the gateway's clock.
pub(super) fn check(config: &Config, parameters: &Parameters, now: Timestamp) -> Result<(), Refusal> {
    method(parameters)?;
    format(parameters)?;
    app_key(config, parameters)?;
    version(parameters)?;
    timestamp(parameters, now)?;
    signature(config, parameters)?;
    session(config, parameters)
}

fn method(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.value("method") {
        Some(method) if method == PUSH.name => Ok(()),
        Some(_) => Err(Refusal::new(22, "Invalid Method")),
        None => Err(Refusal::new(21, "Missing Method")),
    }
}

fn format(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.value("format") {
        Some("json" | "xml") | None => Ok(()),
        Some(_) => Err(Refusal::new(23, "Invalid Format")),
    }
}

fn app_key(config: &Config, parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.value("app_key") {
        Some(app_key) if app_key == config.app_key => Ok(()),
        Some(_) => {
            let sub_msg = "appkey&apos;s application does not exist on this gateway";
            Err(Refusal::explained(29, "Invalid App Key", "isv.appkey-not-exists", sub_msg))
        }
        None => Err(Refusal::new(28, "Missing App Key")),
    }
}

fn version(parameters: &Parameters) -> Result<(), Refusal> {
    match parameters.value("v") {
        Some(VERSION) => Ok(()),
        Some(_) => Err(Refusal::new(33, "Invalid Version")),
        None => Err(Refusal::new(32, "Missing Version")),
    }
}

fn timestamp(parameters: &Parameters, now: Timestamp) -> Result<(), Refusal> {
    let text = parameters.value("timestamp").ok_or(Refusal::new(30, "Missing Timestamp"))?;
    let off = instant(text).map(|sent| now.duration_since(sent).abs());
    if off.is_some_and(|off| off <= TOLERANCE) { Ok(()) } else { Err(Refusal::timestamp()) }
}

/// Reads `yyyy-MM-dd HH:mm:ss` in GMT+8, or milliseconds since 1970 as the official Python client sends them.
fn instant(text: &str) -> Option<Timestamp> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        Timestamp::from_millisecond(text.parse().ok()?).ok()
    } else {
        Offset::constant(8).to_timestamp(wall_clock::read(text)?).ok()
    }
}

fn signature(config: &Config, parameters: &Parameters) -> Result<(), Refusal> {
    let sent = parameters.value("sign").ok_or(Refusal::new(24, "Missing Signature"))?;
    let method = parameters.value("sign_method").map_or(Ok(SignMethod::Md5), str::parse);
    let Ok(method) = method else {
        return Err(invalid_signature("sign_method must be md5, hmac or hmac-sha256"));
    };
    let pairs = parameters.pairs();
    if sign(method, config.app_secret.expose_secret(), &pairs).as_str() == sent {
        return Ok(());
    }
    tracing::warn!(
        sign_method = %method,
        expected_string = explanation(config, &pairs),
        "a signature does not match: this is the string that had to be signed, secrets masked"
    );
    Err(invalid_signature("signature does not match, check secret, charset and the signed string"))
}

const fn invalid_signature(sub_msg: &'static str) -> Refusal {
    Refusal::explained(25, "Invalid signature", "isv.invalid-signature", sub_msg)
}

/// The string to sign as it may be logged: without the session, and without the secret, which a mistaken
/// client may have sent along.
fn explanation(config: &Config, pairs: &[(&str, &str)]) -> String {
    let masked = |(name, value)| (name, if name == "session" { MASK } else { value });
    let pairs: Vec<_> = pairs.iter().copied().map(masked).collect();
    let text = string_to_sign(&pairs);
    let secret = config.app_secret.expose_secret();
    if secret.is_empty() { text } else { text.replace(secret, MASK) }
}

fn session(config: &Config, parameters: &Parameters) -> Result<(), Refusal> {
    if config.require_session && parameters.value("session").is_none() {
        Err(Refusal::new(26, "Missing Session"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use form_urlencoded::Serializer;
    use hyper::body::Bytes;

    use super::*;

    /// 2025-11-17 00:00:00 in GMT+8, the time of the published vectors.
    const NOW: &str = "2025-11-16T16:00:00Z";

    fn config(require_session: bool) -> Config {
        Config { app_key: "12345678".to_owned(), app_secret: "helloworld".into(), require_session }
    }

    /// A parameter and its other value.
    type Change = (&'static str, Option<&'static str>);

    /// A good call with `changes` made before signing; a `None` leaves a parameter out.
    fn call(changes: &[Change]) -> Vec<(&'static str, String)> {
        let good = [
            ("method", PUSH.name),
            ("format", "json"),
            ("app_key", "12345678"),
            ("v", "2.0"),
            ("timestamp", "2025-11-17 00:00:00"),
            ("sign_method", "md5"),
            ("req", "{}"),
        ];
        let kept = good.into_iter().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
        let replaced = changes.iter().filter_map(|(name, value)| value.map(|value| (*name, value)));
        let mut pairs: Vec<_> = kept.chain(replaced).collect();
        let method = changes.iter().find_map(|(name, value)| value.filter(|_| *name == "sign_method"));
        let method = method.and_then(|name| name.parse().ok()).unwrap_or(SignMethod::Md5);
        let signature = sign(method, "helloworld", &pairs);
        if pairs.iter().all(|(name, _)| *name != "sign") {
            pairs.push(("sign", signature.as_str()));
        }
        pairs.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
    }

    async fn code(config: &Config, pairs: &[(&str, String)]) -> u16 {
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
        let parameters = Parameters::parse(&query, "", Bytes::new()).await.unwrap();
        check(config, &parameters, NOW.parse().unwrap()).map_or_else(|refusal| refusal.code, |()| 0)
    }

    #[tokio::test]
    async fn each_parameter_has_its_codes() {
        let table: &[(&[Change], u16)] = &[
            (&[], 0),
            (&[("method", None)], 21),
            (&[("method", Some(""))], 21),
            (&[("method", Some("taobao.time.get"))], 22),
            (&[("format", None)], 0),
            (&[("format", Some("xml"))], 0),
            (&[("format", Some("JSON"))], 23),
            (&[("app_key", None)], 28),
            (&[("app_key", Some("87654321"))], 29),
            (&[("v", None)], 32),
            (&[("v", Some("1.0"))], 33),
            (&[("timestamp", None)], 30),
            (&[("timestamp", Some("2025-11-16 16:00:00"))], 31),
            (&[("timestamp", Some("2025-11-17T00:00:00"))], 31),
            (&[("timestamp", Some("2025-11-17 00:10:00"))], 0),
            (&[("timestamp", Some("2025-11-16 23:50:00"))], 0),
            (&[("timestamp", Some("2025-11-17 00:10:01"))], 31),
            (&[("timestamp", Some("2025-11-16 23:49:59"))], 31),
            (&[("timestamp", Some("1763308800000"))], 0),
            (&[("timestamp", Some("1763308800"))], 31),
            (&[("timestamp", Some("99999999999999999999"))], 31),
            (&[("sign", Some(""))], 24),
            (&[("sign", Some("00"))], 25),
            (&[("sign_method", None)], 0),
            (&[("sign_method", Some(""))], 0),
            (&[("sign_method", Some("hmac"))], 0),
            (&[("sign_method", Some("hmac-sha256"))], 0),
            (&[("sign_method", Some("sha1"))], 25),
            (&[("partner_id", Some("沟通 +&=")), ("empty", Some(""))], 0),
            // The order: the first that fails is the answer.
            (&[("format", Some("x")), ("app_key", None), ("sign", Some("00"))], 23),
            (&[("app_key", Some("x")), ("v", None), ("timestamp", None)], 29),
            (&[("v", None), ("timestamp", None)], 32),
            (&[("timestamp", None), ("sign", Some("00"))], 30),
        ];
        for (changes, expected) in table {
            assert_eq!(code(&config(false), &call(changes)).await, *expected, "{changes:?}");
        }
    }

    #[tokio::test]
    async fn the_signature_covers_everything_and_its_case_matters() {
        let mut lower = call(&[]);
        lower.last_mut().unwrap().1.make_ascii_lowercase();
        let mut added = call(&[]);
        added.push(("session", "s".to_owned()));
        for pairs in [lower, added] {
            assert_eq!(code(&config(false), &pairs).await, 25);
        }
    }

    #[tokio::test]
    async fn a_session_is_required_only_when_told_to() {
        for (sent, required) in [(None, 26), (Some(""), 26), (Some("any"), 0)] {
            let call = call(&[("session", sent)]);
            assert_eq!(code(&config(true), &call).await, required, "{sent:?}");
            assert_eq!(code(&config(false), &call).await, 0, "{sent:?}");
        }
    }

    #[test]
    fn the_explanation_holds_neither_secret_nor_session_nor_signature() {
        let pairs = [("session", "s3ss10n"), ("b", "helloworld"), ("a", "1"), ("sign", "S1GN")];
        assert_eq!(explanation(&config(false), &pairs), "a1b***session***");
    }
}
