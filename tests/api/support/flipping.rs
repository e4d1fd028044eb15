//! A gateway that switches between faults at random and records what it executed and answered.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use socket2::SockRef;

use super::gateway::{Call, Move, perform};
use super::gateway_answers::{Decides, Executes, GATEWAY_ANSWERS, GatewayAnswer, drawn, weights, wrong_time};
use super::wire::read_message;

/// How the gateway is disposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Says what it is drawn to say.
    Talking,
    /// Reads, executes or not, and says nothing.
    Hanging,
    /// Reads, executes or not, and resets.
    Resetting,
    /// Reads a part and resets.
    Breaking,
    /// Is not there.
    Refusing,
}

const FAULTS: [Fault; 9] = [
    Fault::Talking,
    Fault::Talking,
    Fault::Talking,
    Fault::Talking,
    Fault::Talking,
    Fault::Hanging,
    Fault::Resetting,
    Fault::Breaking,
    Fault::Refusing,
];

/// How far a timestamp may be off, in seconds.
const TOLERANCE: u64 = 600;

/// The gateway, until it is dropped.
pub(crate) struct Flipping {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    seed: u64,
    fault: AtomicUsize,
    over: AtomicBool,
    connections: AtomicUsize,
    calls: Mutex<HashMap<String, Vec<Answered>>>,
    /// The answers not given yet: each is given once before any is drawn.
    unsaid: Mutex<Vec<&'static GatewayAnswer>>,
    open: Mutex<Vec<TcpStream>>,
}

/// The gateway's record of one call.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    pub(crate) saying: &'static str,
    pub(crate) executed: bool,
    pub(crate) decided: Decides,
    /// Whether the bridge may call again by itself.
    pub(crate) may_be_called_again: bool,
}

/// A small random generator: the same seed gives the same numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Random {
    /// An independent generator for `what`.
    fn of(seed: u64, what: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, what).hash(&mut hasher);
        Self(hasher.finish().max(1))
    }

    /// A number below `bound`, by xorshift.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

impl Flipping {
    /// Starts on a port that it keeps while it refuses connections.
    pub(crate) fn start(seed: u64) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap());
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            seed,
            fault: AtomicUsize::default(),
            over: AtomicBool::default(),
            connections: AtomicUsize::default(),
            calls: Mutex::default(),
            unsaid: Mutex::new(shuffled(seed)),
            open: Mutex::default(),
        });
        let thread = thread::spawn({
            let state = Arc::clone(&state);
            move || flip(address, listener, &state)
        });
        Self { address, state, thread: Some(thread) }
    }

    /// The record of the calls of each case, in order.
    pub(crate) fn calls(&self) -> HashMap<String, Vec<Answered>> {
        self.state.calls.lock().unwrap().clone()
    }

    /// True if every answer was given.
    pub(crate) fn has_said_all(&self) -> bool {
        self.state.unsaid.lock().unwrap().is_empty()
    }
}

/// Every saying, in an order of its own for each seed.
fn shuffled(seed: u64) -> Vec<&'static GatewayAnswer> {
    let mut random = Random::of(seed, "order");
    let mut sayings: Vec<&GatewayAnswer> = GATEWAY_ANSWERS.iter().collect();
    sayings.sort_by_cached_key(|_| random.below(usize::MAX));
    sayings
}

impl Drop for Flipping {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let listener = mediation_bridge::server::listen(address).expect("the port is ours");
    listener.set_nonblocking(true).unwrap();
    listener
}

fn flip(address: SocketAddr, listener: TcpListener, state: &Arc<State>) {
    let mut listener = Some(listener);
    let mut random = Random::of(state.seed, "moods");
    while !state.over.load(Ordering::SeqCst) {
        let fault = random.below(FAULTS.len());
        state.fault.store(fault, Ordering::SeqCst);
        let until = Instant::now() + Duration::from_millis(15 + random.below(40) as u64);
        if FAULTS[fault] == Fault::Refusing {
            listener = None;
            for socket in state.open.lock().unwrap().drain(..) {
                let _ = socket.shutdown(std::net::Shutdown::Both);
            }
            // Sometimes long enough that a push uses all its attempts.
            thread::sleep(
                until.saturating_duration_since(Instant::now())
                    + Duration::from_millis(random.below(200) as u64),
            );
            continue;
        }
        let listener = listener.get_or_insert_with(|| listen(address));
        while Instant::now() < until {
            match listener.accept() {
                Ok((socket, _)) => {
                    socket.set_nonblocking(false).unwrap();
                    state.open.lock().unwrap().push(socket.try_clone().unwrap());
                    let state = Arc::clone(state);
                    thread::spawn(move || serve(&socket, &state));
                }
                // The listener does not block, so that the fault can change.
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

fn serve(mut socket: &TcpStream, state: &State) {
    let fault = || FAULTS[state.fault.load(Ordering::SeqCst)];
    let number = state.connections.fetch_add(1, Ordering::SeqCst);
    if fault() == Fault::Breaking {
        let _ = socket.read(&mut vec![0; 1 + Random::of(state.seed, number).below(600)]);
        let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        return;
    }
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while let Ok(Some(message)) = read_message(&mut reader, true) {
        let call = Call::read(message);
        call.assert_signed();
        if !perform(state.answer(fault(), &call), socket) {
            return;
        }
    }
}

impl State {
    /// Executes the push or not, records it, and returns the answer.
    fn answer(&self, fault: Fault, call: &Call) -> Move {
        let case = call.req()["mediation_case_id"].as_str().unwrap().to_owned();
        let mut calls = self.calls.lock().unwrap();
        let calls = calls.entry(case.clone()).or_default();
        let mut random = Random::of(self.seed, (&case, calls.len()));
        let nothing = |saying, executed| Answered {
            saying,
            executed,
            decided: Decides::Nothing,
            may_be_called_again: false,
        };
        let (answered, answer) = match fault {
            Fault::Hanging => (nothing("hanging", random.below(2) == 0), Move::Stall(Vec::new())),
            Fault::Resetting | Fault::Breaking | Fault::Refusing => {
                (nothing("resetting", random.below(2) == 0), Move::Reset)
            }
            Fault::Talking => match refused_timestamp(call, &mut random) {
                Some(answer) => {
                    let again = Answered { may_be_called_again: true, ..nothing("wrong time", false) };
                    (again, answer)
                }
                None => self.say(&mut random),
            },
        };
        calls.push(answered);
        answer
    }

    fn say(&self, random: &mut Random) -> (Answered, Move) {
        let saying = self.unsaid.lock().unwrap().pop().unwrap_or_else(|| drawn(random.below(weights())));
        let executed = match saying.executes {
            Executes::Always => true,
            Executes::Perhaps => random.below(2) == 0,
            Executes::Never => false,
        };
        let answered = Answered {
            saying: &saying.name,
            executed,
            decided: saying.decides,
            may_be_called_again: saying.may_be_called_again,
        };
        (answered, saying.answer.clone())
    }
}

/// Code 31 for a timestamp that is off, and sometimes for a correct one. Its `Date` is right, wrong or missing.
fn refused_timestamp(call: &Call, random: &mut Random) -> Option<Move> {
    let civil: jiff::civil::DateTime = call.form["timestamp"].parse().unwrap();
    let stamp = jiff::tz::Offset::constant(8).to_timestamp(civil).unwrap().as_second();
    let is_off = stamp.abs_diff(Timestamp::now().as_second()) > TOLERANCE;
    let refused = is_off || random.below(25) == 0;
    let date = [Some(0), Some(28_800), Some(-28_800), Some(700), Some(200_000), None][random.below(6)];
    refused.then(|| wrong_time(date))
}
