//! A bridge before a gateway whose next answer the test sets, for tables with many answers.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::wire;
use super::{BODY, CASE, Call, Gateway, Move, Program, Reply, TestApp};

type Script = dyn Fn(&Call) -> Move + Send;

/// A gateway that reacts to every call as set last.
struct Stage {
    gateway: Gateway,
    script: Arc<Mutex<Box<Script>>>,
}

impl Stage {
    fn start() -> Self {
        let script: Arc<Mutex<Box<Script>>> = Arc::new(Mutex::new(Box::new(|_| Move::accepted())));
        let gateway = Gateway::start({
            let script = Arc::clone(&script);
            move |_, call| script.lock().unwrap()(call)
        });
        Self { gateway, script }
    }

    fn set(&self, script: impl Fn(&Call) -> Move + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }
}

/// A bridge in this process.
pub(crate) struct Scene {
    pub(crate) app: TestApp,
    stage: Stage,
}

impl Scene {
    pub(crate) fn start(changes: &[(&str, &str)]) -> Self {
        let stage = Stage::start();
        Self { app: TestApp::with(&stage.gateway, changes), stage }
    }

    /// The answer to the caller if TOP answers like this, and the number of calls.
    pub(crate) fn told(&self, answer: Move) -> (Reply, usize) {
        self.stage.set(move |_| answer.clone());
        let before = self.stage.gateway.count();
        let reply = self.app.push_good();
        (reply, self.stage.gateway.count() - before)
    }
}

/// A bridge in a separate process, whose log is read.
pub(crate) struct LoggedScene {
    bridge: Program,
    stage: Stage,
    pushes: usize,
}

impl LoggedScene {
    pub(crate) fn start(changes: &[(&str, &str)]) -> Self {
        let stage = Stage::start();
        Self { bridge: Program::serve(&stage.gateway.url(), changes), stage, pushes: 0 }
    }

    /// The answer to the caller if TOP answers like this, and the log line.
    pub(crate) fn told(&mut self, answer: Move) -> (Reply, Value) {
        self.told_by(move |_| answer.clone())
    }

    /// The same for an answer that depends on the call.
    pub(crate) fn told_by(&mut self, script: impl Fn(&Call) -> Move + Send + 'static) -> (Reply, Value) {
        self.told_with(BODY, script)
    }

    /// The same for a push of `body`.
    pub(crate) fn told_with(
        &mut self,
        body: &str,
        script: impl Fn(&Call) -> Move + Send + 'static,
    ) -> (Reply, Value) {
        self.stage.set(script);
        self.push(body)
    }

    /// The same for a push of `body`.
    pub(crate) fn push(&mut self, body: &str) -> (Reply, Value) {
        self.pushes += 1;
        let id = format!("push-{}", self.pushes);
        let request = format!(
            "POST /mediations/{CASE}/result HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {id}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = Reply::of(wire::send_raw(self.bridge.address(), request.as_bytes()));
        let line = self.bridge.line_with(&format!("\"request.id\":\"{id}\""));
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["message"], "push", "the first line of a push");
        (reply, line)
    }
}
