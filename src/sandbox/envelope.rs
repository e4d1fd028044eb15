//! TOP's two envelopes, `error_response` and the API's success root, written as JSON or as XML.

use serde_json::Value;

use super::SUCCESS_ROOT;
use super::parameters::Parameters;
use super::refusal::Refusal;
use crate::top::ERROR_ROOT;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `format=json`.
    Json,
    /// `format=json` with `simplify=true`: a success without its root.
    SimpleJson,
    /// `format=xml`, and what TOP writes when `format` is absent or unknown.
    Xml,
}

impl Format {
    /// What a call asks for. Total, because a refusal has to be written too.
    pub(super) fn asked_for(parameters: &Parameters) -> Self {
        match (parameters.value("format"), parameters.value("simplify")) {
            (Some("json"), Some("true")) => Self::SimpleJson,
            (Some("json"), _) => Self::Json,
            _ => Self::Xml,
        }
    }

    /// The `Content-Type` of an answer.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::SimpleJson => "application/json;charset=UTF-8",
            Self::Xml => "text/xml;charset=UTF-8",
        }
    }
}

/// An answer of TOP itself, `request_id` aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Envelope {
    root: &'static str,
    members: Vec<(&'static str, Value)>,
}

impl Envelope {
    /// A success root with its two booleans.
    pub(super) fn concluded(result: bool, is_success: bool, state_code: &str) -> Self {
        let members = vec![
            ("result", result.into()),
            ("is_success", is_success.into()),
            ("state_code", state_code.into()),
        ];
        Self { root: SUCCESS_ROOT, members }
    }

    /// The push was executed.
    pub(super) fn accepted() -> Self {
        Self::concluded(true, true, "20000")
    }

    /// A success root that says nothing.
    pub(super) fn vague() -> Self {
        Self { root: SUCCESS_ROOT, members: vec![("state_code", "20000".into())] }
    }

    /// An `error_response`.
    pub(super) fn refused(refusal: Refusal) -> Self {
        let mut members = vec![("code", refusal.code.into()), ("msg", Value::from(refusal.msg))];
        members.extend(refusal.sub_code.map(|text| ("sub_code", Value::from(text))));
        members.extend(refusal.sub_msg.map(|text| ("sub_msg", Value::from(text))));
        Self { root: ERROR_ROOT, members }
    }

    /// The same with `extra_err_msg`.
    pub(super) fn with_message(mut self, message: impl Into<Value>) -> Self {
        self.members.push(("extra_err_msg", message.into()));
        self
    }

    /// Writes it down.
    pub(super) fn render(mut self, format: Format, request_id: &str) -> String {
        self.members.push(("request_id", request_id.into()));
        match format {
            Format::SimpleJson if self.root == SUCCESS_ROOT => self.object(),
            Format::Json | Format::SimpleJson => format!(r#"{{"{}":{}}}"#, self.root, self.object()),
            Format::Xml => self.xml(),
        }
    }

    fn object(&self) -> String {
        let member = |(name, value): &(&str, Value)| format!(r#""{name}":{value}"#);
        let members: Vec<String> = self.members.iter().map(member).collect();
        format!("{{{}}}", members.join(","))
    }

    /// As TOP's, with the comment behind the root that names the server.
    fn xml(&self) -> String {
        let element = |(name, value): &(&str, Value)| format!("<{name}>{}</{name}>", xml_text(value));
        let members: Vec<String> = self.members.iter().map(element).collect();
        let members = members.concat();
        let root = self.root;
        format!(r#"<?xml version="1.0" encoding="utf-8" ?><{root}>{members}</{root}><!--sandbox-->"#)
    }
}

/// A value as the text of an element: escaped, and without the characters that XML 1.0 has no place for.
fn xml_text(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let homeless = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    html_escape::encode_text(&text.replace(homeless, " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal::explained(29, "Invalid App Key", "isv.appkey-not-exists", "a &apos;b&apos; <\u{1}>")
    }

    #[test]
    fn json_is_written_in_top_s_order() {
        let table = [
            (
                Envelope::accepted(),
                Format::Json,
                r#"{"alibaba_jym_servicecenter_mediation_result_push_response":{"result":true,"is_success":true,"state_code":"20000","request_id":"r1"}}"#,
            ),
            (
                Envelope::concluded(false, true, "1").with_message("\"说明\"\n"),
                Format::SimpleJson,
                r#"{"result":false,"is_success":true,"state_code":"1","extra_err_msg":"\"说明\"\n","request_id":"r1"}"#,
            ),
            (
                Envelope::refused(Refusal::timestamp()),
                Format::SimpleJson,
                r#"{"error_response":{"code":31,"msg":"Invalid Timestamp","request_id":"r1"}}"#,
            ),
        ];
        for (envelope, format, expected) in table {
            assert_eq!(envelope.render(format, "r1"), expected);
        }
        let refused = Envelope::refused(refusal()).render(Format::Json, "r1");
        let parsed: Value = serde_json::from_str(&refused).unwrap();
        assert_eq!(parsed["error_response"]["sub_msg"], "a &apos;b&apos; <\u{1}>");
    }

    #[test]
    fn xml_is_escaped() {
        assert_eq!(
            Envelope::refused(refusal()).render(Format::Xml, "r1"),
            "<?xml version=\"1.0\" encoding=\"utf-8\" ?><error_response><code>29</code><msg>Invalid App Key</msg>\
             <sub_code>isv.appkey-not-exists</sub_code><sub_msg>a &amp;apos;b&amp;apos; &lt; &gt;</sub_msg>\
             <request_id>r1</request_id></error_response><!--sandbox-->"
        );
        let accepted = Envelope::accepted().render(Format::Xml, "r1");
        assert!(accepted.contains("<result>true</result><is_success>true</is_success>"), "{accepted}");
    }
}
