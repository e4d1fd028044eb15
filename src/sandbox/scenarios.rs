//! The table of scenarios: the behaviour for each case id, in the order of a tour.
//!
//! A row shows its behaviour independently of the rows before it, so that the tour works from top to bottom. Bans come
//! last, because the bridge refuses every push during a ban.

use std::time::Duration;

use hyper::StatusCode;

use super::answer::Refusal;
use super::reply::{End, Fault, Page};
use crate::mediation::CaseId;

/// The behaviour for one case id, after a call has passed all checks.
#[derive(Debug)]
pub struct Scenario {
    /// The case id that selects the scenario; it starts with `sandbox-`.
    pub case_id: &'static str,
    /// A description of the behaviour, as an English sentence.
    pub does: &'static str,
    /// The first result for the caller of the bridge: the code of a problem, or `200`.
    pub problem: &'static str,
    /// True if TOP's back end executes the push. If the scenario refuses some pushes, this applies to the others.
    pub executes: bool,
    /// The implementation of the behaviour.
    pub(super) act: Act,
}

/// The implementation of a scenario.
#[derive(Debug)]
pub(super) enum Act {
    /// Accept the push.
    Accept,
    /// Accept the push after a delay.
    AcceptAfter(Duration),
    /// Refuse the first push, accept the second, and so on.
    AcceptEverySecond(Refusal),
    /// Accept a timestamp only by a clock that is ahead by this much, as the `Date` header shows.
    AcceptByClockAhead(Duration),
    /// Accept the push with an unusual answer.
    Odd(Odd),
    /// Answer with a success root that has these members.
    SuccessRoot { result: bool, is_success: bool, state_code: &'static str, message: &'static str },
    /// Refuse with a text in which `{app_key}`, `{session}`, `{mediator_name}`, `{mediator_phone}` and `{content}` are
    /// replaced by the values of the call.
    Refuse(Refusal),
    /// Refuse the first push in one way, and all later ones in another.
    ExecuteOnce { first: Refusal, later: Refusal },
    /// Refuse any timestamp, with a `Date` header that is ahead by this much, or without the header.
    RefuseTimestamp(Option<Duration>),
    /// Refuse with the announcement of a ban. If it is kept, every push is refused until the ban ends.
    Ban { length: Duration, is_kept: bool },
    /// Answer as a proxy before TOP would.
    Page(Page),
    /// Break the connection.
    Break(Fault),
}

/// Unusual answers that a push was executed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Odd {
    /// In XML, whatever format was requested.
    Xml,
    /// With booleans and numbers as strings, a byte order mark and raw control characters.
    Strings,
    /// Without both booleans.
    NoBooleans,
    /// With two mebibytes.
    Oversized,
}

impl Scenario {
    /// The behaviour for every case id that is not in the table.
    const ORDINARY: &Self = &row("", "200", EXECUTES, Act::Accept, "Accepts the push.");

    /// The scenario for a case.
    pub(super) fn for_case(case_id: Option<&CaseId>) -> &'static Self {
        let is_asked_for = |row: &&Self| case_id.is_some_and(|case_id| case_id.as_str() == row.case_id);
        SCENARIOS.iter().find(is_asked_for).unwrap_or(Self::ORDINARY)
    }

    /// The time by which the clock that checks timestamps is ahead.
    pub(super) fn clock_ahead(&self) -> Duration {
        if let Act::AcceptByClockAhead(ahead) = self.act { ahead } else { Duration::ZERO }
    }

    /// The time by which the `Date` header is ahead; `None` without the header.
    pub(super) fn date_ahead(&self) -> Option<Duration> {
        if let Act::RefuseTimestamp(date) = self.act { date } else { Some(self.clock_ahead()) }
    }

    /// The refusal of a push after `earlier` pushes of the same case, if the scenario has one.
    pub(super) fn refusal_in_turn(&self, earlier: u64) -> Option<&Refusal> {
        if let Act::AcceptEverySecond(refusal) = &self.act {
            earlier.is_multiple_of(2).then_some(refusal)
        } else if let Act::ExecuteOnce { later, .. } = &self.act {
            (earlier > 0).then_some(later)
        } else {
            None
        }
    }
}

const fn row(
    case_id: &'static str,
    problem: &'static str,
    executes: bool,
    act: Act,
    does: &'static str,
) -> Scenario {
    Scenario { case_id, does, problem, executes, act }
}

const EXECUTES: bool = true;
const DOES_NOT: bool = false;

/// The scenarios. A push with any other case id is accepted.
#[rustfmt::skip]
pub const SCENARIOS: &[Scenario] = &[
    row("sandbox-accepted", "200", EXECUTES, Act::Accept,
        "Accepts the push, like any case id that is not listed here."),
    row("sandbox-slow-1s", "200", EXECUTES, Act::AcceptAfter(Duration::from_secs(1)),
        "Accepts the push after one second."),
    row("sandbox-slow-5s", "200", EXECUTES, Act::AcceptAfter(Duration::from_secs(5)),
        "Accepts the push after five seconds."),
    row("sandbox-strings", "200", EXECUTES, Act::Odd(Odd::Strings),
        "Accepts the push with booleans as strings, a byte order mark and raw control characters."),
    row("sandbox-flaky", "200", EXECUTES,
        Act::AcceptEverySecond(remote("isp.http-connection-refuse", "connection refused")),
        "Answers isp.http-connection-refuse (not executed) to the first call, accepts the second, and so on."),
    row("sandbox-clock-20m", "200", EXECUTES, Act::AcceptByClockAhead(minutes(20)),
        "Judges the timestamp by a clock 20 minutes ahead, which its Date header shows: answers code 31 until the \
         bridge has corrected its own clock. The next case makes the bridge correct it back."),
    row("sandbox-clock-back", "200", EXECUTES, Act::Accept,
        "Judges the timestamp by the right clock again, as every other case does: after sandbox-clock-20m the bridge \
         needs two attempts."),

    row("sandbox-rejected", "top_rejected", DOES_NOT,
        Act::SuccessRoot { result: false, is_success: false, state_code: "CASE_CLOSED", message: "调解案件已结案" },
        "Answers is_success false with a reason."),
    row("sandbox-not-processed", "top_rejected", DOES_NOT,
        Act::SuccessRoot { result: false, is_success: true, state_code: "20000", message: "调解结果未处理" },
        "Answers is_success true, result false."),
    row("sandbox-invalid-parameter", "top_rejected", DOES_NOT, Act::Refuse(INVALID_PARAMETER),
        "Answers code 50, isv.invalid-parameter."),
    row("sandbox-duplicate", "top_rejected", DOES_NOT, Act::Refuse(DUPLICATE),
        "Answers code 15, isv.data-duplicate-error."),
    row("sandbox-mapping-error", "top_rejected", DOES_NOT,
        Act::Refuse(remote("isp.top-mapping-parse-error", "mapping of req failed")),
        "Answers code 15, isp.top-mapping-parse-error: an error of the caller despite the prefix."),

    row("sandbox-limited", "top_rate_limited", DOES_NOT, Act::Refuse(Refusal::new(7, "App Call Limited")),
        "Answers code 7 without a number of seconds, which is not a ban."),
    row("sandbox-http-429", "top_rate_limited", DOES_NOT,
        html(StatusCode::TOO_MANY_REQUESTS, "<html><h1>429 Too Many Requests</h1></html>\n"),
        "Answers HTTP 429 with a page of HTML, as a proxy before TOP would."),

    row("sandbox-access-denied", "top_access_denied", DOES_NOT, Act::Refuse(IP_WHITELIST),
        "Answers code 11, isv.permission-ip-whitelist-limit, with the app key and a list of IP addresses in the text."),
    row("sandbox-session-expired", "top_access_denied", DOES_NOT, Act::Refuse(SESSION_EXPIRED),
        "Answers code 27, session-expired."),
    row("sandbox-wrong-clock", "top_access_denied", DOES_NOT, Act::RefuseTimestamp(Some(minutes(5))),
        "Answers code 31 to every timestamp, under a Date header 5 minutes ahead."),
    row("sandbox-clock-lying", "top_access_denied", DOES_NOT, Act::RefuseTimestamp(Some(Duration::from_hours(48))),
        "Answers code 31 to every timestamp, under a Date header two days ahead."),
    row("sandbox-clock-dateless", "top_access_denied", DOES_NOT, Act::RefuseTimestamp(None),
        "Answers code 31 to every timestamp, without a Date header."),

    row("sandbox-unreachable", "top_unreachable", DOES_NOT,
        Act::Refuse(remote("isp.top-remote-connection-error", "no connection to the service")),
        "Answers code 15, isp.top-remote-connection-error: TOP did not reach its back end."),

    row("sandbox-backend-timeout", "top_timeout", EXECUTES, Act::Refuse(REMOTE_TIMEOUT),
        "Executes the push, but answers code 15, isp.remote-service-timeout."),
    row("sandbox-duplicate-after-timeout", "top_timeout", EXECUTES,
        Act::ExecuteOnce { first: REMOTE_TIMEOUT, later: DUPLICATE },
        "Executes the first push, but answers isp.remote-service-timeout; refuses every later one with \
         isv.data-duplicate-error. Push it twice with the same Idempotency-Key: the outcome is unknown, then rejected \
         with prior_outcome. A restart of the demo resets it."),
    row("sandbox-hang", "top_timeout", EXECUTES, breaks(b"", End::Hang),
        "Executes the push and never answers; after 60 seconds the connection is closed."),
    row("sandbox-stalled", "top_timeout", EXECUTES, breaks(HALF_AN_ANSWER, End::Hang),
        "Executes the push, sends the headers and half of the body, then nothing for 60 seconds."),

    row("sandbox-unavailable", "top_unavailable", DOES_NOT, Act::Refuse(remote("isp.system-busy", "系统繁忙")),
        "Answers code 15, isp.system-busy."),
    row("sandbox-platform-error", "top_unavailable", DOES_NOT,
        Act::Refuse(Refusal::new(10, "Service Currently Unavailable")),
        "Answers code 10."),
    row("sandbox-quoting", "top_unavailable", DOES_NOT, Act::Refuse(QUOTING),
        "Answers code 15, isp.service-error, with a text that quotes app key, session, name, phone and content."),
    row("sandbox-html-502", "top_unavailable", DOES_NOT,
        html(StatusCode::BAD_GATEWAY, "<html><h1>502 Bad Gateway</h1></html>\n"),
        "Answers HTTP 502 with a page of HTML, as a proxy before TOP would."),

    row("sandbox-system-error", "top_system_error", DOES_NOT,
        Act::SuccessRoot { result: false, is_success: false, state_code: "500000", message: "系统错误" },
        "Answers is_success false with state_code 500000."),
    row("sandbox-null-pointer", "top_system_error", DOES_NOT, Act::Refuse(remote("isp.null-pointer-exception", "null")),
        "Answers code 15, isp.null-pointer-exception."),
    row("sandbox-unknown-code", "top_system_error", DOES_NOT, Act::Refuse(Refusal::new(999, "Unheard of")),
        "Answers code 999, which is not documented."),

    row("sandbox-no-booleans", "top_bad_response", EXECUTES, Act::Odd(Odd::NoBooleans),
        "Executes the push, but the success root holds neither is_success nor result."),
    row("sandbox-xml", "top_bad_response", EXECUTES, Act::Odd(Odd::Xml),
        "Executes the push and says so in XML, whatever format was requested."),
    row("sandbox-oversized", "top_bad_response", EXECUTES, Act::Odd(Odd::Oversized),
        "Executes the push and says so in 2 MiB of JSON."),
    row("sandbox-html-200", "top_bad_response", DOES_NOT, html(StatusCode::OK, "<html><h1>系统维护中</h1></html>\n"),
        "Answers HTTP 200 with a page of HTML."),
    row("sandbox-empty", "top_bad_response", DOES_NOT, Act::Page(Page::EMPTY),
        "Answers HTTP 200 with an empty body."),
    row("sandbox-redirect", "top_bad_response", DOES_NOT, Act::Page(Page::redirect("/router/rest")),
        "Answers HTTP 302 with the gateway itself as the target."),
    row("sandbox-truncated", "top_bad_response", EXECUTES, breaks(HALF_AN_ANSWER, End::Close),
        "Executes the push, then closes the connection in the middle of the body."),
    row("sandbox-reset", "top_bad_response", EXECUTES, breaks(b"", End::Reset),
        "Executes the push, then resets the connection without an answer."),
    row("sandbox-reset-unread", "top_bad_response", DOES_NOT, breaks(b"", End::Reset),
        "Resets the connection without executing the push, which a caller cannot tell from sandbox-reset."),
    row("sandbox-close", "top_bad_response", EXECUTES, breaks(b"", End::Close),
        "Executes the push, then closes the connection properly, without sending any byte."),
    row("sandbox-garbage", "top_bad_response", DOES_NOT, breaks(GARBAGE, End::Close),
        "Answers with bytes that are not HTTP."),

    row("sandbox-ban-2s", "top_rate_limited", DOES_NOT, ban(2, false),
        "Announces a ban of 2 seconds (code 7). Until it ends, or the demo restarts, the bridge refuses every push."),
    row("sandbox-ban-real-5s", "top_rate_limited", DOES_NOT, ban(5, true),
        "Announces a ban of 5 seconds (code 7) and keeps it: until it ends, or the demo restarts, the sandbox refuses \
         every push as well."),
    row("sandbox-ban-71s", "top_rate_limited", DOES_NOT, ban(71, false),
        "Announces a ban of 71 seconds (code 7). After a minute the bridge lets one push through; if that one is not \
         banned, the ban ends. A restart of the demo lifts it at once."),
    row("sandbox-ban-9h", "top_rate_limited", DOES_NOT, ban(9 * 3600, false),
        "Announces a ban of nine hours (code 7). Every minute the bridge lets one push through; if that one is not \
         banned, the ban ends. A restart of the demo lifts it at once."),
];

const fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

const fn remote(sub_code: &'static str, sub_msg: &'static str) -> Refusal {
    Refusal::explained(15, "Remote service error", sub_code, sub_msg)
}

const fn html(status: StatusCode, body: &'static str) -> Act {
    Act::Page(Page::html(status, body))
}

const fn breaks(sent: &'static [u8], end: End) -> Act {
    Act::Break(Fault { sent, end })
}

const fn ban(seconds: u64, is_kept: bool) -> Act {
    Act::Ban { length: Duration::from_secs(seconds), is_kept }
}

const REMOTE_TIMEOUT: Refusal = remote("isp.remote-service-timeout", "the service did not answer in time");
const DUPLICATE: Refusal = remote("isv.data-duplicate-error", "the case has a result already");
const INVALID_PARAMETER: Refusal =
    Refusal::explained(50, "Remote service error", "isv.invalid-parameter", "非法参数");
const SESSION_EXPIRED: Refusal =
    Refusal::explained(27, "Invalid session", "session-expired", "the session has expired");

/// Escaped as in TOP's answers. The addresses are a private one and those that RFC 5737 reserves for examples.
const IP_WHITELIST: Refusal = Refusal::explained(
    11,
    "Insufficient ISV permissions",
    "isv.permission-ip-whitelist-limit",
    "AppKey &apos;{app_key}&apos; may call from &quot;192.0.2.1,192.0.2.2,10.0.0.0/8&quot; only, not from 203.0.113.7",
);

const QUOTING: Refusal = remote(
    "isp.service-error",
    "appkey={app_key} session={session} name={mediator_name} phone={mediator_phone} content={content}",
);

/// Bytes that no HTTP client accepts as a status line.
const GARBAGE: &[u8] = b"\x15\x03\x01\x00\x02\x02\x28 this is not HTTP\r\n\r\n";

/// The start of the answer to an accepted push, shorter than its `Content-Length`.
const HALF_AN_ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: 164\r\n\r\n\
    {\"alibaba_jym_servicecenter_mediation_result_push_response\":{\"result\":true,\"is_suc";
