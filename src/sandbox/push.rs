//! The push: the checks of `req`, and the behaviour that the case id selects.
//!
//! All documented members are strings. TOP's page gives no lengths, so none are checked; only the case id must have the
//! form that can be counted and logged. Undocumented members are ignored, as TOP ignores them. A `null` is refused: it
//! is not known whether TOP accepts it, and an omitted member is always correct.

use html_escape::encode_safe;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use super::answer::{Answer, Format, Member, Refusal};
use super::memory::Memory;
use super::parameters::{Parameters, parse_time};
use super::reply::{Page, Reply};
use super::scenarios::{Act, Odd, Scenario};
use crate::mediation::CaseId;
use crate::top::Method;

/// The name of the method and the root of its answer.
pub(super) const PUSH: Method = Method {
    name: "alibaba.jym.servicecenter.mediation.result.push",
    success_root: "alibaba_jym_servicecenter_mediation_result_push_response",
};

/// The size of an oversized answer, above the limit of any client.
const OVERSIZED: usize = 2 << 20;

/// A valid `req`.
struct Push {
    case_id: CaseId,
    members: Map<String, Value>,
}

/// Answers a push that passed the common checks. A ban is checked before `req`, because TOP checks access before its
/// back end.
pub(super) async fn answer(
    parameters: &Parameters,
    scenario: &Scenario,
    request_id: &str,
    memory: &Memory,
) -> Result<Reply, Refusal> {
    if let Some(seconds) = memory.ban_left(Instant::now()) {
        return Err(Refusal::banned(seconds));
    }
    let push = Push::parse(parameters)?;
    let earlier = memory.count_push(&push.case_id);
    if let Some(refusal) = scenario.refusal_in_turn(earlier) {
        return Err(refusal.clone());
    }
    // Count before any wait: a caller that hangs up does not undo an execution.
    if scenario.executes {
        memory.count_execution(&push.case_id);
    }
    match &scenario.act {
        Act::Accept | Act::AcceptEverySecond(_) | Act::AcceptByClockAhead(_) => Ok(accepted(None).into()),
        Act::AcceptAfter(delay) => {
            sleep(*delay).await;
            Ok(accepted(None).into())
        }
        Act::SuccessRoot { result, is_success, state_code, message } => {
            Ok(success_root(*result, *is_success, state_code, Some((*message).into())).into())
        }
        Act::Odd(odd) => Ok(odd_answer(*odd, request_id)),
        Act::Refuse(refusal) | Act::ExecuteOnce { first: refusal, .. } => {
            Err(with_quotations(refusal, parameters, &push))
        }
        Act::RefuseTimestamp(_) => Err(Refusal::TIMESTAMP),
        Act::Ban { length, is_kept } => {
            if *is_kept {
                memory.ban(Instant::now(), *length);
            }
            Err(Refusal::banned(length.as_secs()))
        }
        Act::Page(page) => Ok(Reply::Page(page.clone())),
        Act::Break(fault) => Ok(Reply::Fault(*fault)),
    }
}

/// The case of a call that is not checked yet, if its `req` can be parsed.
pub(super) fn claimed_case(parameters: &Parameters) -> Option<CaseId> {
    let req: Value = serde_json::from_str(parameters.value("req")?).ok()?;
    CaseId::parse(req.get("mediation_case_id")?.as_str()?).ok()
}

impl Push {
    fn parse(parameters: &Parameters) -> Result<Self, Refusal> {
        let req = parameters.value("req").ok_or_else(|| Refusal::missing("req"))?;
        let Ok(Value::Object(members)) = serde_json::from_str(req) else {
            return Err(Refusal::invalid("req", "must be a JSON object"));
        };
        required(&members, "result")?;
        let case_id = CaseId::parse(required(&members, "mediation_case_id")?).map_err(|_| {
            Refusal::invalid("mediation_case_id", "must be 1 to 64 of letters, digits, _ and -")
        })?;
        if optional(&members, "completed_time")?.is_some_and(|time| parse_time(time).is_none()) {
            return Err(Refusal::invalid("completed_time", "must be yyyy-MM-dd HH:mm:ss"));
        }
        for name in ["work_number", "mediator_name", "mediator_phone", "content"] {
            optional(&members, name)?;
        }
        Ok(Self { case_id, members })
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

/// The answer of the back end to a push.
fn success_root(result: bool, is_success: bool, state_code: &str, message: Option<Value>) -> Answer {
    let mut members: Vec<Member> =
        vec![("result", result.into()), ("is_success", is_success.into()), ("state_code", state_code.into())];
    members.extend(message.map(|message| ("extra_err_msg", message)));
    Answer::success(PUSH, members)
}

fn accepted(message: Option<Value>) -> Answer {
    success_root(true, true, "20000", message)
}

fn odd_answer(odd: Odd, request_id: &str) -> Reply {
    match odd {
        Odd::Xml => {
            let body = accepted(None).write(Format::Xml, request_id);
            Reply::Page(Page::ok(Format::Xml.content_type(), body))
        }
        Odd::NoBooleans => Answer::success(PUSH, vec![("state_code", "20000".into())]).into(),
        Odd::Oversized => accepted(Some("x".repeat(OVERSIZED).into())).into(),
        Odd::Strings => {
            let root = PUSH.success_root;
            let body = format!(
                "\u{feff}{{\"{root}\":{{\"result\":\"true\",\"is_success\":\"True\",\"state_code\":20000,\
                 \"extra_err_msg\":\"raw line\nbreak and \u{1}\",\"sub_code_type\":null,\
                 \"request_id\":\"{request_id}\"}}}}"
            );
            Reply::Page(Page::ok(Format::Json.content_type(), body))
        }
    }
}

/// Inserts values of the call into the text of a refusal, HTML-escaped as TOP does.
fn with_quotations(refusal: &Refusal, parameters: &Parameters, push: &Push) -> Refusal {
    let value = |name: &str| parameters.value(name).or_else(|| push.members.get(name)?.as_str());
    ["app_key", "session", "mediator_name", "mediator_phone", "content"]
        .into_iter()
        .fold(refusal.clone(), |refusal, name| {
            refusal.quoting(name, &encode_safe(value(name).unwrap_or_default()))
        })
}
