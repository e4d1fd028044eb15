//! The table of scenarios: data alone, in groups by what the caller of a mediation bridge sees.

use std::time::Duration;

use super::fault::Fault;
use super::pages;
use super::refusal::Refusal;
use super::scenario::{Act, DateHeader, Odd, Scenario};

/// What case ids make the sandbox do. Any other case id is accepted.
pub const SCENARIOS: &[Scenario] = &[
    on(
        "sandbox-accepted",
        "200",
        EXECUTES,
        Act::Accept,
        "Accepts the push, as every case id does that is not listed here.",
    ),
    on(
        "sandbox-slow-1s",
        "200",
        EXECUTES,
        Act::AcceptAfter(Duration::from_secs(1)),
        "Accepts the push after one second.",
    ),
    on(
        "sandbox-slow-5s",
        "200",
        EXECUTES,
        Act::AcceptAfter(Duration::from_secs(5)),
        "Accepts the push after five seconds.",
    ),
    on(
        "sandbox-strings",
        "200",
        EXECUTES,
        Act::Odd(Odd::Strings),
        "Accepts the push with booleans as strings, a byte order mark and raw control characters.",
    ),
    on(
        "sandbox-flaky",
        "200",
        EXECUTES,
        Act::AcceptInTurn(REFUSED_CONNECTION),
        "Answers isp.http-connection-refuse (not executed) to the first call, accepts the second, and so on.",
    ),
    on(
        "sandbox-clock-20m",
        "200",
        EXECUTES,
        Act::AcceptByClockAhead(Duration::from_mins(20)),
        "Judges the timestamp by a clock 20 minutes ahead, which its Date header shows: code 31 until the caller corrects its own.",
    ),
    on(
        "sandbox-rejected",
        "top_rejected",
        DOES_NOT,
        Act::Conclude {
            result: false,
            is_success: false,
            state_code: "CASE_CLOSED",
            message: "调解案件已结案",
        },
        "Answers is_success false with a reason.",
    ),
    on(
        "sandbox-not-processed",
        "top_rejected",
        DOES_NOT,
        Act::Conclude {
            result: false, is_success: true, state_code: "20000", message: "调解结果未处理"
        },
        "Answers is_success true, result false.",
    ),
    on(
        "sandbox-invalid-parameter",
        "top_rejected",
        DOES_NOT,
        Act::Refuse(Refusal::explained(50, "Remote service error", "isv.invalid-parameter", "非法参数")),
        "Answers code 50, isv.invalid-parameter.",
    ),
    on(
        "sandbox-duplicate",
        "top_rejected",
        DOES_NOT,
        Act::Refuse(Refusal::remote("isv.data-duplicate-error", "the case has a result already")),
        "Answers code 15, isv.data-duplicate-error.",
    ),
    on(
        "sandbox-mapping-error",
        "top_rejected",
        DOES_NOT,
        Act::Refuse(Refusal::remote("isp.top-mapping-parse-error", "mapping of req failed")),
        "Answers code 15, isp.top-mapping-parse-error: a caller's fault despite the prefix.",
    ),
    on(
        "sandbox-limited",
        "top_rate_limited",
        DOES_NOT,
        Act::Refuse(Refusal::new(7, "App Call Limited")),
        "Answers code 7 without a number of seconds.",
    ),
    on(
        "sandbox-ban-2s",
        "top_rate_limited",
        DOES_NOT,
        Act::AnnounceBan(Duration::from_secs(2)),
        "Announces a ban of 2 seconds (code 7) without keeping it: every call is answered the same.",
    ),
    on(
        "sandbox-ban-71s",
        "top_rate_limited",
        DOES_NOT,
        Act::AnnounceBan(Duration::from_secs(71)),
        "Announces a ban of 71 seconds (code 7) without keeping it.",
    ),
    on(
        "sandbox-ban-9h",
        "top_rate_limited",
        DOES_NOT,
        Act::AnnounceBan(Duration::from_hours(9)),
        "Announces a ban of nine hours (code 7) without keeping it.",
    ),
    on(
        "sandbox-ban-real-5s",
        "top_rate_limited",
        DOES_NOT,
        Act::Ban(Duration::from_secs(5)),
        "Announces a ban of 5 seconds (code 7) and keeps it: every call of every case is refused meanwhile.",
    ),
    on(
        "sandbox-http-429",
        "top_rate_limited",
        DOES_NOT,
        Act::Page(pages::TOO_MANY),
        "Answers HTTP 429 with a page of HTML, as something before TOP would.",
    ),
    on(
        "sandbox-access-denied",
        "top_access_denied",
        DOES_NOT,
        Act::RefuseQuoting(IP_WHITELIST),
        "Answers code 11, isv.permission-ip-whitelist-limit, with the app key and a list of IP addresses in the text.",
    ),
    on(
        "sandbox-session-expired",
        "top_access_denied",
        DOES_NOT,
        Act::Refuse(Refusal::explained(27, "Invalid session", "session-expired", "the session has expired")),
        "Answers code 27, session-expired.",
    ),
    on(
        "sandbox-wrong-clock",
        "top_access_denied",
        DOES_NOT,
        Act::RefuseTimestamp(DateHeader::Ahead(Duration::from_mins(5))),
        "Answers code 31 to every timestamp, under a Date header 5 minutes ahead.",
    ),
    on(
        "sandbox-clock-lying",
        "top_access_denied",
        DOES_NOT,
        Act::RefuseTimestamp(DateHeader::Ahead(Duration::from_hours(48))),
        "Answers code 31 to every timestamp, under a Date header two days ahead.",
    ),
    on(
        "sandbox-clock-dateless",
        "top_access_denied",
        DOES_NOT,
        Act::RefuseTimestamp(DateHeader::Missing),
        "Answers code 31 to every timestamp, without a Date header.",
    ),
    on(
        "sandbox-unreachable",
        "top_unreachable",
        DOES_NOT,
        Act::Refuse(Refusal::remote("isp.top-remote-connection-error", "no connection to the service")),
        "Answers code 15, isp.top-remote-connection-error: TOP did not reach its back end.",
    ),
    on(
        "sandbox-backend-timeout",
        "top_timeout",
        EXECUTES,
        Act::Refuse(Refusal::remote("isp.remote-service-timeout", "the service did not answer in time")),
        "Executes the push, but answers code 15, isp.remote-service-timeout.",
    ),
    on(
        "sandbox-hang",
        "top_timeout",
        EXECUTES,
        Act::Break(Fault::Hang),
        "Executes the push and never answers; after 60 seconds the connection is closed.",
    ),
    on(
        "sandbox-stalled",
        "top_timeout",
        EXECUTES,
        Act::Break(Fault::Stalled),
        "Executes the push, sends the headers and half of the body, then nothing for 60 seconds.",
    ),
    on(
        "sandbox-unavailable",
        "top_unavailable",
        DOES_NOT,
        Act::Refuse(Refusal::remote("isp.system-busy", "系统繁忙")),
        "Answers code 15, isp.system-busy.",
    ),
    on(
        "sandbox-platform-error",
        "top_unavailable",
        DOES_NOT,
        Act::Refuse(Refusal::new(10, "Service Currently Unavailable")),
        "Answers code 10.",
    ),
    on(
        "sandbox-quoting",
        "top_unavailable",
        DOES_NOT,
        Act::RefuseQuoting(QUOTING),
        "Answers code 15, isp.service-error, with a text that quotes app key, session, name, phone and content.",
    ),
    on(
        "sandbox-html-502",
        "top_unavailable",
        DOES_NOT,
        Act::Page(pages::BAD_GATEWAY),
        "Answers HTTP 502 with a page of HTML, as a proxy before TOP would.",
    ),
    on(
        "sandbox-system-error",
        "top_system_error",
        DOES_NOT,
        Act::Conclude { result: false, is_success: false, state_code: "500000", message: "系统错误" },
        "Answers is_success false with state_code 500000.",
    ),
    on(
        "sandbox-null-pointer",
        "top_system_error",
        DOES_NOT,
        Act::Refuse(Refusal::remote("isp.null-pointer-exception", "null")),
        "Answers code 15, isp.null-pointer-exception.",
    ),
    on(
        "sandbox-unknown-code",
        "top_system_error",
        DOES_NOT,
        Act::Refuse(Refusal::new(999, "Unheard of")),
        "Answers code 999, which no page lists.",
    ),
    on(
        "sandbox-no-booleans",
        "top_bad_response",
        EXECUTES,
        Act::Odd(Odd::Vague),
        "Executes the push, but the success root holds neither is_success nor result.",
    ),
    on(
        "sandbox-xml",
        "top_bad_response",
        EXECUTES,
        Act::Odd(Odd::Xml),
        "Executes the push and says so in XML, whatever format was asked for.",
    ),
    on(
        "sandbox-oversized",
        "top_bad_response",
        EXECUTES,
        Act::Odd(Odd::Oversized),
        "Executes the push and says so in 2 MiB of JSON.",
    ),
    on(
        "sandbox-html-200",
        "top_bad_response",
        DOES_NOT,
        Act::Page(pages::MAINTENANCE),
        "Answers HTTP 200 with a page of HTML.",
    ),
    on(
        "sandbox-empty",
        "top_bad_response",
        DOES_NOT,
        Act::Page(pages::EMPTY),
        "Answers HTTP 200 with an empty body.",
    ),
    on(
        "sandbox-redirect",
        "top_bad_response",
        DOES_NOT,
        Act::Page(pages::REDIRECT),
        "Answers HTTP 302 with the gateway itself as the target.",
    ),
    on(
        "sandbox-truncated",
        "top_bad_response",
        EXECUTES,
        Act::Break(Fault::Truncated),
        "Executes the push, then closes the connection in the middle of the body.",
    ),
    on(
        "sandbox-reset",
        "top_bad_response",
        EXECUTES,
        Act::Break(Fault::Reset),
        "Executes the push, then resets the connection without an answer.",
    ),
    on(
        "sandbox-reset-unread",
        "top_bad_response",
        DOES_NOT,
        Act::Break(Fault::Reset),
        "Resets the connection without executing the push; since the case id chooses the scenario the request is read all the same, so that a caller cannot tell this from sandbox-reset.",
    ),
    on(
        "sandbox-close",
        "top_bad_response",
        EXECUTES,
        Act::Break(Fault::Close),
        "Executes the push, then closes the connection properly, without a byte.",
    ),
    on(
        "sandbox-garbage",
        "top_bad_response",
        DOES_NOT,
        Act::Break(Fault::Garbage),
        "Answers with bytes that are no HTTP.",
    ),
];

const EXECUTES: bool = true;
const DOES_NOT: bool = false;

const fn on(
    case_id: &'static str,
    problem: &'static str,
    executes: bool,
    act: Act,
    does: &'static str,
) -> Scenario {
    Scenario { case_id, does, problem, executes, act }
}

const REFUSED_CONNECTION: Refusal = Refusal::remote("isp.http-connection-refuse", "connection refused");

/// Escaped as TOP's own; the addresses are those that RFC 5737 keeps for examples, and a private one.
const IP_WHITELIST: Refusal = Refusal::explained(
    11,
    "Insufficient ISV permissions",
    "isv.permission-ip-whitelist-limit",
    "AppKey &apos;{app_key}&apos; may call from &quot;192.0.2.1,192.0.2.2,10.0.0.0/8&quot; only, not from 203.0.113.7",
);

const QUOTING: Refusal = Refusal::remote(
    "isp.service-error",
    "appkey={app_key} session={session} name={mediator_name} phone={mediator_phone} content={content}",
);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::mediation::CaseId;

    #[test]
    fn every_row_has_its_own_case_id_a_sentence_and_a_known_problem() {
        let problems: HashSet<&str> = SCENARIOS.iter().map(|scenario| scenario.problem).collect();
        let known = [
            "200",
            "top_rejected",
            "top_rate_limited",
            "top_access_denied",
            "top_system_error",
            "top_bad_response",
            "top_unreachable",
            "top_unavailable",
            "top_timeout",
        ];
        assert_eq!(problems, HashSet::from(known));
        let names: HashSet<&str> = SCENARIOS.iter().map(|scenario| scenario.case_id).collect();
        assert_eq!(names.len(), SCENARIOS.len());
        for scenario in SCENARIOS {
            let (name, does) = (scenario.case_id, scenario.does);
            assert!(name.starts_with("sandbox-"), "{name}");
            let case_id = CaseId::parse(name).unwrap();
            assert_eq!(Scenario::of(Some(&case_id)).case_id, name);
            assert!(does.ends_with('.') && does.starts_with(char::is_uppercase), "{name}: {does}");
            assert!(!does.contains('|') && !does.contains('\n'), "{name} breaks a Markdown table");
        }
    }

    #[test]
    fn what_is_accepted_executes_and_what_does_not_get_through_does_not() {
        for scenario in SCENARIOS {
            match scenario.problem {
                "200" => assert!(scenario.executes, "{}", scenario.case_id),
                "top_rejected" | "top_rate_limited" | "top_access_denied" | "top_unreachable" => {
                    assert!(!scenario.executes, "{}", scenario.case_id);
                }
                _ => {}
            }
        }
        assert_eq!(Scenario::of(None).problem, "200");
    }
}
