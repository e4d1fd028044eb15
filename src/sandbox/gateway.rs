//! From a request to its reply: the route, the checks, the scenario, the line in the log.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Config;
use super::checks;
use super::envelope::{Envelope, Format};
use super::fault::Fault;
use super::memory::Memory;
use super::pages;
use super::parameters::{Parameters, Unreadable};
use super::perform::{Call, perform};
use super::push::Push;
use super::refusal::Refusal;
use super::reply::{Page, Reply};
use super::scenario::{DateHeader, Scenario};
use crate::mediation::CaseId;

/// Where TOP takes calls.
pub(super) const REST: &str = "/router/rest";
/// Where the sandbox tells how often a case was executed; the case id follows.
const EXECUTIONS: &str = "/sandbox/executions/";

/// Where the sandbox says that it lives, as the bridge does under the same path.
const LIVEZ: &str = "/livez";

/// The gateway, shared by all connections.
#[derive(Debug)]
pub(super) struct Gateway {
    config: Config,
    memory: Memory,
}

impl Gateway {
    /// A gateway that remembers nothing yet.
    pub(super) fn new(config: Config) -> Self {
        Self { config, memory: Memory::default() }
    }

    /// Answers one request, or asks for the connection to be broken.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Fault> {
        let path = request.uri().path();
        if path == REST {
            return self.call(request).await;
        }
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let case_id = path.strip_prefix(EXECUTIONS).and_then(|case_id| CaseId::parse(case_id).ok());
        let page = match case_id {
            Some(case_id) if reads => self.executions(&case_id),
            None if reads && path == LIVEZ => Page::written(Format::Json, r#"{"status":"ok"}"#.to_owned()),
            Some(_) | None => pages::NOT_FOUND,
        };
        Ok(page.response(Some(Timestamp::now())))
    }

    async fn call(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Fault> {
        let takes = matches!(*request.method(), Method::GET | Method::POST);
        let parameters = if takes {
            Parameters::read(request).await
        } else {
            Err(Unreadable::Refused(Refusal::new(9, "Http Action Not Allowed")))
        };
        let request_id = request_id();
        let now = Timestamp::now();
        let parameters = match parameters {
            Ok(parameters) => parameters,
            Err(unreadable) => {
                let reply = reply_to(unreadable);
                tracing::info!(request_id, outcome = %reply, "the sandbox took a call that it could not read");
                return Ok(reply.page(Format::Xml, &request_id)?.response(Some(now)));
            }
        };
        let case_id = Push::claimed_case(&parameters);
        let scenario = Scenario::of(case_id.as_ref());
        let reply = self.judge(&parameters, scenario, now, &request_id).await;
        let case_id = case_id.as_ref().map(CaseId::as_str);
        tracing::info!(case_id, request_id, outcome = %reply, "the sandbox took a call");
        let date = match scenario.date() {
            DateHeader::Ahead(ahead) => Some(Timestamp::now() + ahead),
            DateHeader::Missing => None,
        };
        Ok(reply.page(Format::asked_for(&parameters), &request_id)?.response(date))
    }

    /// Every check in TOP's order, and the scenario when all are passed. A ban comes before the business
    /// parameter: access control stands in front of the back end.
    async fn judge(
        &self,
        parameters: &Parameters,
        scenario: &Scenario,
        now: Timestamp,
        request_id: &str,
    ) -> Reply {
        let judged = checks::check(&self.config, parameters, now + scenario.clock_ahead());
        let banned = |()| match self.memory.ban_left(Instant::now()) {
            Some(seconds) => Err(Refusal::banned(seconds)),
            None => Push::read(parameters),
        };
        match judged.and_then(banned) {
            Ok(push) => {
                let session = parameters.value("session").unwrap_or_default();
                let call = Call { push: &push, app_key: &self.config.app_key, session, request_id };
                perform(scenario, &call, &self.memory).await
            }
            Err(refusal) => refused(refusal),
        }
    }

    fn executions(&self, case_id: &CaseId) -> Page {
        let executions = self.memory.executions(case_id);
        let body = format!(r#"{{"case_id":"{case_id}","executions":{executions}}}"#);
        Page::written(Format::Json, body)
    }
}

/// A refusal as a reply.
pub(super) fn refused(refusal: Refusal) -> Reply {
    Reply::Refused(refusal.code, Envelope::refused(refusal))
}

fn reply_to(unreadable: Unreadable) -> Reply {
    match unreadable {
        Unreadable::TooLarge => Reply::Page(pages::TOO_LARGE),
        Unreadable::TooSlow => Reply::Page(pages::TIME_OUT),
        Unreadable::Broken => Reply::Break(Fault::Close),
        Unreadable::Refused(refusal) => refused(refusal),
    }
}

/// Random, of the kind that TOP's are: small letters and digits.
fn request_id() -> String {
    std::iter::repeat_with(|| fastrand::digit(36)).take(16).collect()
}
