//! `check-config --online`: each kind of wrong configuration and the remedy that is reported.

use std::net::TcpListener;
use std::process::Output;

use super::support::program::run;
use super::support::proxy::{Proxy, Tunnel};
use super::support::tls::TlsGateway;
use super::support::{APP_KEY, APP_SECRET, Gateway, Move};

/// The lines of the check, and true if all checks passed.
fn check(url: &str, more: &[(&str, &str)]) -> (String, bool) {
    let base = [("TOP_APP_KEY", APP_KEY), ("TOP_APP_SECRET", APP_SECRET), ("TOP_GATEWAY_URL", url)];
    let Output { status, stdout, .. } = run(&["check-config", "--online"], &[&base[..], more].concat());
    let text = String::from_utf8(stdout).unwrap();
    let (_, lines) = text.split_once("\n\n").unwrap_or_else(|| panic!("{text}"));
    assert_eq!(status.code(), Some(i32::from(lines.contains("FAIL"))), "{lines}");
    assert!(!lines.contains(APP_SECRET), "{lines}");
    (lines.to_owned(), status.success())
}

/// A time in TOP's format, this many seconds from now.
fn top_time(seconds: i64) -> String {
    let moment = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    mediation_bridge::gmt8::Gmt8::at(moment).to_string()
}

fn answer(time: &str) -> Move {
    Move::ok(&format!(r#"{{"time_get_response":{{"time":"{time}","request_id":"r-1"}}}}"#))
}

#[test]
fn a_correct_configuration_is_confirmed_by_one_signed_call() {
    let gateway = Gateway::always(answer(&top_time(0)));
    let (lines, well) = check(&gateway.url(), &[("TOP_SESSION", "a-session-of-the-app")]);
    assert!(well, "{lines}");
    for part in [
        "ok    name",
        "ok    connection",
        "TOP answered taobao.time.get (request_id r-1)",
        "agrees with TOP's",
    ] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    let call = gateway.only_call();
    assert_eq!(call.form["method"], "taobao.time.get");
    assert!(!call.form.contains_key("req"));
}

#[test]
fn each_refusal_of_top_is_reported_with_its_remedy() {
    let error = |members: &str| Move::error(members);
    for (answer, cure) in [
        (
            error(r#""code":25,"sub_code":"isv.invalid-signature""#),
            "TOP_APP_SECRET is not the secret of TOP_APP_KEY",
        ),
        (
            error(r#""code":29,"sub_code":"isv.appkey-not-exists""#),
            "TOP does not know TOP_APP_KEY at this gateway",
        ),
        (
            error(
                r#""code":11,"sub_code":"isv.permission-ip-whitelist-limit","sub_msg":"IP 203.0.113.7 is not in the list""#,
            ),
            "203.0.113.7 is not in the list): have the address",
        ),
        (error(r#""code":11,"sub_code":"isv.permission-api-package-limit""#), "the app lacks rights"),
        (error(r#""code":27,"sub_code":"session-expired""#), "TOP_SESSION has expired"),
        (error(r#""code":7,"sub_msg":"This ban will last for 9 more seconds""#), "try again later"),
        (error(r#""code":53"#), "look the code up"),
        (error(r#""code":15,"sub_code":"isp.remote-service-error""#), "TOP itself is in trouble"),
        (
            Move::Answer(404, vec![("Content-Type", "text/html".to_owned())], b"<html>".to_vec()),
            "HTTP 404, text/html",
        ),
        (answer(&top_time(400)), "s behind TOP's; synchronise"),
        (answer(&top_time(-90)), "s ahead of TOP's; synchronise"),
        (Move::ok(r#"{"time_get_response":{}}"#), "answer has no time"),
    ] {
        let gateway = Gateway::always(answer);
        let (lines, well) = check(&gateway.url(), &[]);
        assert!(!well && lines.contains(cure), "{cure}: {lines}");
        assert_eq!(gateway.calls().len(), 1, "{cure}");
    }
}

#[test]
fn a_refused_timestamp_reports_the_clock_difference() {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() - std::time::Duration::from_mins(20));
    let body = br#"{"error_response":{"code":31,"msg":"Invalid Timestamp"}}"#.to_vec();
    let gateway = Gateway::always(Move::Answer(200, vec![("Date", date)], body));
    let (lines, _) = check(&gateway.url(), &[]);
    assert!(lines.contains("s ahead of TOP's; synchronise this machine's clock"), "{lines}");
    assert!(lines.contains(" 1200 s ") || lines.contains(" 1201 s "), "{lines}");
}

#[test]
fn connection_checks_are_reported_up_to_the_first_failure() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, part) in [
        (
            "https://no-such-host.invalid/router/rest".to_owned(),
            "FAIL  name        no-such-host.invalid cannot be resolved",
        ),
        (format!("http://{closed}/router/rest"), "FAIL  connection"),
    ] {
        let (lines, _) = check(&url, &[]);
        assert!(lines.contains(part), "{lines}");
        assert!(!lines.contains("taobao.time.get"), "{lines}");
    }
    let gateway = TlsGateway::start(&["another.example"]);
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &gateway.authority).unwrap();
    let trusted = ("SSL_CERT_FILE", authority.to_str().unwrap());
    let url = format!("https://localhost:{}/router/rest", gateway.address.port());
    let (lines, _) = check(&url, &[trusted]);
    assert!(lines.contains("FAIL  TLS") && lines.contains("certificate"), "{lines}");

    let gateway = TlsGateway::start(&["localhost"]);
    std::fs::write(&authority, &gateway.authority).unwrap();
    let url = format!("https://localhost:{}/router/rest", gateway.address.port());
    for (tunnel, part) in [
        (Tunnel::Made, "ok    tunnel"),
        (Tunnel::Refused("407 Proxy Authentication Required"), "FAIL  tunnel"),
        (Tunnel::Refused("403 Forbidden"), "are user and password of TOP_PROXY_URL right?"),
    ] {
        let proxy = Proxy::start(tunnel);
        let (lines, _) = check(&url, &[trusted, ("TOP_PROXY_URL", &proxy.url())]);
        assert!(lines.contains(part), "{part}: {lines}");
        assert_eq!(lines.contains("ok    TLS"), tunnel == Tunnel::Made, "{lines}");
    }
}

#[test]
fn redis_is_checked_only_if_it_stores_the_keys() {
    let gateway = Gateway::always(answer(&top_time(0)));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("redis://{closed}");
    let redis = [("BRIDGE_IDEMPOTENCY", "redis"), ("BRIDGE_REDIS_URL", url.as_str())];
    let (lines, well) = check(&gateway.url(), &redis);
    assert!(!well && lines.contains("FAIL  Redis") && lines.contains("check BRIDGE_REDIS_URL"), "{lines}");
    assert!(!check(&gateway.url(), &[]).0.contains("Redis"));
}
