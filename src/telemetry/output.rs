//! Where log lines go in the end, behind the queue of `tracing-appender`: writes many at once, repairs a line that was torn,
//! counts what is lost, and says so in the log.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking};
use tracing_subscriber::fmt::MakeWriter;

/// How long lines gather after the queue was empty: under load one write and one wake-up serve many lines, and a line that
/// comes alone is written at once.
const GATHER: Duration = Duration::from_millis(10);
/// How long the writing thread waits where the output does not block by itself.
const PAUSE: Duration = Duration::from_millis(5);
/// Lines are written when so many bytes of them are there, or when the queue is empty.
const PIECE: usize = 64 << 10;

thread_local! {
    /// What the writing thread logs itself, while it does.
    static OWN_LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Where lines are logged to: the queue.
#[derive(Clone)]
pub(super) struct Lines(pub(super) NonBlocking);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let own = OWN_LINES.with_borrow_mut(|own| own.as_mut().map(|own| own.extend_from_slice(line)));
        own.map_or_else(|| self.0.write(line), |()| Ok(line.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the rest of the process knows of the writing thread. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Lines that the queue dropped.
    dropped: OnceLock<ErrorCounter>,
    /// Lines that the output refused.
    refused: AtomicU64,
    /// Whether the mark of [`Progress::wait_until_written`] came through the queue.
    marked: Mutex<bool>,
    changed: Condvar,
}

impl Progress {
    /// Counts what this queue drops.
    pub(super) fn watch(&self, queue: &NonBlocking) {
        let _ = self.0.dropped.set(queue.error_counter());
    }

    /// Lines that were dropped or refused.
    pub(super) fn lost(&self) -> u64 {
        let dropped = self.0.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        self.0.refused.load(Ordering::Relaxed) + u64::try_from(dropped).unwrap_or(u64::MAX)
    }

    /// Waits until every line that is in the queue is written, at most for `patience`; whether it was.
    pub(super) fn wait_until_written(&self, queue: &mut NonBlocking, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut marked = self.0.marked.lock().unwrap_or_else(PoisonError::into_inner);
        *marked = false;
        while !*marked {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            // An empty line is the mark. A full queue drops it, so it is sent again.
            let _ = queue.write(b"");
            let waited = self.0.changed.wait_timeout(marked, left.min(GATHER));
            marked = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// The end of the queue: `write_all` takes one line, `flush` comes when the queue is empty.
pub(super) struct Output<W> {
    sink: W,
    /// Whole lines to be written.
    pending: Vec<u8>,
    progress: Progress,
    /// Whether the output was left in the middle of a line.
    torn: bool,
    /// Whether the output refused lines when it was last written to.
    refusing: bool,
    /// Whether a mark is among the pending lines.
    marked: bool,
    /// How many lost lines the log has told of.
    told: u64,
}

impl<W: Write> Output<W> {
    pub(super) fn new(output: W, progress: Progress) -> Self {
        Self {
            sink: output,
            pending: Vec::new(),
            progress,
            torn: false,
            refusing: false,
            marked: false,
            told: 0,
        }
    }

    fn write_pending(&mut self) {
        let lines = std::mem::take(&mut self.pending);
        let refused = self.write_lines(&lines);
        self.progress.0.refused.fetch_add(refused, Ordering::Relaxed);
        self.refusing = refused > 0;
        self.pending = lines;
        self.pending.clear();
        self.pending.shrink_to(2 * PIECE);
    }

    /// Writes whole lines, and returns how many of them the output refused.
    fn write_lines(&mut self, lines: &[u8]) -> u64 {
        if self.torn && self.write_bytes(b"\n").is_err() {
            return count(lines);
        }
        self.torn = false;
        let Err(rest) = self.write_bytes(lines) else { return 0 };
        let written = lines.strip_suffix(rest).unwrap_or_default();
        self.torn = !written.is_empty() && !written.ends_with(b"\n");
        count(rest)
    }

    /// Writes all of it, also to a pipe that another process has set not to block; the error is what was not written.
    fn write_bytes<'a>(&mut self, mut bytes: &'a [u8]) -> Result<(), &'a [u8]> {
        while !bytes.is_empty() {
            match self.sink.write(bytes) {
                Ok(0) => return Err(bytes),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(_) => return Err(bytes),
            }
        }
        Ok(())
    }

    /// Says how many lines are missing: behind what is written, past the queue, which may be full again.
    fn tell_of_lost_lines(&mut self) {
        let lost = self.progress.lost();
        if lost == self.told || self.refusing {
            return;
        }
        OWN_LINES.set(Some(Vec::new()));
        tracing::warn!(
            log.lines_dropped = lost - self.told,
            "log lines are missing here: they were not read fast enough, or their output refused them"
        );
        self.pending.extend(OWN_LINES.take().unwrap_or_default());
        self.told = lost;
        self.write_pending();
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.marked |= line.is_empty();
        self.pending.extend_from_slice(line);
        if self.pending.len() >= PIECE {
            self.write_pending();
        }
        Ok(line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        self.write(line).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pending();
        self.tell_of_lost_lines();
        if std::mem::take(&mut self.marked) {
            *self.progress.0.marked.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.progress.0.changed.notify_all();
        } else {
            thread::sleep(GATHER);
        }
        Ok(())
    }
}

/// How many lines these are, a torn one at their beginning included.
fn count(lines: &[u8]) -> u64 {
    u64::try_from(lines.split_inclusive(|byte| *byte == b'\n').count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

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

    struct Queue {
        lines: NonBlocking,
        progress: Progress,
        go: Sender<io::Result<()>>,
        written: Receiver<Vec<u8>>,
        _guard: WorkerGuard,
    }

    fn queue() -> Queue {
        let ((go, told), (out, written)) = (channel(), channel());
        let progress = Progress::default();
        let output = Output::new(Reluctant { go: told, out }, progress.clone());
        let (lines, guard) = NonBlockingBuilder::default().buffered_lines_limit(1_000).finish(output);
        progress.watch(&lines);
        Queue { lines, progress, go, written, _guard: guard }
    }

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let mut queue = queue();
        let mut expected = String::new();
        for number in 0..900 {
            let line = format!("line {number}\n");
            expected += &line;
            queue.lines.write_all(line.as_bytes()).unwrap();
        }
        let mut all = Vec::new();
        while all.len() < expected.len() {
            queue.go.send(Ok(())).unwrap();
            all.extend(queue.written.recv_timeout(SOON).unwrap());
        }
        assert_eq!(String::from_utf8(all).unwrap(), expected);
        assert!(queue.progress.wait_until_written(&mut queue.lines, SOON));
        assert_eq!(queue.progress.lost(), 0);
    }

    #[test]
    fn an_output_that_nobody_reads_holds_nobody_up() {
        let mut queue = queue();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for _ in 0..3_000 {
            queue.lines.write_all(&line).unwrap();
        }
        assert!(queue.progress.lost() > 0, "it is bounded");
        // One waits for its end in vain, and not for long.
        assert!(!queue.progress.wait_until_written(&mut queue.lines, Duration::from_millis(30)));
        let lost = queue.progress.lost();
        for _ in 0..3_000 {
            queue.go.send(Ok(())).unwrap();
        }
        assert!(queue.progress.wait_until_written(&mut queue.lines, SOON));
        let bytes: usize = queue.written.try_iter().map(|bytes| bytes.len()).sum();
        // The marks that a full queue dropped are counted as lines, too.
        let seen = (bytes / line.len()) as u64;
        assert!(seen < 3_000 && seen + lost >= 3_000, "each was written or counted: {seen}, {lost}");
    }

    #[test]
    fn what_an_output_refuses_is_counted() {
        let mut queue = queue();
        queue.lines.write_all(b"one\n").unwrap();
        queue.go.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
        assert!(queue.progress.wait_until_written(&mut queue.lines, SOON));
        assert_eq!(queue.progress.lost(), 1);
        queue.lines.write_all(b"two\n").unwrap();
        for patience in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
            queue.go.send(Err(patience.into())).unwrap();
        }
        queue.go.send(Ok(())).unwrap();
        assert_eq!(queue.written.recv_timeout(SOON).unwrap(), b"two\n");
        assert_eq!(queue.progress.lost(), 1);
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
            let mut output = Output::new(Tearing(room, Vec::new()), Progress::default());
            assert_eq!(output.write_lines(b"one\ntwo\nthree\n"), lost, "{room}");
            assert_eq!(output.write_lines(b"four\n"), 0);
            assert_eq!(String::from_utf8(output.sink.1).unwrap(), expected);
        }
    }
}
