//! What the process tells of itself: which log lines there are, in what form, and that none of them holds up a push.
//!
//! Lines go into a queue and are written by a thread of its own. It knows nothing of what is logged.

mod json_line;
mod queue;

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};
use json_line::JsonLine;
use queue::Queue;

/// How long the last lines may take to be written when the process ends.
const LAST_LINES: Duration = Duration::from_secs(3);

/// The process's log. There is one, and it lives as long as the process.
static LOG: OnceLock<Queue> = OnceLock::new();

/// Writes what is left when it is dropped: keep it until the process ends.
#[must_use]
#[derive(Debug)]
pub struct Log(());

/// Starts logging to `output`, and logs panics from now on. A second start in one process changes nothing.
///
/// # Errors
/// When the output or the thread that writes to it cannot be had.
pub fn init(settings: &LogSettings, output: &(impl AsFd + IsTerminal)) -> io::Result<Log> {
    if LOG.get().is_some() {
        return Ok(Log(()));
    }
    // Straight to the file: the standard library's own buffer would be locked and searched for line ends once more.
    let file = File::from(output.as_fd().try_clone_to_owned()?);
    let queue = LOG.get_or_init(Queue::default);
    queue.write_to(file)?;
    let filter = EnvFilter::try_new(&settings.directives).unwrap_or_default();
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(queue.clone()).with_target(false);
    // Only a second start could find a subscriber here.
    let _ = match settings.format {
        LogFormat::Json => builder.event_format(JsonLine).try_init(),
        LogFormat::Text => builder.with_ansi(output.is_terminal()).try_init(),
    };
    std::panic::set_hook(Box::new(log_panic));
    Ok(Log(()))
}

/// Logs where a panic happened, and its text if that is a literal: one that was put together when it happened may hold
/// anything, also what must not be logged.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let message = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(panic.place = place, panic.message = message, "panic");
}

/// Log lines that were dropped since the process began, because nobody read them fast enough.
#[must_use]
pub fn lines_dropped() -> u64 {
    LOG.get().map_or(0, Queue::dropped)
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(queue) = LOG.get() {
            queue.flush(LAST_LINES);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, set_hook, take_hook};
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_text_of_a_panic_is_logged_only_where_it_is_a_literal() {
        let written = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(written.reopen().unwrap());
        let subscriber = tracing_subscriber::fmt().event_format(JsonLine).with_writer(writer).finish();
        let before = take_hook();
        set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(subscriber, || {
            let canary = "金丝雀";
            catch_unwind(|| panic!("a literal")).unwrap_err();
            catch_unwind(|| panic!("put together of {canary}")).unwrap_err();
            catch_unwind(|| canary.split_at(1).0.len()).unwrap_err();
        });
        set_hook(before);
        let log = std::fs::read_to_string(written.path()).unwrap();
        assert_eq!(log.lines().count(), 3, "{log}");
        assert_eq!(log.matches("src/telemetry.rs:").count(), 2, "{log}");
        assert!(log.contains("a literal") && !log.contains("put together") && !log.contains("金"), "{log}");
    }
}
