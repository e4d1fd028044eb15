//! A gateway for the tests: it accepts calls on raw sockets, records them, and answers as the test says, even in ways
//! that no HTTP server would.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::wire::{Message, read_message};
use super::{ACCEPTED, APP_SECRET, signature};

/// One call as TOP would see it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) message: Message,
    pub(crate) form: BTreeMap<String, String>,
}

impl Call {
    pub(crate) fn read(message: Message) -> Self {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(&message.body).into_owned().collect();
        let form: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(form.len(), pairs.len(), "a parameter stands twice");
        Self { message, form }
    }

    /// The value of `req`.
    pub(crate) fn req(&self) -> Value {
        serde_json::from_str(&self.form["req"]).expect("req is JSON")
    }

    /// Fails unless the signature is what the specification says.
    pub(crate) fn assert_signed(&self) {
        assert_eq!(self.form["sign"], signature::expected(&self.form, APP_SECRET));
    }
}

/// The reaction of the gateway to a call.
#[derive(Debug, Clone)]
pub(crate) enum Move {
    /// Answers with this status, further headers and body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Writes these bytes as they are and closes.
    Bytes(Vec<u8>),
    /// Writes these bytes and then neither writes nor closes.
    Stall(Vec<u8>),
    /// Closes with RST.
    Reset,
    /// Writes these bytes unchanged and closes with RST.
    Abort(Vec<u8>),
    /// Waits, then goes on.
    After(Duration, Box<Move>),
}

impl Move {
    /// HTTP 200 with this body.
    pub(crate) fn ok(body: &str) -> Self {
        Self::Answer(200, Vec::new(), body.as_bytes().to_vec())
    }

    /// TOP's answer to a push that it executed.
    pub(crate) fn accepted() -> Self {
        Self::ok(ACCEPTED)
    }

    /// A success root with these members.
    pub(crate) fn success(members: &str) -> Self {
        Self::ok(&format!(r#"{{"alibaba_jym_servicecenter_mediation_result_push_response":{{{members}}}}}"#))
    }

    /// An `error_response` with these members.
    pub(crate) fn error(members: &str) -> Self {
        Self::ok(&format!(r#"{{"error_response":{{{members}}}}}"#))
    }

    /// The bytes of `Answer` on the wire.
    pub(crate) fn answer_bytes(status: u16, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write!(bytes, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len()).unwrap();
        for (name, value) in headers {
            write!(bytes, "{name}: {value}\r\n").unwrap();
        }
        [&bytes, b"\r\n".as_slice(), body].concat()
    }
}

type Script = dyn Fn(usize, &Call) -> Move + Send + Sync;

/// The gateway, until it is dropped.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    over: Arc<AtomicBool>,
}

impl Gateway {
    /// Reacts to every call in the same way.
    pub(crate) fn always(one: Move) -> Self {
        Self::start(move |_, _| one.clone())
    }

    /// Calls `script` for each call, with a number that starts at 0.
    pub(crate) fn start(script: impl Fn(usize, &Call) -> Move + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let script: Arc<Script> = Arc::new(script);
        thread::spawn({
            let (calls, over) = (Arc::clone(&calls), Arc::clone(&over));
            move || {
                for socket in listener.incoming() {
                    if over.load(Ordering::SeqCst) {
                        return;
                    }
                    let (calls, script) = (Arc::clone(&calls), Arc::clone(&script));
                    thread::spawn(move || serve(&socket.expect("a connection"), &calls, &*script));
                }
            }
        });
        Self { address, calls, over }
    }

    /// The URL for the bridge.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/router/rest", self.address)
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// How many calls there were so far.
    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// The one call so far.
    pub(crate) fn only_call(&self) -> Call {
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "calls");
        calls.into_iter().next().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(socket: &TcpStream, calls: &Mutex<Vec<Call>>, script: &Script) {
    socket.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while let Ok(Some(message)) = read_message(&mut reader, true) {
        let call = Call::read(message);
        let number = {
            let mut calls = calls.lock().unwrap();
            calls.push(call.clone());
            calls.len() - 1
        };
        if !perform(script(number, &call), socket) {
            return;
        }
    }
}

/// Performs a step; true if the connection stays open.
pub(super) fn perform(step: Move, mut socket: &TcpStream) -> bool {
    match step {
        Move::Answer(status, headers, body) => {
            socket.write_all(&Move::answer_bytes(status, &headers, &body)).is_ok()
        }
        Move::Bytes(bytes) => {
            let _ = socket.write_all(&bytes);
            let _ = socket.shutdown(Shutdown::Both);
            false
        }
        Move::Stall(bytes) => {
            let _ = socket.write_all(&bytes);
            // Until the bridge gives up and closes.
            let _ = socket.read(&mut [0]);
            false
        }
        Move::Reset => perform(Move::Abort(Vec::new()), socket),
        Move::Abort(bytes) => {
            let _ = socket.write_all(&bytes);
            let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
            false
        }
        Move::After(delay, next) => {
            thread::sleep(delay);
            perform(*next, socket)
        }
    }
}
