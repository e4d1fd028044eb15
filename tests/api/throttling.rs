//! HTTP 429 and `Retry-After`: which answers prove that nothing was executed.

use std::io::Write;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

use super::support::{ACCEPTED, Move, Scene};

/// TOP's possible answers to a push that it executed.
fn tops_own_words() -> Vec<String> {
    let refusal = |members: &str| format!(r#"{{"error_response":{{{members}}}}}"#);
    vec![
        ACCEPTED.to_owned(),
        refusal(r#""code":15,"sub_code":"isp.remote-service-timeout","sub_msg":"timeout""#),
        refusal(r#""code":10,"msg":"Service Currently Unavailable""#),
    ]
}

/// The same in XML, TOP's format if none is requested.
fn in_xml(json: &str) -> String {
    let name =
        if json.contains("error_response") { "error_response" } else { "mediation_result_push_response" };
    format!("<{name}><code>15</code><is_success>true</is_success><result>true</result></{name}>")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn deflate(text: &str) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

type Head = Vec<(&'static str, &'static str)>;

/// The observed or possible forms in which TOP's answers are not an envelope.
#[rustfmt::skip]
fn disguises(json: &str) -> Vec<(&'static str, Head, Vec<u8>)> {
    let text = |text: String| text.into_bytes();
    let behind = |text: &str| [json, text].concat().into_bytes();
    let cut = json[..json.len() - 1].to_owned();
    let bad_escape = json.replacen(":{", r#":{"x":"\x","#, 1);
    let gbk = [json.replacen(":{", ":{\"x\":\"", 1).split_at(json.find(":{").unwrap() + 7).0.as_bytes(),
        b"\xb7\xfe\xce\xf1\xb3\xac\xca\xb1\",", json.split_at(json.find(":{").unwrap() + 2).1.as_bytes()].concat();
    let encoding = |coding| vec![("Content-Encoding", coding)];
    vec![
        ("XML", vec![], text(in_xml(json))),
        ("XML with a prologue", vec![], text(format!("<?xml version=\"1.0\" encoding=\"utf-8\" ?>\n{}", in_xml(json)))),
        ("XML behind a comment", vec![], text(format!("<!-- top -->{}", in_xml(json)))),
        ("XML before a comment", vec![], text(format!("{}<!--top011-->", in_xml(json)))),
        ("XML called HTML", vec![("Content-Type", "text/html")], text(in_xml(json))),
        ("a comment behind", vec![], behind("<!-- padding -->")),
        ("a comment before", vec![], text(format!("<!-- padding -->{json}"))),
        ("text behind", vec![], behind(" ok")),
        ("a second answer behind", vec![], behind("{}")),
        ("cut", vec![], text(cut)),
        ("a bad escape", vec![], text(bad_escape)),
        ("a call of a function", vec![], text(format!("callback({json})"))),
        ("in a list", vec![], text(format!("[{json}]"))),
        ("in a text", vec![], text(serde_json::to_string(json).unwrap())),
        ("in a page", vec![("Content-Type", "text/html")], text(format!("<html><pre>{json}</pre></html>"))),
        ("in GBK", vec![("Content-Type", "application/json;charset=GBK")], gbk.clone()),
        ("in GBK that nobody names", vec![], gbk),
        ("gzip", encoding("gzip"), gzip(json)),
        ("gzip that nobody names", vec![], gzip(json)),
        ("gzip behind identity", vec![("Content-Encoding", "identity"), ("Content-Encoding", "gzip")], gzip(json)),
        ("gzip twice", encoding("gzip, gzip"), gzip("x")),
        ("deflate", encoding("deflate"), deflate(json)),
        ("brotli", encoding("br"), b"plain by chance".to_vec()),
        ("UTF-16 with a mark", vec![], [b"\xff\xfe".to_vec(), utf16(json, u16::to_le_bytes)].concat()),
        ("UTF-16, little end first", vec![], utf16(json, u16::to_le_bytes)),
        ("UTF-16, big end first", vec![], utf16(json, u16::to_be_bytes)),
        ("UTF-32", vec![], json.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()),
    ]
}

fn answer(status: u16, head: &[(&'static str, &str)], body: Vec<u8>) -> Move {
    Move::Answer(status, head.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), body)
}

/// An answer with exactly this head.
fn raw(head: &str, body: &[u8]) -> Move {
    Move::Bytes([format!("HTTP/1.1 429 X\r\n{head}\r\n").as_bytes(), body].concat())
}

#[test]
fn answers_of_top_prove_nothing_under_any_status_in_any_form() {
    let scene = Scene::start(&[]);
    for words in tops_own_words() {
        for (name, head, body) in disguises(&words) {
            for (status, code) in [
                (429, "top_bad_response"),
                (200, "top_bad_response"),
                (403, "top_bad_response"),
                (500, "top_bad_response"),
                (503, "top_unavailable"),
            ] {
                let (reply, calls) = scene.told(answer(status, &head, body.clone()));
                let told = reply.json();
                let found = (name, status, &told["code"], &told["outcome"], calls);
                assert_eq!(found, (name, status, &code.into(), &"unknown".into(), 1), "{words}");
                assert_eq!(told["top"]["http_status"], status, "{name}");
            }
        }
    }
}

#[test]
fn a_valid_envelope_counts_under_429() {
    let scene = Scene::start(&[]);
    let with_mark = format!("\u{feff}{ACCEPTED}");
    for body in [ACCEPTED, &with_mark] {
        assert_eq!(scene.told(answer(429, &[], body.into())).0.status, 200);
    }
    let (reply, _) = scene.told(answer(429, &[], br#"{"error_response":{"code":41}}"#.to_vec()));
    assert_eq!(reply.problem("top_rejected")["top"].get("http_status"), None, "it is TOP's envelope");
}

#[test]
fn an_answer_without_detectable_end_proves_nothing() {
    let scene = Scene::start(&[]);
    let chunks = b"9\r\nslow down\r\n0\r\n\r\n";
    for (name, head, body, code) in [
        ("nothing says where it ends", "", &b"slow down"[..], "top_bad_response"),
        ("no chunks", "Transfer-Encoding: identity\r\n", b"slow down", "top_bad_response"),
        (
            "a length that does not count",
            "Transfer-Encoding: gzip\r\nContent-Length: 9\r\n",
            b"slow down",
            "top_bad_response",
        ),
        (
            "chunks of something encoded",
            "Transfer-Encoding: gzip, chunked\r\n",
            b"9\r\nslow down\r\n0\r\n\r\n",
            "top_bad_response",
        ),
        ("a length that is none", "Content-Length : 9\r\n", b"slow down", "top_bad_response"),
        ("a page", "Content-Type: text/html\r\n", b"<html>slow down</html>", "top_bad_response"),
        ("nothing at all", "", b"", "top_bad_response"),
        ("a length", "Content-Length: 9\r\n", b"slow down", "top_rate_limited"),
        ("chunks", "Transfer-Encoding: chunked\r\n", chunks, "top_rate_limited"),
    ] {
        let (reply, calls) = scene.told(raw(head, body));
        assert_eq!((name, &reply.json()["code"], calls), (name, &code.into(), 1));
    }
}

#[test]
fn throttling_before_top_proves_that_nothing_was_executed() {
    let scene = Scene::start(&[]);
    let html = |charset| vec![("Content-Type", charset)];
    for (name, head, body) in [
        ("a page", html("text/html"), "<html><h1>Too Many Requests</h1></html>"),
        (
            "a page with a document type",
            html("text/html; charset=utf-8"),
            "\n<!DOCTYPE html><html>慢一点</html>",
        ),
        (
            "an ASCII page under another charset",
            html("text/html; charset=iso-8859-1"),
            "<HTML>slow down</HTML>",
        ),
        ("text", html("text/plain"), "slow down"),
        ("JSON", html("application/json"), r#"{"code":429,"message":"slow down"}"#),
        ("nothing", vec![], ""),
        ("plain", vec![("Content-Encoding", "identity")], "slow down"),
    ] {
        let (reply, calls) = scene.told(answer(429, &head, body.into()));
        let told = reply.problem("top_rate_limited");
        assert_eq!((name, reply.status, &told["outcome"], calls), (name, 429, &"not_executed".into(), 1));
        assert_eq!((name, reply.header("retry-after")), (name, Some("1")));
        assert_eq!(told["top"], serde_json::json!({ "http_status": 429 }), "{name}");
    }
}

#[test]
fn retry_after_from_a_proxy_before_top_is_passed_on() {
    let scene = Scene::start(&[]);
    let wait = |status, value: &str| {
        let (reply, _) = scene.told(answer(status, &[("Retry-After", value)], b"slow down".to_vec()));
        reply.header("retry-after").map(|seconds| seconds.parse::<u64>().unwrap())
    };
    for (value, expected) in [
        ("120", Some(120)),
        (" 7 ", Some(7)),
        ("1", Some(1)),
        ("0", Some(1)),
        ("3600", Some(3600)),
        ("3601", Some(3600)),
        ("86400", Some(3600)),
        ("99999999999999999999999", Some(3600)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(1)),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
    ] {
        assert_eq!((value, wait(429, value)), (value, expected.or(Some(1))), "429");
        assert_eq!((value, wait(503, value)), (value, expected.or(Some(5))), "503");
        assert_eq!((value, wait(502, value)), (value, Some(5)), "502 asks for nothing");
        assert_eq!((value, wait(500, value)), (value, None), "500 asks for nothing");
    }
    let date = |ahead| httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(ahead));
    for status in [429, 503] {
        assert!((110..=120).contains(&wait(status, &date(120)).unwrap()), "{status}");
        assert_eq!(wait(status, &date(100_000)), Some(3600), "{status}");
    }
}
