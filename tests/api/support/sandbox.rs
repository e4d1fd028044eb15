//! The simulated gateway in a separate thread, and calls to it that the tests sign themselves.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use form_urlencoded::Serializer;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use mediation_bridge::sandbox::{self, Config};
use tokio::runtime;
use tokio::sync::oneshot;

use super::app::Reply;
use super::wire::{connect, send_raw};
use super::{APP_KEY, APP_SECRET, signature};

/// A sandbox, until it is dropped.
pub(crate) struct Sandbox {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Parameters of a call.
pub(crate) type Parameters = BTreeMap<String, String>;
/// A parameter and its changed value; `None` removes it.
pub(crate) type Change<'a> = (&'a str, Option<&'a str>);

/// The parameters of a valid push with `changes`, without the signature.
fn parameters(changes: &[Change<'_>]) -> Parameters {
    let now = timestamp(SignedDuration::ZERO);
    let good = [
        ("method", "alibaba.jym.servicecenter.mediation.result.push"),
        ("app_key", APP_KEY),
        ("v", "2.0"),
        ("format", "json"),
        ("timestamp", now.as_str()),
        ("sign_method", "md5"),
        ("req", r#"{"mediation_case_id":"1","result":"success"}"#),
    ];
    let is_replaced = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let kept = good.into_iter().filter(|(name, _)| !is_replaced(name));
    let replaced = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    kept.chain(replaced).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The parameters with the signature of their `sign_method`, or of MD5 if that is invalid.
pub(crate) fn signed(changes: &[Change<'_>]) -> Parameters {
    let mut parameters = parameters(changes);
    let asked = parameters.get("sign_method").map_or("md5", String::as_str);
    let method = ["hmac", "hmac-sha256"].into_iter().find(|known| *known == asked).unwrap_or("md5");
    let signature = signature::with(method, &parameters, APP_SECRET);
    parameters.entry("sign".to_owned()).or_insert(signature);
    parameters
}

/// A signed push of a case.
pub(crate) fn push_of(case_id: &str) -> Parameters {
    signed(&[("req", Some(&req_of(case_id)))])
}

/// The smallest `req` of a case.
pub(crate) fn req_of(case_id: &str) -> String {
    format!(r#"{{"mediation_case_id":"{case_id}","result":"success"}}"#)
}

/// The time in GMT+8 this far from now.
pub(crate) fn timestamp(ahead: SignedDuration) -> String {
    let time = Offset::constant(8).to_datetime(Timestamp::now() + ahead);
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A form or query.
pub(crate) fn encoded(parameters: &Parameters) -> String {
    Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// A request that posts a body and wants the connection closed.
pub(crate) fn post(target: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

/// A request that posts these parameters as a form.
pub(crate) fn post_form(parameters: &Parameters) -> String {
    post("/router/rest", "application/x-www-form-urlencoded;charset=utf-8", &encoded(parameters))
}

impl Sandbox {
    /// A sandbox that requires no session.
    pub(crate) fn start() -> Self {
        Self::with(false)
    }

    /// A sandbox that knows the tests' application.
    pub(crate) fn with(require_session: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let config = Config { app_key: APP_KEY.to_owned(), app_secret: APP_SECRET.into(), require_session };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let stop = async {
                let _ = stopped.await;
            };
            runtime.block_on(sandbox::serve(listener, config, stop)).expect("the sandbox runs");
        });
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/router/rest", self.address)
    }

    /// Sends a request and reads until the connection ends.
    pub(crate) fn exchange(&self, request: &str) -> (String, io::Result<()>) {
        let mut socket = connect(self.address);
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let end = socket.read_to_end(&mut answer).map(|_| ());
        (String::from_utf8_lossy(&answer).into_owned(), end)
    }

    /// Sends a request that has one whole answer.
    pub(crate) fn send(&self, request: &str) -> Reply {
        Reply::of(send_raw(self.address, request.as_bytes()))
    }

    /// Posts a call.
    pub(crate) fn call(&self, parameters: &Parameters) -> Reply {
        self.send(&post_form(parameters))
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        self.send(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    /// The number of executions of a case.
    pub(crate) fn executions(&self, case_id: &str) -> u64 {
        let told = self.get(&format!("/sandbox/executions/{case_id}")).json();
        assert_eq!(told["case_id"], case_id);
        told["executions"].as_u64().expect("a number")
    }

    /// Stops it and waits for its end.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !thread::panicking() {
                ended.expect("the sandbox ended well");
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}
