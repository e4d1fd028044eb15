//! A gateway that flips between moods, and keeps the truth about what it executed.

use std::collections::HashMap;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::gateway::Move;
use super::wire::read_message;
use super::{ACCEPTED, Call};

/// How the gateway is disposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Executes and says so, or rejects and says so.
    Healthy,
    /// Reads, executes or not, and says nothing.
    Hanging,
    /// Reads, executes or not, and resets.
    Resetting,
    /// Reads a part and resets.
    Breaking,
    /// Is not there.
    Refusing,
}

const MOODS: [Mood; 6] =
    [Mood::Healthy, Mood::Healthy, Mood::Hanging, Mood::Resetting, Mood::Breaking, Mood::Refusing];

/// The gateway, until it is dropped.
pub(crate) struct Flipping {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    mood: AtomicUsize,
    over: AtomicBool,
    executed: Mutex<HashMap<String, usize>>,
    random: Mutex<Random>,
    open: Mutex<Vec<TcpStream>>,
}

/// A small generator: the same seed, the same moods.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Random {
    /// A number below `bound`, by xorshift.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

impl State {
    fn mood(&self) -> Mood {
        MOODS[self.mood.load(Ordering::SeqCst)]
    }

    fn below(&self, bound: usize) -> usize {
        self.random.lock().unwrap().below(bound)
    }

    fn execute(&self, call: &Call) {
        let case = call.req()["mediation_case_id"].as_str().unwrap().to_owned();
        *self.executed.lock().unwrap().entry(case).or_default() += 1;
    }
}

impl Flipping {
    /// Starts it on a port of its own, which it keeps while it is not there.
    pub(crate) fn start() -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap());
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let thread = thread::spawn({
            let state = Arc::clone(&state);
            move || flip(address, listener, &state)
        });
        Self { address, state, thread: Some(thread) }
    }

    /// How often each case was executed.
    pub(crate) fn executed(&self) -> HashMap<String, usize> {
        self.state.executed.lock().unwrap().clone()
    }
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
    while !state.over.load(Ordering::SeqCst) {
        let mood = state.below(MOODS.len());
        state.mood.store(mood, Ordering::SeqCst);
        let until = Instant::now() + Duration::from_millis(15 + state.below(40) as u64);
        if MOODS[mood] == Mood::Refusing {
            listener = None;
            for socket in state.open.lock().unwrap().drain(..) {
                let _ = socket.shutdown(std::net::Shutdown::Both);
            }
            // Long enough, now and then, that a push spends all its attempts.
            thread::sleep(
                until.saturating_duration_since(Instant::now())
                    + Duration::from_millis(state.below(200) as u64),
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
                // The listener does not block so that moods can change.
                Err(_) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }
}

fn serve(mut socket: &TcpStream, state: &State) {
    if state.mood() == Mood::Breaking {
        let _ = socket.read(&mut vec![0; 1 + state.below(600)]);
        let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        return;
    }
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while let Ok(Some(message)) = read_message(&mut reader, true) {
        let call = Call::read(message);
        call.assert_signed();
        let perhaps = || {
            if state.below(2) == 0 {
                state.execute(&call);
            }
        };
        match state.mood() {
            Mood::Healthy if state.below(5) == 0 => {
                let no = r#"{"error_response":{"code":50,"sub_code":"isv.invalid-parameter"}}"#;
                let _ = socket.write_all(&Move::answer_bytes(200, &[], no.as_bytes()));
            }
            Mood::Healthy => {
                state.execute(&call);
                let _ = socket.write_all(&Move::answer_bytes(200, &[], ACCEPTED.as_bytes()));
            }
            Mood::Hanging => {
                perhaps();
                // Until the bridge gives up.
                let _ = socket.read(&mut [0]);
                return;
            }
            Mood::Resetting | Mood::Breaking | Mood::Refusing => {
                perhaps();
                let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
                return;
            }
        }
    }
}
