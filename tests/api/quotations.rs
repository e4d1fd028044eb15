//! Quotations of the bridge's credentials by TOP: no part of eight characters is shown, in any encoding.

use std::cell::RefCell;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use regex::{Captures, Regex};
use serde_json::Value;

use super::support::{APP_KEY, APP_SECRET, LoggedScene, Move};

const SESSION: &str = "6100e23ZZ1f6fc1dd5fd7Session-Key2049b54ee6fd2ae9b1cd13f00d";
/// The minimum length of a part of a secret that is blanked.
const PART: usize = 8;

/// Notations of a character that leave it legible.
const DISGUISES: [fn(char) -> String; 13] = [
    |c| c.to_string(),
    |c| c.to_uppercase().to_string(),
    |c| format!("{c}\u{200b}"),
    |c| format!("{c}\u{ad}"),
    |c| format!("{c}\n"),
    |c| format!("{c} "),
    |c| format!("{c}\\n"),
    |c| format!("%{:02X}", u32::from(c)),
    |c| format!("%25{:02x}", u32::from(c)),
    |c| format!("\\u{:04x}", u32::from(c)),
    |c| format!("\\\\u{:04X}", u32::from(c)),
    |c| format!("&#{};", u32::from(c)),
    |c| format!("&amp;#{};", u32::from(c)),
];

static ESCAPE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"%([0-9A-Fa-f]{2})|\\+u([0-9A-Fa-f]{4})|&#([0-9]+);|&(amp);|\\+n").unwrap());

/// The text with all notations decoded.
fn plain(text: &str) -> String {
    let character = |found: &Captures| {
        let code = |group, radix| {
            let digits = found.get(group)?;
            u32::from_str_radix(digits.as_str(), radix).ok().and_then(char::from_u32)
        };
        let amp = found.get(4).map(|_| '&');
        code(1, 16).or(code(2, 16)).or(code(3, 10)).or(amp).map(String::from).unwrap_or_default()
    };
    let mut text = text.to_owned();
    for _ in 0..4 {
        text = ESCAPE.replace_all(&text, character).into_owned();
    }
    text.retain(|c| c.is_ascii_graphic());
    text.to_lowercase()
}

/// Every text in a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn assert_hidden(secret: &str, shown: &Value) {
    let secret = secret.to_lowercase();
    for text in texts(shown) {
        let plain = plain(text);
        let part =
            (0..=secret.len() - PART).map(|at| &secret[at..at + PART]).find(|part| plain.contains(part));
        assert_eq!(part, None, "in {text:?} of {shown}");
    }
}

/// Answers of TOP with a text that the bridge passes on.
fn answers(text: &str) -> [Move; 4] {
    let text = serde_json::to_string(text).unwrap();
    [
        Move::error(&format!(r#""code":15,"sub_code":"isv.x","sub_msg":{text},"request_id":{text}"#)),
        Move::error(&format!(r#""code":15,"sub_code":{text},"sub_msg":{text},"msg":{text}"#)),
        Move::error(&format!(r#""code":{text}"#)),
        Move::success(&format!(
            r#""is_success":false,"result":true,"state_code":{text},"extra_err_msg":{text}"#
        )),
    ]
}

#[test]
fn observed_quotations_are_blanked() {
    let mut scene = LoggedScene::start(&[("TOP_SESSION", SESSION)]);
    let whole: Vec<String> =
        DISGUISES.iter().map(|disguise| SESSION.chars().map(disguise).collect()).collect();
    let seen = [
        SESSION.to_owned(),
        format!("{}…", &SESSION[..40]),
        format!("session: {}", &SESSION[18..]),
        format!("{}\n{}", &SESSION[..5], &SESSION[5..]),
        format!("{}\u{200b}{}", &SESSION[..29], &SESSION[29..]),
        format!("{}\r\n  {}", &SESSION[..7], &SESSION[7..20]),
        format!("&quot;{SESSION}&quot;"),
    ];
    for text in seen.iter().chain(&whole) {
        for answer in answers(&format!("why: {text}")) {
            let (reply, line) = scene.told(answer);
            assert_hidden(SESSION, &reply.json()["top"]);
            assert_hidden(SESSION, &line);
        }
    }
    // Shorter quotations and other texts are kept.
    let (reply, line) =
        scene.told(Move::error(r#""code":15,"sub_code":"isv.x","sub_msg":"6100e23 is the beginning""#));
    assert_eq!(reply.json()["top"]["sub_msg"], "6100e23 is the beginning");
    assert_eq!(line["top.sub_msg"], "6100e23 is the beginning");
}

#[test]
fn a_part_of_a_signature_is_blanked() {
    let mut scene = LoggedScene::start(&[("TOP_SIGN_METHOD", "hmac-sha256")]);
    for (from, to) in [(0, 64), (0, 32), (32, 64), (20, 28), (56, 64)] {
        let (reply, line) = scene.told_by(move |call| {
            let sign = &call.form["sign"];
            Move::error(&format!(r#""code":15,"sub_code":"isv.x","sub_msg":"{sign}|{}|""#, &sign[from..to]))
        });
        assert_eq!(reply.json()["top"]["sub_msg"], "***|***|", "{from}..{to}");
        assert_eq!(line["top.sub_msg"], "***|***|", "{from}..{to}");
    }
}

#[test]
fn the_app_key_is_blanked_only_as_a_whole() {
    let mut scene = LoggedScene::start(&[]);
    let text = format!("app {APP_KEY}, 8765\u{200b}4321, not {}", &APP_KEY[1..]);
    let (reply, line) =
        scene.told(Move::error(&format!(r#""code":15,"sub_code":"isv.x","sub_msg":"{text}""#)));
    assert_eq!(reply.json()["top"]["sub_msg"], "app ***, ***, not 7654321");
    assert_eq!(line["top.sub_msg"], "app ***, ***, not 7654321");
}

#[test]
fn no_part_of_a_secret_is_shown_in_any_encoding() {
    let mut scene = LoggedScene::start(&[("TOP_SESSION", SESSION)]);
    let quotations = (
        prop::sample::select(vec![SESSION, APP_SECRET]),
        any::<prop::sample::Index>(),
        PART..20_usize,
        prop::collection::vec(0..DISGUISES.len(), 1..6),
        0..4_usize,
        "[ -~张]{0,12}",
    );
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let scene = RefCell::new(&mut scene);
    let run = runner.run(&quotations, |(secret, at, length, disguises, answer, around)| {
        let at = at.index(secret.len() - PART + 1);
        let part = &secret[at..(at + length).min(secret.len())];
        let disguise = |(index, c): (usize, char)| DISGUISES[disguises[index % disguises.len()]](c);
        let quoted: String = part.chars().enumerate().map(disguise).collect();
        let [first, second, third, fourth] = answers(&format!("{around} {quoted} {around}"));
        let answer = [first, second, third, fourth].into_iter().nth(answer).unwrap();
        let (reply, line) = scene.borrow_mut().told(answer);
        assert_hidden(secret, &reply.json()["top"]);
        assert_hidden(secret, &line);
        Ok(())
    });
    run.unwrap();
}
