//! Every member of a push that the document describes, whichever they are: it is accepted, sent to TOP, shown in an example
//! and, unless it is listed as harmless, not logged.

use serde_json::{Map, Value};

use super::documents::file;
use super::support::{Gateway, LoggedScene, Move, TestApp};

/// Members that are not personal data. A new member counts as personal until it is listed here.
const HARMLESS: [&str; 3] = ["result", "work_number", "completed_time"];

fn document() -> Value {
    serde_json::from_str(&file("openapi/openapi.json")).unwrap()
}

/// Every member with its own example.
fn all_members() -> Map<String, Value> {
    let document = document();
    let members = document["components"]["schemas"]["MediationResult"]["properties"].as_object().unwrap();
    let example = |member: &Value| {
        let target = member["$ref"].as_str().map_or(member, |path| document.pointer(&path[1..]).unwrap());
        target["examples"][0].clone()
    };
    members.iter().map(|(name, member)| (name.clone(), example(member))).collect()
}

#[test]
fn every_member_reaches_top_under_its_own_name() {
    let gateway = Gateway::always(Move::accepted());
    let members = all_members();
    let reply = TestApp::start(&gateway).push(&Value::from(members.clone()).to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let sent = gateway.only_call().req();
    assert_eq!(sent.as_object().unwrap().len(), members.len() + 1, "the members and the case: {sent}");
    for (name, value) in members.iter().filter(|(name, _)| *name != "completed_time") {
        assert_eq!(&sent[name], value, "{name}");
    }
}

#[test]
fn an_example_shows_every_member() {
    let body = document()["paths"]["/mediations/{case_id}/result"]["post"]["requestBody"].clone();
    let full = &body["content"]["application/json"]["examples"]["full"]["value"];
    let missing: Vec<String> =
        all_members().into_iter().map(|(name, _)| name).filter(|name| full[name].is_null()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_top_quotes_of_a_personal_member_is_not_logged() {
    let mut scene = LoggedScene::start(&[]);
    for (name, value) in all_members().into_iter().filter(|(name, _)| !HARMLESS.contains(&name.as_str())) {
        let quoted = value.as_str().unwrap().to_owned();
        let text = format!("bad value ({quoted})");
        let (_, line) = scene.told_with(&Value::from(all_members()).to_string(), move |_| {
            Move::error(&format!(r#""code":50,"sub_code":"isv.x","sub_msg":"{text}""#))
        });
        assert!(!line.to_string().contains(&quoted), "{name} in {line}");
    }
}
