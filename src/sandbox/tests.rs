//! The sandbox over a socket: what a caller's TCP sees.

use std::future::pending;
use std::net::SocketAddr;

use form_urlencoded::Serializer;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::gmt8::Gmt8;
use crate::top::VERSION;
use crate::top::sign::{SignMethod, sign};

/// Starts a sandbox of its own and tells where it listens.
fn start(stop: impl Future<Output = ()> + Send + 'static) -> SocketAddr {
    let listener = net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let config =
        Config { app_key: "12345678".to_owned(), app_secret: "helloworld".into(), require_session: false };
    tokio::spawn(serve(listener, config, stop));
    address
}

/// A signed call for a case whose timestamp is so many minutes ahead.
fn form(case_id: &str, minutes_ahead: u64) -> String {
    let timestamp = Gmt8::at(Timestamp::now() + Duration::from_mins(minutes_ahead)).to_string();
    let req = format!(r#"{{"mediation_case_id":"{case_id}","result":"success","content":"沟通"}}"#);
    let mut pairs = vec![
        ("method", PUSH.name),
        ("app_key", "12345678"),
        ("v", VERSION),
        ("format", "json"),
        ("timestamp", &timestamp),
        ("sign_method", "hmac-sha256"),
        ("req", &req),
    ];
    let signature = sign(SignMethod::HmacSha256, "helloworld", &pairs);
    pairs.push(("sign", signature.as_str()));
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Sends a request and reads until the connection ends, by FIN or by an error.
async fn exchange(gateway: SocketAddr, request: &str) -> (String, io::Result<()>) {
    let mut socket = TcpStream::connect(gateway).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let end = socket.read_to_end(&mut answer).await.map(|_| ());
    (String::from_utf8_lossy(&answer).into_owned(), end)
}

async fn get(gateway: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    exchange(gateway, &request).await.0
}

fn post(form: &str) -> String {
    let length = form.len();
    format!(
        "POST /router/rest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
}

async fn push(gateway: SocketAddr, case_id: &str) -> (String, io::Result<()>) {
    exchange(gateway, &post(&form(case_id, 0))).await
}

async fn executions(gateway: SocketAddr, case_id: &str) -> String {
    let answer = get(gateway, &format!("/sandbox/executions/{case_id}")).await;
    answer.rsplit(':').next().unwrap().trim_end_matches('}').to_owned()
}

#[tokio::test]
async fn a_push_is_accepted_by_post_and_by_get_and_counted() {
    let gateway = start(pending());
    let (answer, end) = push(gateway, "1290293148910").await;
    end.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("\r\ndate: ") && answer.contains("application/json;charset=UTF-8"), "{answer}");
    assert!(answer.contains(r#""result":true,"is_success":true"#), "{answer}");
    let again = get(gateway, &format!("/router/rest?{}", form("1290293148910", 0))).await;
    assert!(again.contains(r#""is_success":true"#), "{again}");
    assert_eq!(executions(gateway, "1290293148910").await, "2");
    assert_eq!(executions(gateway, "1").await, "0");
}

#[tokio::test]
async fn what_is_no_call_is_answered_as_a_web_server_would() {
    let gateway = start(pending());
    for path in ["/", "/router/rest/", "/sandbox/executions/", "/sandbox/executions/a%20b"] {
        assert!(get(gateway, path).await.starts_with("HTTP/1.1 404 "), "{path}");
    }
    let nothing = get(gateway, "/router/rest").await;
    assert!(nothing.contains("text/xml") && nothing.contains("<code>21</code>"), "{nothing}");
    let put = exchange(gateway, "PUT /router/rest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.0;
    assert!(put.contains("<code>9</code>"), "{put}");
    let claim = "POST /router/rest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1048577\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n\r\n";
    let large = exchange(gateway, &format!("{claim}{}", "a".repeat(1_048_577))).await.0;
    assert!(large.starts_with("HTTP/1.1 413 "), "{large}");
}

#[tokio::test]
async fn connections_break_as_the_scenario_says() {
    let gateway = start(pending());
    for (case_id, executed) in [("sandbox-reset", "1"), ("sandbox-reset-unread", "0")] {
        let (answer, end) = push(gateway, case_id).await;
        assert_eq!((answer.as_str(), end.unwrap_err().kind()), ("", io::ErrorKind::ConnectionReset));
        assert_eq!(executions(gateway, case_id).await, executed, "{case_id}");
    }
    let (closed, end) = push(gateway, "sandbox-close").await;
    assert!(closed.is_empty() && end.is_ok(), "{closed}");
    let (truncated, end) = push(gateway, "sandbox-truncated").await;
    let (head, body) = truncated.split_once("\r\n\r\n").unwrap();
    assert!(end.is_ok() && head.ends_with(&format!("Content-Length: {}", 2 * body.len())), "{truncated}");
    let (garbage, end) = push(gateway, "sandbox-garbage").await;
    assert!(end.is_ok() && !garbage.contains("HTTP/1"), "{garbage}");
}

#[tokio::test]
async fn a_silent_connection_is_held_until_the_caller_hangs_up() {
    let gateway = start(pending());
    for (case_id, first) in [("sandbox-stalled", "HTTP/1.1 200 OK\r\n"), ("sandbox-hang", "")] {
        let mut socket = TcpStream::connect(gateway).await.unwrap();
        socket.write_all(post(&form(case_id, 0)).as_bytes()).await.unwrap();
        let mut head = vec![0; first.len()];
        socket.read_exact(&mut head).await.unwrap();
        assert_eq!(String::from_utf8(head).unwrap(), first);
        socket.shutdown().await.unwrap();
        let mut rest = String::new();
        socket.read_to_string(&mut rest).await.unwrap();
        assert!(!rest.contains("is_success"), "{rest}");
        assert_eq!(executions(gateway, case_id).await, "1", "{case_id}");
    }
}

#[tokio::test]
async fn what_is_remembered_decides_the_next_call() {
    let gateway = start(pending());
    for (turn, said) in ["isp.http-connection-refuse", "is_success"].into_iter().cycle().take(4).enumerate() {
        let (answer, _) = push(gateway, "sandbox-flaky").await;
        assert!(answer.contains(said), "turn {turn}: {answer}");
    }
    assert_eq!(executions(gateway, "sandbox-flaky").await, "2");
    let (announced, _) = push(gateway, "sandbox-ban-71s").await;
    assert!(announced.contains("This ban will last for 71 more seconds"), "{announced}");
    assert!(push(gateway, "1").await.0.contains("is_success"));
    assert!(push(gateway, "sandbox-ban-real-5s").await.0.contains("for 5 more seconds"));
    assert!(push(gateway, "1").await.0.contains("accesscontrol."));
    assert_eq!(executions(gateway, "1").await, "1");
}

#[tokio::test]
async fn clocks_are_wrong_as_the_scenario_says() {
    let gateway = start(pending());
    let ahead = |answer: &str| {
        let (_, date) = answer.split_once("\r\ndate: ")?;
        let date = httpdate::parse_http_date(date.split("\r\n").next()?).ok()?;
        let seconds = Timestamp::try_from(date).ok()?.duration_since(Timestamp::now()).as_secs_f64();
        Some((seconds / 60.0).round())
    };
    let table = [
        ("1", 0, "is_success", Some(0.0)),
        ("sandbox-clock-20m", 0, "\"code\":31", Some(20.0)),
        ("sandbox-clock-20m", 20, "is_success", Some(20.0)),
        ("sandbox-wrong-clock", 0, "\"code\":31", Some(5.0)),
        ("sandbox-wrong-clock", 5, "\"code\":31", Some(5.0)),
        ("sandbox-clock-lying", 0, "\"code\":31", Some(2880.0)),
        ("sandbox-clock-dateless", 0, "\"code\":31", None),
    ];
    for (case_id, minutes, said, date) in table {
        let (answer, _) = exchange(gateway, &post(&form(case_id, minutes))).await;
        assert!(answer.contains(said), "{case_id} {minutes}: {answer}");
        assert_eq!(ahead(&answer), date, "{case_id} {minutes}");
    }
}

#[tokio::test]
async fn stopping_closes_what_is_open() {
    let (stop, stopped) = oneshot::channel::<()>();
    let gateway = start(async { stopped.await.unwrap() });
    let mut idle = TcpStream::connect(gateway).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    idle.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 404");
    stop.send(()).unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    let refused = TcpStream::connect(gateway).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}
