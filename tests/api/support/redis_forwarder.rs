//! A stable address before Redis: a TCP forwarder that leads to one server and later to another.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// The forwarder, until it is dropped.
pub(crate) struct Forwarder {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The port for new connections; 0 for none: then they are accepted and get no answer.
    port: AtomicUsize,
    accepted: AtomicUsize,
    over: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    held: Mutex<Held>,
    released: Condvar,
}

/// The direction that the forwarder holds.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Held {
    #[default]
    Nothing,
    Everything,
    /// What Redis says.
    Answers,
}

impl Forwarder {
    /// Leads to this port.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { port: AtomicUsize::new(port.into()), ..State::default() });
        thread::spawn({
            let state = Arc::clone(&state);
            move || {
                for socket in listener.incoming() {
                    if state.over.load(Ordering::SeqCst) {
                        return;
                    }
                    state.accepted.fetch_add(1, Ordering::SeqCst);
                    state.forward(socket.unwrap());
                }
            }
        });
        Self { address, state }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that were taken.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }

    /// Leads new connections to this port; existing ones stay.
    pub(crate) fn lead_to(&self, port: u16) {
        self.state.port.store(port.into(), Ordering::SeqCst);
    }

    /// Accepts new connections without an answer.
    pub(crate) fn fall_silent(&self) {
        self.lead_to(0);
    }

    /// Holds what arrives on connections until the test releases it.
    pub(crate) fn hold(&self, what: Held) {
        *self.state.held.lock().unwrap() = what;
        self.state.released.notify_all();
    }

    /// Breaks the existing connections.
    pub(crate) fn cut(&self) {
        for socket in self.state.open.lock().unwrap().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl State {
    fn forward(self: &Arc<Self>, near: TcpStream) {
        self.open.lock().unwrap().push(near.try_clone().unwrap());
        let port = u16::try_from(self.port.load(Ordering::SeqCst)).unwrap();
        // If nothing listens there, the connection breaks; a port of 0 keeps it open.
        let Some(far) = (port > 0).then(|| TcpStream::connect(("127.0.0.1", port))) else { return };
        let Ok(far) = far else {
            let _ = near.shutdown(Shutdown::Both);
            return;
        };
        for socket in [&near, &far] {
            socket.set_nodelay(true).unwrap();
        }
        let (near_too, far_too, state) =
            (near.try_clone().unwrap(), far.try_clone().unwrap(), Arc::clone(self));
        thread::spawn(move || state.copy(&near_too, &far_too, &[Held::Everything]));
        let state = Arc::clone(self);
        thread::spawn(move || state.copy(&far, &near, &[Held::Everything, Held::Answers]));
    }

    /// Copies until one side ends, and ends both. It waits while one of `waits` is held.
    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream, waits: &[Held]) {
        let mut bytes = vec![0; 65_536];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            drop(self.released.wait_while(self.held.lock().unwrap(), |held| waits.contains(held)).unwrap());
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        for socket in [from, to] {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.hold(Held::Nothing);
        self.cut();
    }
}
