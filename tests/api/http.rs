//! HTTP: routes, methods, headers, and bodies that are too large or too slow.

use std::io::{BufReader, Read, Write};
use std::time::{Duration, Instant};

use super::support::wire::{connect, read_message};
use super::support::{BODY, CASE, Gateway, Move, Reply, TestApp};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn app() -> TestApp {
    TestApp::accepting(&[])
}

#[test]
fn every_path_answers_every_method() {
    let app = app();
    let push = format!("/mediations/{CASE}/result");
    let allowed = [
        (push.as_str(), "POST"),
        ("/livez", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/problems", "GET, HEAD"),
        ("/problems/top_timeout", "GET, HEAD"),
        ("/problems/nothing", "GET, HEAD"),
        ("/", "GET, HEAD"),
        ("/swagger-ui", "GET, HEAD"),
        ("/swagger-ui/", "GET, HEAD"),
        ("/swagger-ui/index.html", "GET, HEAD"),
    ];
    for (path, allow) in allowed {
        for method in ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE"] {
            let reply = app.get(method, path);
            assert!(reply.header("x-request-id").is_some(), "{method} {path}");
            if allow.split(", ").any(|allowed| allowed == method) {
                assert!(reply.status < 500 && reply.status != 405, "{method} {path}: {}", reply.status);
            } else {
                assert_eq!(reply.status, 405, "{method} {path}");
                assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
                if method != "HEAD" {
                    assert_eq!(reply.problem("method_not_allowed")["instance"], path);
                }
            }
        }
    }
    for path in [
        "/nothing",
        "/livez/",
        "/problems/",
        "/mediations",
        "/mediations/1",
        "/mediations//result",
        "/metrics/x",
        "/%zz",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let reply = app.get(method, path);
            assert_eq!(reply.status, 404, "{method} {path}");
            assert_eq!(reply.problem("not_found")["instance"], path);
        }
        assert_eq!(app.get("HEAD", path).status, 404);
    }
}

#[test]
fn head_equals_get_without_the_body() {
    let app = app();
    for path in ["/livez", "/readyz", "/openapi.json", "/swagger-ui/", "/", "/swagger-ui/swagger-ui.css"] {
        let (get, head) = (app.get("GET", path), app.get("HEAD", path));
        assert_eq!(get.status, head.status, "{path}");
        assert_eq!(get.header("content-type"), head.header("content-type"), "{path}");
        assert_eq!(get.header("content-length"), head.header("content-length"), "{path}");
        assert!(head.message.body.is_empty());
    }
    assert_eq!(app.get("GET", "/livez").json(), serde_json::json!({ "status": "ok" }));
    // Relative, so that a proxy may strip a path prefix.
    for path in ["/", "/swagger-ui"] {
        assert_eq!(app.get("GET", path).header("location"), Some("swagger-ui/"));
    }
    app.get("GET", "/swagger-ui/nothing.js").problem("not_found");
}

#[test]
fn swagger_ui_is_compressed_if_the_client_accepts_gzip() {
    let app = app();
    let file = |accepted: &[(&str, &str)]| app.send("GET", "/swagger-ui/swagger-ui.css", accepted, b"");
    let plain = file(&[]);
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    assert!(String::from_utf8(plain.message.body.clone()).unwrap().contains(".swagger-ui"));
    for refusing in ["identity", "gzip;q=0", "br"] {
        let reply = file(&[("Accept-Encoding", refusing)]);
        assert_eq!(
            (reply.header("content-encoding"), &reply.message.body),
            (None, &plain.message.body),
            "{refusing}"
        );
    }
    for accepting in ["gzip", "gzip, deflate, br, zstd", "br;q=0.5, gzip;q=0.8"] {
        let reply = file(&[("Accept-Encoding", accepting)]);
        assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")), "{accepting}");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*reply.message.body).read_to_end(&mut unpacked).unwrap();
        assert!(unpacked == plain.message.body, "{accepting}");
    }
}

#[test]
fn swagger_ui_names_the_gateway_and_enables_nothing_for_a_real_one() {
    let script = "/swagger-ui/swagger-initializer.js";
    let simulated = app();
    assert!(simulated.get("GET", "/swagger-ui/").text().contains("class=\"destination simulated\""));
    assert!(simulated.get("GET", script).text().contains("\"tryItOutEnabled\": true"));
    let url = "https://gw.api.taobao.com/router/rest";
    let real = TestApp::of(&[("TOP_GATEWAY_URL", url)]);
    let page = real.get("GET", "/swagger-ui/").text();
    for part in ["class=\"destination real\"", "Every push from this page is real.", "真实", url] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(real.get("GET", script).text().contains("\"tryItOutEnabled\": false"));
}

#[test]
fn swagger_ui_can_be_switched_off() {
    let app = TestApp::accepting(&[("BRIDGE_SWAGGER_UI", "false")]);
    for path in ["/", "/swagger-ui", "/swagger-ui/"] {
        app.get("GET", path).problem("not_found");
    }
    assert_eq!(app.get("GET", "/openapi.json").status, 200);
}

#[test]
fn a_request_keeps_its_identifier_or_gets_one() {
    let app = app();
    let echoed = |id: &str| {
        app.send("GET", "/livez", &[("X-Request-Id", id)], b"").header("x-request-id").unwrap() == id
    };
    assert!(echoed("a"));
    assert!(echoed("Az0._-"));
    assert!(echoed(&"x".repeat(128)));
    for bad in ["", "a b", "a/b", "ä", "a\tb", &"x".repeat(129)] {
        assert!(!echoed(bad), "{bad:?}");
    }
    let twice = app.send("GET", "/livez", &[("X-Request-Id", "a"), ("X-Request-Id", "b")], b"");
    let made = twice.header("x-request-id").unwrap().to_owned();
    assert!(made.len() == 32 && made != "a" && made != "b");
    assert_ne!(
        app.get("GET", "/livez").header("x-request-id"),
        app.get("GET", "/livez").header("x-request-id")
    );
}

#[test]
fn only_plain_json_is_accepted() {
    let app = app();
    for headers in [
        &[][..],
        &[("Content-Type", "")],
        &[("Content-Type", "text/plain")],
        &[("Content-Type", "application/x-www-form-urlencoded")],
        &[("Content-Type", "application/problem+json")],
        &[("Content-Type", "application/json; charset=gbk")],
        &[JSON, JSON],
        &[JSON, ("Content-Encoding", "gzip")],
        &[JSON, ("Content-Encoding", "identity")],
    ] {
        let reply = app.push_with(CASE, headers, BODY.as_bytes());
        assert_eq!(reply.status, 415, "{headers:?}");
        assert_eq!(reply.problem("unsupported_media_type")["outcome"], "not_executed");
    }
    for good in ["application/json;charset=utf-8", "Application/Json; charset=\"UTF-8\""] {
        assert_eq!(app.push_with(CASE, &[("Content-Type", good)], BODY.as_bytes()).status, 200, "{good}");
    }
}

#[test]
fn checks_run_in_the_documented_order() {
    let app =
        TestApp::accepting(&[("BRIDGE_CALLERS", "wms:token-0123456789abcdef"), ("BRIDGE_MAX_BODY", "100")]);
    let token = ("Authorization", "Bearer token-0123456789abcdef");
    let (text, large) = (("Content-Type", "text/plain"), "x".repeat(101));
    app.send("PUT", "/mediations/%zz/result", &[text], large.as_bytes()).problem("method_not_allowed");
    app.push_with("%zz", &[text], large.as_bytes()).problem("unauthenticated");
    app.push_with("%zz", &[text, token], large.as_bytes()).problem("unsupported_media_type");
    app.push_with("%zz", &[JSON, token], large.as_bytes()).problem("payload_too_large");
    app.push_with("%zz", &[JSON, token], b"x").problem("malformed_json");
    app.push_with("%zz", &[JSON, token], b"{}").problem("validation_failed");
    assert_eq!(app.push_with("1", &[JSON, token], br#"{"result":"s"}"#).status, 200);
}

#[test]
fn callers_are_identified_by_their_tokens() {
    let callers = "wms:old-token-0123456789,wms:new-token-0123456789\nerp:erp-token-0123456789\n";
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::with(&gateway, &[("BRIDGE_CALLERS", callers)]);
    let push = |value: &str| app.push_with(CASE, &[JSON, ("Authorization", value)], BODY.as_bytes());
    for token in ["old-token-0123456789", "new-token-0123456789", "erp-token-0123456789"] {
        assert_eq!(push(&format!("Bearer {token}")).status, 200);
    }
    for bad in ["Bearer nobody-0123456789", "Basic old-token-0123456789", "Bearer", "old-token-0123456789"] {
        let reply = push(bad);
        assert_eq!(reply.status, 401);
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        assert_eq!(reply.problem("unauthenticated")["outcome"], "not_executed");
    }
    assert_eq!(app.push_good().status, 401);
    assert_eq!(gateway.calls().len(), 3);
    assert_eq!(app.get("GET", "/livez").status, 200);
    assert_eq!(app.get("GET", "/openapi.json").status, 200);
}

#[test]
fn a_body_that_is_too_large_is_refused_with_any_framing() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::with(&gateway, &[("BRIDGE_MAX_BODY", "64")]);
    let path = format!("/mediations/{CASE}/result");
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    let exact = format!("{:<64}", r#"{"result":"success"}"#);
    assert_eq!(app.push(&exact).status, 200);
    assert_eq!(app.push(&format!("{exact} ")).problem("payload_too_large")["outcome"], "not_executed");
    // Only declared: the answer comes before the body.
    let reply = app.send_raw(format!("{head}Content-Length: 99999999999999999999999\r\n\r\n").as_bytes());
    assert!(matches!(reply.status, 400 | 413), "{}", reply.status);
    let reply = app.send_raw(format!("{head}Content-Length: 1000000000000\r\n\r\n").as_bytes());
    reply.problem("payload_too_large");
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n41\r\n{}\r\n0\r\n\r\n", "x".repeat(0x41));
    app.send_raw(chunked.as_bytes()).problem("payload_too_large");
    assert_eq!(gateway.calls().len(), 1);
}

#[test]
fn a_missing_body_is_a_request_timeout() {
    let changes = [("BRIDGE_DEADLINE", "300ms"), ("TOP_CONNECT_TIMEOUT", "200ms")];
    let app = TestApp::accepting(&changes);
    let begun = Instant::now();
    let reply = app.send_raw(
        format!("POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{{\"res").as_bytes(),
    );
    let took = begun.elapsed();
    assert_eq!(reply.status, 408);
    let body = reply.problem("request_timeout");
    assert_eq!((&body["outcome"], &body["retryable"]), (&"not_executed".into(), &true.into()));
    assert!((300..550).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_request_with_expect_gets_100_continue() {
    let app = app();
    let mut socket = connect(app.address);
    write!(
        socket,
        "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        BODY.len()
    )
    .unwrap();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let go_on = read_message(&mut reader, false).unwrap().unwrap();
    assert_eq!(go_on.start, "HTTP/1.1 100 Continue");
    socket.write_all(BODY.as_bytes()).unwrap();
    assert_eq!(Reply::of(read_message(&mut reader, true).unwrap().unwrap()).status, 200);
}

#[test]
fn idle_connections_and_partial_heads_do_not_block_the_bridge() {
    let app = app();
    let mut idle = connect(app.address);
    idle.write_all(b"GET /live").unwrap();
    let begun = Instant::now();
    assert_eq!(app.get("GET", "/livez").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn pages_have_security_headers_and_no_answer_names_the_server() {
    let app = app();
    let page = app.get("GET", "/swagger-ui/");
    let policy = page.header("content-security-policy").expect("a policy");
    for part in ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let pushed = app.push_good();
    for reply in [&page, &pushed, &app.push("{"), &app.get("GET", "/livez"), &app.get("HEAD", "/nothing")] {
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        for name in ["server", "x-powered-by", "via"] {
            assert_eq!(reply.header(name), None, "{name}");
        }
    }
    assert_eq!(pushed.header("content-security-policy"), None, "it is no page");
}

#[test]
fn heads_are_bounded() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let with = |path: &str, more: &str| {
        let head = "Host: localhost\r\nContent-Type: application/json\r\n";
        let length = BODY.len();
        app.send_raw(
            format!("POST {path} HTTP/1.1\r\n{head}{more}Content-Length: {length}\r\n\r\n{BODY}").as_bytes(),
        )
        .status
    };
    let path = format!("/mediations/{CASE}/result");
    let headers = |count: usize| "X-More: 1\r\n".repeat(count);
    assert_eq!(with(&path, &headers(93)), 200, "96 fields in all");
    assert_eq!(with(&path, &headers(94)), 431);
    assert_eq!(with(&path, &format!("X-More: {}\r\n", "x".repeat(120_000))), 200);
    assert_eq!(with(&path, &format!("X-More: {}\r\n", "x".repeat(140_000))), 431);
    assert_eq!(with(&format!("{path}?{}", "x".repeat(60_000)), ""), 200);
    assert_eq!(with(&format!("{path}?{}", "x".repeat(70_000)), ""), 400);
    assert_eq!(gateway.calls().len(), 3, "nothing of what is refused is executed");
}
