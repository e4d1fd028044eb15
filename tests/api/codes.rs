//! TOP's codes, sub-codes and numbers: their meaning in any notation.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::support::{LoggedScene, Move, Reply, Scene};

const LIMITED: &str = "top_rate_limited";
const DENIED: &str = "top_access_denied";
const UNREACHABLE: &str = "top_unreachable";
const TIMEOUT: &str = "top_timeout";
const SYSTEM: &str = "top_system_error";
const REJECTED: &str = "top_rejected";
const UNAVAILABLE: &str = "top_unavailable";

/// The problem for a code without a sub-code.
fn of_code(code: i32) -> &'static str {
    match code {
        4..=8 => LIMITED,
        2 | 9 | 11..=13 | 20..=34 | 42 | 44 | 47 | 53 => DENIED,
        40 | 41 | 43 => REJECTED,
        1 | 10 | 15 | 50 | 88 => UNAVAILABLE,
        _ => SYSTEM,
    }
}

/// A bridge that makes one call per push.
fn scene() -> Scene {
    Scene::start(&[("TOP_MAX_ATTEMPTS", "1")])
}

fn code(reply: &Reply) -> String {
    reply.json()["code"].as_str().unwrap_or("accepted").to_owned()
}

#[test]
fn every_code_has_its_meaning_in_any_notation() {
    let scene = scene();
    for number in (-2..=130).chain([999, 10_000, i32::MAX, i32::MIN]) {
        for written in
            [format!("{number}"), format!("\"{number}\""), format!("{number}.0"), format!("{number}e0")]
        {
            let (reply, calls) = scene.told(Move::error(&format!(r#""code":{written}"#)));
            assert_eq!((&written, code(&reply).as_str(), calls), (&written, of_code(number), 1));
            assert_eq!(reply.json()["top"], json!({ "code": number }), "{written}");
        }
    }
}

/// Sub-codes that decide alone, next to any code that forwards a back end's answer.
#[rustfmt::skip]
const SUB_CODES: &[(&str, &[&str])] = &[
    (LIMITED, &["accesscontrol.limited-by-api-access-count", "accesscontrol.limited-by-app-access-count",
        "accesscontrol.limited-by-app-api-access-count", "accesscontrol.limited-by-dynamic-access-count",
        "accesscontrol.never-seen", "isp.call-limited", "isv.BUSINESS_LIMIT_CONTROL"]),
    (DENIED, &["isv.permission-api-package-limit", "isv.permission-ip-whitelist-limit", "isv.permission-x",
        "isv.invalid-permission", "isv.error-unauthorized", "isv.appkey-not-exists", "isv.appkey-x"]),
    (UNREACHABLE, &["isp.top-remote-connection-error", "isp.http-connection-refuse"]),
    (TIMEOUT, &["isp.remote-service-timeout", "isp.top-remote-connection-timeout", "isp.http-connection-timeout",
        "isp.http-read-timeout", "isp.http-closed"]),
    (SYSTEM, &["isv.system-error", "isv.SYSTEM_ERROR", "isv.System.Error", "isv.systemError", "isv.INTERNAL_ERROR",
        "isv.internal-server-error", "isv.trade-internal-exception", "isp.null-pointer-exception",
        "isp.top-parse-error"]),
    (REJECTED, &["isp.invalid-parameters", "isp.top-mapping-parse-error", "isv.invalid-parameter",
        "isv.missing-parameter", "isv.trade-not-exist", "isv.parameters-mismatch", "isv.item-service-error",
        "isv.data-duplicate-error", "isv.param-error", "isv.", "isv.never-seen"]),
    (UNAVAILABLE, &["isp.trade-service-unavailable", "isp.remote-service-error", "isp.remote-connection-error",
        "isp.unknown-error", "isp.service-error", "isp.system-busy", "isp.internal-error", "isp.system-error",
        "isp.top-remote-service-unavailable", "isp.http-connection-refused", "isp.remote-service-timeout-x", "isp."]),
];

#[test]
fn every_sub_code_has_its_meaning_with_and_without_suffix() {
    let scene = scene();
    for (expected, sub_codes) in SUB_CODES {
        for sub_code in *sub_codes {
            for beside in [r#""code":15,"#, r#""code":50,"#, r#""code":"15","#, r#""code":999,"#, ""] {
                for suffix in ["", ":256", ":x:y", " :x"] {
                    let members = format!(r#"{beside}"sub_code":"{sub_code}{suffix}","sub_msg":"why""#);
                    let (reply, calls) = scene.told(Move::error(&members));
                    assert_eq!((&members, code(&reply).as_str(), calls), (&members, *expected, 1));
                    let told = &reply.json()["top"];
                    assert_eq!(told["sub_code"], format!("{sub_code}{suffix}"), "{members}");
                    assert_eq!(told.get("sub_msg").is_some(), *expected == REJECTED, "{members}");
                }
            }
        }
    }
}

#[test]
fn the_first_row_that_matches_code_or_sub_code_wins() {
    let scene = scene();
    for (code_number, sub_code, expected) in [
        (7, "isp.remote-service-timeout", LIMITED),
        (4, "isv.appkey-not-exists", LIMITED),
        (29, "accesscontrol.x", LIMITED),
        (25, "isp.http-connection-refuse", DENIED),
        (31, "isp.http-closed", DENIED),
        (40, "isv.permission-x", DENIED),
        (41, "isp.http-connection-refuse", UNREACHABLE),
        (40, "isp.http-closed", TIMEOUT),
        (41, "isv.system-error", SYSTEM),
        (43, "isp.null-pointer-exception", REJECTED),
        (40, "2401", REJECTED),
        (10, "isv.x", REJECTED),
        (10, "isp.null-pointer-exception", SYSTEM),
        (10, "2401", UNAVAILABLE),
        (999, "isp.x", UNAVAILABLE),
    ] {
        let (reply, _) = scene.told(Move::error(&format!(r#""code":{code_number},"sub_code":"{sub_code}""#)));
        assert_eq!((code_number, sub_code, code(&reply).as_str()), (code_number, sub_code, expected));
    }
}

#[test]
fn a_code_of_the_back_end_is_explained_by_tops_message() {
    let mut scene = LoggedScene::start(&[]);
    for number in [15, 50] {
        for (sub_code, shown) in [
            ("\"2401\"", "2401"),
            ("2401", "2401"),
            ("\"20000\"", "20000"),
            ("\"atr_refund_segment_refund\"", "atr_refund_segment_refund"),
            ("\"-timeout-tmall\"", "-timeout-tmall"),
            ("\"mz.emptybody\"", "mz.emptybody"),
            ("\"ISP.remote-service-timeout\"", "ISP.remote-service-timeout"),
        ] {
            let members = format!(r#""code":{number},"sub_code":{sub_code},"sub_msg":"资源不存在 10.0.0.1""#);
            let (reply, line) = scene.told(Move::error(&members));
            let body = reply.problem(SYSTEM);
            assert_eq!(
                (reply.status, &body["outcome"], &body["attempts"]),
                (502, &"unknown".into(), &1.into())
            );
            let told = json!({ "code": number, "sub_code": shown, "sub_msg": "资源不存在 ***" });
            assert_eq!(body["top"], told, "{members}");
            assert_eq!(
                (&line["top.sub_code"], &line["top.sub_msg"]),
                (&shown.into(), &"资源不存在 10.0.0.1".into())
            );
        }
    }
    // Nothing else explains why a push is in doubt, and the text is not for callers.
    for members in
        [r#""code":10,"sub_code":"2401","sub_msg":"x""#, r#""code":15,"sub_code":"","sub_msg":"x""#]
    {
        assert_eq!(scene.told(Move::error(members)).0.json()["top"].get("sub_msg"), None, "{members}");
    }
}

#[test]
fn a_code_that_is_a_word_is_shown_and_logged() {
    let mut scene = LoggedScene::start(&[]);
    for (members, shown, expected) in [
        (r#""code":"IncompleteSignature""#, "IncompleteSignature", SYSTEM),
        (r#""code":"InsufficientPermission","sub_code":null"#, "InsufficientPermission", SYSTEM),
        (r#""code":"ApiCallLimit","sub_code":"""#, "ApiCallLimit", SYSTEM),
        (r#""code":"ApiCallLimit","sub_code":" ""#, "ApiCallLimit", SYSTEM),
        (r#""code":"ApiCallLimit","sub_code":"isv.x""#, "isv.x", REJECTED),
        (r#""code":"isp.http-read-timeout:x""#, "isp.http-read-timeout:x", TIMEOUT),
        (r#""code":"7.5""#, "7.5", SYSTEM),
        (r#""code":70900000000000000000001"#, "70900000000000000000001", SYSTEM),
        (r#""code":2147483648"#, "2147483648", SYSTEM),
    ] {
        let (reply, line) = scene.told(Move::error(members));
        assert_eq!((members, code(&reply).as_str()), (members, expected));
        assert_eq!(reply.json()["top"]["sub_code"], shown, "{members}");
        assert_eq!(reply.json()["top"].get("code"), None, "{members}");
        assert_eq!((&line["top.sub_code"], line.get("top.code")), (&Value::from(shown), None), "{members}");
    }
}

#[test]
fn only_a_refused_connection_is_called_again() {
    let scene = Scene::start(&[]);
    for (expected, sub_codes) in SUB_CODES {
        for sub_code in *sub_codes {
            let (reply, calls) = scene.told(Move::error(&format!(r#""code":15,"sub_code":"{sub_code}""#)));
            let allowed = if *expected == UNREACHABLE { 3 } else { 1 };
            assert_eq!((sub_code, calls), (sub_code, allowed));
            assert_eq!(reply.json()["attempts"], allowed, "{sub_code}");
        }
    }
}

/// A success root with `is_success` false and this `state_code`.
fn refused_with(state_code: &str) -> Move {
    Move::success(&format!(r#""is_success":false,"result":false,"state_code":{state_code}"#))
}

#[test]
fn a_state_code_reports_a_system_error_by_number_or_word() {
    let scene = scene();
    for (state_code, expected) in [
        ("500000", SYSTEM),
        ("\"500000\"", SYSTEM),
        ("500000.0", SYSTEM),
        ("\"500000.00\"", SYSTEM),
        ("5e5", SYSTEM),
        ("5E+5", SYSTEM),
        ("0.5e6", SYSTEM),
        ("5e400", SYSTEM),
        ("\" 500 \"", SYSTEM),
        ("\"00500\"", SYSTEM),
        ("5", SYSTEM),
        ("59999999999999999999999999", SYSTEM),
        ("\"INTERNAL_SERVER_ERROR\"", SYSTEM),
        ("\"system_busy\"", SYSTEM),
        ("\"biz.System\"", SYSTEM),
        ("20000", REJECTED),
        ("4.5e1", REJECTED),
        ("0.5", REJECTED),
        ("-500000", REJECTED),
        ("\"5-CLOSED\"", REJECTED),
        ("\"CLOSED5\"", REJECTED),
        ("\"\"", REJECTED),
        ("null", REJECTED),
        ("true", REJECTED),
        ("[500000]", REJECTED),
    ] {
        let (reply, calls) = scene.told(refused_with(state_code));
        assert_eq!((state_code, code(&reply).as_str(), calls), (state_code, expected, 1));
    }
    // If the call succeeded, only the booleans decide.
    let no = r#""is_success":true,"result":false,"state_code":"500000","extra_err_msg":"系统错误""#;
    assert_eq!(scene.told(Move::success(no)).0.problem(REJECTED)["top"]["sub_msg"], "系统错误");
    let yes = r#""is_success":true,"result":true,"state_code":"500000","extra_err_msg":"系统错误""#;
    assert_eq!(scene.told(Move::success(yes)).0.status, 200);
}

fn runner() -> TestRunner {
    TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() })
}

#[test]
fn a_number_has_the_same_meaning_in_any_notation() {
    let scene = scene();
    let numbers = (1..10_u8, "[0-9]{0,12}", 0..4_usize, 0..6_usize, any::<bool>());
    let run = runner().run(&numbers, |(first, rest, zeros, spelling, quoted)| {
        let digits = format!("{first}{rest}");
        let exponent = rest.len();
        let spelled = match spelling {
            0 => digits.clone(),
            1 => format!("{digits}.{}", "0".repeat(zeros + 1)),
            2 => format!("{first}.{rest}0e{exponent}"),
            3 => format!("{digits}{}E-{zeros}", "0".repeat(zeros)),
            4 => format!("0.{}{digits}e+{}", "0".repeat(zeros), zeros + digits.len()),
            _ => format!("{digits}e{}", 400 + zeros),
        };
        let state_code = if quoted { format!("\"{spelled}\"") } else { spelled.clone() };
        let expected = if first == 5 { SYSTEM } else { REJECTED };
        let (reply, _) = scene.told(refused_with(&state_code));
        prop_assert_eq!(code(&reply), expected, "{}", state_code);
        prop_assert_eq!(&reply.json()["top"]["state_code"], &Value::from(spelled));
        Ok(())
    });
    run.unwrap();
}

#[test]
fn an_identifier_keeps_all_its_digits() {
    let scene = scene();
    let numbers = r"-?(0|[1-9][0-9]{0,60})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?";
    let run = runner().run(&numbers, |number| {
        let members =
            format!(r#""is_success":true,"result":true,"request_id":{number},"state_code":{number}"#);
        let (reply, _) = scene.told(Move::success(&members));
        prop_assert_eq!(&reply.json()["top"], &json!({ "request_id": number, "state_code": number }));
        Ok(())
    });
    run.unwrap();
    let number = "7090000000000000000000001";
    let (reply, _) = scene.told(Move::error(&format!(r#""code":41,"request_id":{number}"#)));
    assert_eq!(reply.json()["top"]["request_id"], number);
}
