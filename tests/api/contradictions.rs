//! Answers of TOP that contradict themselves: each of them leads to an unknown outcome.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::support::{ACCEPTED, Move, Scene};

const SUCCESS: &str = "alibaba_jym_servicecenter_mediation_result_push_response";
const YES: &str = r#"{"is_success":true,"result":true}"#;

fn with_status(status: u16, body: &str) -> Move {
    Move::Answer(status, Vec::new(), body.as_bytes().to_vec())
}

/// Fails unless the outcome of the push is unknown after one call.
fn assert_doubted(scene: &Scene, name: &str, answer: Move) {
    let (reply, calls) = scene.told(answer);
    let body = reply.problem("top_bad_response");
    assert_eq!((name, reply.status, &body["outcome"], calls), (name, 502, &"unknown".into(), 1));
    assert_eq!((name, body.get("top")), (name, None), "nothing of it is passed on");
    assert!(
        body["detail"].as_str().unwrap().starts_with("TOP's answer contradicts itself"),
        "{name}: {body}"
    );
}

#[test]
fn a_repeated_member_of_the_root_is_a_contradiction() {
    let scene = Scene::start(&[]);
    for (name, members) in [
        ("no, then yes", r#""is_success":false,"result":true,"is_success":true"#),
        ("yes, then no", r#""is_success":true,"result":true,"is_success":false"#),
        ("yes twice", r#""is_success":true,"result":true,"result":true"#),
        ("yes and null", r#""is_success":true,"result":null,"result":true"#),
        ("the name in other spelling", r#""is_success":false,"result":true,"is\u005fsuccess":true"#),
        ("another member", r#""is_success":true,"result":true,"new":1,"new":1"#),
        ("raw control characters", "\"is_success\":true,\"result\":true,\"new\":\"\u{1}\",\"new\":1"),
        (
            "a system error, then none",
            r#""is_success":false,"result":false,"state_code":"500","state_code":"1""#,
        ),
    ] {
        assert_doubted(&scene, name, Move::success(members));
    }
    for (name, members) in [
        (
            "timeout, then refused",
            r#""sub_code":"isp.remote-service-timeout","sub_code":"isp.http-connection-refuse""#,
        ),
        (
            "refused, then timeout",
            r#""sub_code":"isp.http-connection-refuse","sub_code":"isp.remote-service-timeout""#,
        ),
        ("throttled, then executed", r#""code":7,"code":15,"sub_code":"isp.remote-service-timeout""#),
        ("a ban twice", r#""code":7,"sub_msg":"This ban will last for 9 more seconds","sub_msg":"x""#),
        ("another member", r#""code":7,"x":1,"x":1"#),
    ] {
        assert_doubted(&scene, name, Move::error(members));
    }
}

#[test]
fn both_roots_or_a_repeated_root_are_a_contradiction() {
    let scene = Scene::start(&[]);
    let no = r#"{"code":7}"#;
    for (name, body) in [
        ("success, then refusal", format!(r#"{{"{SUCCESS}":{YES},"error_response":{no}}}"#)),
        ("refusal, then success", format!(r#"{{"error_response":{no},"{SUCCESS}":{YES}}}"#)),
        ("an empty refusal", format!(r#"{{"error_response":{{}},"{SUCCESS}":{YES}}}"#)),
        ("an empty success", format!(r#"{{"error_response":{no},"{SUCCESS}":{{}}}}"#)),
        ("a refusal that is a text", format!(r#"{{"error_response":"no","{SUCCESS}":{YES}}}"#)),
        ("a refusal that is false", format!(r#"{{"error_response":false,"{SUCCESS}":{YES}}}"#)),
        ("success twice", format!(r#"{{"{SUCCESS}":{YES},"{SUCCESS}":{YES}}}"#)),
        ("refusal twice", format!(r#"{{"error_response":{no},"error_response":{no}}}"#)),
        ("no refusal, then one", format!(r#"{{"error_response":null,"error_response":{no}}}"#)),
        ("a success, then none", format!(r#"{{"{SUCCESS}":{YES},"{SUCCESS}":null}}"#)),
        ("the name in other spelling", format!(r#"{{"error_response":{no},"error\u005fresponse":{no}}}"#)),
        ("another member twice", format!(r#"{{"x":1,"{SUCCESS}":{YES},"x":2}}"#)),
        ("behind a mark", format!("\u{feff}{{\"x\":1,\"{SUCCESS}\":{YES},\"x\":2}}")),
    ] {
        for status in [200, 404, 429, 500, 503] {
            assert_doubted(&scene, &format!("{name} under {status}"), with_status(status, &body));
        }
    }
}

#[test]
fn an_apparent_contradiction_is_accepted() {
    let scene = Scene::start(&[]);
    for (name, body) in [
        ("a root that is null", format!(r#"{{"error_response":null,"{SUCCESS}":{YES}}}"#)),
        ("the same name in two places", format!(r#"{{"result":false,"{SUCCESS}":{YES}}}"#)),
        ("another case", format!(r#"{{"{SUCCESS}":{{"is_success":true,"result":true,"Result":false}}}}"#)),
        (
            "deeper inside",
            ACCEPTED.replacen(r#""result":true"#, r#""result":true,"list":[{"x":1,"x":2}]"#, 1),
        ),
    ] {
        let (reply, calls) = scene.told(Move::ok(&body));
        assert_eq!((name, reply.status, calls), (name, 200, 1), "{}", reply.text());
    }
    let (reply, _) = scene.told(Move::ok(&format!(r#"{{"error_response":{{"code":41}},"{SUCCESS}":null}}"#)));
    reply.problem("top_rejected");
}

/// Members with names that may repeat and different values.
fn members() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let name =
        prop::sample::select(vec!["is_success", "result", "code", "sub_code", "state_code", "request_id"]);
    let values =
        vec!["true", "false", "null", "7", "\"isp.http-connection-refuse\"", "\"isv.x\"", "\"500000\"", "[]"];
    prop::collection::vec((name, prop::sample::select(values)), 0..7)
}

fn object(members: &[(&str, &str)]) -> String {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn repeats(names: &[&str]) -> bool {
    names.iter().enumerate().any(|(index, name)| names[..index].contains(name))
}

#[test]
fn an_answer_is_a_contradiction_only_if_it_repeats_a_member_or_has_both_roots() {
    let scene = Scene::start(&[("TOP_MAX_ATTEMPTS", "1")]);
    let tops = prop::collection::vec(prop::sample::select(vec![SUCCESS, "error_response", "x"]), 1..4);
    let answers = tops.prop_flat_map(|tops| {
        let roots = prop::collection::vec(members(), tops.len());
        (Just(tops), roots)
    });
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let run = runner.run(&answers, |(tops, roots)| {
        let whole: Vec<String> = roots.iter().map(|root| object(root)).collect();
        let body = object(&tops.iter().copied().zip(whole.iter().map(String::as_str)).collect::<Vec<_>>());
        let names = |root: &[(&'static str, &str)]| root.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let read = tops.iter().zip(&roots).filter(|(top, _)| **top != "x");
        let contradicts = repeats(&tops)
            || (tops.contains(&SUCCESS) && tops.contains(&"error_response"))
            || read.clone().any(|(_, root)| repeats(&names(root)));
        let (reply, calls) = scene.told(Move::ok(&body));
        let told = reply.json();
        let doubted = told["detail"].as_str().is_some_and(|detail| detail.contains("contradicts itself"));
        prop_assert_eq!((doubted, calls), (contradicts, 1), "{}\n{}", body, told);
        prop_assert!(!doubted || told["code"] == "top_bad_response", "{}\n{}", body, told);
        Ok(())
    });
    run.unwrap();
}
