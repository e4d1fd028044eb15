//! Answers that are not TOP's: callers get the HTTP status, and the log describes the answer without quoting it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::support::{ACCEPTED, LoggedScene, Move};

/// Part of every body; it must not be logged.
const CANARY: &str = "canary-in-a-foreign-page";

fn answer(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Move {
    let head = if media_type.is_empty() { vec![] } else { vec![("Content-Type", media_type.to_owned())] };
    Move::Answer(status, head, body.into())
}

/// A page with this many bytes.
fn page(bytes: usize) -> String {
    let (begin, end) = (format!("<!DOCTYPE html><html><h1>{CANARY}</h1>"), "</html>");
    format!("{begin}{}{end}", "x".repeat(bytes - begin.len() - end.len()))
}

fn gzip() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(format!("{ACCEPTED}{CANARY}").as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A row: the answer, the code of the problem, the HTTP status, and the description in the log.
type Row = (Move, &'static str, u16, String);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let bad = "top_bad_response";
    let told = |text: &str| format!("{text}: not TOP's envelope");
    let zipped = Move::Answer(200, vec![("Content-Encoding", "gzip".to_owned()), ("Content-Type", "application/json".to_owned())], gzip());
    let login = format!(r#"{{"rgv587_flag":"sm","url":"https://login.example/?{CANARY}"}}"#);
    let xml = format!("<?xml version=\"1.0\"?><error_response><msg>{CANARY}</msg></error_response>");
    let long = format!("text/{};x=y", "z".repeat(100));
    vec![
        (answer(404, "text/html", page(1_234)), bad, 404, told("HTTP 404, text/html, 1,234 bytes of HTML")),
        (answer(403, "Text/HTML; charset=GBK", page(300)), bad, 403, told("HTTP 403, text/html, 300 bytes of HTML")),
        (answer(200, "text/html;charset=utf-8", page(45_678)), bad, 200, told("HTTP 200, text/html, 45,678 bytes of HTML")),
        (answer(200, "application/json", login.clone()), bad, 200, told(&format!("HTTP 200, application/json, {} bytes of JSON", login.len()))),
        (answer(500, "text/html", page(99)), bad, 500, told("HTTP 500, text/html, 99 bytes of HTML")),
        (answer(502, "text/html", page(99)), "top_unavailable", 502, told("HTTP 502, text/html, 99 bytes of HTML")),
        (answer(503, "", ""), "top_unavailable", 503, told("HTTP 503, no media type, 0 bytes")),
        (answer(429, "text/plain", CANARY), "top_rate_limited", 429, told("HTTP 429, text/plain, 24 bytes of text")),
        (answer(200, "text/xml", xml.clone()), bad, 200, told(&format!("HTTP 200, text/xml, {} bytes of XML", xml.len()))),
        (zipped, bad, 200, told(&format!("HTTP 200, application/json in gzip, {} bytes of non-UTF-8 data", gzip().len()))),
        (answer(200, "", gzip()), bad, 200, told(&format!("HTTP 200, no media type, {} bytes of non-UTF-8 data", gzip().len()))),
        (answer(200, "", ""), bad, 200, told("HTTP 200, no media type, 0 bytes")),
        (answer(204, "", ""), bad, 204, told("HTTP 204, no media type, 0 bytes")),
        (answer(200, "application/json", "{"), bad, 200, told("HTTP 200, application/json, 1 byte of invalid JSON")),
        (answer(200, "application/json", r#"{"result":true,"is_success":true}"#), bad, 200, told("HTTP 200, application/json, 33 bytes of JSON")),
        (answer(400, &long, "no"), bad, 400, told(&format!("HTTP 400, text/{}, 2 bytes of text", "z".repeat(59)))),
        (answer(400, "<script>", "no"), bad, 400, told("HTTP 400, no media type, 2 bytes of text")),
        (answer(999, "", "no"), bad, 999, told("HTTP 999, no media type, 2 bytes of text")),
        (answer(302, "text/html", page(99)), bad, 302, "HTTP 302: a redirect, which is not followed".to_owned()),
        (answer(200, "text/html", page(1_048_577)), bad, 200, "HTTP 200: an answer of more than 1048576 bytes".to_owned()),
    ]
}

#[test]
fn foreign_answers_are_described_in_the_log_and_callers_get_the_status() {
    let mut scene = LoggedScene::start(&[]);
    for (came, code, status, expected) in rows() {
        let (reply, line) = scene.told(came);
        let body = reply.problem(code);
        assert_eq!((&expected, &body["top"]), (&expected, &json!({ "http_status": status })));
        assert_eq!((&line["top.http_status"], &line["push.error"]), (&status.into(), &Value::from(expected)));
        assert_eq!((&line["push.code"], &line["push.attempts"]), (&code.into(), &1.into()));
        assert!(!line.to_string().contains("canary") && !reply.text().contains("canary"), "{line}");
    }
}

#[test]
fn invalid_answers_of_top_have_no_http_status_and_are_described_in_the_log() {
    let mut scene = LoggedScene::start(&[]);
    let lacks = "TOP's answer lacks is_success or result as a boolean";
    let contradicts = "TOP's answer contradicts itself";
    for (answer, code, error) in [
        (Move::accepted(), "accepted", None),
        (Move::error(r#""code":41"#), "top_rejected", None),
        (Move::error(r#""code":15"#), "top_unavailable", None),
        (Move::success(r#""is_success":1,"result":1"#), "top_bad_response", Some(lacks)),
        (Move::success(r#""is_success":true"#), "top_bad_response", Some(lacks)),
        (Move::success(""), "top_bad_response", Some(lacks)),
        (Move::error(r#""code":7,"code":7"#), "top_bad_response", Some(contradicts)),
    ] {
        let (reply, line) = scene.told(answer);
        assert_eq!((&line["push.code"], line["push.error"].as_str()), (&code.into(), error));
        assert_eq!(
            (line.get("top.http_status"), reply.json()["top"].get("http_status")),
            (None, None),
            "{line}"
        );
    }
}

#[test]
fn addresses_are_in_the_log_but_in_no_answer() {
    let mut scene = LoggedScene::start(&[]);
    for address in ["10.9.8.7", "2001:db8::a:1", "::ffff:10.9.8.7", "fe80:0:0:0:1:2:3:4"] {
        for shown in [
            address.to_owned(),
            format!("IP:{address}"),
            format!("[{address}]:443"),
            format!("来源{address}，"),
        ] {
            let text = format!("the address {shown} is not in the whitelist");
            let whitelist =
                format!(r#""code":12,"sub_code":"isv.permission-ip-whitelist-limit","sub_msg":"{text}""#);
            let (reply, line) = scene.told(Move::error(&whitelist));
            reply.problem("top_access_denied");
            assert_eq!(line["top.sub_msg"], text);
            assert!(
                !reply.text().contains("whitelist is") && !reply.text().contains(address),
                "{}",
                reply.text()
            );

            let everywhere =
                format!(r#""code":15,"sub_code":"isv.x:{shown}","sub_msg":"{text}","request_id":"{shown}""#);
            let (reply, line) = scene.told(Move::error(&everywhere));
            let top = &reply.problem("top_rejected")["top"];
            assert!(!top.to_string().contains(address), "{top}");
            assert!(top["sub_msg"].as_str().unwrap().starts_with("the address "), "the rest is shown: {top}");
            for field in ["top.sub_code", "top.sub_msg", "top.request_id"] {
                assert!(line[field].as_str().unwrap().contains(address), "{line}");
            }
            let says_no = format!(
                r#""is_success":false,"result":false,"state_code":"{shown}","extra_err_msg":"{text}","request_id":"{shown}""#
            );
            let (reply, line) = scene.told(Move::success(&says_no));
            assert!(
                !reply.text().contains(address) && line.to_string().contains(address),
                "{}",
                reply.text()
            );
        }
    }
}
