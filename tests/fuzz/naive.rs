//! A naive reading of TOP's answers: serde's own checks on a text that is cleaned first.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// A code of a refusal.
#[derive(Debug, Clone, PartialEq)]
pub enum Code {
    /// A whole number.
    Number(i64),
    /// A text without its suffix.
    Word(String),
}

/// The two roots of an answer, unless a member is repeated.
#[derive(Debug, Deserialize)]
pub struct Answer {
    error_response: Option<Box<RawValue>>,
    #[serde(rename = "alibaba_jym_servicecenter_mediation_result_push_response")]
    success: Option<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct Success {
    is_success: Box<RawValue>,
    result: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    code: Option<Box<RawValue>>,
    sub_code: Option<Box<RawValue>>,
}

impl Answer {
    /// `None` if the body is not one JSON object, or if a name is repeated in it.
    pub fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        object(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// True if one of the roots is there.
    pub fn has_root(&self) -> bool {
        self.error_response.is_some() || self.success.is_some()
    }

    /// True if TOP says that it executed the push: one success root, in which both booleans are true.
    pub fn is_accepted(&self) -> bool {
        let success = self.success.as_ref().and_then(|root| object::<Success>(root.get()));
        self.error_response.is_none()
            && success.is_some_and(|root| is_true(&root.is_success) && is_true(&root.result))
    }

    /// The codes of a refusal, unless there is a success root as well.
    pub fn codes(&self) -> Vec<Code> {
        let root = self.error_response.as_ref().filter(|_| self.success.is_none());
        let Some(root) = root.and_then(|root| object::<Refusal>(root.get())) else { return Vec::new() };
        [root.code, root.sub_code].into_iter().flatten().flat_map(|code| codes(&code)).collect()
    }
}

/// What a code may mean: a number, and a word.
fn codes(value: &RawValue) -> Vec<Code> {
    let text = match serde_json::from_str(value.get()) {
        Ok(Value::String(text)) => decoded(text),
        Ok(Value::Number(_)) => value.get().to_owned(),
        _ => return Vec::new(),
    };
    let number = text.parse().ok().filter(|number: &f64| number.fract() == 0.0 && number.abs() < 1e9);
    let number = number.map(|number| Code::Number(number as i64));
    let word = decoded(text.split(':').next().unwrap_or_default().to_owned());
    number.into_iter().chain([Code::Word(word)]).collect()
}

fn is_true(value: &RawValue) -> bool {
    let word = serde_json::from_str(value.get()).map(decoded);
    value.get() == "true" || word.is_ok_and(|word| word.eq_ignore_ascii_case("true"))
}

/// A text without HTML entities, which TOP writes in all of its texts, and without white space around it.
fn decoded(mut text: String) -> String {
    for _ in 0..4 {
        text = html_escape::decode_html_entities(&text).into_owned();
    }
    text.trim_matches(|c: char| c.is_whitespace() || c.is_control()).to_owned()
}

/// An object in which no name is repeated.
fn object<T: DeserializeOwned>(text: &str) -> Option<T> {
    let text = cleaned(text);
    let mut names = serde_json::from_str::<Names>(&text).ok()?.0;
    names.sort_unstable();
    let is_repeated = names.windows(2).any(|pair| pair[0] == pair[1]);
    if is_repeated { None } else { serde_json::from_str(&text).ok() }
}

/// With escapes for the control characters in strings and without escapes of lone surrogates.
fn cleaned(text: &str) -> String {
    let units: Vec<char> = text.chars().collect();
    let surrogate = |at: usize| {
        let escape: String = units.get(at..at + 6)?.iter().collect();
        let unit = u16::from_str_radix(escape.strip_prefix("\\u")?, 16).ok()?;
        (0xD800..=0xDFFF).contains(&unit).then_some(unit < 0xDC00)
    };
    let mut out = String::new();
    let (mut at, mut in_string) = (0, false);
    while let Some(character) = units.get(at) {
        in_string ^= *character == '"';
        let (length, replaced) = match (character, surrogate(at), surrogate(at + 6)) {
            ('\\', Some(true), Some(false)) => (12, None),
            ('\\', Some(_), _) => (6, Some("\u{fffd}".to_owned())),
            ('\\', None, _) => (2, None),
            ('\0'..' ', ..) if in_string => (1, Some(format!("\\u{:04x}", u32::from(*character)))),
            _ => (1, None),
        };
        match replaced {
            Some(replaced) => out += &replaced,
            None => out.extend(units.iter().skip(at).take(length)),
        }
        at += length;
    }
    out
}

/// The names of an object, also repeated ones.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor;

        impl<'de> Visitor<'de> for NamesVisitor {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(NamesVisitor)
    }
}
