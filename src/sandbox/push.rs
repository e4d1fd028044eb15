//! Judges the business parameter `req`: one JSON object as text, the documented members.
//!
//! Every documented member is a string. TOP's page tells no lengths, so none are judged; the case id alone has
//! to be one that can be counted and logged. Members that the page does not know are ignored, as TOP's mapping
//! ignores them. A `null` is refused: whether TOP takes it is unknown, leaving the member out is right for sure.

use serde_json::{Map, Value};

use super::parameters::Parameters;
use super::refusal::Refusal;
use super::wall_clock;
use crate::mediation::CaseId;

/// What the sandbox needs to know of a push.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Push {
    /// The case, which chooses the scenario.
    pub(super) case_id: CaseId,
    /// The mediator's name, or nothing.
    pub(super) mediator_name: String,
    /// The mediator's telephone number, or nothing.
    pub(super) mediator_phone: String,
    /// What was said, or nothing.
    pub(super) content: String,
}

impl Push {
    /// Judges `req`.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, Refusal> {
        let text = parameters.value("req").ok_or_else(|| Refusal::missing("req"))?;
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Err(Refusal::invalid("req", "must be a JSON object"));
        };
        required(&members, "result")?;
        let case_id = CaseId::parse(required(&members, "mediation_case_id")?).map_err(|_| {
            Refusal::invalid("mediation_case_id", "must be 1 to 64 of letters, digits, _ and -")
        })?;
        optional(&members, "work_number")?;
        let completed_time = optional(&members, "completed_time")?;
        if completed_time.is_some_and(|time| wall_clock::read(time).is_none()) {
            return Err(Refusal::invalid("completed_time", "must be yyyy-MM-dd HH:mm:ss"));
        }
        let text = |name| optional(&members, name).map(|text| text.unwrap_or_default().to_owned());
        let (mediator_name, mediator_phone) = (text("mediator_name")?, text("mediator_phone")?);
        Ok(Self { case_id, mediator_name, mediator_phone, content: text("content")? })
    }

    /// The case of a call that has not been judged, if it can be made out.
    pub(super) fn claimed_case(parameters: &Parameters) -> Option<CaseId> {
        let req: Value = serde_json::from_str(parameters.value("req")?).ok()?;
        CaseId::parse(req.get("mediation_case_id")?.as_str()?).ok()
    }
}

fn required<'a>(members: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    let text = optional(members, name)?;
    text.filter(|text| !text.is_empty()).ok_or_else(|| Refusal::missing(name))
}

fn optional<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    let text = |value: &'a Value| value.as_str().ok_or_else(|| Refusal::invalid(name, "must be a string"));
    members.get(name).map(text).transpose()
}

#[cfg(test)]
mod tests {
    use form_urlencoded::Serializer;
    use hyper::body::Bytes;

    use super::*;

    async fn sent(req: &str) -> Parameters {
        let query = Serializer::new(String::new()).append_pair("req", req).finish();
        Parameters::parse(&query, "", Bytes::new()).await.unwrap()
    }

    #[tokio::test]
    async fn a_full_push_is_read() {
        let parameters = sent(
            r#"{"mediation_case_id":"1","result":"success","work_number":"2","completed_time":"2025-11-17 00:00:00",
            "mediator_name":"张三","mediator_phone":"138","content":"沟通\n","unknown":{}}"#,
        )
        .await;
        let push = Push::read(&parameters).ok().unwrap();
        assert_eq!(push.case_id.as_str(), "1");
        assert_eq!([push.mediator_name, push.mediator_phone, push.content], ["张三", "138", "沟通\n"]);
    }

    #[tokio::test]
    async fn what_is_wrong_is_named() {
        let table = [
            ("", "isv.missing-parameter:req"),
            ("x", "isv.invalid-parameter:req"),
            ("[]", "isv.invalid-parameter:req"),
            ("{}", "isv.missing-parameter:result"),
            (r#"{"mediation_case_id":"1","result":""}"#, "isv.missing-parameter:result"),
            (r#"{"mediation_case_id":"1","result":1}"#, "isv.invalid-parameter:result"),
            (r#"{"result":"a"}"#, "isv.missing-parameter:mediation_case_id"),
            (r#"{"result":"a","mediation_case_id":1}"#, "isv.invalid-parameter:mediation_case_id"),
            (r#"{"result":"a","mediation_case_id":"a b"}"#, "isv.invalid-parameter:mediation_case_id"),
            (r#"{"result":"a","mediation_case_id":"1","content":null}"#, "isv.invalid-parameter:content"),
            (
                r#"{"result":"a","mediation_case_id":"1","completed_time":"2025-11-17T00:00:00"}"#,
                "isv.invalid-parameter:completed_time",
            ),
            (
                r#"{"result":"a","mediation_case_id":"1","completed_time":""}"#,
                "isv.invalid-parameter:completed_time",
            ),
        ];
        for (req, sub_code) in table {
            let refusal = Push::read(&sent(req).await).err().unwrap();
            assert_eq!(refusal.sub_code.as_deref(), Some(sub_code), "{req}");
        }
    }
}
