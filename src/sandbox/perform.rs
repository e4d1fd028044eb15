//! Acts a scenario for a call that passed every check.

use html_escape::encode_safe;
use tokio::time::{Instant, sleep};

use super::SUCCESS_ROOT;
use super::envelope::{Envelope, Format};
use super::gateway::refused;
use super::memory::Memory;
use super::push::Push;
use super::refusal::Refusal;
use super::reply::{Page, Reply};
use super::scenario::{Act, Odd, Scenario};

/// A length well beyond what any client should read.
const OVERSIZED: usize = 2 << 20;

/// What a scenario may quote of a call.
pub(super) struct Call<'a> {
    /// The push itself.
    pub(super) push: &'a Push,
    /// The application that called.
    pub(super) app_key: &'a str,
    /// Its session, or nothing.
    pub(super) session: &'a str,
    /// TOP's identifier of the call.
    pub(super) request_id: &'a str,
}

/// Acts `scenario`. The execution is counted before anything is waited for: a caller that hangs up cannot
/// undo it.
pub(super) async fn perform(scenario: &Scenario, call: &Call<'_>, memory: &Memory) -> Reply {
    let case_id = &call.push.case_id;
    if let Act::AcceptInTurn(refusal) = &scenario.act
        && memory.refuses_in_turn(case_id)
    {
        return refused(refusal.clone());
    }
    if scenario.executes {
        memory.count_execution(case_id);
    }
    match &scenario.act {
        Act::Accept | Act::AcceptByClockAhead(_) | Act::AcceptInTurn(_) => {
            Reply::Concluded(Envelope::accepted())
        }
        Act::AcceptAfter(delay) => {
            sleep(*delay).await;
            Reply::Concluded(Envelope::accepted())
        }
        Act::Conclude { result, is_success, state_code, message } => {
            Reply::Concluded(Envelope::concluded(*result, *is_success, state_code).with_message(*message))
        }
        Act::Refuse(refusal) => refused(refusal.clone()),
        Act::RefuseQuoting(refusal) => refused(quoting(refusal, call)),
        Act::RefuseTimestamp(_) => refused(Refusal::timestamp()),
        Act::AnnounceBan(length) => refused(Refusal::banned(length.as_secs())),
        Act::Ban(length) => {
            memory.ban(Instant::now(), *length);
            refused(Refusal::banned(length.as_secs()))
        }
        Act::Odd(odd) => Reply::Page(Page::written(odd.format(), oddly(*odd, call.request_id))),
        Act::Page(page) => Reply::Page(page.clone()),
        Act::Break(fault) => Reply::Break(*fault),
    }
}

/// Fills a refusal's text with what it quotes of the call, HTML-escaped as TOP does.
fn quoting(refusal: &Refusal, call: &Call<'_>) -> Refusal {
    let quotes = [
        ("{app_key}", call.app_key),
        ("{session}", call.session),
        ("{mediator_name}", &call.push.mediator_name),
        ("{mediator_phone}", &call.push.mediator_phone),
        ("{content}", &call.push.content),
    ];
    let fill = |text: String, (name, quote): (&str, &str)| text.replace(name, &encode_safe(quote));
    let filled = |text: &str| quotes.into_iter().fold(text.to_owned(), fill);
    Refusal { sub_msg: refusal.sub_msg.as_deref().map(|text| filled(text).into()), ..refusal.clone() }
}

fn oddly(odd: Odd, request_id: &str) -> String {
    match odd {
        Odd::Xml => Envelope::accepted().render(Format::Xml, request_id),
        Odd::Vague => Envelope::vague().render(Format::Json, request_id),
        Odd::Oversized => {
            Envelope::accepted().with_message("x".repeat(OVERSIZED)).render(Format::Json, request_id)
        }
        Odd::Strings => format!(
            "\u{feff}{{\"{SUCCESS_ROOT}\":{{\"result\":\"true\",\"is_success\":\"True\",\"state_code\":20000,\
             \"extra_err_msg\":\"raw line\nbreak and \u{1}\",\"sub_code_type\":null,\"request_id\":\"{request_id}\"}}}}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mediation::CaseId;

    #[test]
    fn quotes_are_filled_in_and_escaped() {
        let push = Push {
            case_id: CaseId::parse("1").unwrap(),
            mediator_name: "张三".to_owned(),
            mediator_phone: "138".to_owned(),
            content: "<b>&'".to_owned(),
        };
        let call = Call { push: &push, app_key: "12345678", session: "s", request_id: "r" };
        let text = "{app_key} {session} {mediator_name} {mediator_phone} {content}";
        let quoted = quoting(&Refusal::remote("isp.service-error", text), &call);
        assert_eq!(quoted.sub_msg.as_deref(), Some("12345678 s 张三 138 &lt;b&gt;&amp;&#x27;"));
    }

    #[test]
    fn what_an_http_client_can_read_is_json_where_it_says_so() {
        for odd in [Odd::Vague, Odd::Oversized] {
            serde_json::from_str::<serde_json::Value>(&oddly(odd, "r1")).unwrap();
        }
        assert!(oddly(Odd::Oversized, "r1").len() > OVERSIZED);
        let strings = oddly(Odd::Strings, "r1");
        assert!(strings.starts_with('\u{feff}') && strings.contains('\u{1}') && strings.contains("\"True\""));
    }
}
