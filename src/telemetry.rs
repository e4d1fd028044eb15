//! What the process tells of itself: where log lines go and in what form.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::{LogFormat, LogSettings};

/// Starts logging to `writer`, and logs panics from now on. Later calls change nothing.
pub fn init<W>(settings: &LogSettings, writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.directives).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A second start in one process, as in tests, keeps the first subscriber.
    let _ = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).with_target(false).try_init(),
        LogFormat::Text => builder.with_target(false).with_ansi(io::stdout().is_terminal()).try_init(),
    };
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(panic.place = place, panic.message = panic.payload_as_str(), "panic");
    }));
}
