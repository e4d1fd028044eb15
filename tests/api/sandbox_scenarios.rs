//! The behaviour of the simulated gateway for case ids, as a caller's TCP connection sees it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use jiff::{SignedDuration, Timestamp};
use mediation_bridge::sandbox::SCENARIOS;

use super::support::app::Reply;
use super::support::sandbox::{Sandbox, post_form, push_of, req_of, signed, timestamp};
use super::support::wire::connect;

fn push(sandbox: &Sandbox, case_id: &str) -> Reply {
    sandbox.call(&push_of(case_id))
}

#[test]
fn every_scenario_fits_a_table_and_is_listed() {
    let sandbox = Sandbox::start();
    let list = sandbox.get("/sandbox/scenarios");
    assert_eq!(list.header("content-type"), Some("text/plain;charset=UTF-8"));
    let text = list.text();
    let mut listed = text.lines();
    for row in SCENARIOS {
        let (case_id, does) = (row.case_id, row.does);
        let line = listed.next().unwrap();
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        assert_eq!(words, [case_id, row.problem]);
        assert!(line.ends_with(&format!(" {does}")), "{line}");
        assert!(case_id.starts_with("sandbox-") && case_id.len() <= 64, "{case_id}");
        assert!(does.ends_with('.') && does.starts_with(char::is_uppercase), "{case_id}: {does}");
        assert!(!does.contains(['|', '\n']), "{case_id} breaks a Markdown table");
        assert_eq!(SCENARIOS.iter().filter(|other| other.case_id == case_id).count(), 1, "{case_id}");
    }
    assert_eq!(listed.next(), None);
}

#[test]
fn unusual_answers_differ_in_one_way_and_have_a_request_id() {
    let sandbox = Sandbox::start();
    let root = "alibaba_jym_servicecenter_mediation_result_push_response";
    let no_booleans = push(&sandbox, "sandbox-no-booleans").json();
    let members: Vec<&String> = no_booleans[root].as_object().unwrap().keys().collect();
    assert_eq!(members, ["state_code", "request_id"]);
    let oversized = push(&sandbox, "sandbox-oversized");
    assert!(oversized.message.body.len() > 2 << 20);
    let accepted = &oversized.json()[root];
    assert!(accepted["result"] == true && accepted["request_id"].is_string());
    let strings = push(&sandbox, "sandbox-strings").text();
    assert!(strings.starts_with('\u{feff}') && strings.contains("line\nbreak and \u{1}"), "{strings}");
    assert!(strings.contains(r#""result":"true","is_success":"True""#), "{strings}");
    let xml = push(&sandbox, "sandbox-xml");
    assert_eq!(xml.header("content-type"), Some("text/xml;charset=UTF-8"));
    assert!(xml.text().contains("<result>true</result>"), "{}", xml.text());
    for text in [strings, xml.text()] {
        assert!(text.contains("request_id"), "{text}");
    }
}

#[test]
fn connections_break_as_the_scenario_describes() {
    let sandbox = Sandbox::start();
    let exchange = |case_id| sandbox.exchange(&post_form(&push_of(case_id)));
    for (case_id, executed) in [("sandbox-reset", 1), ("sandbox-reset-unread", 0)] {
        let (answer, end) = exchange(case_id);
        assert_eq!((answer.as_str(), end.unwrap_err().kind()), ("", ErrorKind::ConnectionReset));
        assert_eq!(sandbox.executions(case_id), executed, "{case_id}");
    }
    let (closed, end) = exchange("sandbox-close");
    assert!(closed.is_empty() && end.is_ok(), "{closed}");
    let (truncated, end) = exchange("sandbox-truncated");
    let (head, body) = truncated.split_once("\r\n\r\n").unwrap();
    let promised: usize = head.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(end.is_ok() && !body.is_empty() && promised == 2 * body.len(), "{truncated}");
    let (garbage, end) = exchange("sandbox-garbage");
    assert!(end.is_ok() && !garbage.is_empty() && !garbage.contains("HTTP/1"), "{garbage}");
}

#[test]
fn a_silent_connection_stays_open_until_the_caller_hangs_up() {
    let sandbox = Sandbox::start();
    for (case_id, first) in [("sandbox-stalled", "HTTP/1.1 200 OK\r\n"), ("sandbox-hang", "")] {
        let mut socket = connect(sandbox.address);
        socket.write_all(post_form(&push_of(case_id)).as_bytes()).unwrap();
        let mut head = vec![0; first.len()];
        socket.read_exact(&mut head).unwrap();
        assert_eq!(String::from_utf8(head).unwrap(), first);
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = String::new();
        socket.read_to_string(&mut rest).unwrap();
        assert!(!rest.contains("is_success"), "{rest}");
        assert_eq!(sandbox.executions(case_id), 1, "{case_id}");
    }
}

#[test]
fn earlier_pushes_change_the_answer_only_in_some_scenarios() {
    let sandbox = Sandbox::start();
    for (turn, said) in ["isp.http-connection-refuse", "is_success"].into_iter().cycle().take(4).enumerate() {
        let answer = push(&sandbox, "sandbox-flaky").text();
        assert!(answer.contains(said), "turn {turn}: {answer}");
    }
    assert_eq!(sandbox.executions("sandbox-flaky"), 2);
    let duplicate = "isv.data-duplicate-error";
    for said in ["isp.remote-service-timeout", duplicate, duplicate] {
        let answer = push(&sandbox, "sandbox-duplicate-after-timeout").text();
        assert!(answer.contains(said), "{answer}");
    }
    assert_eq!(sandbox.executions("sandbox-duplicate-after-timeout"), 1);
}

#[test]
fn a_kept_ban_applies_to_every_push_and_to_no_other_method() {
    let sandbox = Sandbox::start();
    for (case_id, seconds) in [("sandbox-ban-2s", 2), ("sandbox-ban-71s", 71), ("sandbox-ban-9h", 32_400)] {
        let announced = push(&sandbox, case_id).text();
        assert!(announced.contains(&format!("This ban will last for {seconds} more seconds")), "{announced}");
    }
    assert!(push(&sandbox, "1").text().contains("is_success"));
    assert!(push(&sandbox, "sandbox-ban-real-5s").text().contains("for 5 more seconds"));
    let refused = sandbox.call(&signed(&[("req", Some("{}"))])).text();
    assert!(refused.contains("accesscontrol."), "before req is checked: {refused}");
    assert!(push(&sandbox, "1").text().contains("accesscontrol."));
    assert_eq!(sandbox.executions("1"), 1);
    let time = sandbox.call(&signed(&[("method", Some("taobao.time.get")), ("req", None)])).text();
    assert!(time.contains("time_get_response"), "{time}");
}

#[test]
fn clocks_are_wrong_as_the_scenario_describes() {
    let sandbox = Sandbox::start();
    let ahead = |answer: &Reply| {
        let date = httpdate::parse_http_date(answer.header("date")?).ok()?;
        let seconds = Timestamp::try_from(date).ok()?.duration_since(Timestamp::now()).as_secs_f64();
        Some((seconds / 60.0).round())
    };
    let table = [
        ("1", 0, "is_success", Some(0.0)),
        ("sandbox-clock-20m", 0, "\"code\":31", Some(20.0)),
        ("sandbox-clock-20m", 20, "is_success", Some(20.0)),
        ("sandbox-clock-back", 20, "\"code\":31", Some(0.0)),
        ("sandbox-clock-back", 0, "is_success", Some(0.0)),
        ("sandbox-wrong-clock", 0, "\"code\":31", Some(5.0)),
        ("sandbox-wrong-clock", 5, "\"code\":31", Some(5.0)),
        ("sandbox-clock-lying", 0, "\"code\":31", Some(2880.0)),
        ("sandbox-clock-dateless", 0, "\"code\":31", None),
    ];
    for (case_id, minutes, said, date) in table {
        let timestamp = timestamp(SignedDuration::from_mins(minutes));
        let changes = [("timestamp", Some(timestamp.as_str())), ("req", Some(&req_of(case_id)))];
        let answer = sandbox.call(&signed(&changes));
        assert!(answer.text().contains(said), "{case_id} {minutes}: {}", answer.text());
        assert_eq!(ahead(&answer), date, "{case_id} {minutes}");
    }
}

#[test]
fn a_stop_closes_open_connections() {
    let mut sandbox = Sandbox::start();
    let mut idle = connect(sandbox.address);
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut status = [0; 12];
    idle.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 404");
    let mut hanging = connect(sandbox.address);
    hanging.write_all(post_form(&push_of("sandbox-hang")).as_bytes()).unwrap();
    sandbox.stop();
    idle.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(hanging.read(&mut [0]).unwrap_or_default(), 0);
    let refused = TcpStream::connect(sandbox.address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}
