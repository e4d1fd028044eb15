//! Time limits for connections that the server library does not have: an unfinished head (the library limits only the
//! first one), the rest of a body that was answered before its end, and an answer that the client does not read.
//!
//! A [`Connection`] is placed between the socket and the server library. It sees bytes, not messages; [`observe`]
//! reports when a request begins and when it is answered. Two more tasks are only possible here: an offer to upgrade
//! the protocol is ignored, because the library would close the connection, and `100 Continue` is omitted if the answer
//! follows at once.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::{HttpMessage, Payload, Request};
use actix_web::dev::Service;
use actix_web::http::header::CONTENT_LENGTH;
use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// The end of a head, and of a body in chunks.
const END: &[u8; 4] = b"\r\n\r\n";
/// The text that the library writes for `Expect: 100-continue`.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// The start of the status line.
const ANSWER: &[u8] = b"HTTP/1.1 ";
/// The header and the option of `Connection` that offer another protocol, and their replacement, which has no meaning.
const UPGRADE: &[u8] = b"upgrade";
const IGNORED: &[u8] = b"ignored";

/// The time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The limit for a head, from its first byte, and for the rest of a body, from the answer.
    pub(super) unfinished: Duration,
    /// The limit for an answer, from the first byte that the client did not accept.
    pub(super) unread: Duration,
}

/// The connection of a client.
pub(super) struct Connection {
    socket: TcpStream,
    bounds: Bounds,
    progress: Rc<Progress>,
    /// The time since which the client accepts no bytes of an answer.
    blocked: Option<Instant>,
    /// Fires at the deadline or earlier.
    timer: Pin<Box<Sleep>>,
}

/// The progress of the current request of a connection.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The time since which a head, or a body that was answered, is unfinished.
    unfinished: Cell<Option<Instant>>,
    /// True while a request is being answered.
    busy: Cell<bool>,
    /// The number of bytes after the head of the request, once the end of the head was found.
    behind_head: Cell<Option<u64>>,
    /// The last bytes received.
    tail: Cell<[u8; END.len()]>,
}

/// The end of a request's body.
enum BodyEnd {
    /// After this number of bytes.
    Length(u64),
    /// After the last chunk. True once the body was read completely.
    Chunks(Rc<Cell<bool>>),
}

impl Connection {
    pub(super) fn new(socket: TcpStream, bounds: Bounds) -> Self {
        let timer = Box::pin(sleep_until(Instant::now() + bounds.unfinished));
        Self { socket, bounds, progress: Rc::default(), blocked: None, timer }
    }

    pub(super) fn progress(&self) -> Rc<Progress> {
        Rc::clone(&self.progress)
    }

    /// The time at which the connection has to be closed, if there is one now.
    fn deadline(&self) -> Option<Instant> {
        let unfinished = self.progress.unfinished.get().map(|since| since + self.bounds.unfinished);
        let unread = self.blocked.map(|since| since + self.bounds.unread);
        unfinished.into_iter().chain(unread).min()
    }

    /// Ready once the connection has to be closed.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(deadline) = self.deadline() {
            // The timer is reset only if it would fire too late: most heads arrive at once.
            if self.timer.deadline() > deadline || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            ready!(self.timer.as_mut().poll(cx));
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl Progress {
    /// Handles received bytes.
    fn read(&self, bytes: &mut [u8]) {
        if self.busy.get() {
            self.behind_head.set(self.behind_head.get().map(|count| count + bytes.len() as u64));
        } else {
            let first = self.unfinished.get().is_none();
            if first {
                self.unfinished.set(Some(Instant::now()));
            }
            self.read_head(bytes, first);
        }
        let mut tail = self.tail.get();
        for byte in bytes.iter().skip(bytes.len().saturating_sub(tail.len())) {
            let [oldest, ..] = &mut tail;
            *oldest = *byte;
            tail.rotate_left(1);
        }
        self.tail.set(tail);
    }

    fn read_head(&self, bytes: &mut [u8], first: bool) {
        if let Some(count) = self.behind_head.get() {
            self.behind_head.set(Some(count + bytes.len() as u64));
            return;
        }
        // If a head arrives in pieces, its end may be split between two of them.
        let [_, seam @ ..] = self.tail.get();
        let across = [&seam, bytes.get(..seam.len()).unwrap_or(bytes)].concat();
        let across = memmem::find(&across, END).map(|at| at + END.len() - seam.len());
        let within = || memmem::find(bytes, END).map(|at| at + END.len());
        let Some(end) = across.filter(|_| !first).or_else(within) else { return };
        let (head, behind) = bytes.split_at_mut(end);
        self.behind_head.set(Some(behind.len() as u64));
        if first {
            ignore_upgrade(head);
        }
    }

    /// Marks the head of a request as complete.
    fn begin(&self) {
        self.busy.set(true);
        self.unfinished.set(None);
    }

    /// Marks the request as answered. The rest of its body, or a next head that has begun, must end within the limit.
    fn end(&self, body: &BodyEnd) {
        let ended = match body {
            BodyEnd::Length(length) => self.behind_head.get() == Some(*length),
            BodyEnd::Chunks(read) => read.get() && self.tail.get() == *END,
        };
        self.busy.set(false);
        self.unfinished.set((!ended).then(Instant::now));
        self.behind_head.set(None);
    }
}

/// Forwards a request, and records in its connection when it began and when it was answered.
pub(super) fn observe<S>(
    mut request: Request,
    service: &S,
) -> impl Future<Output = Result<S::Response, S::Error>> + use<S>
where
    S: Service<Request>,
{
    let progress = request.conn_data::<Rc<Progress>>().cloned();
    let body = body_end(&mut request);
    if let Some(progress) = &progress {
        progress.begin();
    }
    let answer = service.call(request);
    async move {
        let answer = answer.await;
        if let Some(progress) = progress {
            progress.end(&body);
        }
        answer
    }
}

fn body_end(request: &mut Request) -> BodyEnd {
    if !request.chunked().unwrap_or(false) {
        let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        return BodyEnd::Length(length.and_then(|length| length.trim().parse().ok()).unwrap_or(0));
    }
    let read = Rc::new(Cell::new(false));
    let at_end = Rc::clone(&read);
    let end = poll_fn(move |_| {
        at_end.set(true);
        Poll::Ready(None)
    });
    let chunks = request.take_payload().chain(end);
    *request.payload() = Payload::Stream { payload: Box::pin(chunks) };
    BodyEnd::Chunks(read)
}

/// Replaces an offered upgrade in a head. The bridge supports only HTTP/1.1, and any client that offers an upgrade
/// understands it.
fn ignore_upgrade(head: &mut [u8]) {
    for line in head.split_mut(|byte| *byte == b'\n') {
        if let Some(colon) = memchr::memchr(b':', line) {
            let (name, value) = line.split_at_mut(colon);
            if name.eq_ignore_ascii_case(UPGRADE) {
                name.copy_from_slice(IGNORED);
            } else if name.eq_ignore_ascii_case(b"connection") {
                let options = value.split_mut(|byte| b":, \t\r".contains(byte));
                let offers = options.filter(|option| option.eq_ignore_ascii_case(UPGRADE));
                offers.for_each(|offer| offer.copy_from_slice(IGNORED));
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // A client that sends without a pause must not escape the limit: its socket is pending only when the task has used
        // up its turn, and then the timer is not looked at either.
        if self.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        match Pin::new(&mut self.socket).poll_read(cx, buffer) {
            Poll::Ready(done) => {
                if let Some(bytes) = buffer.filled_mut().get_mut(before..).filter(|bytes| !bytes.is_empty()) {
                    self.progress.read(bytes);
                }
                Poll::Ready(done)
            }
            // The library treats this as the end of input, writes the rest of its output and closes.
            Poll::Pending => self.poll_deadline(cx).map(Ok),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // `100 Continue` is omitted, because the answer no longer depends on the body.
        let answer = bytes.strip_prefix(CONTINUE).filter(|rest| rest.starts_with(ANSWER)).unwrap_or(bytes);
        let skipped = bytes.len() - answer.len();
        match Pin::new(&mut self.socket).poll_write(cx, answer) {
            Poll::Ready(written) => Poll::Ready(written.map(|count| skipped + count)),
            Poll::Pending => {
                self.blocked.get_or_insert_with(Instant::now);
                self.poll_deadline(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The library flushes after it has written everything.
        self.blocked = None;
        // After an answer to an unfinished body the library may not poll for input. Then the timer wakes it.
        let _ = self.poll_deadline(cx);
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
