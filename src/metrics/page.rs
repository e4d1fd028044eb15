//! A page of metrics: each is created on it, together with its labels that are known from the start.

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// The upper bounds of both histograms, in seconds: around a millisecond for what the bridge answers by itself, and up to
/// three times the default deadline.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The page that Prometheus reads: each metric is created on it.
#[derive(Debug, Default)]
pub(super) struct Page(Registry);

impl Page {
    pub(super) fn register(&self, collector: Box<dyn Collector>) {
        valid(self.0.register(collector));
    }

    fn registered<C: Collector + Clone + 'static>(&self, collector: C) -> C {
        self.register(Box::new(collector.clone()));
        collector
    }

    /// All metrics in the text format.
    pub(super) fn text(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(valid(IntCounter::new(name, help)))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(valid(IntGauge::new(name, help)))
    }

    pub(super) fn counters<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str; N],
        known: &[[&str; N]],
    ) -> Family<IntCounterVec, IntCounter, N> {
        Family::new(self.registered(valid(IntCounterVec::new(Opts::new(name, help), labels))), known)
    }

    pub(super) fn histograms<const N: usize>(
        &self,
        name: &str,
        help: &str,
        labels: &[&str; N],
        known: &[[&str; N]],
    ) -> Family<HistogramVec, Histogram, N> {
        let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        Family::new(self.registered(valid(HistogramVec::new(options, labels))), known)
    }
}

/// A family of metrics, with handles for the labels that are known from the start: nothing is looked up under a lock
/// when one of them happens. The first are found soonest.
#[derive(Debug)]
pub(super) struct Family<V, M, const N: usize> {
    family: V,
    handles: Vec<([String; N], M)>,
}

impl<B: MetricVecBuilder, const N: usize> Family<MetricVec<B>, B::M, N>
where
    B::M: Clone,
{
    fn new(family: MetricVec<B>, known: &[[&str; N]]) -> Self {
        let handle = |labels: &[&str; N]| (labels.map(str::to_owned), family.with_label_values(labels));
        Self { handles: known.iter().map(handle).collect(), family }
    }

    pub(super) fn with(&self, labels: [&str; N]) -> B::M {
        let handle = self.handles.iter().find(|(known, _)| *known == labels);
        handle.map_or_else(|| self.family.with_label_values(&labels), |(_, handle)| handle.clone())
    }
}

pub(super) fn valid<T>(metric: prometheus::Result<T>) -> T {
    #[expect(clippy::expect_used, reason = "names, labels and bounds are constants; a test creates them all")]
    metric.expect("a valid metric with a name of its own")
}
