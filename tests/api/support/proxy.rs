//! A proxy for CONNECT that can fail in every way.

use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::wire::{Message, read_message};

/// The reaction of the proxy to the request for a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tunnel {
    /// Opens the tunnel.
    Made,
    /// Answers with this status line and closes.
    Refused(&'static str),
    /// Does not answer.
    Silent,
    /// Closes without an answer.
    Closed,
    /// Confirms the tunnel and closes.
    ClosedAtOnce,
    /// Opens the tunnel and closes after this many bytes to the gateway.
    BrokenAfter(u64),
    /// Answers with bytes that are not HTTP.
    Garbage,
}

/// The proxy, until the test ends.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Message>>>,
}

impl Proxy {
    /// Reacts to every connection in the same way.
    pub(crate) fn start(tunnel: Tunnel) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let kept = Arc::clone(&kept);
                thread::spawn(move || drop(serve(&socket.unwrap(), tunnel, &kept)));
            }
        });
        Self { address, requests }
    }

    /// The value of `TOP_PROXY_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Message> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut socket: &TcpStream, tunnel: Tunnel, requests: &Mutex<Vec<Message>>) -> io::Result<()> {
    let mut reader = BufReader::new(socket.try_clone()?);
    let Some(request) = read_message(&mut reader, false)? else { return Ok(()) };
    requests.lock().unwrap().push(request.clone());
    let made = b"HTTP/1.1 200 Connection established\r\n\r\n";
    match tunnel {
        Tunnel::Refused(status) => write!(socket, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"),
        Tunnel::Silent => socket.read(&mut [0]).map(drop),
        Tunnel::Closed => Ok(()),
        Tunnel::ClosedAtOnce => socket.write_all(made),
        Tunnel::Garbage => socket.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"),
        Tunnel::Made => {
            socket.write_all(made)?;
            pass(socket, &target(&request)?, u64::MAX)
        }
        Tunnel::BrokenAfter(bytes) => {
            socket.write_all(made)?;
            pass(socket, &target(&request)?, bytes)
        }
    }
}

/// Connects to the gateway of a request for a tunnel. Names resolve to this machine.
fn target(request: &Message) -> io::Result<TcpStream> {
    let authority = request.start.split(' ').nth(1).unwrap_or_default();
    let port = authority.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    TcpStream::connect(("127.0.0.1", port.ok_or(io::ErrorKind::InvalidInput)?))
}

fn pass(caller: &TcpStream, gateway: &TcpStream, most: u64) -> io::Result<()> {
    let (mut down_from, mut down_to) = (gateway.try_clone()?, caller.try_clone()?);
    let down = thread::spawn(move || {
        let _ = io::copy(&mut down_from, &mut down_to);
        let _ = down_to.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut caller.take(most), &mut &*gateway);
    let _ = (gateway.shutdown(Shutdown::Both), caller.shutdown(Shutdown::Both));
    let _ = down.join();
    Ok(())
}
