//! TOP's answers, a success or a refusal, and their format, JSON or XML.

use std::borrow::Cow;

use serde_json::Value;

use crate::top::{ERROR_ROOT, Method};

/// The format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `format=json`.
    Json,
    /// `format=json` with `simplify=true`: a success has no root.
    SimpleJson,
    /// `format=xml`, also TOP's format if `format` is absent or unknown.
    Xml,
}

impl Format {
    /// The `Content-Type` of an answer.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::SimpleJson => "application/json;charset=UTF-8",
            Self::Xml => "text/xml;charset=UTF-8",
        }
    }
}

/// A member of an answer.
pub(super) type Member = (&'static str, Value);

/// An answer without its `request_id`.
#[derive(Debug)]
pub(super) struct Answer {
    root: &'static str,
    members: Vec<Member>,
}

impl Answer {
    /// The answer to a successful call of `method`.
    pub(super) fn success(method: Method, members: Vec<Member>) -> Self {
        Self { root: method.success_root, members }
    }

    /// TOP's code if this is a refusal.
    pub(super) fn code(&self) -> Option<&Value> {
        self.members.iter().find_map(|(name, value)| (*name == "code").then_some(value))
    }

    /// The text of the answer.
    pub(super) fn write(mut self, format: Format, request_id: &str) -> String {
        self.members.push(("request_id", request_id.into()));
        match format {
            Format::SimpleJson if self.root != ERROR_ROOT => self.object().to_string(),
            Format::Json | Format::SimpleJson => format!(r#"{{"{}":{}}}"#, self.root, self.object()),
            Format::Xml => self.xml(),
        }
    }

    fn object(&self) -> Value {
        let members = self.members.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Value::Object(members.collect())
    }

    /// The XML text, with TOP's comment after the root that names the server.
    fn xml(&self) -> String {
        let element = |(name, value): &Member| format!("<{name}>{}</{name}>", xml_text(value));
        let members: String = self.members.iter().map(element).collect();
        let root = self.root;
        format!(r#"<?xml version="1.0" encoding="utf-8" ?><{root}>{members}</{root}><!--sandbox-->"#)
    }
}

/// The text of an XML element: escaped, and without characters that XML 1.0 forbids.
fn xml_text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let is_forbidden = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    html_escape::encode_text(&text.replace(is_forbidden, " ")).into_owned()
}

/// A refusal by TOP: `code` and `msg`, usually a `sub_code`, and sometimes a `sub_msg`.
///
/// The codes are those of the official page "API错误码". If no source names a `sub_code`, there is none.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    code: u16,
    msg: Cow<'static, str>,
    sub_code: Option<Cow<'static, str>>,
    /// HTML-escaped, as in TOP's answers.
    sub_msg: Option<Cow<'static, str>>,
}

impl Refusal {
    /// The timestamp is invalid or more than ten minutes off.
    pub(super) const TIMESTAMP: Self = Self::new(31, "Invalid Timestamp");

    /// A refusal with only a `code`.
    pub(super) const fn new(code: u16, msg: &'static str) -> Self {
        Self { code, msg: Cow::Borrowed(msg), sub_code: None, sub_msg: None }
    }

    /// A refusal with a `sub_code` and a `sub_msg`.
    pub(super) const fn explained(
        code: u16,
        msg: &'static str,
        sub_code: &'static str,
        sub_msg: &'static str,
    ) -> Self {
        let (sub_code, sub_msg) = (Some(Cow::Borrowed(sub_code)), Some(Cow::Borrowed(sub_msg)));
        Self { code, msg: Cow::Borrowed(msg), sub_code, sub_msg }
    }

    /// A required argument is absent or empty. Both codes name it.
    pub(super) fn missing(argument: &str) -> Self {
        Self {
            msg: format!("Missing required arguments:{argument}").into(),
            sub_code: Some(format!("isv.missing-parameter:{argument}").into()),
            ..Self::new(40, "")
        }
    }

    /// An argument is invalid. Both codes name it.
    pub(super) fn invalid(argument: &str, sub_msg: &'static str) -> Self {
        Self {
            msg: format!("Invalid arguments:{argument}").into(),
            sub_code: Some(format!("isv.invalid-parameter:{argument}").into()),
            ..Self::explained(41, "", "", sub_msg)
        }
    }

    /// The application is banned for `seconds`.
    pub(super) fn banned(seconds: u64) -> Self {
        let text = "This ban will last for {seconds} more seconds";
        Self::explained(7, "App Call Limited", "accesscontrol.limited-by-api-access-count", text)
            .quoting("seconds", &seconds.to_string())
    }

    /// Replaces `{name}` in the `sub_msg` by `value`.
    pub(super) fn quoting(self, name: &str, value: &str) -> Self {
        let sub_msg = self.sub_msg.map(|text| text.replace(&format!("{{{name}}}"), value).into());
        Self { sub_msg, ..self }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        let mut members = vec![("code", refusal.code.into()), ("msg", Value::from(refusal.msg))];
        members.extend(refusal.sub_code.map(|text| ("sub_code", Value::from(text))));
        members.extend(refusal.sub_msg.map(|text| ("sub_msg", Value::from(text))));
        Self { root: ERROR_ROOT, members }
    }
}
