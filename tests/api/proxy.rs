//! `TOP_PROXY_URL`: calls go through a tunnel with TLS between the bridge and the gateway, and a failed tunnel proves
//! that nothing was sent.

use std::net::TcpListener;

use super::support::proxy::{Proxy, Tunnel};
use super::support::tls::TlsGateway;
use super::support::{BODY, CASE, Program, Reply, TestApp, wire};

/// A bridge that trusts `gateway` and reaches it, as `localhost`, through the proxy at `proxy`.
fn bridge(gateway: &TlsGateway, proxy: &str, changes: &[(&str, &str)]) -> (Program, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &gateway.authority).unwrap();
    let url = format!("https://localhost:{}/router/rest", gateway.address.port());
    let base = [("SSL_CERT_FILE", authority.to_str().unwrap()), ("TOP_PROXY_URL", proxy)];
    (Program::serve(&url, &[&base, changes].concat()), folder)
}

fn push(bridge: &mut Program) -> Reply {
    let length = BODY.len();
    let request = format!(
        "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{BODY}"
    );
    Reply::of(wire::send_raw(bridge.address(), request.as_bytes()))
}

#[test]
fn calls_go_through_the_proxy_by_connect() {
    let (gateway, proxy) = (TlsGateway::start(&["localhost"]), Proxy::start(Tunnel::Made));
    let url = proxy.url().replace("http://", "http://bridge:p%40ss%2Fword@");
    let (mut bridge, _folder) = bridge(&gateway, &url, &[("BRIDGE_WORKERS", "1")]);
    for _ in 0..5 {
        assert_eq!(push(&mut bridge).status, 200);
    }
    let requests = proxy.requests();
    assert_eq!(requests.len(), 1, "one tunnel serves them all");
    let authority = format!("localhost:{}", gateway.address.port());
    assert_eq!(requests[0].start, format!("CONNECT {authority} HTTP/1.1"));
    assert_eq!(requests[0].header("host"), Some(authority.as_str()));
    // bridge:p@ss/word
    assert_eq!(requests[0].header("proxy-authorization"), Some("Basic YnJpZGdlOnBAc3Mvd29yZA=="));
}

#[test]
fn a_failed_tunnel_proves_that_nothing_was_sent() {
    let gateway = TlsGateway::start(&["localhost"]);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tunnels = [
        Tunnel::Refused("403 Forbidden"),
        Tunnel::Refused("407 Proxy Authentication Required"),
        Tunnel::Refused("502 Bad Gateway"),
        Tunnel::Refused("302 Found\r\nLocation: http://127.0.0.1/"),
        Tunnel::Silent,
        Tunnel::Closed,
        Tunnel::ClosedAtOnce,
        Tunnel::BrokenAfter(100),
        Tunnel::Garbage,
    ];
    let proxies = tunnels.map(|tunnel| (format!("{tunnel:?}"), Proxy::start(tunnel).url()));
    for (name, url) in proxies.into_iter().chain([("no proxy there".to_owned(), format!("http://{closed}"))])
    {
        let changes =
            [("BRIDGE_DEADLINE", "2s"), ("TOP_CONNECT_TIMEOUT", "300ms"), ("TOP_MAX_ATTEMPTS", "2")];
        let (mut bridge, _folder) = bridge(&gateway, &url, &changes);
        let reply = push(&mut bridge);
        let body = reply.problem("top_unreachable");
        assert_eq!((&*name, body["outcome"].as_str()), (&*name, Some("not_executed")), "{body}");
        assert_eq!((&*name, body["attempts"].as_u64()), (&*name, Some(2)), "{body}");
        let line = bridge.line_with("\"message\":\"push\"");
        assert!(line.contains("push.error") && !line.contains("http://"), "{name}: {line}");
    }
}

#[test]
fn the_gateways_certificate_is_verified_through_the_tunnel() {
    let (gateway, proxy) = (TlsGateway::start(&["another.example"]), Proxy::start(Tunnel::Made));
    let (mut bridge, _folder) = bridge(&gateway, &proxy.url(), &[("TOP_MAX_ATTEMPTS", "1")]);
    push(&mut bridge).problem("top_unreachable");
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn the_proxies_of_the_environment_are_ignored() {
    let proxy = Proxy::start(Tunnel::Made);
    let url = proxy.url();
    let app = TestApp::accepting(&[("HTTPS_PROXY", &url), ("HTTP_PROXY", &url), ("ALL_PROXY", &url)]);
    assert_eq!(app.push_good().status, 200);
    let gateway = TlsGateway::start(&["localhost"]);
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, &gateway.authority).unwrap();
    let gateway_url = format!("https://localhost:{}/router/rest", gateway.address.port());
    let variables =
        [("SSL_CERT_FILE", authority.to_str().unwrap()), ("HTTPS_PROXY", &*url), ("https_proxy", &*url)];
    assert_eq!(push(&mut Program::serve(&gateway_url, &variables)).status, 200);
    assert!(proxy.requests().is_empty());
}
