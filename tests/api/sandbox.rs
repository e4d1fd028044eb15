//! The simulated gateway is as strict as TOP: what it reads, checks and answers, independently of scenarios.

use jiff::SignedDuration;
use serde_json::Value;

use super::support::APP_SECRET;
use super::support::app::Reply;
use super::support::sandbox::{Change, Sandbox, encoded, post, push_of, signed, timestamp};
use super::support::signature;

/// TOP's clock, which needs no `req` and no session.
const TIME_GET: [Change<'_>; 2] = [("method", Some("taobao.time.get")), ("req", None)];

/// TOP's code; 0 for a success.
fn code(reply: &Reply) -> u64 {
    assert_eq!(reply.status, 200);
    let text = reply.text();
    let json = serde_json::from_str::<Value>(&text).ok().map(|json| json["error_response"]["code"].clone());
    let xml = || text.split_once("<code>")?.1.split('<').next()?.parse().ok();
    assert!(text.contains("request_id"), "{text}");
    json.as_ref().and_then(Value::as_u64).or_else(xml).unwrap_or(0)
}

#[test]
fn each_common_parameter_has_its_error_codes_for_every_method() {
    let sandbox = Sandbox::start();
    let ahead = |minutes| timestamp(SignedDuration::from_mins(minutes));
    let (early, late, too_late) = (ahead(-9), ahead(9), ahead(11));
    let utc = timestamp(SignedDuration::from_hours(-8));
    let milliseconds = jiff::Timestamp::now().as_millisecond().to_string();
    let seconds = jiff::Timestamp::now().as_second().to_string();
    let spelled_otherwise = ahead(0).replace(' ', "T");
    let table: &[(&[Change<'_>], u64)] = &[
        (&[], 0),
        (&[("format", None)], 0),
        (&[("format", Some("xml"))], 0),
        (&[("format", Some("JSON"))], 23),
        (&[("app_key", None)], 28),
        (&[("app_key", Some(""))], 28),
        (&[("app_key", Some("12345678"))], 29),
        (&[("v", None)], 32),
        (&[("v", Some("1.0"))], 33),
        (&[("timestamp", None)], 30),
        (&[("timestamp", Some(&early))], 0),
        (&[("timestamp", Some(&late))], 0),
        (&[("timestamp", Some(&too_late))], 31),
        (&[("timestamp", Some(&utc))], 31),
        (&[("timestamp", Some(&spelled_otherwise))], 31),
        (&[("timestamp", Some(&milliseconds))], 0),
        (&[("timestamp", Some(&seconds))], 31),
        (&[("sign", Some(""))], 24),
        (&[("sign", Some("00"))], 25),
        (&[("sign_method", None)], 0),
        (&[("sign_method", Some(""))], 0),
        (&[("sign_method", Some("hmac"))], 0),
        (&[("sign_method", Some("hmac-sha256"))], 0),
        (&[("sign_method", Some("sha1"))], 25),
        (&[("partner_id", Some("沟通 +&=")), ("empty", Some(""))], 0),
        // The first failure is the answer.
        (&[("format", Some("x")), ("app_key", None), ("sign", Some("00"))], 23),
        (&[("app_key", Some("x")), ("v", None), ("timestamp", None)], 29),
        (&[("v", None), ("timestamp", None)], 32),
        (&[("timestamp", None), ("sign", Some("00"))], 30),
    ];
    for (changes, expected) in table {
        for method in [&[][..], &TIME_GET] {
            let reply = sandbox.call(&signed(&[method, changes].concat()));
            assert_eq!(code(&reply), *expected, "{method:?} {changes:?}: {}", reply.text());
        }
    }
    for (method, expected) in [(None, 21), (Some(""), 21), (Some("taobao.user.get"), 22)] {
        assert_eq!(code(&sandbox.call(&signed(&[("method", method), ("v", None)]))), expected, "{method:?}");
    }
}

#[test]
fn the_signature_covers_everything_and_its_case_matters() {
    let sandbox = Sandbox::start();
    for method in ["md5", "hmac", "hmac-sha256"] {
        let good = signed(&[("sign_method", Some(method))]);
        let mut lower = good.clone();
        lower.get_mut("sign").unwrap().make_ascii_lowercase();
        let mut added = good.clone();
        added.insert("session".to_owned(), "s".to_owned());
        let mut other = good.clone();
        let secret = format!("{APP_SECRET}x");
        other.insert("sign".to_owned(), signature::expected(&good, &secret));
        for (name, parameters, expected) in
            [("good", good, 0), ("lower", lower, 25), ("added", added, 25), ("other", other, 25)]
        {
            assert_eq!(code(&sandbox.call(&parameters)), expected, "{method} {name}");
        }
    }
}

#[test]
fn a_session_is_required_only_for_pushes_and_only_if_configured() {
    let (strict, lenient) = (Sandbox::with(true), Sandbox::start());
    for (sent, expected) in [(None, 26), (Some(""), 26), (Some("any"), 0)] {
        let session = ("session", sent);
        assert_eq!(code(&strict.call(&signed(&[session]))), expected, "{sent:?}");
        assert_eq!(code(&strict.call(&signed(&[&TIME_GET[..], &[session]].concat()))), 0, "{sent:?}");
        assert_eq!(code(&lenient.call(&signed(&[session]))), 0, "{sent:?}");
    }
}

#[test]
fn parameters_are_read_from_query_form_and_multipart_together() {
    const FORM: &str = "Application/X-WWW-Form-Urlencoded;charset=UTF-8";
    let sandbox = Sandbox::start();
    let all = signed(&[("partner_id", Some("沟 通+%41")), ("empty", Some(""))]);
    let (mut one, mut other) = (all.clone(), all.clone());
    one.retain(|name, _| name.as_str() < "req");
    other.retain(|name, _| name.as_str() >= "req");
    let part = |(name, value): (&String, &String)| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let multipart = format!("{}--XX--\r\n", other.iter().map(part).collect::<String>());
    let target = format!("/router/rest?{}", encoded(&one));
    let whole = format!("/router/rest?{}", encoded(&all));
    let (spaced, encoded) = (encoded(&other), encoded(&other).replace('+', "%20").to_lowercase());
    assert_ne!(spaced, encoded);
    for (name, reply) in [
        ("query", sandbox.get(&whole)),
        ("query, beside another body", sandbox.send(&post(&whole, "text/plain", "req=1"))),
        ("query and form", sandbox.send(&post(&target, FORM, &spaced))),
        ("query and multipart", sandbox.send(&post(&target, "multipart/form-data; boundary=XX", &multipart))),
        ("stray separators", sandbox.send(&post(&target, FORM, &format!("&&{spaced}&")))),
    ] {
        assert_eq!(code(&reply), 0, "{name}: {}", reply.text());
    }
    assert_eq!(sandbox.executions("1"), 5);
}

#[test]
fn unreadable_calls_are_refused_in_xml() {
    const FORM: &str = "application/x-www-form-urlencoded";
    const CUT: &str = "--XX\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\ncut";
    let sandbox = Sandbox::start();
    let post = |target: &str, content_type: &str, body: &str| sandbox.send(&post(target, content_type, body));
    for (expected, reply) in [
        (21, sandbox.get("/router/rest")),
        (47, sandbox.get("/router/rest?a=%ff&format=json")),
        (47, sandbox.get("/router/rest?%ff=a")),
        (41, sandbox.get("/router/rest?a=1&a=2")),
        (41, post("/router/rest?a=1", FORM, "a=1")),
        (43, post("/router/rest", "multipart/form-data", "")),
        (43, post("/router/rest", "multipart/form-data; boundary=XX", CUT)),
        (9, sandbox.send("PUT /router/rest HTTP/1.1\r\nHost: x\r\n\r\n")),
    ] {
        assert_eq!(code(&reply), expected, "{}", reply.text());
        assert_eq!(reply.header("content-type"), Some("text/xml;charset=UTF-8"));
    }
    let large = post("/router/rest", FORM, &"a".repeat((1 << 20) + 1));
    assert_eq!(large.status, 413);
}

#[test]
fn errors_in_req_name_the_member() {
    let sandbox = Sandbox::start();
    let with = |member: &str| format!(r#"{{"result":"a","mediation_case_id":"1",{member}}}"#);
    let table = [
        (String::new(), "isv.missing-parameter:req"),
        ("x".to_owned(), "isv.invalid-parameter:req"),
        ("[]".to_owned(), "isv.invalid-parameter:req"),
        ("{}".to_owned(), "isv.missing-parameter:result"),
        (r#"{"mediation_case_id":"1","result":""}"#.to_owned(), "isv.missing-parameter:result"),
        (r#"{"mediation_case_id":"1","result":1}"#.to_owned(), "isv.invalid-parameter:result"),
        (r#"{"result":"a"}"#.to_owned(), "isv.missing-parameter:mediation_case_id"),
        (r#"{"result":"a","mediation_case_id":1}"#.to_owned(), "isv.invalid-parameter:mediation_case_id"),
        (r#"{"result":"a","mediation_case_id":"a b"}"#.to_owned(), "isv.invalid-parameter:mediation_case_id"),
        (with(r#""content":null"#), "isv.invalid-parameter:content"),
        (with(r#""work_number":1"#), "isv.invalid-parameter:work_number"),
        (with(r#""mediator_name":[]"#), "isv.invalid-parameter:mediator_name"),
        (with(r#""mediator_phone":138"#), "isv.invalid-parameter:mediator_phone"),
        (with(r#""completed_time":1"#), "isv.invalid-parameter:completed_time"),
    ];
    for (req, sub_code) in &table {
        let answer = sandbox.call(&signed(&[("req", Some(req))])).json();
        assert_eq!(answer["error_response"]["sub_code"], *sub_code, "{req}");
    }
    assert_eq!(sandbox.executions("1"), 0);
    let full = with(
        r#""work_number":"2","completed_time":"2024-02-29 23:59:59","mediator_name":"张三","mediator_phone":"138","content":"沟通\n","unknown":{}"#,
    );
    assert_eq!(code(&sandbox.call(&signed(&[("req", Some(&full))]))), 0);
    assert_eq!(sandbox.executions("1"), 1);
}

#[test]
fn only_valid_times_in_one_spelling_are_accepted() {
    let sandbox = Sandbox::start();
    let table = [
        ("2025-11-17 00:00:00", 0),
        ("2024-02-29 23:59:59", 0),
        ("1970-01-01 00:00:00", 0),
        ("", 41),
        ("2025-11-17", 41),
        ("2025-11-17T00:00:00", 41),
        ("2025-11-17 00:00", 41),
        ("2025-11-17 00:00:00.0", 41),
        ("2025-11-17 00:00:00Z", 41),
        ("2025-11-17 00:00:00+08:00", 41),
        (" 2025-11-17 00:00:00", 41),
        ("2025-11-17 24:00:00", 41),
        ("2025-11-17 23:59:60", 41),
        ("2025-02-29 00:00:00", 41),
        ("2025-1-7 00:00:00", 41),
        ("20251117 000000", 41),
        ("２０２５-11-17 00:00:00", 41),
    ];
    for (time, expected) in table {
        let req = format!(r#"{{"result":"a","mediation_case_id":"1","completed_time":"{time}"}}"#);
        assert_eq!(code(&sandbox.call(&signed(&[("req", Some(&req))]))), expected, "{time}");
    }
}

#[test]
fn the_time_is_returned_in_gmt8() {
    let sandbox = Sandbox::start();
    let before = timestamp(SignedDuration::ZERO);
    let answer = sandbox.call(&signed(&TIME_GET)).json();
    let after = timestamp(SignedDuration::ZERO);
    let told = &answer["time_get_response"];
    let time = told["time"].as_str().unwrap();
    assert!(before.as_str() <= time && time <= after.as_str(), "{before} {time} {after}");
    assert!(told["request_id"].as_str().is_some_and(|id| id.len() == 16), "{answer}");
    assert_eq!(told.as_object().unwrap().len(), 2, "{answer}");
    let xml = sandbox.call(&signed(&[&TIME_GET[..], &[("format", Some("xml"))]].concat())).text();
    let begin = "<?xml version=\"1.0\" encoding=\"utf-8\" ?><time_get_response><time>20";
    assert!(xml.starts_with(begin), "{xml}");
    assert!(xml.ends_with("</request_id></time_get_response><!--sandbox-->"), "{xml}");
}

#[test]
fn answers_have_the_requested_format() {
    let sandbox = Sandbox::start();
    let json = "application/json;charset=UTF-8";
    let xml = "text/xml;charset=UTF-8";
    let root = "alibaba_jym_servicecenter_mediation_result_push_response";
    let quoting = r#"{"mediation_case_id":"sandbox-quoting","result":"a","mediator_name":"张三","mediator_phone":"138","content":"<b>&'\n\u0001"}"#;
    let members = r#""result":true,"is_success":true,"state_code":"20000","request_id":"ID""#;
    let elements = "<result>true</result><is_success>true</is_success><state_code>20000</state_code>";
    let prolog = r#"<?xml version="1.0" encoding="utf-8" ?>"#;
    let quoted = "appkey=87654321 session=s name=张三 phone=138 content=";
    let table: [(&[Change<'_>], &str, String); 6] = [
        (&[], json, format!(r#"{{"{root}":{{{members}}}}}"#)),
        (&[("simplify", Some("true"))], json, format!("{{{members}}}")),
        (
            &[("format", None), ("simplify", Some("true"))],
            xml,
            format!("{prolog}<{root}>{elements}<request_id>ID</request_id></{root}><!--sandbox-->"),
        ),
        (
            &[("v", None), ("simplify", Some("true"))],
            json,
            r#"{"error_response":{"code":32,"msg":"Missing Version","request_id":"ID"}}"#.to_owned(),
        ),
        (
            &[("req", Some(quoting)), ("session", Some("s"))],
            json,
            format!(
                r#"{{"error_response":{{"code":15,"msg":"Remote service error","sub_code":"isp.service-error","sub_msg":"{quoted}&lt;b&gt;&amp;&#x27;\n\u0001","request_id":"ID"}}}}"#
            ),
        ),
        (
            &[("req", Some(quoting)), ("session", Some("s")), ("format", Some("xml"))],
            xml,
            format!(
                "{prolog}<error_response><code>15</code><msg>Remote service error</msg><sub_code>isp.service-error</sub_code>\
                 <sub_msg>{quoted}&amp;lt;b&amp;gt;&amp;amp;&amp;#x27;\n </sub_msg><request_id>ID</request_id>\
                 </error_response><!--sandbox-->"
            ),
        ),
    ];
    let id = regex::Regex::new("(request_id(?:>|\":\"))[0-9a-z]{16}").unwrap();
    for (changes, content_type, expected) in table {
        let reply = sandbox.call(&signed(changes));
        assert_eq!(reply.header("content-type"), Some(content_type), "{changes:?}");
        assert_eq!(id.replace(&reply.text(), "${1}ID"), expected, "{changes:?}");
    }
}

#[test]
fn other_requests_are_answered_like_a_web_server() {
    let sandbox = Sandbox::start();
    for target in ["/", "/router/rest/", "/sandbox/executions/", "/sandbox/executions/a%20b"] {
        assert_eq!(sandbox.get(target).status, 404, "{target}");
    }
    assert_eq!(sandbox.send(&post("/livez", "text/plain", "")).status, 404);
    assert_eq!(sandbox.get("/livez").json()["status"], "ok");
    assert_eq!(sandbox.executions("never-pushed"), 0);
    sandbox.call(&push_of("twice"));
    sandbox.get(&format!("/router/rest?{}", encoded(&push_of("twice"))));
    assert_eq!(sandbox.executions("twice"), 2);
}
