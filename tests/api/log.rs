//! The log: one line per push with the documented fields, and no push waits for a reader.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use mediation_bridge::api::problem::explanation::Language;
use serde_json::Value;
use strum::IntoEnumIterator;

use super::documents::{code, operators_guide};
use super::support::markdown::Page;
use super::support::program::command;
use super::support::wire::{self, read_message};
use super::support::{APP_KEY, APP_SECRET, BODY, CASE, Gateway, Move, Program, Reply};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A push with further lines in its head.
fn request(more: &str) -> String {
    format!(
        "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{more}\
         Content-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
}

fn push(address: SocketAddr, more: &str) -> Reply {
    Reply::of(wire::send_raw(address, request(more).as_bytes()))
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

fn pushes(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line["message"] == "push").collect()
}

#[test]
fn a_push_logs_one_line_with_the_documented_fields() {
    let gateway = Gateway::start(|number, _| match number {
        1 => Move::error(r#""code":15,"sub_code":"isv.x","sub_msg":"why","request_id":"top-2""#),
        2 => Move::success(r#""is_success":false,"result":false,"state_code":"500000""#),
        3 => Move::Reset,
        4 => Move::Answer(502, Vec::new(), b"<html>".to_vec()),
        _ => Move::accepted(),
    });
    let caller = ("BRIDGE_CALLERS", "wms:token-0123456789abcdef");
    let mut bridge = Program::serve(&gateway.url(), &[caller]);
    let address = bridge.address();
    let head = format!(
        "Authorization: Bearer token-0123456789abcdef\r\nX-Request-Id: mine\r\n\
         traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n"
    );
    let keyed = head.clone() + "Idempotency-Key: k\r\n";
    let heads = [&head, &head, &head, &keyed, &head, &keyed, &keyed, ""];
    let statuses = heads.map(|head| push(address, head).status);
    assert_eq!(statuses, [200, 422, 502, 502, 503, 200, 200, 401]);
    bridge.signal("TERM");
    let lines = parsed(&bridge.ended().1);
    let pushes = pushes(&lines);
    assert_eq!(pushes.len(), statuses.len());

    let first = pushes[0];
    assert_eq!(
        (&first["request.id"], &first["trace.id"], &first["caller.name"], &first["push.case_id"]),
        (&"mine".into(), &TRACE.into(), &"wms".into(), &CASE.into())
    );
    assert_eq!((&first["push.outcome"], &first["push.code"]), (&"accepted".into(), &"accepted".into()));
    assert_eq!((&first["push.attempts"], &first["push.replayed"]), (&1.into(), &false.into()));
    assert_eq!((&first["top.request_id"], &first["level"]), (&"top-request-1".into(), &"INFO".into()));
    assert_eq!(
        (&first["push.mediator_name"], &first["push.mediator_phone"]),
        (&"张*".into(), &"138****5678".into())
    );
    let took = |line: &Value, name: &str| line[name].as_u64().expect("milliseconds");
    assert!(took(first, "push.duration_ms") >= took(first, "top.duration_ms"));
    assert_eq!((&pushes[1]["top.code"], &pushes[1]["top.sub_msg"]), (&15.into(), &"why".into()));
    assert!(pushes[3]["push.error"].as_str().unwrap().starts_with("the connection broke"), "{}", pushes[3]);
    assert_eq!(pushes[4]["top.http_status"], 502);
    assert_eq!(
        (&pushes[6]["push.replayed"], &pushes[6]["push.prior_outcome"]),
        (&true.into(), &"unknown".into())
    );
    assert_eq!((&pushes[7]["push.code"], pushes[7].get("caller.name")), (&"unauthenticated".into(), None));

    let used: BTreeSet<String> =
        pushes.iter().flat_map(|line| line.as_object().unwrap().keys()).map(|name| code(name)).collect();
    for language in Language::iter() {
        let table = Page::read(operators_guide(language)).table("`timestamp`");
        let listed: BTreeSet<String> = table.iter().map(|row| row[0].clone()).collect();
        assert_eq!((&used, used.len()), (&listed, table.len()), "{}", operators_guide(language));
    }
}

#[test]
fn a_problem_for_the_operator_is_logged_as_an_error_too() {
    let gateway = Gateway::start(|number, _| match number {
        0 => Move::error(r#""code":15,"sub_code":"isv.x""#),
        1 => Move::error(r#""code":29,"sub_code":"isv.invalid-app-key""#),
        _ => Move::accepted(),
    });
    let mut bridge = Program::serve(&gateway.url(), &[]);
    let address = bridge.address();
    let replies = [(); 3].map(|()| push(address, "X-Request-Id: mine\r\n"));
    assert_eq!(replies.each_ref().map(|reply| reply.status), [422, 502, 200]);
    bridge.signal("TERM");
    let lines = parsed(&bridge.ended().1);
    let errors: Vec<_> = lines.iter().filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    let detail = &replies[1].json()["detail"];
    assert_eq!(errors[0]["message"], format!("the operator has to act: {}", detail.as_str().unwrap()));
    assert_eq!(
        (&errors[0]["push.code"], &errors[0]["request.id"]),
        (&"top_access_denied".into(), &"mine".into())
    );
}

#[test]
fn other_requests_log_a_line_at_debug_without_caller_input() {
    let gateway = Gateway::always(Move::accepted());
    let mut bridge = Program::serve(&gateway.url(), &[("BRIDGE_LOG", "mediation_bridge=debug")]);
    let address = bridge.address();
    let canary = "canary-in-a-path";
    for (method, path) in [("GET", "/livez"), ("BREW", "/readyz"), ("GET", &format!("/{canary}?{canary}"))] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r\r\n\r\n");
        wire::send_raw(address, request.as_bytes());
    }
    let bad_case = request("").replace(CASE, canary).replace("canary-", "canary%20");
    assert_eq!(wire::send_raw(address, bad_case.as_bytes()).start, "HTTP/1.1 422 Unprocessable Entity");
    bridge.signal("TERM");
    let text = bridge.ended().1;
    assert!(!text.iter().any(|line| line.contains("in-a-path")), "{text:#?}");
    let lines = parsed(&text);
    let seen: Vec<(String, String, u64)> = lines
        .iter()
        .filter(|line| line["message"] == "request")
        .map(|line| {
            assert_eq!((&line["level"], &line["request.id"]), (&"DEBUG".into(), &"r".into()));
            let word = |name: &str| line[name].as_str().unwrap().to_owned();
            (word("http.method"), word("http.route"), line["http.status"].as_u64().unwrap())
        })
        .collect();
    let expected = [("GET", "/livez", 200), ("other", "/readyz", 405), ("GET", "unmatched", 404)];
    assert_eq!(seen, expected.map(|(method, route, status)| (method.to_owned(), route.to_owned(), status)));
    assert_eq!(pushes(&lines).len(), 1);
}

#[test]
fn the_log_can_be_text() {
    let gateway = Gateway::always(Move::accepted());
    let mut bridge = Program::serve(&gateway.url(), &[("BRIDGE_LOG_FORMAT", "text")]);
    let line = bridge.line_with("listening");
    let address = line.split("address=").nth(1).and_then(|rest| rest.split(' ').next()).expect("an address");
    assert_eq!(push(address.parse().unwrap(), "").status, 200);
    let line = bridge.line_with("push.outcome=");
    assert!(line.contains(r#"push.outcome="accepted""#) && line.contains("push.mediator_name=张*"), "{line}");
}

/// A bridge whose log is read only when the test wants to.
struct Unread {
    child: Child,
    /// `None` once the log is being read.
    log: Option<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Unread {
    /// Starts a bridge before `gateway` and reads its log up to the line with its address.
    fn start(gateway: &Gateway, level: &str) -> Self {
        let variables = [
            ("TOP_APP_KEY", APP_KEY),
            ("TOP_APP_SECRET", APP_SECRET),
            ("TOP_GATEWAY_URL", &gateway.url()),
            ("BRIDGE_BIND", "127.0.0.1:0"),
            ("BRIDGE_LOG", level),
        ];
        let mut child = command(&["serve"], &variables).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut log = BufReader::new(child.stdout.take().unwrap());
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
            if line.contains(r#""message":"listening""#) {
                let line: Value = serde_json::from_str(&line).unwrap();
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        Self { child, log: Some(log), address }
    }

    fn stop(&self) {
        let kill = format!("kill -s TERM {}", self.child.id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    fn lines_dropped(&self) -> u64 {
        let page = String::from_utf8(metrics(self.address)).unwrap();
        let name = "mediation_bridge_log_lines_dropped_total ";
        page.lines().find_map(|line| line.strip_prefix(name)).expect("the counter").parse().unwrap()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_push_with_a_reset_connection_is_logged_and_counted() {
    let gateway = Gateway::always(Move::accepted());
    let mut bridge = Program::serve(&gateway.url(), &[]);
    let address = bridge.address();
    let mut socket = wire::connect(address);
    let request = request("X-Request-Id: gone\r\nExpect: 100-continue\r\n");
    let (head, body) = request.split_at(request.len() - BODY.len());
    socket.write_all(head.as_bytes()).unwrap();
    let asked = read_message(&mut BufReader::new(socket.try_clone().unwrap()), false).unwrap().unwrap();
    assert_eq!(asked.start, "HTTP/1.1 100 Continue");
    socket.write_all(&body.as_bytes()[..20]).unwrap();
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
    let line: Value = serde_json::from_str(&bridge.line_with("\"request.id\":\"gone\"")).unwrap();
    assert_eq!((&line["message"], &line["push.outcome"]), (&"push".into(), &"not_executed".into()));
    assert_eq!((&line["push.code"], &line["push.attempts"]), (&"malformed_json".into(), &0.into()));
    let page = String::from_utf8(metrics(address)).unwrap();
    assert!(page.contains("pushes_total{code=\"malformed_json\",outcome=\"not_executed\"} 1"), "{page}");
    assert_eq!(gateway.calls().len(), 0);
}

fn metrics(address: SocketAddr) -> Vec<u8> {
    wire::send_raw(address, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").body
}

#[test]
fn an_unread_log_delays_neither_pushes_nor_a_stop() {
    let gateway = Gateway::always(Move::accepted());
    let mut bridge = Unread::start(&gateway, "trace");
    let mut socket = wire::connect(bridge.address);
    let mut answers = BufReader::new(socket.try_clone().unwrap());
    // Ten pushes at a time, so that the log is the slowest part.
    let ten = request("").repeat(10);
    let (mut pushed, mut slowest) = (0, Duration::ZERO);
    while bridge.lines_dropped() < 1_000 {
        let begun = Instant::now();
        socket.write_all(ten.as_bytes()).unwrap();
        for _ in 0..10 {
            assert_eq!(read_message(&mut answers, true).unwrap().unwrap().start, "HTTP/1.1 200 OK");
        }
        pushed += 10;
        slowest = slowest.max(begun.elapsed());
        assert!(pushed < 100_000, "the queue has no bound");
    }
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    assert_eq!(push(bridge.address, "").status, 200);

    let stopped = Instant::now();
    bridge.stop();
    let ended = bridge.child.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
    assert!(stopped.elapsed() < Duration::from_secs(10), "{:?}", stopped.elapsed());
}

#[test]
fn a_log_that_is_read_again_reports_lost_lines() {
    // The queue may be full to the last line or to the last byte, depending on the length of lines.
    for length in [1, 67, 128] {
        let gateway = Gateway::always(Move::accepted());
        let mut bridge = Unread::start(&gateway, "trace");
        let id = format!("X-Request-Id: {}\r\n", "x".repeat(length));
        while bridge.lines_dropped() < 2_000 {
            for _ in 0..50 {
                assert_eq!(push(bridge.address, &id).status, 200);
            }
        }
        let mut log = bridge.log.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut rest = String::new();
            log.read_to_string(&mut rest).unwrap();
            rest
        });
        let end = Instant::now() + Duration::from_secs(20);
        let missing = loop {
            let before = bridge.lines_dropped();
            assert_eq!(push(bridge.address, &id).status, 200);
            if bridge.lines_dropped() == before {
                break before;
            }
            assert!(Instant::now() < end, "lines are dropped although the log is read");
        };
        bridge.stop();
        assert_eq!(bridge.child.wait().unwrap().code(), Some(0));
        let told: u64 = reader
            .join()
            .unwrap()
            .lines()
            .filter(|line| line.contains("log lines are missing here"))
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["log.lines_dropped"].as_u64().unwrap())
            .sum();
        assert_eq!(told, missing, "{length}");
    }
}

#[test]
fn no_line_is_lost_at_a_stop() {
    const PUSHES: usize = 400;
    let gateway = Gateway::always(Move::accepted());
    let mut bridge = Unread::start(&gateway, "info");
    for _ in 0..PUSHES {
        assert_eq!(push(bridge.address, "").status, 200);
    }
    // More than a pipe holds, and read only now.
    bridge.stop();
    let mut rest = String::new();
    bridge.log.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!(bridge.child.wait().unwrap().code(), Some(0));
    assert!(rest.len() > 100_000, "{}", rest.len());
    assert_eq!(rest.matches(r#""message":"push""#).count(), PUSHES);
    assert!(rest.trim_end().lines().last().unwrap().contains(r#""message":"stopped""#));
}
