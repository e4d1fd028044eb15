//! The mediator in the log: the first character of a name, the ends of a mobile number, few digits of any other number.

use std::cell::RefCell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use regex::Regex;
use serde_json::json;

use super::support::LoggedScene;

/// The name and number in the log.
fn logged(scene: &mut LoggedScene, name: &str, phone: &str) -> (String, String) {
    let body = json!({ "result": "success", "mediator_name": name, "mediator_phone": phone });
    let (reply, line) = scene.push(&body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let shown = |field: &str| line[field].as_str().expect("it is logged").to_owned();
    (shown("push.mediator_name"), shown("push.mediator_phone"))
}

#[test]
fn a_phone_number_is_masked_by_its_kind() {
    let mut scene = LoggedScene::start(&[]);
    for (number, masked) in [
        ("13812345678", "138****5678"),
        ("138-1234-5678", "138****5678"),
        ("+86 138 1234 5678", "138****5678"),
        ("+8619912345678", "199****5678"),
        ("0086-13812345678", "138****5678"),
        ("8613812345678", "138****5678"),
        ("88127858", "****58"),
        ("057188127858", "****7858"),
        ("0571-8812785", "****785"),
        ("4008208820", "****820"),
        ("95188", "****8"),
        ("110", "****0"),
        ("12812345678", "****678"),
        ("+1 415 555 2671", "****671"),
        ("001 415 555 2671", "****2671"),
        ("+852 1381 2345", "****345"),
        ("13812345678,123", "****8123"),
        ("12345678901234567890123456789012", "****9012"),
    ] {
        assert_eq!((number, logged(&mut scene, "张三", number).1), (number, masked.to_owned()));
    }
}

#[test]
fn a_name_is_masked_except_its_first_visible_character() {
    let mut scene = LoggedScene::start(&[]);
    for (name, masked) in [
        ("张三", "张*"),
        ("欧阳娜娜", "欧*"),
        ("𠮷田", "𠮷*"),
        ("Zhang San", "Z*"),
        ("(客服)李四", "客*"),
        ("\u{202e}张三", "张*"),
        ("\u{200b}\u{3164}张三", "张*"),
        ("—", "*"),
    ] {
        assert_eq!((name, logged(&mut scene, name, "110").0), (name, masked.to_owned()));
    }
}

#[test]
fn at_most_a_third_of_the_digits_is_shown_except_for_mobile_numbers() {
    let mut scene = LoggedScene::start(&[]);
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let scene = RefCell::new(&mut scene);
    let mobile = Regex::new(r"^(\+86|0086|86)?1[3-9][0-9]{9}$").unwrap();
    let numbers = "[+]?[0-9]{3}[0-9 ()#*,x-]{0,28}|[+(]{0,2}(86|1|0086|00)?[ -]?1[3-9][0-9]{9}";
    let run = runner.run(&numbers, |number| {
        let shown = logged(&mut scene.borrow_mut(), "张三", &number).1;
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
        let bare: String = number.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
        let most = if mobile.is_match(&bare) { 7 } else { digits(&number) / 3 };
        prop_assert!(digits(&shown) <= most, "{} as {}", number, shown);
        prop_assert!(shown.contains("****"), "{} as {}", number, shown);
        Ok(())
    });
    run.unwrap();
}
