//! Faults below HTTP, committed on the raw socket after the request was read.

use std::error::Error;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::SUCCESS_ROOT;

/// How long a connection without an answer is held; callers give up long before.
const GIVE_UP: Duration = Duration::from_mins(1);
/// What no HTTP client takes for a status line.
const GARBAGE: &[u8] = b"\x15\x03\x01\x00\x02\x02\x28 this is not HTTP\r\n\r\n";

/// An end of a connection that is no HTTP answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the scenario breaks the connection: {self:?}")]
pub(super) enum Fault {
    /// RST without a byte.
    Reset,
    /// FIN without a byte.
    Close,
    /// The head and half of the body, then FIN.
    Truncated,
    /// Nothing, until the caller gives up.
    Hang,
    /// The head and half of the body, then nothing until the caller gives up.
    Stalled,
    /// Bytes that are no HTTP, then FIN.
    Garbage,
}

impl Fault {
    /// The fault that a request's handler asked for, if that is why its connection ended.
    pub(super) fn behind(error: &hyper::Error) -> Option<Self> {
        error.source()?.downcast_ref().copied()
    }

    /// Commits the fault. The socket is closed at the end; an abortive close discards what was not sent.
    pub(super) async fn commit(self, mut socket: TcpStream) -> io::Result<()> {
        match self {
            Self::Reset => socket.set_zero_linger(),
            Self::Close => socket.shutdown().await,
            Self::Truncated => {
                socket.write_all(half_an_answer().as_bytes()).await?;
                socket.shutdown().await
            }
            Self::Hang => hold(&mut socket).await,
            Self::Stalled => {
                socket.write_all(half_an_answer().as_bytes()).await?;
                hold(&mut socket).await
            }
            Self::Garbage => {
                socket.write_all(GARBAGE).await?;
                socket.shutdown().await
            }
        }
    }
}

/// Keeps silent until the caller hangs up, at most [`GIVE_UP`].
async fn hold(socket: &mut TcpStream) -> io::Result<()> {
    let mut ignored = [0; 1024];
    let hung_up = async {
        while socket.read(&mut ignored).await? > 0 {}
        Ok(())
    };
    timeout(GIVE_UP, hung_up).await.unwrap_or(Ok(()))
}

/// An accepted push whose `Content-Length` promises twice what follows.
fn half_an_answer() -> String {
    let half = format!(r#"{{"{SUCCESS_ROOT}":{{"result":true,"is_suc"#);
    let promised = 2 * half.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\nContent-Length: {promised}\r\n\r\n{half}"
    )
}
