//! The queue before the log's output: whoever logs puts a line in and goes on, one thread writes.
//!
//! It is bounded. When nobody reads the output, lines are dropped and counted, and pushes go on; once somebody reads
//! again, a line says how many are missing. It knows nothing of what the lines say.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// The most bytes that wait: more than ten thousand pushes leave behind.
const MOST: usize = 8 << 20;
/// What a buffer may keep of its memory when it is empty.
const KEPT: usize = 256 << 10;
/// How long lines are gathered after some were written: under load one write and one wake-up serve many pushes, and a
/// line that comes alone is written at once.
const GATHER: Duration = Duration::from_millis(10);
/// How long the writing thread waits where the output does not wait by itself.
const PAUSE: Duration = Duration::from_millis(5);

/// The queue. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    filled: Condvar,
    written: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Whole lines, in their order.
    lines: Vec<u8>,
    /// What the thread does.
    thread: Thread,
}

/// What the writing thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Thread {
    /// It waits for lines.
    #[default]
    Waiting,
    /// It was told that there are some.
    Woken,
    /// It writes what it took, or gathers more, and looks again by itself.
    Writing,
}

impl Queue {
    /// Starts the thread that writes to `output`, for as long as the process lives.
    pub(super) fn write_to(&self, output: impl Write + Send + 'static) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_to(output)).map(drop)
    }

    /// Lines that were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until every line is written, at most for `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let waiting = |state: &mut State| state.thread == Thread::Writing || !state.lines.is_empty();
        // Whatever came of it, there is nothing more to do.
        let _ = self.0.written.wait_timeout_while(self.0.lock(), patience, waiting);
    }
}

impl Shared {
    /// Takes one line, or drops it.
    fn put(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.lines.len() + line.len() > MOST {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        state.lines.extend_from_slice(line);
        if state.thread == Thread::Waiting {
            state.thread = Thread::Woken;
            self.filled.notify_one();
        }
    }

    fn write_to(&self, output: impl Write) {
        let (mut output, mut lines, mut told) = (Output { output, torn: false }, Vec::new(), 0);
        let mut refused = false;
        loop {
            let dropped = {
                let nothing = |state: &mut State| state.lines.is_empty();
                let filled = self.filled.wait_while(self.lock(), nothing);
                let mut state = filled.unwrap_or_else(PoisonError::into_inner);
                std::mem::swap(&mut state.lines, &mut lines);
                state.thread = Thread::Writing;
                self.dropped.load(Ordering::Relaxed)
            };
            // Now the queue is empty, so this line finds its place there: right behind the last ones before the gap.
            if dropped > told && !refused {
                tracing::warn!(
                    log.lines_dropped = dropped - told,
                    "log lines are missing here: nobody took them fast enough"
                );
                told = dropped;
            }
            let lost = output.write_lines(&lines);
            refused = lost > 0;
            self.dropped.fetch_add(lost, Ordering::Relaxed);
            lines.clear();
            lines.shrink_to(KEPT);
            thread::sleep(GATHER);
            let mut state = self.lock();
            state.thread = Thread::Waiting;
            if state.lines.is_empty() {
                self.written.notify_all();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole at every moment, also where a holder panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where lines go in the end.
struct Output<W> {
    output: W,
    /// Whether it was left in the middle of a line.
    torn: bool,
}

impl<W: Write> Output<W> {
    /// Writes whole lines, also to a pipe that somebody else has set not to block. Returns how many it refused.
    fn write_lines(&mut self, lines: &[u8]) -> u64 {
        if self.torn && self.write_all(b"\n").is_err() {
            return count(lines);
        }
        self.torn = false;
        let Err(rest) = self.write_all(lines) else { return 0 };
        self.torn =
            rest.len() < lines.len() && !lines.strip_suffix(rest).is_some_and(|front| front.ends_with(b"\n"));
        count(rest)
    }

    /// Writes all of it; the error is what was not written.
    fn write_all<'a>(&mut self, mut bytes: &'a [u8]) -> Result<(), &'a [u8]> {
        while !bytes.is_empty() {
            match self.output.write(bytes) {
                Ok(0) => return Err(bytes),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(_) => return Err(bytes),
            }
        }
        Ok(())
    }
}

/// How many lines these are, a torn one at their beginning included.
fn count(lines: &[u8]) -> u64 {
    u64::try_from(lines.split_inclusive(|byte| *byte == b'\n').count()).unwrap_or(u64::MAX)
}

/// Takes the one line of one event.
#[derive(Debug)]
pub(super) struct Line<'a>(&'a Shared);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    /// An output that takes its bytes only when it is told to, and then all at once.
    struct Reluctant {
        go: Receiver<io::Result<()>>,
        out: Sender<Vec<u8>>,
    }

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.go.recv().unwrap()?;
            self.out.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn reluctant() -> (Queue, Sender<io::Result<()>>, Receiver<Vec<u8>>) {
        let ((tell, go), (out, written)) = (channel(), channel());
        let queue = Queue::default();
        queue.write_to(Reluctant { go, out }).unwrap();
        (queue, tell, written)
    }

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let (queue, go, written) = reluctant();
        let mut expected = String::new();
        for number in 0..1_000 {
            let line = format!("line {number}\n");
            expected += &line;
            queue.make_writer().write_all(line.as_bytes()).unwrap();
        }
        let mut all = Vec::new();
        while all.len() < expected.len() {
            go.send(Ok(())).unwrap();
            all.extend(written.recv_timeout(SOON).unwrap());
        }
        assert_eq!(String::from_utf8(all).unwrap(), expected);
        queue.flush(SOON);
        assert_eq!(queue.dropped(), 0);
    }

    #[test]
    fn an_output_that_nobody_reads_holds_nobody_up() {
        let (queue, go, written) = reluctant();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        let lines = 3 * MOST / line.len();
        for _ in 0..lines {
            queue.make_writer().write_all(&line).unwrap();
        }
        let dropped = queue.dropped();
        assert!(dropped > 0, "it is bounded");
        // One waits for its end in vain, and not for long.
        queue.flush(Duration::from_millis(10));
        let mut seen = 0;
        while seen + dropped < lines as u64 {
            go.send(Ok(())).unwrap();
            let bytes = written.recv_timeout(SOON).unwrap();
            seen += bytes.split_inclusive(|byte| *byte == b'\n').count() as u64;
        }
        queue.flush(SOON);
        assert_eq!((seen + dropped, queue.dropped()), (lines as u64, dropped), "each was written or counted");
    }

    #[test]
    fn what_an_output_refuses_is_counted() {
        let (queue, go, written) = reluctant();
        queue.make_writer().write_all(b"one\n").unwrap();
        go.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
        queue.flush(SOON);
        assert_eq!(queue.dropped(), 1);
        queue.make_writer().write_all(b"two\n").unwrap();
        for patience in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
            go.send(Err(patience.into())).unwrap();
        }
        go.send(Ok(())).unwrap();
        assert_eq!(written.recv_timeout(SOON).unwrap(), b"two\n");
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_torn_line_is_ended_before_the_next_one() {
        /// Takes so many bytes, refuses once, and takes all that comes then.
        struct Tearing(usize, Vec<u8>);

        impl Write for Tearing {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    self.0 = usize::MAX;
                    return Err(ErrorKind::StorageFull.into());
                }
                let taken = bytes.len().min(self.0);
                self.0 -= if self.0 == usize::MAX { 0 } else { taken };
                self.1.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        for (room, lost, expected) in
            [(6, 2, "one\ntw\nfour\n"), (4, 2, "one\nfour\n"), (8, 1, "one\ntwo\nfour\n")]
        {
            let mut output = Output { output: Tearing(room, Vec::new()), torn: false };
            assert_eq!(output.write_lines(b"one\ntwo\nthree\n"), lost, "{room}");
            assert_eq!(output.write_lines(b"four\n"), 0);
            assert_eq!(String::from_utf8(output.output.1).unwrap(), expected);
        }
    }
}
