//! The one line that every push leaves in the log.
//!
//! Names and telephone numbers mask themselves, TOP's texts come scrubbed of credentials, and what they quote
//! of the request is blanked here. The content is never logged.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use super::problem::prior_outcome;
use crate::delivery::{Report, Trouble};
use crate::mediation::{CaseId, Content, MediationResult, MediatorName, MediatorPhone};
use crate::top::scrub::blank_quotes;

/// The code of a push that TOP accepted; every other is a problem's.
pub const ACCEPTED: &str = "accepted";
/// A quote of a name or a telephone number is blanked from so many characters on.
const SHORT_QUOTE: usize = 4;
/// A quote of the content is blanked from so many characters on: shorter ones are common words.
const LONG_QUOTE: usize = 6;

/// What one push leaves in the log.
#[derive(Debug)]
pub struct PushLine<'a> {
    /// The request's identifier.
    pub request_id: &'a str,
    /// The trace that it belongs to, where its caller says so.
    pub trace_id: Option<&'a str>,
    /// Who pushed, where callers are configured.
    pub caller: Option<&'a str>,
    /// The case, where the path holds a sound one.
    pub case_id: Option<&'a CaseId>,
    /// The push, where it was sound.
    pub push: Option<&'a MediationResult>,
    /// The outcome's word.
    pub outcome: &'static str,
    /// [`ACCEPTED`], or the problem's code.
    pub code: &'static str,
    /// Calls to TOP that were begun.
    pub attempts: u32,
    /// From the request's arrival to now.
    pub total: Duration,
    /// What became of it, where it came to delivering.
    pub report: Option<&'a Report>,
}

impl PushLine<'_> {
    /// Writes the line.
    pub fn write(&self) {
        let said = self.report.map(|report| &report.said);
        let fault = self.report.and_then(|report| report.fault.as_ref());
        let trouble = self.report.and_then(|report| match &report.history.trouble {
            trouble @ Some(Trouble::Unavailable(_)) => trouble.as_ref(),
            Some(Trouble::NotKept(_) | Trouble::Superseded) | None => None,
        });
        tracing::info!(
            request.id = self.request_id,
            trace.id = self.trace_id,
            caller.name = self.caller,
            push.case_id = self.case_id.map(CaseId::as_str),
            push.outcome = self.outcome,
            push.code = self.code,
            push.prior_outcome = self.report.and_then(|report| prior_outcome(report.history.in_doubt)),
            push.replayed = self.report.is_some_and(|report| report.history.replayed),
            push.attempts = self.attempts,
            push.duration_ms = milliseconds(self.total),
            push.mediator_name =
                self.push.and_then(|push| push.mediator_name.as_ref()).map(tracing::field::display),
            push.mediator_phone =
                self.push.and_then(|push| push.mediator_phone.as_ref()).map(tracing::field::display),
            top.request_id = said.and_then(|said| self.unquoted(said.request_id.as_deref())).as_deref(),
            top.code = said.and_then(|said| said.code),
            top.sub_code = said.and_then(|said| self.unquoted(said.sub_code.as_deref())).as_deref(),
            top.sub_msg = said.and_then(|said| self.unquoted(said.sub_msg.as_deref())).as_deref(),
            top.state_code = said.and_then(|said| self.unquoted(said.state_code.as_deref())).as_deref(),
            top.duration_ms = self.report.map(|report| milliseconds(report.top_time())),
            push.error = fault.map(|fault| chain(fault)).or(trouble.map(|trouble| chain(trouble))).as_deref(),
            "push"
        );
    }

    /// A text of TOP without what it quotes of the request's personal data.
    fn unquoted<'a>(&self, text: Option<&'a str>) -> Option<Cow<'a, str>> {
        let (text, push) = (text?, self.push?);
        let private = [
            (push.mediator_name.as_ref().map_or("", MediatorName::as_str), SHORT_QUOTE),
            (push.mediator_phone.as_ref().map_or("", MediatorPhone::as_str), SHORT_QUOTE),
            (push.content.as_ref().map_or("", Content::as_str), LONG_QUOTE),
        ];
        Some(blank_quotes(text, &private))
    }
}

/// An error and what caused it, from the outside in.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = text + ": " + &error.to_string();
        cause = error.source();
    }
    text
}

/// Whole milliseconds.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
