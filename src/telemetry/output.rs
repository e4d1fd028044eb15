//! The output of log lines after the queue of `tracing-appender`. It writes lines in batches, ends a partial line,
//! counts lost lines, and reports them in the log.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking};
use tracing_subscriber::fmt::MakeWriter;

/// The time in which lines are batched after the queue was empty. Under load, one write and one wake-up serve many
/// lines; a single line is written at once.
const BATCH_INTERVAL: Duration = Duration::from_millis(10);
/// The interval between writes to an output that does not block.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);
/// The size in bytes at which a batch is written before the queue is empty.
const BATCH_SIZE: usize = 64 << 10;

thread_local! {
    /// The lines that the writing thread itself logs, while it does.
    static OWN_LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The writer of log lines, which adds them to the queue.
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

/// The state of the writing thread for the rest of the process. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The number of lines that the queue dropped.
    dropped: OnceLock<ErrorCounter>,
    /// The number of lines that the output refused.
    refused: AtomicU64,
    /// True once the mark of [`Progress::wait_until_written`] has passed the queue.
    marked: Mutex<bool>,
    changed: Condvar,
}

impl Progress {
    /// Includes the lines that `queue` drops in the count.
    pub(super) fn watch(&self, queue: &NonBlocking) {
        let _ = self.0.dropped.set(queue.error_counter());
    }

    /// The number of lines that were dropped or refused.
    pub(super) fn lost(&self) -> u64 {
        let dropped = self.0.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        self.0.refused.load(Ordering::Relaxed) + u64::try_from(dropped).unwrap_or(u64::MAX)
    }

    /// Waits until all lines in the queue are written, for at most `patience`. Returns whether they are.
    pub(super) fn wait_until_written(&self, queue: &mut NonBlocking, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut marked = self.0.marked.lock().unwrap_or_else(PoisonError::into_inner);
        *marked = false;
        while !*marked {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            // An empty line is the mark. A full queue drops it, so it is sent again.
            let _ = queue.write(b"");
            let waited = self.0.changed.wait_timeout(marked, left.min(BATCH_INTERVAL));
            marked = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// The consumer of the queue: `write_all` gets one line, and `flush` is called when the queue is empty.
pub(super) struct Output<W> {
    sink: W,
    /// The whole lines of the current batch.
    pending: Vec<u8>,
    progress: Progress,
    /// True if the last line in the output is partial.
    is_partial: bool,
    /// True if the output refused lines at the last write.
    refusing: bool,
    /// True if the batch contains a mark.
    marked: bool,
    /// The number of lost lines that the log has reported.
    reported: u64,
}

impl<W: Write> Output<W> {
    pub(super) fn new(output: W, progress: Progress) -> Self {
        Self {
            sink: output,
            pending: Vec::new(),
            progress,
            is_partial: false,
            refusing: false,
            marked: false,
            reported: 0,
        }
    }

    fn write_pending(&mut self) {
        let lines = std::mem::take(&mut self.pending);
        let refused = self.write_lines(&lines);
        self.progress.0.refused.fetch_add(refused, Ordering::Relaxed);
        self.refusing = refused > 0;
        self.pending = lines;
        self.pending.clear();
        self.pending.shrink_to(2 * BATCH_SIZE);
    }

    /// Writes whole lines, and returns the number of refused ones.
    fn write_lines(&mut self, lines: &[u8]) -> u64 {
        if self.is_partial && self.write_bytes(b"\n").is_err() {
            return count(lines);
        }
        self.is_partial = false;
        let Err(rest) = self.write_bytes(lines) else { return 0 };
        let written = lines.strip_suffix(rest).unwrap_or_default();
        self.is_partial = !written.is_empty() && !written.ends_with(b"\n");
        count(rest)
    }

    /// Writes all bytes, also to a pipe that another process has set to non-blocking. The error holds the bytes that
    /// were not written.
    fn write_bytes<'a>(&mut self, mut bytes: &'a [u8]) -> Result<(), &'a [u8]> {
        while !bytes.is_empty() {
            match self.sink.write(bytes) {
                Ok(0) => return Err(bytes),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY_INTERVAL),
                Err(_) => return Err(bytes),
            }
        }
        Ok(())
    }

    /// Reports the number of lost lines, directly after the last batch and not through the queue, which may be full
    /// again.
    fn report_lost_lines(&mut self) {
        let lost = self.progress.lost();
        if lost == self.reported || self.refusing {
            return;
        }
        OWN_LINES.set(Some(Vec::new()));
        tracing::warn!(
            log.lines_dropped = lost - self.reported,
            "log lines are missing here: they were not read fast enough, or their output refused them"
        );
        self.pending.extend(OWN_LINES.take().unwrap_or_default());
        self.reported = lost;
        self.write_pending();
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.marked |= line.is_empty();
        self.pending.extend_from_slice(line);
        if self.pending.len() >= BATCH_SIZE {
            self.write_pending();
        }
        Ok(line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        self.write(line).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_pending();
        self.report_lost_lines();
        if std::mem::take(&mut self.marked) {
            *self.progress.0.marked.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.progress.0.changed.notify_all();
        } else {
            thread::sleep(BATCH_INTERVAL);
        }
        Ok(())
    }
}

/// The number of lines, including a partial one at the start.
fn count(lines: &[u8]) -> u64 {
    u64::try_from(lines.split_inclusive(|byte| *byte == b'\n').count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};

    use super::*;

    const TEST_TIMEOUT: Duration = Duration::from_secs(20);

    /// An output that accepts bytes only when the test lets it, and then all at once.
    struct BlockedOutput {
        go: Receiver<io::Result<()>>,
        out: Sender<Vec<u8>>,
    }

    impl Write for BlockedOutput {
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
        let ((go, permits), (out, written)) = (channel(), channel());
        let progress = Progress::default();
        let output = Output::new(BlockedOutput { go: permits, out }, progress.clone());
        let (lines, guard) = NonBlockingBuilder::default().buffered_lines_limit(1_000).finish(output);
        progress.watch(&lines);
        Queue { lines, progress, go, written, _guard: guard }
    }

    #[test]
    fn lines_are_written_whole_and_in_order() {
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
            all.extend(queue.written.recv_timeout(TEST_TIMEOUT).unwrap());
        }
        assert_eq!(String::from_utf8(all).unwrap(), expected);
        assert!(queue.progress.wait_until_written(&mut queue.lines, TEST_TIMEOUT));
        assert_eq!(queue.progress.lost(), 0);
    }

    #[test]
    fn an_unread_output_does_not_block() {
        let mut queue = queue();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for _ in 0..3_000 {
            queue.lines.write_all(&line).unwrap();
        }
        assert!(queue.progress.lost() > 0, "it is bounded");
        // The wait for the mark ends without success, after a short time.
        assert!(!queue.progress.wait_until_written(&mut queue.lines, Duration::from_millis(30)));
        let lost = queue.progress.lost();
        for _ in 0..3_000 {
            queue.go.send(Ok(())).unwrap();
        }
        assert!(queue.progress.wait_until_written(&mut queue.lines, TEST_TIMEOUT));
        let bytes: usize = queue.written.try_iter().map(|bytes| bytes.len()).sum();
        // Marks that a full queue dropped also count as lines.
        let seen = (bytes / line.len()) as u64;
        assert!(seen < 3_000 && seen + lost >= 3_000, "each was written or counted: {seen}, {lost}");
    }

    #[test]
    fn refused_lines_are_counted() {
        let mut queue = queue();
        queue.lines.write_all(b"one\n").unwrap();
        queue.go.send(Err(ErrorKind::BrokenPipe.into())).unwrap();
        assert!(queue.progress.wait_until_written(&mut queue.lines, TEST_TIMEOUT));
        assert_eq!(queue.progress.lost(), 1);
        queue.lines.write_all(b"two\n").unwrap();
        for patience in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
            queue.go.send(Err(patience.into())).unwrap();
        }
        queue.go.send(Ok(())).unwrap();
        assert_eq!(queue.written.recv_timeout(TEST_TIMEOUT).unwrap(), b"two\n");
        assert_eq!(queue.progress.lost(), 1);
    }

    #[test]
    fn a_partial_line_is_ended_before_the_next_one() {
        /// Accepts `.0` bytes, refuses once, and then accepts everything.
        struct PartialWriter(usize, Vec<u8>);

        impl Write for PartialWriter {
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

        for (capacity, lost, expected) in
            [(6, 2, "one\ntw\nfour\n"), (4, 2, "one\nfour\n"), (8, 1, "one\ntwo\nfour\n")]
        {
            let mut output = Output::new(PartialWriter(capacity, Vec::new()), Progress::default());
            assert_eq!(output.write_lines(b"one\ntwo\nthree\n"), lost, "{capacity}");
            assert_eq!(output.write_lines(b"four\n"), 0);
            assert_eq!(String::from_utf8(output.sink.1).unwrap(), expected);
        }
    }
}
