//! Creates and registers metrics, alone or with labels.

use std::marker::PhantomData;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::labels::MetricLabel;

/// The buckets of durations, in seconds.
pub(super) const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// One counter for each value of a label, from the start.
#[derive(Debug)]
pub struct Counters<L> {
    family: IntCounterVec,
    label: PhantomData<fn(L)>,
}

impl<L: MetricLabel> Counters<L> {
    /// Counts one event.
    pub fn inc(&self, value: L) {
        self.family.with_label_values(&[value.word()]).inc();
    }
}

/// Creates and registers metrics.
pub(super) struct Families(pub(super) Registry);

/// A gauge that can only be written.
#[derive(Debug)]
pub struct Gauge(IntGauge);

impl Gauge {
    /// Sets the value; one that is too large becomes the largest.
    pub fn set(&self, value: u64) {
        self.0.set(i64::try_from(value).unwrap_or(i64::MAX));
    }

    /// Adds 1.
    pub fn inc(&self) {
        self.0.inc();
    }

    /// Subtracts 1.
    pub fn dec(&self) {
        self.0.dec();
    }
}

/// A counter that can only be written.
#[derive(Debug)]
pub struct Counter(IntCounter);

impl Counter {
    /// Counts this number of events.
    pub fn inc_by(&self, events: u64) {
        self.0.inc_by(events);
    }
}

/// A histogram that can only be written.
#[derive(Debug)]
pub struct Observations(Histogram);

impl Observations {
    /// Adds a value.
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }
}

impl Families {
    #[expect(
        clippy::expect_used,
        reason = "names, labels and buckets are constants, and a test creates all metrics"
    )]
    fn register<C: prometheus::core::Collector + Clone + 'static>(
        &self,
        created: prometheus::Result<C>,
    ) -> C {
        let metric = created.expect("the table's names are valid");
        self.0.register(Box::new(metric.clone())).expect("the table's names differ");
        metric
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Counter {
        Counter(self.register(IntCounter::new(name, help)))
    }

    pub(super) fn counters_of<L: MetricLabel>(&self, name: &str, help: &str, label: &str) -> Counters<L> {
        let family = self.counters(name, help, &[label]);
        for value in L::ALL {
            family.with_label_values(&[value.word()]);
        }
        Counters { family, label: PhantomData }
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Gauge {
        Gauge(self.register(IntGauge::new(name, help)))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Observations {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        Observations(self.register(Histogram::with_opts(options)))
    }

    pub(super) fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        self.register(HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels))
    }
}
