//! One plain HTTP request to this machine, for `healthcheck` and `demo`.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long the answer may take.
const ANSWER: Duration = Duration::from_secs(15);

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) status_line: String,
    pub(super) body: String,
}

/// Sends one request, with a JSON body if there is one, and reads the answer to its end.
pub(super) fn ask(address: SocketAddr, method: &str, path: &str, json: Option<&str>) -> io::Result<Answer> {
    let mut socket = TcpStream::connect_timeout(&address, CONNECT)?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.set_write_timeout(Some(CONNECT))?;
    let (declared, body) = match json {
        Some(body) => (format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()), body),
        None => (String::new(), ""),
    };
    write!(
        socket,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{declared}\r\n{body}"
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    let unread = || io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(unread)?;
    let status_line =
        head.lines().next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).ok_or_else(unread)?;
    let status = status_line.get(..3).and_then(|digits| digits.parse().ok()).ok_or_else(unread)?;
    Ok(Answer { status, status_line: status_line.to_owned(), body: body.to_owned() })
}
