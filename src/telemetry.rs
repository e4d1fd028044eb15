//! Logging: filter, format and output. Logging never delays a push.
//!
//! Lines go into the bounded queue of `tracing-appender`, and a separate thread writes them. If the output is not read,
//! lines are dropped and counted, and pushes go on. This module does not depend on what is logged.

mod json_lines;
mod output;

use std::error::Error;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{LogFilter, LogFormat};
use json_lines::JsonLines;
use output::{Lines, Output, Progress};

/// The limit for writing the last lines when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// The maximum number of waiting lines: a few seconds at thousands of pushes per second.
const MAX_QUEUED_LINES: usize = 8192;

/// The progress of the log. There is one log, which exists as long as the process.
static PROGRESS: OnceLock<Progress> = OnceLock::new();

/// Writes the last lines when it is dropped. Keep it until the process ends.
#[must_use]
pub struct Log {
    queue: NonBlocking,
    guard: Option<WorkerGuard>,
}

/// Starts logging to `output`, including panics. A second start in one process has no effect.
///
/// # Errors
/// If the output cannot be opened.
pub fn init(
    filter: &LogFilter,
    format: LogFormat,
    output: &(impl AsFd + IsTerminal),
) -> io::Result<Option<Log>> {
    let progress = Progress::default();
    if PROGRESS.set(progress.clone()).is_err() {
        return Ok(None);
    }
    // Write directly to the file: the buffer of the standard library would be locked and searched for line breaks.
    let file = File::from(output.as_fd().try_clone_to_owned()?);
    let builder = NonBlockingBuilder::default().buffered_lines_limit(MAX_QUEUED_LINES).thread_name("log");
    let (queue, guard) = builder.finish(Output::new(file, progress.clone()));
    progress.watch(&queue);
    let writer = Lines(queue.clone());
    let lines = match format {
        LogFormat::Json => JsonLines(writer).boxed(),
        LogFormat::Text => {
            let text = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
            text.with_ansi(output.is_terminal()).boxed()
        }
    };
    // This fails only at a second start.
    let _ = tracing_subscriber::registry().with(without_start_up_lines(filter)).with(lines).try_init();
    std::panic::set_hook(Box::new(log_panic));
    Ok(Some(Log { queue, guard: Some(guard) }))
}

/// The filter without the start-up lines of the server library at `info`.
fn without_start_up_lines(filter: &LogFilter) -> Targets {
    const LIBRARY: &str = "actix_server";
    let targets = filter.0.clone();
    let asked_for = targets.iter().any(|(target, _)| target.starts_with(LIBRARY));
    if !asked_for && targets.default_level() == Some(LevelFilter::INFO) {
        targets.with_target(LIBRARY, LevelFilter::WARN)
    } else {
        targets
    }
}

/// Logs the place of a panic, and its text only if that is a literal: a formatted text may hold data that must not be
/// logged.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    let message = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(panic.place = place, panic.message = message, "panic");
}

/// The number of lost log lines since the start, because they were not read fast enough or the output refused them.
#[must_use]
pub fn lines_dropped() -> u64 {
    PROGRESS.get().map_or(0, Progress::lost)
}

/// The text of an error and its causes, the outermost first. A cause that the previous text already contains is left
/// out.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = text + ": " + &told;
        }
        cause = error.source();
    }
    text
}

/// The unit of durations in log lines.
#[must_use]
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Drop for Log {
    fn drop(&mut self) {
        let written = PROGRESS
            .get()
            .is_some_and(|progress| progress.wait_until_written(&mut self.queue, FLUSH_TIMEOUT));
        if !written {
            // The queue's own guard would wait again, and print to the output that is not read.
            std::mem::forget(self.guard.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, set_hook, take_hook};
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_text_of_a_panic_is_logged_only_if_it_is_a_literal() {
        let written = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(written.reopen().unwrap());
        let subscriber = tracing_subscriber::registry().with(JsonLines(writer));
        let before = take_hook();
        set_hook(Box::new(log_panic));
        tracing::subscriber::with_default(subscriber, || {
            let canary = "金丝雀";
            catch_unwind(|| panic!("a literal")).unwrap_err();
            catch_unwind(|| panic!("formatted with {canary}")).unwrap_err();
            catch_unwind(|| canary.split_at(1).0.len()).unwrap_err();
        });
        set_hook(before);
        let log = std::fs::read_to_string(written.path()).unwrap();
        assert_eq!(log.lines().count(), 3, "{log}");
        assert_eq!(log.matches("src/telemetry.rs:").count(), 2, "{log}");
        assert!(log.contains("a literal") && !log.contains("formatted") && !log.contains("金"), "{log}");
    }
}
