//! An event as one line of JSON: time, level, message, then the event's fields under their own names.
//!
//! The library's own JSON format takes three times as long for the same line, which is a tenth of what a push costs.
//! Spans are left out: nothing here opens one.

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What most lines stay below, in bytes.
const USUAL: usize = 640;
/// To the microsecond.
const TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
/// Where in its source a library logged something: paths of the machine that built it.
const LEFT_OUT: [&str; 3] = ["log.file", "log.line", "log.module_path"];

/// The format.
#[derive(Debug)]
pub(super) struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line { json: Vec::with_capacity(USUAL), shown: String::new() };
        line.begin(event).map_err(|_| fmt::Error)?;
        event.record(&mut line);
        line.json.extend_from_slice(b"}\n");
        writer.write_str(std::str::from_utf8(&line.json).map_err(|_| fmt::Error)?)
    }
}

/// A line that is being written.
struct Line {
    json: Vec<u8>,
    /// Where values that only know how to show themselves do so.
    shown: String,
}

impl Line {
    fn begin(&mut self, event: &Event<'_>) -> Result<(), jiff::Error> {
        self.json.extend_from_slice(br#"{"timestamp":""#);
        TIME.print_timestamp(&Timestamp::now(), &mut self.json)?;
        self.json.extend_from_slice(br#"","level":""#);
        self.json.extend_from_slice(event.metadata().level().as_str().as_bytes());
        self.json.push(b'"');
        Ok(())
    }

    fn member(&mut self, field: &Field, value: &(impl Serialize + ?Sized)) {
        if LEFT_OUT.contains(&field.name()) {
            return;
        }
        self.json.push(b',');
        self.write(field.name());
        self.json.push(b':');
        self.write(value);
    }

    fn write(&mut self, value: &(impl Serialize + ?Sized)) {
        #[expect(clippy::expect_used, reason = "strings, numbers and booleans always serialise")]
        serde_json::to_writer(&mut self.json, value).expect("a plain value serialises");
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        // One that fails half way is shown as far as it came: better than no line.
        let _ = write!(shown, "{value:?}");
        self.member(field, &shown);
        self.shown = shown;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;

    /// The one line that `log` leaves.
    fn line(log: impl FnOnce()) -> String {
        let written = tempfile::NamedTempFile::new().unwrap();
        let writer = Arc::new(written.reopen().unwrap());
        let subscriber = tracing_subscriber::fmt().event_format(JsonLine).with_writer(writer).finish();
        tracing::subscriber::with_default(subscriber, log);
        std::fs::read_to_string(written.path()).unwrap()
    }

    #[test]
    fn every_kind_of_value_is_json_of_its_kind() {
        let written = line(|| {
            tracing::warn!(
                a.text = "张\"三\n\u{1}",
                a.number = 7_u64,
                a.negative = -7,
                a.half = 0.5,
                a.none = f64::NAN,
                a.truth = true,
                a.missing = None::<&str>,
                a.shown = %"a\tb",
                a.debug = ?Some("c"),
                "what {}",
                "happened"
            );
        });
        let (time, rest) = written.split_at(r#"{"timestamp":"2026-11-25T06:55:01.780266Z""#.len());
        let micros = time.trim_start_matches(r#"{"timestamp":""#).trim_end_matches('"');
        assert!(micros.parse::<Timestamp>().is_ok() && micros.len() == 27, "{time}");
        assert_eq!(
            rest,
            concat!(
                r#","level":"WARN","message":"what happened","a.text":"张\"三\n\u0001","a.number":7,"#,
                r#""a.negative":-7,"a.half":0.5,"a.none":null,"a.truth":true,"a.shown":"a\tb","#,
                r#""a.debug":"Some(\"c\")"}"#,
                "\n"
            )
        );
        assert!(serde_json::from_str::<Value>(&written).is_ok());
    }

    #[test]
    fn one_that_cannot_show_itself_breaks_no_line() {
        struct Mute;
        impl fmt::Display for Mute {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("so far")?;
                Err(fmt::Error)
            }
        }
        let written: Value = serde_json::from_str(&line(|| tracing::warn!(a.mute = %Mute, "what"))).unwrap();
        assert_eq!((&written["a.mute"], &written["message"]), (&"so far".into(), &"what".into()));
    }
}
