//! Requests that the bridge refuses before it calls TOP: all violations at once, with their locations.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{BODY, Gateway, Move, Reply, TestApp};

/// The locations and codes of a reply's `errors`.
fn errors(reply: &Reply) -> BTreeSet<(String, String)> {
    let body = reply.problem("validation_failed");
    assert_eq!(reply.status, 422);
    assert_eq!(body["outcome"], "not_executed");
    assert!(body.get("attempts").is_none());
    let place = |error: &Value| {
        let place = error.get("pointer").or_else(|| error.get("parameter")).expect("a place");
        assert!(error["detail"].as_str().is_some_and(|text| !text.is_empty()));
        (place.as_str().unwrap().to_owned(), error["code"].as_str().unwrap().to_owned())
    };
    body["errors"].as_array().expect("errors").iter().map(place).collect()
}

fn set(pairs: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    pairs.iter().map(|(place, code)| ((*place).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn members_are_checked_by_their_rules() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let long = |n: usize| "字".repeat(n);
    let table: Vec<(Value, &[(&str, &str)])> = vec![
        (json!({}), &[("/result", "required")]),
        (json!({ "result": null }), &[("/result", "required")]),
        (json!({ "result": "" }), &[("/result", "too_short")]),
        (json!({ "result": " \u{3000}" }), &[("/result", "blank")]),
        (json!({ "result": long(65) }), &[("/result", "too_long")]),
        (json!({ "result": "a\u{0}b" }), &[("/result", "control_character")]),
        (json!({ "result": "a\u{9b}b" }), &[("/result", "control_character")]),
        (json!({ "result": "a\tb" }), &[("/result", "control_character")]),
        (json!({ "result": true }), &[("/result", "wrong_type")]),
        (json!({ "result": ["success"] }), &[("/result", "wrong_type")]),
        (json!({ "result": { "a": 1 } }), &[("/result", "wrong_type")]),
        (json!({ "result": "s", "work_number": 123_123 }), &[("/work_number", "wrong_type")]),
        (json!({ "result": "s", "work_number": long(65) }), &[("/work_number", "too_long")]),
        (json!({ "result": "s", "mediator_name": " " }), &[("/mediator_name", "blank")]),
        (json!({ "result": "s", "mediator_phone": "12" }), &[("/mediator_phone", "too_short")]),
        (json!({ "result": "s", "mediator_phone": "1-2-" }), &[("/mediator_phone", "bad_format")]),
        (json!({ "result": "s", "mediator_phone": "123a" }), &[("/mediator_phone", "bad_character")]),
        (json!({ "result": "s", "mediator_phone": "1".repeat(33) }), &[("/mediator_phone", "too_long")]),
        (json!({ "result": "s", "content": "" }), &[("/content", "too_short")]),
        (json!({ "result": "s", "content": "\r\n" }), &[("/content", "blank")]),
        (json!({ "result": "s", "content": long(10_001) }), &[("/content", "too_long")]),
        (json!({ "result": "s", "content": "a\u{1b}[0m" }), &[("/content", "control_character")]),
        (json!({ "result": "s", "completed_time": "2025-11-17" }), &[("/completed_time", "bad_format")]),
        (json!({ "result": "s", "completed_time": 1_763_308_800 }), &[("/completed_time", "wrong_type")]),
        (
            json!({ "result": "s", "completed_time": "2025-02-30 00:00:00" }),
            &[("/completed_time", "no_such_time")],
        ),
        (
            json!({ "result": "s", "completed_time": "1970-01-01T00:00:00Z" }),
            &[("/completed_time", "out_of_range")],
        ),
        (json!({ "result": "s", "mediation_case_id": "1" }), &[("/mediation_case_id", "unknown")]),
        (json!({ "result": "s", "Result": null }), &[("/Result", "unknown")]),
        (json!({ "result": "s", "a/b~c": 1 }), &[("/a~1b~0c", "unknown")]),
        (json!([]), &[("", "wrong_type")]),
        (json!("success"), &[("", "wrong_type")]),
        (json!(null), &[("", "wrong_type")]),
        (json!(1), &[("", "wrong_type")]),
    ];
    for (body, expected) in table {
        assert_eq!(errors(&app.push(&body.to_string())), set(expected), "{body}");
    }
    assert!(gateway.calls().is_empty());
}

#[test]
fn a_wrong_type_is_named() {
    let app = TestApp::accepting(&[]);
    let detail =
        |body: Value| app.push(&body.to_string()).problem("validation_failed")["errors"][0]["detail"].clone();
    for (value, name) in [
        (json!(true), "a boolean"),
        (json!(-1.5), "a number"),
        (json!([]), "an array"),
        (json!({}), "an object"),
    ] {
        assert_eq!(detail(json!({ "result": value })), format!("result must be a string, is {name}"));
    }
    for (value, name) in [(json!(null), "null"), (json!("text"), "a string"), (json!([]), "an array")] {
        assert_eq!(detail(value), format!("the body must be a JSON object, is {name}"));
    }
}

#[test]
fn repeated_members_are_refused() {
    let app = TestApp::accepting(&[]);
    let reply = app.push(r#"{"result":"a","result":"a"}"#);
    assert_eq!(errors(&reply), set(&[("/result", "repeated")]));
    let reply = app.push(r#"{"result":"a","content":null,"c\u006fntent":"b"}"#);
    assert_eq!(errors(&reply), set(&[("/content", "repeated")]));
}

#[test]
fn all_violations_are_reported_at_once() {
    let app = TestApp::accepting(&[]);
    let body = json!({
        "work_number": 1,
        "completed_time": "tomorrow",
        "mediator_name": "\u{7f}".repeat(65),
        "mediator_phone": "x",
        "content": " ",
        "extra": {},
    });
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "k k")];
    let reply = app.push_with("a%2Fb", &headers, body.to_string().as_bytes());
    let expected = [
        ("case_id", "bad_character"),
        ("Idempotency-Key", "bad_character"),
        ("/result", "required"),
        ("/work_number", "wrong_type"),
        ("/completed_time", "bad_format"),
        ("/mediator_name", "too_long"),
        ("/mediator_name", "control_character"),
        ("/mediator_phone", "too_short"),
        ("/mediator_phone", "bad_format"),
        ("/content", "blank"),
        ("/extra", "unknown"),
    ];
    let found = errors(&reply);
    let missing: Vec<_> = set(&expected).difference(&found).cloned().collect();
    // A telephone number that is too short has no second violation for its number of digits.
    assert_eq!(missing, [("/mediator_phone".to_owned(), "bad_format".to_owned())]);
    assert_eq!(found.len(), expected.len() - 1);
}

#[test]
fn a_case_id_is_decoded_once_and_then_checked() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let headers = [("Content-Type", "application/json")];
    for (raw, code) in [
        ("a%2Fb", "bad_character"),
        ("%zz", "bad_format"),
        ("%", "bad_format"),
        ("a%00", "bad_character"),
        ("%E6%A1%88", "bad_character"),
        ("%ff", "bad_format"),
        ("a.b", "bad_character"),
        ("%2531", "bad_character"),
    ] {
        assert_eq!(
            errors(&app.push_with(raw, &headers, BODY.as_bytes())),
            set(&[("case_id", code)]),
            "{raw}"
        );
    }
    let long = "9".repeat(65);
    assert_eq!(errors(&app.push_with(&long, &headers, BODY.as_bytes())), set(&[("case_id", "too_long")]));
    assert!(gateway.calls().is_empty());

    let reply = app.push_with("%31%32-A_z", &headers, BODY.as_bytes());
    assert_eq!(reply.json()["case_id"], "12-A_z");
    assert_eq!(gateway.only_call().req()["mediation_case_id"], "12-A_z");
}

#[test]
fn invalid_json_is_malformed() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let deep =
        |levels: usize| format!(r#"{{"result":"s","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("empty", b"".to_vec()),
        ("blank", b" \r\n".to_vec()),
        ("cut", br#"{"result":"s""#.to_vec()),
        ("trailing", br#"{"result":"s"} x"#.to_vec()),
        ("two", br#"{"result":"s"}{"result":"s"}"#.to_vec()),
        ("comma", br#"{"result":"s",}"#.to_vec()),
        ("comment", br#"{"result":"s"/**/}"#.to_vec()),
        ("single quotes", br"{'result':'s'}".to_vec()),
        ("NaN", br#"{"result":NaN}"#.to_vec()),
        ("form", b"result=success".to_vec()),
        ("bytes", b"\xff\xfe\x00".to_vec()),
        ("not UTF-8", b"{\"result\":\"\xd5\xc5\"}".to_vec()),
        ("byte order mark", "\u{feff}{\"result\":\"s\"}".as_bytes().to_vec()),
        ("raw control character", b"{\"result\":\"a\nb\"}".to_vec()),
        ("lone surrogate", br#"{"result":"\ud800"}"#.to_vec()),
        ("lone surrogate in an unknown member", br#"{"result":"s","x":["\udc00"]}"#.to_vec()),
        ("lone surrogate in a name", br#"{"result":"s","\ud800":1}"#.to_vec()),
        ("huge number", br#"{"result":"s","x":1e400}"#.to_vec()),
        ("too deep", deep(127).into_bytes()),
    ];
    for (name, body) in bodies {
        let reply = app.push_with("1", &[("Content-Type", "application/json")], &body);
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
        assert_eq!(reply.problem("malformed_json")["outcome"], "not_executed", "{name}");
    }
    assert_eq!(errors(&app.push(&deep(126))), set(&[("/x", "unknown")]), "127 levels are read");
    assert!(gateway.calls().is_empty());
}

#[test]
fn answers_are_bounded_for_any_request() {
    let app = TestApp::accepting(&[]);
    for (count, listed, detail) in [
        (1, 1, "The request has 1 violation."),
        (2, 2, "The request has 2 violations."),
        (100, 100, "The request has 100 violations."),
        (101, 100, "The request has 101 violations; the first 100 are listed."),
        (20_000, 100, "The request has 20000 violations; the first 100 are listed."),
    ] {
        let members: Vec<_> = (0..count).map(|number| format!(r#""m{number}":0,"#)).collect();
        let body = app.push(&format!(r#"{{{}"result":"s"}}"#, members.concat())).problem("validation_failed");
        assert_eq!(
            (body["errors"].as_array().map(Vec::len), &body["detail"]),
            (Some(listed), &detail.into())
        );
    }

    let name = "n".repeat(100_000);
    let reply = app.push(&format!(r#"{{"{name}":0,"result":"s"}}"#));
    assert!(reply.text().len() < 2_000, "{}", reply.text().len());
    assert!(reply.problem("validation_failed")["errors"][0]["pointer"].as_str().unwrap().ends_with('…'));
}

#[test]
fn an_unusual_name_has_an_exact_pointer_and_stays_on_one_line() {
    let app = TestApp::accepting(&[]);
    let body = app.push(r#"{"a\n/~\u0016":0,"result":"s"}"#).problem("validation_failed");
    assert_eq!(body["errors"][0]["pointer"], "/a\n~1~0\u{16}");
    let detail = body["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("a\u{fffd}/~\u{fffd} is ") && !detail.contains(char::is_control));
}

#[test]
fn a_high_or_low_lone_surrogate_is_reported_as_such() {
    let app = TestApp::accepting(&[]);
    for body in [
        r#"{"result":"\ud83d"}"#,
        r#"{"result":"\uD83Dx"}"#,
        r#"{"result":"\ud83d\u0041"}"#,
        r#"{"result":"\ud83d\ud83d"}"#,
        r#"{"result":"\udc00"}"#,
        r#"{"result":"\udfff end"}"#,
        r#"{"result":"s","x":["\ude00"]}"#,
        r#"{"result":"s","\udc00":1}"#,
        "{\n  \"result\": \"\\ude00\"\n}",
    ] {
        let problem = app.push(body).problem("malformed_json");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("half a surrogate pair at line "), "{body}: {detail}");
    }
    for body in [r#"{"result":"\ud83d\ude00",}"#, r#"{"result":"\u12"}"#, r#"{"result":"\x"}"#] {
        let problem = app.push(body).problem("malformed_json");
        assert!(!problem["detail"].as_str().unwrap().contains("surrogate"), "{body}: {problem}");
    }
}

#[test]
fn invisible_texts_are_blank_and_other_texts_are_kept() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let blanks = [
        " ",
        "\u{3000}",
        "\u{a0}",
        "\u{200b}",
        "\u{200d}\u{200c}",
        "\u{feff}",
        "\u{ad}",
        "\u{3164}",
        "\u{ffa0}",
        "\u{2800}",
        "\u{115f}",
        "\u{180e}",
        "\u{2060}",
        "\u{202e}",
        "\u{fe0f}",
        "\u{e0001}",
        "\u{e0100}",
        " \u{200b} ",
    ];
    for blank in blanks {
        for member in ["result", "work_number", "mediator_name", "content"] {
            let mut body = json!({ "result": "success" });
            body[member] = blank.into();
            let place = format!("/{member}");
            assert_eq!(errors(&app.push(&body.to_string())), set(&[(&place, "blank")]), "{blank:?}");
        }
    }
    assert!(gateway.calls().is_empty());
    for (number, blank) in blanks.into_iter().enumerate() {
        let name = format!("{blank}三{blank}");
        let body = json!({ "result": name, "mediator_name": name, "content": name });
        assert_eq!(app.push(&body.to_string()).status, 200, "{blank:?}");
        assert_eq!(gateway.calls()[number].req()["mediator_name"], name, "it reaches TOP unchanged");
    }
}

#[test]
fn an_almost_correct_media_type_is_explained() {
    let gateway = Gateway::always(Move::accepted());
    let app = TestApp::start(&gateway);
    let json = "application/json";
    for (values, hint) in [
        (&[][..], "Content-Type is missing; send Content-Type: application/json."),
        (&["application/json; charset=utf8"], "must be utf-8, with the hyphen"),
        (&["application/json;charset=\"UTF8\""], "must be utf-8, with the hyphen"),
        (&["application/json;charset=gbk"], "must be utf-8"),
        (&[json, json], "Content-Type appears twice; send it once."),
        (&["application/json, application/json"], "names several media types; send application/json alone"),
        (&["application/json,text/plain"], "names several media types"),
        (&["text/json"], "must be application/json."),
        (&["application/x-www-form-urlencoded"], "must be application/json."),
    ] {
        let headers: Vec<_> = values.iter().map(|value| ("Content-Type", *value)).collect();
        let reply = app.push_with("1", &headers, BODY.as_bytes());
        let problem = reply.problem("unsupported_media_type");
        assert_eq!((reply.status, &problem["outcome"]), (415, &"not_executed".into()));
        assert!(problem["detail"].as_str().unwrap().contains(hint), "{values:?}: {problem}");
    }
    assert!(gateway.calls().is_empty());
    for value in
        [json, "Application/JSON", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\""]
    {
        assert_eq!(app.push_with("1", &[("Content-Type", value)], BODY.as_bytes()).status, 200, "{value}");
    }
}
