//! What a scenario is: the case id that asks for it, what it does, and what the act consists of.

use std::time::Duration;

use super::envelope::Format;
use super::fault::Fault;
use super::refusal::Refusal;
use super::reply::Page;
use super::scenarios::SCENARIOS;
use crate::mediation::CaseId;

/// What the sandbox does for one case id, once a call has passed every check.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The case id that asks for it; it starts with `sandbox-`.
    pub case_id: &'static str,
    /// What it does, as an English sentence.
    pub does: &'static str,
    /// What the caller of a mediation bridge sees: its problem's code, or `200`.
    pub problem: &'static str,
    /// Whether TOP's back end executes the push, and the sandbox counts it; where calls take turns, whether it
    /// executes those that are accepted.
    pub executes: bool,
    /// How it is done.
    pub(super) act: Act,
}

impl Scenario {
    /// What every case does that is not in the table.
    const ORDINARY: Self =
        Self { case_id: "", does: "Accepts the push.", problem: "200", executes: true, act: Act::Accept };

    /// The scenario that a case asks for.
    pub(super) fn of(case_id: Option<&CaseId>) -> &'static Self {
        let asked = |scenario: &&Self| case_id.is_some_and(|case_id| case_id.as_str() == scenario.case_id);
        SCENARIOS.iter().find(asked).unwrap_or(&Self::ORDINARY)
    }

    /// How far ahead the clock is that timestamps are judged by.
    pub(super) fn clock_ahead(&self) -> Duration {
        if let Act::AcceptByClockAhead(ahead) = self.act { ahead } else { Duration::ZERO }
    }

    /// What the `Date` header of an answer says.
    pub(super) fn date(&self) -> DateHeader {
        if let Act::RefuseTimestamp(date) = self.act { date } else { DateHeader::Ahead(self.clock_ahead()) }
    }
}

/// How a scenario is done.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Accept.
    Accept,
    /// Accept after a while.
    AcceptAfter(Duration),
    /// Refuse the first call, accept the second, and so on.
    AcceptInTurn(Refusal),
    /// Accept what is in time by a clock so far ahead; the `Date` header tells that clock's time.
    AcceptByClockAhead(Duration),
    /// Answer with a success root.
    Conclude {
        /// Whether the push was processed.
        result: bool,
        /// Whether the call worked.
        is_success: bool,
        /// TOP's `state_code`.
        state_code: &'static str,
        /// TOP's `extra_err_msg`.
        message: &'static str,
    },
    /// Refuse.
    Refuse(Refusal),
    /// Refuse with a text that quotes the call where it names `{app_key}`, `{session}`, `{mediator_name}`,
    /// `{mediator_phone}` or `{content}`.
    RefuseQuoting(Refusal),
    /// Refuse the timestamp, however good it is, under such a `Date` header.
    RefuseTimestamp(DateHeader),
    /// Refuse with the announcement of a ban that is not kept.
    AnnounceBan(Duration),
    /// Refuse, and go on refusing every call for so long.
    Ban(Duration),
    /// Execute, and say so in an odd way.
    Odd(Odd),
    /// Answer as something on the way would.
    Page(Page),
    /// Break the connection.
    Break(Fault),
}

/// What a `Date` header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DateHeader {
    /// A time so far ahead of the right one.
    Ahead(Duration),
    /// Nothing: there is none.
    Missing,
}

/// Odd ways to say that a push was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Odd {
    /// In XML, whatever was asked for.
    Xml,
    /// Booleans as strings, a number for a string, a byte order mark and raw control characters.
    Strings,
    /// Without either boolean.
    Vague,
    /// In two mebibytes.
    Oversized,
}

impl Odd {
    /// What the `Content-Type` says.
    pub(super) const fn format(self) -> Format {
        match self {
            Self::Xml => Format::Xml,
            Self::Strings | Self::Vague | Self::Oversized => Format::Json,
        }
    }
}
