//! The bridge in a separate thread, as `serve` runs it, without signals.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use mediation_bridge::server::{self, Application};
use mediation_bridge::settings::Settings;
use serde_json::Value;
use tokio::sync::oneshot;

use super::document::assert_described;
use super::wire::{self, Message};
use super::{APP_KEY, APP_SECRET, BODY, CASE, Gateway, Move};

/// A bridge, until it is dropped.
pub(crate) struct TestApp {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The gateway that accepts everything, if the test needs no other.
    gateway: Option<Gateway>,
}

/// An answer of the bridge.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) message: Message,
}

impl TestApp {
    /// A bridge before a gateway that accepts everything, with these variables changed.
    pub(crate) fn accepting(changes: &[(&str, &str)]) -> Self {
        let gateway = Gateway::always(Move::accepted());
        let mut app = Self::with(&gateway, changes);
        app.gateway = Some(gateway);
        app
    }

    /// A bridge before `gateway`.
    pub(crate) fn start(gateway: &Gateway) -> Self {
        Self::with(gateway, &[])
    }

    /// A bridge before `gateway`, with these variables changed.
    pub(crate) fn with(gateway: &Gateway, changes: &[(&str, &str)]) -> Self {
        let url = gateway.url();
        Self::of(&[&[("TOP_GATEWAY_URL", url.as_str())], changes].concat())
    }

    /// A bridge with the tests' credentials and these variables.
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let base = [
            ("TOP_APP_KEY", APP_KEY),
            ("TOP_APP_SECRET", APP_SECRET),
            ("BRIDGE_BIND", "127.0.0.1:0"),
            ("BRIDGE_WORKERS", "2"),
            ("BRIDGE_DEADLINE", "5s"),
            ("TOP_CONNECT_TIMEOUT", "2s"),
        ];
        let all: BTreeMap<_, _> = base
            .iter()
            .chain(variables)
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        let settings = Settings::from_variables(all).expect("settings");
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let listener = server::listen(settings.bridge_bind).expect("a free port");
                let application = Application::build(&settings, listener).expect("the bridge builds");
                tell.send(application.address()).unwrap();
                let stop = async {
                    let _ = stopped.await;
                };
                application.run_until_stopped(stop).await.expect("the bridge runs");
            });
        });
        Self {
            address: told.recv().expect("the bridge starts"),
            stop: Some(stop),
            thread: Some(thread),
            gateway: None,
        }
    }

    /// Pushes `body` for the tests' case.
    pub(crate) fn push(&self, body: &str) -> Reply {
        self.push_with(CASE, &[("Content-Type", "application/json")], body.as_bytes())
    }

    /// Pushes the tests' body.
    pub(crate) fn push_good(&self) -> Reply {
        self.push(BODY)
    }

    /// Pushes `body` for `case_id`, which is put into the path unchanged, with these headers.
    pub(crate) fn push_with(&self, case_id: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.send("POST", &format!("/mediations/{case_id}/result"), headers, body)
    }

    /// Sends a request without a body.
    pub(crate) fn get(&self, method: &str, path: &str) -> Reply {
        self.send(method, path, &[], b"")
    }

    /// Sends a request on a new connection.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut bytes = Vec::new();
        write!(bytes, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n").unwrap();
        for (name, value) in headers {
            write!(bytes, "{name}: {value}\r\n").unwrap();
        }
        if !body.is_empty() || method == "POST" {
            write!(bytes, "Content-Length: {}\r\n", body.len()).unwrap();
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        self.send_raw(&bytes)
    }

    /// Sends these bytes on a new connection. The document must describe the answer, unless the framework gave it
    /// before the bridge saw the request.
    pub(crate) fn send_raw(&self, bytes: &[u8]) -> Reply {
        let reply = Reply::of(wire::send_raw(self.address, bytes));
        let start = bytes.split(|byte| *byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok());
        let mut words = start.unwrap_or_default().split(' ');
        if let (Some(method), Some(target), Some(_)) =
            (words.next(), words.next(), reply.header("x-request-id"))
        {
            assert_described(method, target, &reply);
        }
        reply
    }

    /// Asks the bridge to stop, without waiting for it.
    pub(crate) fn ask_to_stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.ask_to_stop();
        let ended = self.thread.take().map(JoinHandle::join);
        drop(self.gateway.take());
        if !std::thread::panicking() {
            ended.expect("a thread").expect("the bridge ended well");
        }
    }
}

impl Reply {
    pub(crate) fn of(message: Message) -> Self {
        let status = message.start.split(' ').nth(1).expect("a status").parse().expect("a number");
        Self { status, message }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.message.header(name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.message.body.clone()).expect("UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.message.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Fails unless this is the complete problem `code` with its status; returns its body.
    pub(crate) fn problem(&self, code: &str) -> Value {
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(body["status"], self.status);
        assert_eq!(body["type"], format!("/problems/{code}"));
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        for member in ["title", "detail", "instance"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {body}");
        }
        assert!(body["retryable"].is_boolean(), "{body}");
        let outcomes = ["rejected", "not_executed", "unknown"];
        assert!(outcomes.contains(&body["outcome"].as_str().unwrap_or_default()), "{body}");
        body
    }
}
