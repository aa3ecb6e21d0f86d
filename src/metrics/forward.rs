//! The metrics of `forward`, which has its own process and listener.

use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use super::families::Families;
use super::labels::AttemptOutcome;

/// The metrics of all consumers.
#[derive(Debug)]
pub struct ForwardMetrics {
    registry: Registry,
    attempts: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGaugeVec,
    retrying: IntGaugeVec,
    target_up: IntGaugeVec,
    oldest: IntGaugeVec,
}

/// The metrics of one consumer.
#[derive(Debug)]
pub struct ConsumerMetrics {
    consumer: String,
    attempts: IntCounterVec,
    seconds: Histogram,
    in_flight: IntGaugeVec,
    retrying: IntGaugeVec,
    target_up: IntGaugeVec,
    oldest: IntGaugeVec,
}

/// The gauges of a consumer at one time.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsumerGauges {
    /// Entries that are being attempted.
    pub in_flight: u64,
    /// Entries that wait for their next attempt.
    pub retrying: u64,
    /// Whether the target does not count as down.
    pub target_up: bool,
    /// The age in seconds of the oldest entry that is not done or failed; 0 if there is none.
    pub oldest_seconds: u64,
}

impl Default for ForwardMetrics {
    fn default() -> Self {
        let families = Families(Registry::new());
        let gauges = |name, help| families.gauges(name, help, &["consumer"]);
        Self {
            attempts: families.counters(
                "hookspool_forward_attempts_total",
                "Attempts to deliver an entry, by consumer and outcome; again is an attempt that is repeated later",
                &["consumer", "outcome"],
            ),
            seconds: families.histograms(
                "hookspool_forward_seconds",
                "Duration of an attempt, of a batch as a whole",
                &["consumer"],
            ),
            in_flight: gauges("hookspool_forward_in_flight", "Entries that are being attempted"),
            retrying: gauges("hookspool_forward_retrying", "Entries that wait for their next attempt"),
            target_up: gauges("hookspool_forward_target_up", "1 unless the target of a consumer counts as down"),
            oldest: gauges(
                "hookspool_forward_oldest_seconds",
                "Age of the oldest entry that is neither done nor failed; 0 if there is none",
            ),
            registry: families.0,
        }
    }
}

impl ForwardMetrics {
    /// Creates the series of a consumer.
    pub fn consumer(&self, consumer: &str) -> ConsumerMetrics {
        for outcome in AttemptOutcome::ALL {
            self.attempts.with_label_values(&[consumer, outcome.word()]);
        }
        let metrics = ConsumerMetrics {
            consumer: consumer.to_owned(),
            attempts: self.attempts.clone(),
            seconds: self.seconds.with_label_values(&[consumer]),
            in_flight: self.in_flight.clone(),
            retrying: self.retrying.clone(),
            target_up: self.target_up.clone(),
            oldest: self.oldest.clone(),
        };
        metrics.set(ConsumerGauges { target_up: true, ..ConsumerGauges::default() });
        metrics
    }

    /// Removes the gauges of a consumer that is no longer configured. Its counters stay.
    pub fn remove_consumer(&self, consumer: &str) {
        for gauges in [&self.in_flight, &self.retrying, &self.target_up, &self.oldest] {
            // A consumer that never started has none.
            let _ = gauges.remove_label_values(&[consumer]);
        }
    }

    /// All metrics in Prometheus's text format.
    pub fn text(&self) -> String {
        super::catalog::text_of(&self.registry.gather())
    }
}

impl ConsumerMetrics {
    /// Counts an attempt for one entry.
    pub fn attempt(&self, outcome: AttemptOutcome) {
        self.attempts.with_label_values(&[&*self.consumer, outcome.word()]).inc();
    }

    /// Adds the duration of an attempt, in seconds.
    pub fn observe(&self, seconds: f64) {
        self.seconds.observe(seconds);
    }

    /// Sets the gauges.
    pub fn set(&self, gauges: ConsumerGauges) {
        let set = |family: &IntGaugeVec, value: u64| {
            family.with_label_values(&[&*self.consumer]).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.in_flight, gauges.in_flight);
        set(&self.retrying, gauges.retrying);
        set(&self.target_up, u64::from(gauges.target_up));
        set(&self.oldest, gauges.oldest_seconds);
    }
}
