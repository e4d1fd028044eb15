//! A call to the sandbox, in the form of a line of words and a form body. The words say how the call is sent (`GET`,
//! `multipart`, else `POST`) and signed (`md5`, `hmac`, `hmac-sha256`, with `wrong` for one wrong digit), else it is
//! sent as it is. Only a correct signature leads to a success, and every reply is well-formed.

#![no_main]

use std::cell::RefCell;
use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use mediation_bridge::fuzzing::sandbox_reply;
use mediation_bridge::gmt8::Gmt8;
use mediation_bridge::sandbox::Config;
use mediation_bridge_fuzz::Message;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

#[path = "../../api/support/signature.rs"]
mod signature;

const APP_KEY: &str = "87654321";
const APP_SECRET: &str = "canary-app-secret-5e7d";
const PUSH: &str = "alibaba.jym.servicecenter.mediation.result.push";
const ROOTS: [&str; 3] =
    ["alibaba_jym_servicecenter_mediation_result_push_response", "time_get_response", "error_response"];
const BOUNDARY: &str = "fuzz-boundary";

type Form = BTreeMap<String, String>;

thread_local! {
    /// Its clock stands still while anything is done, so that no scenario takes time.
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime"),
    );
}

fuzz_target!(|data: &[u8]| {
    let Some(message) = Message::parse(data) else { return };
    let words: Vec<&str> = message.start.split(' ').collect();
    let method = ["md5", "hmac", "hmac-sha256"].into_iter().find(|method| words.contains(method));
    let signed = method.map(|method| signed(method, words.contains(&"wrong"), message.body));
    let is_correct = signed.is_some() && !words.contains(&"wrong");
    let request = match &signed {
        Some(form) => request(&words, form),
        None => raw_request(&words, &message),
    };
    let (app_key, app_secret) = (APP_KEY.to_owned(), APP_SECRET.into());
    let config = Config { app_key, app_secret, require_session: words.contains(&"session") };
    let reply = RUNTIME.with_borrow(|runtime| runtime.block_on(sandbox_reply(config, &request)));
    let form = signed.unwrap_or_default();
    let case_id = form.get("req").and_then(|req| serde_json::from_str::<Value>(req).ok());
    let case_id = case_id.as_ref().and_then(|req| req["mediation_case_id"].as_str());
    let is_ordinary = !case_id.is_some_and(|case_id| case_id.starts_with("sandbox-"));
    let Some((status, body)) = parts(&reply) else {
        assert!(!is_ordinary || reply.is_empty(), "{}", String::from_utf8_lossy(&reply));
        return;
    };
    if status != 200 || !is_ordinary {
        return;
    }
    let is_success = if body.starts_with('<') { check_xml(body) } else { check_json(body, &form) };
    if is_success {
        assert!(is_correct, "accepted with a wrong signature: {body}");
        check_accepted(&form);
    }
});

/// The parameters with all common ones that are missing, and signed.
fn signed(method: &str, wrong: bool, body: &[u8]) -> Form {
    let mut form: Form = form_urlencoded::parse(body).into_owned().collect();
    let now = Gmt8::at(Timestamp::now()).to_string();
    for (name, value) in [("app_key", APP_KEY), ("method", PUSH), ("v", "2.0"), ("timestamp", &now)] {
        form.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    form.insert("sign_method".to_owned(), method.to_owned());
    let mut sign = signature::expected(&form, APP_SECRET);
    if wrong {
        let last = sign.pop();
        sign.push(if last == Some('0') { '1' } else { '0' });
    }
    form.insert("sign".to_owned(), sign);
    form
}

fn request(words: &[&str], form: &Form) -> Vec<u8> {
    let encoded = Serializer::new(String::new()).extend_pairs(form).finish();
    if words.contains(&"GET") {
        return format!("GET /router/rest?{encoded} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n")
            .into_bytes();
    }
    let is_plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if words.contains(&"multipart") && form.keys().all(is_plain) {
        let part = |(name, value): (&String, &String)| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body: String = form.iter().map(part).collect();
        let body = format!("{body}--{BOUNDARY}--\r\n");
        return post("", &format!("multipart/form-data; boundary={BOUNDARY}"), body.as_bytes());
    }
    post("", "application/x-www-form-urlencoded;charset=UTF-8", encoded.as_bytes())
}

/// The body as it is, below the first media type of the message.
fn raw_request(words: &[&str], message: &Message) -> Vec<u8> {
    let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let declared = message.values("Content-Type");
    let media_type = declared.first().and_then(|value| std::str::from_utf8(value).ok());
    let media_type = media_type.filter(|value| is_visible(value));
    let query = words.iter().find_map(|word| word.strip_prefix('?')).filter(|query| is_visible(query));
    post(query.unwrap_or_default(), media_type.unwrap_or("application/x-www-form-urlencoded"), message.body)
}

fn post(query: &str, media_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /router/rest?{query} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Type: {media_type}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Status and body.
fn parts(reply: &[u8]) -> Option<(u16, &str)> {
    let (head, body) = std::str::from_utf8(reply).ok()?.split_once("\r\n\r\n")?;
    Some((head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?, body))
}

/// Whether a reply in JSON is a success of a push.
fn check_json(body: &str, form: &Form) -> bool {
    let value: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let members = value.as_object().expect("an object");
    let root = ROOTS.iter().find_map(|root| members.get(*root));
    let is_simple = form.get("simplify").is_some_and(|value| value == "true");
    assert!(root.is_some() && members.len() == 1 || is_simple, "{body}");
    let root = root.unwrap_or(&value);
    assert!(root["request_id"].as_str().is_some_and(|id| id.len() == 16), "{body}");
    let is_success = root["is_success"] == true && root["result"] == true;
    assert!(is_success || root.get("code").is_some() || root.get("time").is_some(), "{body}");
    is_success
}

/// Whether a reply in XML is a success of a push. Every element that is opened is closed.
fn check_xml(body: &str) -> bool {
    let rest = body.strip_prefix(r#"<?xml version="1.0" encoding="utf-8" ?>"#).expect("a prologue");
    let rest = rest.strip_suffix("<!--sandbox-->").expect("a comment");
    let mut open = Vec::new();
    for piece in rest.split_inclusive('>') {
        let (text, tag) = piece.split_once('<').expect("a tag");
        assert!(!text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{7f}'..)));
        let tag = tag.strip_suffix('>').expect("a tag's end");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{body}"),
            None => open.push(tag),
        }
    }
    assert!(open.is_empty(), "{body}");
    rest.contains("<is_success>true</is_success>") && rest.contains("<result>true</result>")
}

fn check_accepted(form: &Form) {
    assert_eq!(
        (form["app_key"].as_str(), form["method"].as_str(), form["v"].as_str()),
        (APP_KEY, PUSH, "2.0")
    );
    let req: Value = serde_json::from_str(&form["req"]).expect("req is JSON");
    for name in ["result", "mediation_case_id"] {
        assert!(req[name].as_str().is_some_and(|text| !text.is_empty()), "{req}");
    }
}
