//! HTTP/1.1 over blocking sockets: the tests see exactly the bytes on the wire.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A message as it was on the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The value of the header `name`, if it appears exactly once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let first = found.next();
        assert!(found.next().is_none(), "{name} stands twice");
        first.map(|(_, value)| value.as_str())
    }
}

/// Connects with time-outs, so that a test fails instead of hanging.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("connect");
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

/// Reads one message: the head, then a body as long as `Content-Length` or chunks say. `None` if the peer closed before
/// the first byte.
pub(crate) fn read_message<R: Read>(reader: &mut BufReader<R>, body: bool) -> io::Result<Option<Message>> {
    let mut start = String::new();
    if reader.read_line(&mut start)? == 0 {
        return Ok(None);
    }
    let mut message = Message { start: start.trim_end().to_owned(), ..Message::default() };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        message.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    if body {
        read_body(reader, &mut message)?;
    }
    Ok(Some(message))
}

fn read_body<R: Read>(reader: &mut BufReader<R>, message: &mut Message) -> io::Result<()> {
    if let Some(length) = message.header("content-length").map(|length| length.parse().expect("a length")) {
        message.body.resize(length, 0);
        return reader.read_exact(&mut message.body);
    }
    if message.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk)?;
            if length == 0 {
                return Ok(());
            }
            message.body.extend_from_slice(&chunk[..length]);
        }
    }
    Ok(())
}

/// Sends `bytes` on a new connection and reads one answer.
pub(crate) fn send_raw(address: SocketAddr, bytes: &[u8]) -> Message {
    let mut socket = connect(address);
    socket.write_all(bytes).expect("write");
    let head_only = bytes.starts_with(b"HEAD ");
    read_message(&mut BufReader::new(socket), !head_only).expect("an answer").expect("not closed")
}
