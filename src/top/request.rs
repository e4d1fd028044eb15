//! The business parameter `req`: TOP's `PushMediationResultRequest` as compact JSON.

use serde::Serialize;

use crate::mediation::{Content, MediationResult, MediatorName, MediatorPhone, WorkNumber};

/// The wire form: the documented names, absent members left out.
#[derive(Serialize)]
struct PushMediationResultRequest<'a> {
    mediation_case_id: &'a str,
    result: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    work_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mediator_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mediator_phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

/// The value of `req` for one result: non-ASCII as raw UTF-8, dates as `YYYY-MM-DD HH:MM:SS` in GMT+8.
///
/// # Panics
/// Never: strings always serialise.
#[must_use]
pub fn req(push: &MediationResult) -> String {
    let wire = PushMediationResultRequest {
        mediation_case_id: push.case_id.as_str(),
        result: push.result.as_str(),
        work_number: push.work_number.as_ref().map(WorkNumber::as_str),
        completed_time: push.completed_time.map(|time| time.to_string()),
        mediator_name: push.mediator_name.as_ref().map(MediatorName::as_str),
        mediator_phone: push.mediator_phone.as_ref().map(MediatorPhone::as_str),
        content: push.content.as_ref().map(Content::as_str),
    };
    #[expect(clippy::expect_used, reason = "strings and a map with string keys always serialise")]
    let mut req = serde_json::to_string(&wire).expect("strings serialise");
    // It is kept while TOP is waited for.
    req.shrink_to_fit();
    req
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mediation::{CaseId, CompletedTime, ResultText};

    #[test]
    fn absent_members_are_left_out_and_chinese_stays_raw() {
        let push = MediationResult {
            case_id: CaseId::parse("1290293148910").unwrap(),
            result: ResultText::parse("success".to_owned()).unwrap(),
            work_number: None,
            completed_time: Some(CompletedTime::parse("2025-11-16T16:00:00Z").unwrap()),
            mediator_name: None,
            mediator_phone: None,
            content: Some(Content::parse("沟通\n\"内容\"".to_owned()).unwrap()),
        };
        assert_eq!(
            req(&push),
            r#"{"mediation_case_id":"1290293148910","result":"success","completed_time":"2025-11-17 00:00:00","content":"沟通\n\"内容\""}"#
        );
    }
}
