//! The binary as a process: subcommands, exit codes, start and stop.

use std::net::TcpListener;

use super::configuration::{GOOD, text};
use super::support::program::run;
use super::support::{APP_KEY, APP_SECRET, BODY, CASE, Gateway, Move, Program, Reply, wire};

#[test]
fn other_failures_exit_with_1() {
    assert_eq!(run(&["no-such-subcommand"], &[]).status.code(), Some(1));
    assert_eq!(run(&["sandbox", "--bind", "nowhere"], &[]).status.code(), Some(1));
    assert_eq!(run(&["--version"], &[]).status.code(), Some(0));

    let occupant = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupant.local_addr().unwrap().to_string();
    let output = run(&["serve"], &[&GOOD[..], &[("BRIDGE_BIND", &address)]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&address), "{}", text(&output.stderr));
    assert_eq!(run(&["sandbox", "--bind", &address], &[]).status.code(), Some(1));
}

#[test]
fn missing_ca_certificates_are_reported_only_if_needed() {
    let none = [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "/nowhere")];
    let secure = [("TOP_GATEWAY_URL", "https://127.0.0.1:1/router/rest"), ("BRIDGE_BIND", "127.0.0.1:0")];
    let output = run(&["serve"], &[&GOOD[..], &none, &secure].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("CA certificates"), "{}", text(&output.stderr));

    let mut plain = Program::serve("http://127.0.0.1:1/router/rest", &none);
    plain.address();
}

#[test]
fn the_health_check_queries_the_running_bridge() {
    let gateway = Gateway::always(Move::accepted());
    let mut bridge = Program::serve(&gateway.url(), &[]);
    let address = bridge.address().to_string();
    assert_eq!(run(&["healthcheck"], &[("BRIDGE_BIND", &address)]).status.code(), Some(0));
    let everywhere = address.replace("127.0.0.1", "0.0.0.0");
    assert_eq!(run(&["healthcheck"], &[("BRIDGE_BIND", &everywhere)]).status.code(), Some(0));
    drop(bridge);
    assert_eq!(run(&["healthcheck"], &[("BRIDGE_BIND", &address)]).status.code(), Some(1));
    assert_eq!(run(&["healthcheck"], &[("BRIDGE_BIND", "nonsense")]).status.code(), Some(1));
}

#[test]
fn bridge_and_sandbox_work_together_and_a_wrong_secret_is_refused() {
    let mut sandbox = Program::start(
        &["sandbox", "--bind", "127.0.0.1:0", "--app-key", APP_KEY, "--app-secret", APP_SECRET],
        &[],
    );
    let line = sandbox.line_with("/router/rest");
    let from = line.find("http://").expect("a URL");
    let url: String = line[from..].chars().take_while(|c| !c.is_whitespace() && *c != '"').collect();
    let push = |bridge: &mut Program| {
        let request = format!(
            "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        Reply::of(wire::send_raw(bridge.address(), request.as_bytes()))
    };
    for method in ["md5", "hmac", "hmac-sha256"] {
        let mut bridge = Program::serve(&url, &[("TOP_SIGN_METHOD", method), ("TOP_SESSION", "a-session")]);
        assert_eq!(push(&mut bridge).status, 200, "{method}");
    }
    let mut bridge = Program::serve(&url, &[("TOP_APP_SECRET", "another-secret")]);
    let reply = push(&mut bridge);
    assert_eq!(reply.problem("top_access_denied")["top"]["code"], 25);
    let explained = sandbox.line_with("mediation_case_id");
    assert!(!explained.contains(APP_SECRET) && !explained.contains("another-secret"), "{explained}");
}

#[test]
fn the_demonstration_pushes_and_keeps_serving() {
    let mut demo = Program::start(&["demo", "--bind", "127.0.0.1:0"], &[]);
    let posted = demo.line_with("POST http://");
    demo.line_with("200 OK");
    let answer = demo.line_with("{\"case_id\"");
    assert!(answer.contains("\"completed_time\":\"2025-11-17 00:00:00\""), "{answer}");
    let curl = demo.line_with("curl ");
    demo.line_with("/swagger-ui/");
    let (address, path) = posted.trim_start_matches("POST http://").split_once('/').unwrap();
    let body = curl.split('\'').find(|part| part.starts_with('{')).expect("a body in the curl line");
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(wire::send_raw(address.parse().unwrap(), request.as_bytes()).start, "HTTP/1.1 200 OK");
    demo.signal("INT");
    let (status, _) = demo.ended();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_start_logs_the_scope_of_keys() {
    let gateway = Gateway::always(Move::accepted());
    for (store, said) in
        [("off", "refused"), ("memory", "no other replica sees them"), ("redis", "shared by all replicas")]
    {
        // Nobody listens there: the bridge also starts without Redis.
        let redis = [("BRIDGE_IDEMPOTENCY", store), ("BRIDGE_REDIS_URL", "redis://127.0.0.1:1")];
        let mut bridge = Program::serve(&gateway.url(), &redis);
        let line = bridge.line_with("Idempotency-Key: ");
        assert!(line.contains(said), "{line}");
        let address = bridge.address();
        let request = format!(
            "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Idempotency-Key: k\r\nContent-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        let reply = Reply::of(wire::send_raw(address, request.as_bytes()));
        match store {
            "off" => drop(reply.problem("validation_failed")),
            "memory" => assert_eq!(reply.status, 200),
            _ => {
                assert_eq!(reply.header("retry-after"), Some("2"));
                reply.problem("idempotency_store_unavailable");
                assert!(bridge.line_with("\"push\"").contains("Redis cannot be used"));
            }
        }
    }
}
