//! Every metric's name, in one place, and the page that Prometheus reads.
//!
//! Values come in as plain numbers and words; what they measure stays where it is known. Labels are closed sets: never a
//! case or a text of TOP, and of callers only the names that are configured.

mod page;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts};

use crate::version::{COMMIT, VERSION};
use page::{Family, Page, valid};

/// The media type of the text format, version 0.0.4.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What one bridge measures, all its workers together.
#[derive(Debug)]
pub struct Metrics {
    pushes: Family<IntCounterVec, IntCounter, 2>,
    caller_pushes: Family<IntCounterVec, IntCounter, 2>,
    requests: Family<HistogramVec, Histogram, 3>,
    attempts: Family<HistogramVec, Histogram, 1>,
    bans: IntCounter,
    keys: Family<IntCounterVec, IntCounter, 1>,
    not_recorded: IntCounter,
    in_flight: IntGauge,
    in_flight_limit: IntGauge,
    ban_remaining: IntGauge,
    clock_skew: IntGauge,
    lines_dropped: IntCounter,
    /// Locked while a page is made, which first updates the last five.
    page: Mutex<Page>,
}

/// What is asked for at the moment that a page is made.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Pushes that call TOP.
    pub in_flight: usize,
    /// How many may.
    pub in_flight_limit: usize,
    /// How long the ban lasts that TOP announced; zero without one.
    pub ban_remaining: Duration,
    /// Seconds by which TOP's clock is taken to be ahead.
    pub clock_skew: i64,
    /// Log lines that were dropped since the process began.
    pub lines_dropped: u64,
}

/// The labels that are known from the start. Each begins with 0, so that a first increase shows.
#[derive(Debug)]
pub struct Labels<'a> {
    /// `route`, `method` and `status` of the usual requests; others are added when they come.
    pub requests: &'a [[&'static str; 3]],
    /// Pairs of `outcome` and `code`.
    pub pushes: &'a [[&'static str; 2]],
    /// Pairs of `caller` and `outcome`.
    pub caller_pushes: &'a [[&'a str; 2]],
    /// `class`.
    pub classes: &'a [[&'static str; 1]],
    /// `standing`.
    pub standings: &'a [[&'static str; 1]],
}

impl Metrics {
    /// Creates the metrics, all at zero.
    ///
    /// # Panics
    /// Never: names and labels are constants, and a test creates them all.
    #[must_use]
    pub fn new(labels: &Labels<'_>) -> Self {
        let page = Page::default();
        page.register(Box::new(ProcessCollector::for_self()));
        page.register(Box::new(build_info()));
        Self {
            pushes: page.counters(
                "mediation_bridge_pushes_total",
                "Pushes that ended, by outcome and by code: accepted, or the problem's.",
                &["outcome", "code"],
                labels.pushes,
            ),
            caller_pushes: page.counters(
                "mediation_bridge_caller_pushes_total",
                "Pushes that ended, by the caller's configured name and by outcome; those without a known token are left out.",
                &["caller", "outcome"],
                labels.caller_pushes,
            ),
            requests: page.histograms(
                "mediation_bridge_http_request_duration_seconds",
                "From a request's arrival to its answer, by the route's pattern, method and status.",
                &["route", "method", "status"],
                labels.requests,
            ),
            attempts: page.histograms(
                "mediation_bridge_top_attempt_duration_seconds",
                "One call to TOP, by what it came to.",
                &["class"],
                labels.classes,
            ),
            bans: page.counter("mediation_bridge_top_bans_total", "Answers of TOP that announced a ban."),
            keys: page.counters(
                "mediation_bridge_idempotency_keys_total",
                "Pushes that carried an Idempotency-Key, by how it stood.",
                &["standing"],
                labels.standings,
            ),
            not_recorded: page.counter(
                "mediation_bridge_idempotency_outcomes_not_kept_total",
                "Outcomes that the store of Idempotency-Keys did not record: a retry may run the push again.",
            ),
            in_flight: page.gauge("mediation_bridge_pushes_in_flight", "Pushes that call TOP now."),
            in_flight_limit: page.gauge(
                "mediation_bridge_pushes_in_flight_limit",
                "How many pushes may call TOP at once, BRIDGE_MAX_IN_FLIGHT.",
            ),
            ban_remaining: page.gauge(
                "mediation_bridge_top_ban_remaining_seconds",
                "Seconds for which the ban lasts that TOP announced; 0 without one.",
            ),
            clock_skew: page.gauge(
                "mediation_bridge_top_clock_skew_seconds",
                "Seconds by which TOP's clock is taken to be ahead of this machine's.",
            ),
            lines_dropped: page.counter(
                "mediation_bridge_log_lines_dropped_total",
                "Log lines that were lost, because they were not read fast enough or their output refused them.",
            ),
            page: Mutex::new(page),
        }
    }

    /// A push ended.
    pub fn push(&self, outcome: &'static str, code: &'static str) {
        self.pushes.with([outcome, code]).inc();
    }

    /// A push of `caller`, a configured name, ended.
    pub fn caller_push(&self, caller: &str, outcome: &'static str) {
        self.caller_pushes.with([caller, outcome]).inc();
    }

    /// A request to `route`, a pattern, was answered after `took`.
    pub fn request(&self, route: &str, method: &str, status: &str, took: Duration) {
        self.requests.with([route, method, status]).observe(took.as_secs_f64());
    }

    /// A call to TOP came to `class` after `took`.
    pub fn attempt(&self, class: &'static str, took: Duration) {
        self.attempts.with([class]).observe(took.as_secs_f64());
    }

    /// TOP announced a ban.
    pub fn ban(&self) {
        self.bans.inc();
    }

    /// A push carried an Idempotency-Key that stood like this.
    pub fn key(&self, standing: &'static str) {
        self.keys.with([standing]).inc();
    }

    /// The store of Idempotency-Keys did not record the outcome of a push.
    pub fn outcome_not_recorded(&self) {
        self.not_recorded.inc();
    }

    /// The page that Prometheus reads.
    #[must_use]
    pub fn page(&self, now: &Now) -> String {
        let page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        self.in_flight.set(whole(now.in_flight));
        self.in_flight_limit.set(whole(now.in_flight_limit));
        // Rounded up: a ban in its last second is one.
        self.ban_remaining
            .set(whole(now.ban_remaining.as_secs() + u64::from(now.ban_remaining.subsec_nanos() > 0)));
        self.clock_skew.set(now.clock_skew);
        self.lines_dropped.inc_by(now.lines_dropped.saturating_sub(self.lines_dropped.get()));
        page.text().unwrap_or_else(|error| {
            tracing::error!(%error, "the metrics could not be written");
            String::new()
        })
    }
}

fn whole(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// The value is always 1; the labels carry the information.
fn build_info() -> IntGauge {
    let options =
        Opts::new("mediation_bridge_build_info", "Always 1; version and commit of the program are labels.");
    let gauge = valid(IntGauge::with_opts(
        options.const_label("version", VERSION).const_label("commit", COMMIT.unwrap_or("unknown")),
    ));
    gauge.set(1);
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now {
        in_flight: 3,
        in_flight_limit: 1024,
        ban_remaining: Duration::from_millis(69_001),
        clock_skew: -1_200,
        lines_dropped: 7,
    };

    fn metrics() -> Metrics {
        Metrics::new(&Labels {
            requests: &[["/push", "POST", "200"]],
            pushes: &[["accepted", "accepted"], ["unknown", "top_timeout"]],
            caller_pushes: &[["wms", "accepted"], ["wms", "unknown"]],
            classes: &[["accepted"], ["timeout"]],
            standings: &[["new"]],
        })
    }

    #[test]
    fn everything_known_from_the_start_begins_with_0() {
        let page = metrics().page(&NOW);
        for line in [
            r#"mediation_bridge_pushes_total{code="top_timeout",outcome="unknown"} 0"#,
            r#"mediation_bridge_top_attempt_duration_seconds_count{class="timeout"} 0"#,
            r#"mediation_bridge_idempotency_keys_total{standing="new"} 0"#,
            "mediation_bridge_idempotency_outcomes_not_kept_total 0",
            "mediation_bridge_top_bans_total 0",
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line} in\n{page}");
        }
    }

    #[test]
    fn what_happens_is_counted_and_what_stands_is_shown() {
        let metrics = metrics();
        metrics.push("unknown", "top_timeout");
        metrics.request("/livez", "GET", "200", Duration::from_micros(900));
        metrics.attempt("timeout", Duration::from_secs(7));
        metrics.key("new");
        metrics.ban();
        metrics.outcome_not_recorded();
        let _ = metrics.page(&NOW);
        let page = metrics.page(&NOW);
        for line in [
            r#"mediation_bridge_pushes_total{code="top_timeout",outcome="unknown"} 1"#,
            r#"mediation_bridge_http_request_duration_seconds_bucket{method="GET",route="/livez",status="200",le="0.001"} 1"#,
            r#"mediation_bridge_top_attempt_duration_seconds_bucket{class="timeout",le="5"} 0"#,
            r#"mediation_bridge_top_attempt_duration_seconds_bucket{class="timeout",le="10"} 1"#,
            r#"mediation_bridge_idempotency_keys_total{standing="new"} 1"#,
            "mediation_bridge_top_bans_total 1",
            "mediation_bridge_idempotency_outcomes_not_kept_total 1",
            "mediation_bridge_pushes_in_flight 3",
            "mediation_bridge_pushes_in_flight_limit 1024",
            "mediation_bridge_top_ban_remaining_seconds 70",
            "mediation_bridge_top_clock_skew_seconds -1200",
            "mediation_bridge_log_lines_dropped_total 7",
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line} in\n{page}");
        }
        assert!(page.contains("mediation_bridge_build_info{commit=\""));
        assert!(page.contains("process_resident_memory_bytes "));
    }
}
