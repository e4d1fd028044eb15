//! The method of TOP that the bridge calls, `alibaba.jym.servicecenter.mediation.result.push` (调解结果推送): its payload,
//! and the meaning of its answer for a push.

use serde::Serialize;

use super::request::Attempt;
use crate::mediation::{CaseId, Content, MediationResult, MediatorName, MediatorPhone, WorkNumber};
use crate::top::{CallError, Envelope, Failure, Method, UpstreamDetails};

/// The name of the method and the root of its answer.
pub const PUSH: Method = Method {
    name: "alibaba.jym.servicecenter.mediation.result.push",
    success_root: "alibaba_jym_servicecenter_mediation_result_push_response",
};

/// The payload, TOP's `PushMediationResultRequest`, with the documented names. Absent members are omitted.
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

/// The value of the parameter `req`: compact JSON, non-ASCII as raw UTF-8, dates as `YYYY-MM-DD HH:MM:SS` in GMT+8.
///
/// # Panics
/// Never: strings always serialise.
#[must_use]
pub fn req(case_id: &CaseId, result: &MediationResult) -> String {
    // A new member must be added here.
    let MediationResult { result, work_number, completed_time, mediator_name, mediator_phone, content } =
        result;
    let payload = PushMediationResultRequest {
        mediation_case_id: case_id.as_str(),
        result: result.as_str(),
        work_number: work_number.as_ref().map(WorkNumber::as_str),
        completed_time: completed_time.map(|time| time.to_string()),
        mediator_name: mediator_name.as_ref().map(MediatorName::as_str),
        mediator_phone: mediator_phone.as_ref().map(MediatorPhone::as_str),
        content: content.as_ref().map(Content::as_str),
    };
    #[expect(clippy::expect_used, reason = "a struct of strings always serialises")]
    let mut req = serde_json::to_string(&payload).expect("strings serialise");
    // The text is kept until TOP answers.
    req.shrink_to_fit();
    req
}

/// The two booleans decide. `state_code` only shows whether the back end itself failed.
pub(crate) fn answered(envelope: &Envelope) -> Attempt {
    let upstream = UpstreamDetails {
        sub_msg: envelope.text("extra_err_msg").map(str::to_owned),
        state_code: envelope.identifier("state_code"),
        request_id: envelope.identifier("request_id"),
        ..UpstreamDetails::default()
    };
    let system_error = || upstream.state_code.as_deref().is_some_and(is_system_error);
    let outcome = match (envelope.boolean("is_success"), envelope.boolean("result")) {
        (Some(true), Some(true)) => Ok(()),
        (Some(false), Some(_)) if system_error() => Err(Failure::SystemError),
        (Some(_), Some(_)) => Err(Failure::Rejected),
        (None, _) | (_, None) => Err(Failure::BadResponse),
    };
    let lacks = outcome == Err(Failure::BadResponse);
    let error = lacks.then_some(CallError::Incomplete("is_success or result as a boolean"));
    Attempt { outcome, upstream, from_top: true, date: None, error }
}

/// `500000`, `5e5`, `INTERNAL_SERVER_ERROR`: the APIs of Jiaoyimao report their own failures in many forms.
fn is_system_error(state_code: &str) -> bool {
    let upper = state_code.trim().to_ascii_uppercase();
    is_number_starting_with_5(&upper) || upper.contains("SYSTEM") || upper.contains("INTERNAL")
}

/// True if a text is a number of at least 1, in any notation, whose first digit is 5.
fn is_number_starting_with_5(text: &str) -> bool {
    let is_number = text.parse().is_ok_and(|number: f64| number >= 1.0);
    is_number && text.trim_start_matches(['+', '0', '.']).starts_with('5')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mediation::{CompletedTime, ResultText};

    #[test]
    fn absent_members_are_left_out_and_chinese_stays_raw() {
        let result = MediationResult {
            completed_time: Some(CompletedTime::parse("2025-11-16T16:00:00Z").unwrap()),
            content: Some(Content::parse("沟通\n\"内容\"".to_owned()).unwrap()),
            ..MediationResult::new(ResultText::parse("success".to_owned()).unwrap())
        };
        assert_eq!(
            req(&CaseId::parse("1290293148910").unwrap(), &result),
            r#"{"mediation_case_id":"1290293148910","result":"success","completed_time":"2025-11-17 00:00:00","content":"沟通\n\"内容\""}"#
        );
    }

    #[test]
    fn a_number_is_recognised_in_any_notation() {
        for five in [
            "5",
            "500000",
            "0500",
            "500000.0",
            "5E5",
            "0.05E2",
            "+5",
            "5000000000000000000000000000001",
            "5E400",
        ] {
            assert!(is_number_starting_with_5(five), "{five}");
        }
        for other in ["", "0", "20000", "4.5E1", "0.5", "-5", "5X", "5-NOT-A-NUMBER", "INF", "NAN", "1E400"] {
            assert!(!is_number_starting_with_5(other), "{other}");
        }
    }
}
