//! The checks that need no push, one line each with a remedy if it fails: name, connection, tunnel, TLS, one signed
//! `taobao.time.get`, the clock, Redis.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::delivery::idempotency::{Store, StoreError};
use crate::gmt8::Gmt8;
use crate::server;
use crate::settings::Settings;
use crate::telemetry::chain;
use crate::top::time_get::{TopTime, time_get};
use crate::top::{CallError, Failure, Refusal, UpstreamDetails};

/// The difference of the clocks that counts as a failure. TOP refuses more than ten minutes.
const MAX_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// The result of one check: what was found, or what failed and what to do.
type Found = Result<String, String>;

/// Runs all checks, and returns how many failed.
pub(super) async fn check(settings: &Settings, out: &mut impl Write) -> io::Result<usize> {
    writeln!(out)?;
    let mut tries = gateway(settings).await;
    tries.extend(redis(settings).await.map(|found| ("Redis", found)));
    for (what, found) in &tries {
        let (mark, text) = match found {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        writeln!(out, "{mark}  {what:<10}  {text}")?;
    }
    Ok(tries.iter().filter(|(_, found)| found.is_err()).count())
}

/// The checks of the connection to TOP, up to the first that fails.
async fn gateway(settings: &Settings) -> Vec<(&'static str, Found)> {
    let proxy = settings.top_proxy_url.as_ref().and_then(|url| Url::parse(url.expose_secret()).ok());
    let (first, variable) = match &proxy {
        Some(proxy) => (proxy, "TOP_PROXY_URL"),
        None => (&settings.top_gateway_url, "TOP_GATEWAY_URL"),
    };
    let patience = settings.top_connect_timeout;
    let addresses = match resolve(first, patience).await {
        Ok(addresses) => addresses,
        Err(why) => {
            return vec![(
                "name",
                Err(format!("{why}; is {variable} right, and does this machine's DNS know it?")),
            )];
        }
    };
    let shown = addresses.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ");
    let mut tries = vec![("name", Ok(format!("{}: {shown}", first.host_str().unwrap_or_default())))];
    let connected = connect(&addresses, patience).await;
    let reached = connected.is_ok();
    tries.push((
        "connection",
        connected.map_err(|why| {
            format!("{why}; is the port of {variable} right, and does a firewall let it through?")
        }),
    ));
    if reached {
        tries.extend(call(settings, proxy.is_some()).await);
    }
    tries
}

async fn resolve(url: &Url, patience: Duration) -> Result<Vec<SocketAddr>, String> {
    // A URL has brackets around an IPv6 address.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or_default();
    let found = timeout(patience, lookup_host((host, port))).await;
    let found = found.map_err(|_| format!("{host} was not resolved within {patience:?}"))?;
    Ok(found.map_err(|error| format!("{host} cannot be resolved: {error}"))?.collect())
}

async fn connect(addresses: &[SocketAddr], patience: Duration) -> Found {
    let mut why = "no address".to_owned();
    for address in addresses {
        let begun = Instant::now();
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(format!("{address} accepted it in {} ms", begun.elapsed().as_millis())),
            Ok(Err(error)) => why = format!("{address}: {error}"),
            Err(_) => why = format!("{address} did not answer within {patience:?}"),
        }
    }
    Err(why)
}

/// Makes one signed call, which checks tunnel, TLS, credentials and clock.
async fn call(settings: &Settings, through_proxy: bool) -> Vec<(&'static str, Found)> {
    let client = match server::client(settings) {
        Ok(client) => client,
        Err(error) => return vec![("TLS", Err(chain(&error)))],
    };
    let sent = Timestamp::now();
    let answer = time_get(&client, Gmt8::at(sent), Instant::now() + settings.bridge_deadline).await;
    let mut tries = Vec::new();
    if let Err(error @ CallError::NotConnected(_)) = &answer {
        let reported = chain(error);
        let tunnel = through_proxy && !reported.contains("certificate") && !reported.contains("handshake");
        tries.push(if tunnel {
            ("tunnel", Err(format!("{reported}; are user and password of TOP_PROXY_URL right? Does the proxy let CONNECT through to the gateway, and can it reach the gateway? Its own log says so")))
        } else {
            ("TLS", Err(format!("{reported}; does that port speak TLS, is this the gateway's own certificate, is this machine's clock right, and does this machine trust the certificate's authority (SSL_CERT_FILE)?")))
        });
        return tries;
    }
    if through_proxy {
        tries.push(("tunnel", Ok("the proxy opened it".to_owned())));
    }
    if settings.top_gateway_url.scheme() == "https" {
        tries.push(("TLS", Ok("the certificate is trusted".to_owned())));
    }
    match answer {
        Ok(TopTime { time, details }) => {
            tries.push(("call", Ok(format!("TOP answered taobao.time.get{}", quoted(&details)))));
            tries.push(("clock", clock(time, sent)));
        }
        Err(CallError::Refused(refusal)) => tries.push(("call", Err(refused(&refusal, sent)))),
        Err(error) => tries.push((
            "call",
            Err(format!(
                "{}; is TOP_GATEWAY_URL right, or does a proxy or firewall answer instead of TOP?",
                chain(&error)
            )),
        )),
    }
    tries
}

fn clock(top: Option<jiff::civil::DateTime>, sent: Timestamp) -> Found {
    let Some(top) = top.and_then(|top| jiff::tz::Offset::constant(8).to_timestamp(top).ok()) else {
        return Err("TOP's answer has no time; is TOP_GATEWAY_URL right?".to_owned());
    };
    let text = difference(top, sent);
    if top.duration_since(sent).abs() < MAX_SKEW { Ok(text) } else { Err(format!("{text}; synchronise it")) }
}

/// The difference between this machine's clock and TOP's, which has a resolution of one second.
fn difference(top: Timestamp, own: Timestamp) -> String {
    let ahead = own.duration_since(top).as_secs();
    match ahead {
        -1..=1 => "this machine's clock agrees with TOP's".to_owned(),
        2.. => format!("this machine's clock is {ahead} s ahead of TOP's"),
        _ => format!("this machine's clock is {} s behind TOP's", -ahead),
    }
}

/// TOP's refusal and the remedy.
fn refused(refusal: &Refusal, sent: Timestamp) -> String {
    let details = &refusal.details;
    let whitelisted = details.sub_code.as_deref().is_some_and(|code| code.contains("ip-whitelist"));
    let remedy = match details.code {
        Some(24 | 25) => "TOP_APP_SECRET is not the secret of TOP_APP_KEY, or TOP_SIGN_METHOD is not this app's".to_owned(),
        Some(26 | 27 | 44) => "TOP_SESSION has expired or is not this app's: authorise the app again, or leave it unset".to_owned(),
        Some(28 | 29) => "TOP does not know TOP_APP_KEY at this gateway: check the key, and whether the app belongs to another TOP_GATEWAY_URL".to_owned(),
        Some(30 | 31) => {
            let date = refusal.date.and_then(|date| Timestamp::try_from(date).ok());
            date.map_or_else(
                || "the clocks differ by more than ten minutes; synchronise this machine's clock".to_owned(),
                |date| format!("{}; synchronise this machine's clock", difference(date, sent)),
            )
        }
        _ if whitelisted => "have the address from which TOP sees these calls added to the app's whitelist; key, secret and clock seem right".to_owned(),
        Some(11..=13) => "the app lacks rights: have them granted at TOP; key, secret and clock seem right".to_owned(),
        Some(_) | None => remedy(refusal.failure).to_owned(),
    };
    format!("TOP refused taobao.time.get{}: {remedy}", quoted(details))
}

/// The remedy for a refusal whose code has none of its own.
fn remedy(failure: Failure) -> &'static str {
    if let Failure::RateLimited { .. } = failure {
        "TOP throttles this app: try again later; key, secret and clock seem right"
    } else if failure == Failure::AccessDenied || failure == Failure::InvalidTimestamp {
        "TOP refuses this app: look the code up in TOP's documentation"
    } else {
        "TOP itself is in trouble: try again later"
    }
}

/// TOP's codes and message in parentheses.
fn quoted(details: &UpstreamDetails) -> String {
    let code = details.code.map(|code| format!("code {code}"));
    let id = details.request_id.as_ref().map(|id| format!("request_id {id}"));
    let said: Vec<String> =
        [code, details.sub_code.clone(), details.sub_msg.clone(), id].into_iter().flatten().collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

async fn redis(settings: &Settings) -> Option<Found> {
    let store = match server::key_store(settings)? {
        Store::Memory(_) => return None,
        Store::Redis(redis) => redis,
    };
    Some(match store.check().await {
        Ok(()) => Ok("keys can be stored there".to_owned()),
        Err(error @ StoreError::Advised { .. }) => Err(chain(&error)),
        Err(error @ (StoreError::Redis(_) | StoreError::TooSlow | StoreError::Unreadable(_))) => {
            Err(format!("{}; check BRIDGE_REDIS_URL, and that Redis accepts this address", chain(&error)))
        }
    })
}
