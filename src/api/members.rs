//! From JSON text to the members of a push, telling everything that is wrong at once.
//!
//! The text is read into members that are text, null or something else, without building what is not needed:
//! names that are unknown or repeated stay visible, and values of the wrong type do not end the reading.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::catalogue::Code;
use super::problem::{FieldError, Problem};
use crate::mediation::{
    CaseId, CompletedTime, Content, MediationResult, MediatorName, MediatorPhone, ResultText, Rule,
    Violation, WorkNumber,
};

/// The members of a push, in the order of the documentation.
pub const MEMBERS: [&str; 6] =
    ["result", "work_number", "completed_time", "mediator_name", "mediator_phone", "content"];

/// The members of a push, checked.
#[derive(Debug)]
pub struct Members {
    /// 调解结果.
    pub result: ResultText,
    /// 投诉工单号.
    pub work_number: Option<WorkNumber>,
    /// 结束时间.
    pub completed_time: Option<CompletedTime>,
    /// 调解员姓名.
    pub mediator_name: Option<MediatorName>,
    /// 联系电话.
    pub mediator_phone: Option<MediatorPhone>,
    /// 沟通情况.
    pub content: Option<Content>,
}

impl Members {
    /// The result of `case_id` with these members.
    #[must_use]
    pub fn of_case(self, case_id: CaseId) -> MediationResult {
        let Self { result, work_number, completed_time, mediator_name, mediator_phone, content } = self;
        MediationResult {
            case_id,
            result,
            work_number,
            completed_time,
            mediator_name,
            mediator_phone,
            content,
        }
    }
}

/// Reads a body.
///
/// # Errors
/// The outer error is `malformed_json`; the inner one is all that the members break.
pub fn read(body: &[u8]) -> Result<Result<Members, Vec<FieldError>>, Problem> {
    let document = parse(body)?;
    Ok(judge(document))
}

fn parse(body: &[u8]) -> Result<Value<'_>, Problem> {
    let malformed = |detail: String| Problem::new(Code::MalformedJson, detail);
    if body.trim_ascii().is_empty() {
        return Err(malformed("The body is empty; a push is a JSON object.".to_owned()));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        malformed(format!("The body is not UTF-8: byte {} does not fit.", error.valid_up_to() + 1))
    })?;
    if text.starts_with('\u{feff}') {
        return Err(malformed("The body begins with a byte order mark; send UTF-8 without it.".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| malformed(format!("The body is not JSON: {error}.")))
}

fn judge(document: Value<'_>) -> Result<Members, Vec<FieldError>> {
    let members = match document {
        Value::Object(members) => members,
        Value::Text(_) => return Err(vec![not_an_object("a string")]),
        Value::Null => return Err(vec![not_an_object("null")]),
        Value::Other(kind) => return Err(vec![not_an_object(kind)]),
    };
    let mut draft = Draft::default();
    for (name, value) in members {
        draft.take(&name, value);
    }
    let result = draft.member("result", ResultText::parse);
    let members = Members {
        work_number: draft.member("work_number", WorkNumber::parse),
        completed_time: draft.member("completed_time", |text| {
            CompletedTime::parse(&text).map_err(|violation| vec![violation])
        }),
        mediator_name: draft.member("mediator_name", MediatorName::parse),
        mediator_phone: draft.member("mediator_phone", MediatorPhone::parse),
        content: draft.member("content", Content::parse),
        result: match result {
            Some(result) => result,
            None => return Err(draft.without("result")),
        },
    };
    if draft.errors.is_empty() { Ok(members) } else { Err(draft.errors) }
}

fn not_an_object(kind: &str) -> FieldError {
    FieldError::in_body(&Violation::new(Rule::WrongType, format!("must be a JSON object, is {kind}")))
}

/// Members as they come in, and what is wrong so far.
#[derive(Default)]
struct Draft<'a> {
    values: [Option<Value<'a>>; MEMBERS.len()],
    errors: Vec<FieldError>,
}

impl<'a> Draft<'a> {
    fn take(&mut self, name: &str, value: Value<'a>) {
        let place = MEMBERS.iter().position(|known| *known == name);
        match place.and_then(|place| self.values.get_mut(place)) {
            Some(slot @ None) => *slot = Some(value),
            Some(Some(_)) => self.refuse(name, &Violation::new(Rule::Repeated, "must stand once")),
            None => {
                let known = MEMBERS.join(", ");
                let detail = format!("is no member of a push; there are {known}");
                self.refuse(name, &Violation::new(Rule::Unknown, detail));
            }
        }
    }

    /// The member `name`, parsed; `None` where it is absent, null or wrong.
    fn member<T>(&mut self, name: &str, parse: fn(String) -> Result<T, Vec<Violation>>) -> Option<T> {
        let place = MEMBERS.iter().position(|known| *known == name)?;
        let kind = match self.values.get_mut(place)?.take() {
            None | Some(Value::Null) => return None,
            Some(Value::Text(text)) => match parse(text.into_owned()) {
                Ok(parsed) => return Some(parsed),
                Err(violations) => {
                    self.errors
                        .extend(violations.iter().map(|violation| FieldError::in_member(name, violation)));
                    return None;
                }
            },
            Some(Value::Object(_)) => "an object",
            Some(Value::Other(kind)) => kind,
        };
        self.refuse(name, &Violation::new(Rule::WrongType, format!("must be a string, is {kind}")));
        None
    }

    /// All errors, where the required member `name` has none to show for its absence with that one added.
    fn without(mut self, name: &str) -> Vec<FieldError> {
        let required = FieldError::in_member(name, &Violation::new(Rule::Required, "is required"));
        if !self.errors.iter().any(|error| error.place == required.place) {
            self.errors.push(required);
        }
        self.errors
    }

    fn refuse(&mut self, name: &str, violation: &Violation) {
        self.errors.push(FieldError::in_member(name, violation));
    }
}

/// A JSON value as far as it matters here.
enum Value<'a> {
    Text(Cow<'a, str>),
    Null,
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
    /// Anything else, by its kind. It was read to its end: nesting, numbers and strings in it are sound.
    Other(&'static str),
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other("a boolean"))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other("a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        while items.next_element::<Value<'de>>()?.is_some() {}
        Ok(Value::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(Value::Object(members))
    }
}

/// A member's name, borrowed from the text where it holds no escape.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Self(text)),
            Value::Null | Value::Object(_) | Value::Other(_) => {
                Err(de::Error::custom("a name must be a string"))
            }
        }
    }
}
