//! Turns a request into a response: route, method, checks, and a log line.

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method as Verb, Request, Response, StatusCode};
use jiff::Timestamp;

use super::answer::{Answer, Format, Refusal};
use super::checks::{self, Config};
use super::memory::Memory;
use super::parameters::Parameters;
use super::push::{self, PUSH};
use super::reply::{Fault, Page, Reply};
use super::scenarios::{SCENARIOS, Scenario};
use crate::gmt8::Gmt8;
use crate::mediation::CaseId;
use crate::top::time_get::TIME_GET;

/// The gateway, shared by all connections.
#[derive(Debug)]
pub(crate) struct Gateway {
    config: Config,
    memory: Memory,
}

/// A method that is simulated.
#[derive(Debug, Clone, Copy)]
enum Simulated {
    Push,
    TimeGet,
}

impl Simulated {
    fn called_by(parameters: &Parameters) -> Result<Self, Refusal> {
        match parameters.value("method") {
            Some(name) if name == PUSH.name => Ok(Self::Push),
            Some(name) if name == TIME_GET.name => Ok(Self::TimeGet),
            Some(_) => Err(Refusal::new(22, "Invalid Method")),
            None => Err(Refusal::new(21, "Missing Method")),
        }
    }

    const fn needs_session(self) -> bool {
        match self {
            Self::Push => true,
            Self::TimeGet => false,
        }
    }
}

impl Gateway {
    /// A gateway with an empty memory.
    pub(crate) fn new(config: Config) -> Self {
        Self { config, memory: Memory::default() }
    }

    /// Answers a request, or returns a fault to commit on its connection.
    pub(crate) async fn respond(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Fault> {
        let path = request.uri().path();
        if path == "/router/rest" {
            return self.call(request).await;
        }
        let reads = matches!(*request.method(), Verb::GET | Verb::HEAD);
        let page = self.page(path).filter(|_| reads);
        let not_found = Page::html(StatusCode::NOT_FOUND, "<html><h1>404 Not Found</h1></html>\n");
        Ok(page.unwrap_or(not_found).response(Some(Timestamp::now())))
    }

    /// The pages about the sandbox itself.
    fn page(&self, path: &str) -> Option<Page> {
        match path {
            // The bridge has the same path, so that the same health check works for both.
            "/livez" => Some(Page::ok(Format::Json.content_type(), r#"{"status":"ok"}"#.to_owned())),
            "/sandbox/scenarios" => Some(Page::ok("text/plain;charset=UTF-8", list())),
            _ => {
                let case_id = CaseId::parse(path.strip_prefix("/sandbox/executions/")?).ok()?;
                let executions = self.memory.executions(&case_id);
                let body = format!(r#"{{"case_id":"{case_id}","executions":{executions}}}"#);
                Some(Page::ok(Format::Json.content_type(), body))
            }
        }
    }

    async fn call(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Fault> {
        let request_id = request_id();
        let read = match *request.method() {
            Verb::GET | Verb::POST => Parameters::read(request).await,
            _ => Err(Refusal::new(9, "Http Action Not Allowed").into()),
        };
        let parameters = match read {
            Ok(parameters) => parameters,
            Err(reply) => {
                tracing::info!(request_id, outcome = %reply, "the sandbox answered a call that it could not read");
                return reply.respond(Format::Xml, &request_id, Some(Timestamp::now()));
            }
        };
        let case_id = push::claimed_case(&parameters);
        let scenario = Scenario::for_case(case_id.as_ref());
        let reply = self.judge(&parameters, scenario, &request_id).await.unwrap_or_else(Reply::from);
        let case_id = case_id.as_ref().map(CaseId::as_str);
        tracing::info!(case_id, request_id, outcome = %reply, "the sandbox answered a call");
        let date = scenario.date_ahead().map(|ahead| Timestamp::now() + ahead);
        reply.respond(parameters.format(), &request_id, date)
    }

    /// Runs all checks in TOP's order, and calls the method if they pass.
    async fn judge(
        &self,
        parameters: &Parameters,
        scenario: &Scenario,
        request_id: &str,
    ) -> Result<Reply, Refusal> {
        let method = Simulated::called_by(parameters)?;
        let now = Timestamp::now();
        checks::check(&self.config, parameters, now + scenario.clock_ahead())?;
        if method.needs_session() {
            checks::check_session(&self.config, parameters)?;
        }
        match method {
            Simulated::Push => push::answer(parameters, scenario, request_id, &self.memory).await,
            Simulated::TimeGet => {
                let time = Gmt8::at(now).to_string();
                Ok(Answer::success(TIME_GET, vec![("time", time.into())]).into())
            }
        }
    }
}

/// The scenarios as a table for a terminal. The case id is in the first column, for shell loops.
fn list() -> String {
    let line =
        |Scenario { case_id, problem, does, .. }: &Scenario| format!("{case_id:<31} {problem:<17} {does}\n");
    SCENARIOS.iter().map(line).collect()
}

/// A random identifier in the form of TOP's: lower-case letters and digits.
fn request_id() -> String {
    std::iter::repeat_with(|| fastrand::digit(36)).take(16).collect()
}
