//! The metrics of the daemon: their names, labels and help texts. No sockets.
//!
//! Labels have fixed sets of values, and every series of a set exists from the start, at 0. No label contains data from
//! a peer.

use std::sync::{Mutex, PoisonError};

use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// The outcomes of a delivery, as labels.
pub const OUTCOMES: &[&str] = &[
    "aborted",
    "bad_request",
    "forbidden",
    "headers_too_large",
    "method_not_allowed",
    "not_found",
    "not_implemented",
    "stored",
    "timeout",
    "too_large",
    "unavailable",
];

/// The outcomes of a handshake, as labels.
pub const HANDSHAKES: &[&str] = &["accepted", "failed", "refused", "timeout"];

/// The reasons why a handshake fails, other than the client's certificate, as labels.
pub const HANDSHAKE_FAILURES: &[&str] = &[
    "bad_server_name",
    "closed",
    "no_application_protocol",
    "no_common_cipher",
    "no_common_protocol",
    "not_tls",
    "other",
];

/// The reasons why a certificate is refused, as labels.
pub const REFUSALS: &[&str] = &[
    "expired",
    "no_certificate",
    "not_yet_valid",
    "purpose",
    "revocation_unknown",
    "revoked",
    "rule",
    "unknown_ca",
    "unproven",
    "unreadable",
    "unsupported",
];

/// The outcomes of a reload, as labels.
pub const RELOADS: &[&str] = &["applied", "rejected", "unchanged"];

/// The queues of an endpoint, as labels.
pub const QUEUES: &[&str] = &["done", "failed", "new", "taken"];

/// The endpoint label of requests that matched no endpoint. No endpoint can have this name.
pub const NO_ENDPOINT: &str = "-";

/// The buckets of durations, in seconds.
const SECONDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The metrics of the daemon. The help texts describe them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    certificates: CertificateDates,
    deliveries: IntCounterVec,
    delivery_seconds: HistogramVec,
    handshakes: Handshakes,
    reloads: IntCounterVec,
    reload_last_success: IntGauge,
    spool_entries: IntGaugeVec,
    spool_oldest_new: IntGaugeVec,
    endpoint_faulty: IntGaugeVec,
    /// `hookspool_commit_batch_entries`.
    pub commit_batch_entries: Histogram,
    /// `hookspool_commit_seconds`.
    pub commit_seconds: Histogram,
    /// `hookspool_connections`.
    pub connections: IntGauge,
    /// `hookspool_generation`.
    pub generation: IntGauge,
    /// `hookspool_log_lines_dropped_total`.
    pub log_lines_dropped: IntCounter,
    /// `hookspool_spool_free_bytes`.
    pub spool_free_bytes: IntGauge,
    /// `hookspool_watcher_alive`.
    pub watcher_alive: IntGauge,
}

impl Metrics {
    /// Creates all metrics at 0, with series for these endpoints.
    pub fn new<'a>(endpoints: impl IntoIterator<Item = &'a str>) -> Self {
        let table = Table(Registry::new());
        let metrics = Self {
            certificates: CertificateDates::new(&table),
            deliveries: table.counters(
                "hookspool_deliveries_total",
                "Deliveries by endpoint and outcome; endpoint - is a path that matches no endpoint",
                &["endpoint", "outcome"],
            ),
            delivery_seconds: table.histograms(
                "hookspool_delivery_seconds",
                "Time from the end of a request's headers to its response",
                &["endpoint"],
            ),
            handshakes: Handshakes::new(&table),
            reloads: table.counters(
                "hookspool_reloads_total",
                "Reloads of certificates and configuration by outcome",
                &["outcome"],
            ),
            reload_last_success: table.gauge(
                "hookspool_reload_last_success_timestamp_seconds",
                "Time of the last successful start or reload, in seconds since the epoch",
            ),
            commit_batch_entries: table.histogram(
                "hookspool_commit_batch_entries",
                "Entries per commit",
                BATCHES,
            ),
            commit_seconds: table.histogram(
                "hookspool_commit_seconds",
                "Duration of a commit: write, sync, rename, sync the directories",
                SECONDS,
            ),
            connections: table.gauge("hookspool_connections", "Open connections"),
            endpoint_faulty: table.gauge_per_endpoint(
                "hookspool_endpoint_faulty",
                "1 while the deliveries of an endpoint get 503 because its queues cannot be used",
            ),
            generation: table
                .gauge("hookspool_generation", "Generation of certificates and configuration in force"),
            log_lines_dropped: table.counter(
                "hookspool_log_lines_dropped_total",
                "Log lines dropped because the log reader was too slow",
            ),
            spool_entries: table.gauges(
                "hookspool_spool_entries",
                "Entries in the spool at the last count",
                &["endpoint", "queue"],
            ),
            spool_oldest_new: table.gauge_per_endpoint(
                "hookspool_spool_oldest_new_seconds",
                "Age of the oldest new entry at the last count; 0 if there is none",
            ),
            spool_free_bytes: table
                .gauge("hookspool_spool_free_bytes", "Free space on the spool's file system"),
            watcher_alive: table
                .gauge("hookspool_watcher_alive", "1 while changes of the files in use are detected"),
            registry: table.0,
        };
        metrics.start_at_zero(endpoints);
        metrics
    }

    fn start_at_zero<'a>(&self, endpoints: impl IntoIterator<Item = &'a str>) {
        for endpoint in endpoints.into_iter().chain([NO_ENDPOINT]) {
            self.add_endpoint(endpoint);
        }
        for outcome in RELOADS {
            self.reloads.with_label_values(&[outcome]);
        }
    }

    /// Creates the missing series of an endpoint.
    pub fn add_endpoint(&self, endpoint: &str) {
        self.delivery_seconds.with_label_values(&[endpoint]);
        for outcome in OUTCOMES {
            self.deliveries.with_label_values(&[endpoint, outcome]);
        }
        if endpoint != NO_ENDPOINT {
            self.spool_oldest_new.with_label_values(&[endpoint]);
            self.endpoint_faulty.with_label_values(&[endpoint]);
            for queue in QUEUES {
                self.spool_entries.with_label_values(&[endpoint, queue]);
            }
        }
    }

    /// Counts a reload that ended at `at`, in seconds since the epoch. `outcome` is one of [`RELOADS`].
    pub fn reload(&self, outcome: &str, at: i64) {
        self.reloads.with_label_values(&[outcome]).inc();
        if outcome != "rejected" {
            self.loaded(at);
        }
    }

    /// Sets the time of the last successful start or reload, in seconds since the epoch.
    pub fn loaded(&self, at: i64) {
        self.reload_last_success.set(at);
    }

    /// Removes the dates of a certificate that is no longer in use.
    pub fn forget_certificate(&self, role: &str, name: &str) {
        self.certificates.forget(role, name);
    }

    /// Counts a delivery and observes its duration. `outcome` is one of [`OUTCOMES`].
    pub fn delivery(&self, endpoint: &str, outcome: &str, seconds: f64) {
        self.deliveries.with_label_values(&[endpoint, outcome]).inc();
        self.delivery_seconds.with_label_values(&[endpoint]).observe(seconds);
    }

    /// Counts requests that the HTTP library rejected by itself, so that they reached no endpoint and have no duration.
    /// `outcome` is one of [`OUTCOMES`].
    pub fn rejected(&self, outcome: &str, requests: u64) {
        self.deliveries.with_label_values(&[NO_ENDPOINT, outcome]).inc_by(requests);
    }

    /// Sets the number of entries in a queue of an endpoint. `queue` is one of [`QUEUES`].
    pub fn spool_entries(&self, endpoint: &str, queue: &str, entries: u64) {
        let entries = i64::try_from(entries).unwrap_or(i64::MAX);
        self.spool_entries.with_label_values(&[endpoint, queue]).set(entries);
    }

    /// Sets the age of the oldest new entry of an endpoint, in seconds; 0 if there is none.
    pub fn spool_oldest_new(&self, endpoint: &str, seconds: i64) {
        self.spool_oldest_new.with_label_values(&[endpoint]).set(seconds);
    }

    /// Sets whether the deliveries of an endpoint get 503 because its queues cannot be used.
    pub fn endpoint_faulty(&self, endpoint: &str, is_faulty: bool) {
        self.endpoint_faulty.with_label_values(&[endpoint]).set(i64::from(is_faulty));
    }

    /// The entries in a queue of an endpoint at the last count.
    pub fn counted(&self, endpoint: &str, queue: &str) -> i64 {
        self.spool_entries.with_label_values(&[endpoint, queue]).get()
    }

    /// The age of the oldest new entry of an endpoint at the last count, in seconds.
    pub fn oldest_new(&self, endpoint: &str) -> i64 {
        self.spool_oldest_new.with_label_values(&[endpoint]).get()
    }

    /// The deliveries to an endpoint that have been stored.
    pub fn stored(&self, endpoint: &str) -> u64 {
        self.deliveries.with_label_values(&[endpoint, "stored"]).get()
    }

    /// Counts a handshake. `outcome` is one of [`HANDSHAKES`].
    pub fn handshake(&self, outcome: &str) {
        self.handshakes.outcomes.with_label_values(&[outcome]).inc();
    }

    /// Counts a handshake that failed. `reason` is one of [`HANDSHAKE_FAILURES`].
    pub fn handshake_failure(&self, reason: &str) {
        self.handshakes.failures.with_label_values(&[reason]).inc();
    }

    /// Counts a refused certificate. `reason` is one of [`REFUSALS`].
    pub fn refusal(&self, reason: &str) {
        self.handshakes.refusals.with_label_values(&[reason]).inc();
    }

    /// Sets the validity of a certificate in use, in seconds since the epoch. `name` is from the configuration.
    pub fn certificate(&self, role: &str, name: &str, not_before: i64, not_after: i64) {
        self.certificates.set(role, name, not_before, not_after);
    }

    /// Formats all metrics in the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        let gathered = self.certificates.with_lock(|| self.registry.gather());
        let mut out = Vec::new();
        match TextEncoder::new().encode(&gathered, &mut out) {
            Ok(()) => String::from_utf8_lossy(&out).into_owned(),
            Err(error) => format!("# {error}\n"),
        }
    }
}

/// The counters of handshakes.
#[derive(Debug)]
struct Handshakes {
    outcomes: IntCounterVec,
    failures: IntCounterVec,
    refusals: IntCounterVec,
}

impl Handshakes {
    /// Creates all counters at 0.
    fn new(table: &Table) -> Self {
        let outcomes = "TLS handshakes by outcome";
        let failures = "TLS handshakes that failed before a client certificate was evaluated, by reason";
        let counters = Self {
            outcomes: table.counters("hookspool_handshakes_total", outcomes, &["outcome"]),
            failures: table.counters("hookspool_handshake_failures_total", failures, &["reason"]),
            refusals: table.counters("hookspool_refusals_total", "Refused handshakes by reason", &["reason"]),
        };
        let labels = [(&counters.outcomes, HANDSHAKES), (&counters.failures, HANDSHAKE_FAILURES)];
        for (counter, labels) in labels.into_iter().chain([(&counters.refusals, REFUSALS)]) {
            for label in labels {
                counter.with_label_values(&[label]);
            }
        }
        counters
    }
}

/// The validity of each certificate. Both dates are set and collected under a lock, so that a scrape never contains
/// those of two certificates.
#[derive(Debug)]
struct CertificateDates {
    not_before: IntGaugeVec,
    not_after: IntGaugeVec,
    lock: Mutex<()>,
}

impl CertificateDates {
    fn new(table: &Table) -> Self {
        Self {
            not_before: table.gauges(
                "hookspool_certificate_not_before_timestamp_seconds",
                "Beginning of the validity of a certificate in use, in seconds since the epoch",
                &["role", "name"],
            ),
            not_after: table.gauges(
                "hookspool_certificate_not_after_timestamp_seconds",
                "End of the validity of a certificate in use, in seconds since the epoch",
                &["role", "name"],
            ),
            lock: Mutex::new(()),
        }
    }

    fn with_lock<T>(&self, act: impl FnOnce() -> T) -> T {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        act()
    }

    fn set(&self, role: &str, name: &str, not_before: i64, not_after: i64) {
        self.with_lock(|| {
            self.not_before.with_label_values(&[role, name]).set(not_before);
            self.not_after.with_label_values(&[role, name]).set(not_after);
        });
    }

    fn forget(&self, role: &str, name: &str) {
        self.with_lock(|| {
            for gauges in [&self.not_before, &self.not_after] {
                // The series do not exist for a client that has never connected.
                let _ = gauges.remove_label_values(&[role, name]);
            }
        });
    }
}

/// Creates and registers metrics.
struct Table(Registry);

impl Table {
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

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help))
    }

    fn gauge_per_endpoint(&self, name: &str, help: &str) -> IntGaugeVec {
        self.gauges(name, help, &["endpoint"])
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.register(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        self.register(HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_with_fixed_labels_exists_from_the_start() {
        let text = Metrics::new(["pix"]).text();
        for endpoint in ["pix", NO_ENDPOINT] {
            for outcome in OUTCOMES {
                let series = format!(
                    "hookspool_deliveries_total{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}} 0\n"
                );
                assert!(text.contains(&series), "{series} is missing from\n{text}");
            }
        }
        for reason in HANDSHAKE_FAILURES {
            assert!(text.contains(&format!("hookspool_handshake_failures_total{{reason=\"{reason}\"}} 0\n")));
        }
        for reason in REFUSALS {
            assert!(text.contains(&format!("hookspool_refusals_total{{reason=\"{reason}\"}} 0\n")));
        }
    }
}
