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

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help))
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

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help))
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    pub(super) fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        self.register(HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels))
    }
}
