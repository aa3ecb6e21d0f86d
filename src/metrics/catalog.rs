//! Every metric, with its help text.

use std::sync::{Mutex, PoisonError};

use prometheus::proto::MetricFamily;
use prometheus::{Encoder, HistogramVec, IntCounterVec, IntGaugeVec, Registry, TextEncoder};

use super::families::{Counter, Counters, Families, Gauge, Observations, SECONDS};
use super::labels::{
    CertificateRole, ConnectionRefusalReason, DeliveryOutcome, GoAwayReason, HandshakeFailureReason,
    HandshakeOutcome, Queue, RefusalReason, ReloadOutcome, StallKind,
};

/// The endpoint label of requests that matched no endpoint. No endpoint can have this name.
pub const NO_ENDPOINT: &str = "-";

/// The buckets of the entries in a batch.
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// The metrics of the daemon. The help texts describe them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    certificates: CertificateDates,
    deliveries: IntCounterVec,
    delivery_seconds: HistogramVec,
    reload_last_success: Gauge,
    spool: SpoolMetrics,
    endpoint_faulty: IntGaugeVec,
    /// `hookspool_commit_batch_entries`.
    pub commit_batch_entries: Observations,
    /// `hookspool_commit_seconds`.
    pub commit_seconds: Observations,
    /// `hookspool_connections`.
    pub connections: Gauge,
    /// `hookspool_connections_refused_total`.
    pub connections_refused: Counters<ConnectionRefusalReason>,
    /// `hookspool_generation`.
    pub generation: Gauge,
    /// The counters of handshakes.
    pub handshakes: HandshakeMetrics,
    /// `hookspool_log_lines_dropped_total`.
    pub log_lines_dropped: Counter,
    /// The counters of peers that fail to act, or act too much.
    pub peers: PeerMetrics,
    /// `hookspool_reloads_total`.
    pub reloads: Counters<ReloadOutcome>,
    /// `hookspool_spool_corrupt_entries`.
    pub spool_corrupt: Gauge,
    /// `hookspool_spool_free_bytes`.
    pub spool_free_bytes: Gauge,
    /// `hookspool_watcher_alive`.
    pub watcher_alive: Gauge,
}

impl Metrics {
    /// Creates all metrics at 0, with series for these endpoints.
    pub fn new<'a>(endpoints: impl IntoIterator<Item = &'a str>) -> Self {
        let families = Families(Registry::new());
        let metrics = Self {
            certificates: CertificateDates::new(&families),
            deliveries: families.counters(
                "hookspool_deliveries_total",
                "Deliveries by endpoint and outcome; endpoint - is a request that matches no endpoint",
                &["endpoint", "outcome"],
            ),
            delivery_seconds: families.histograms(
                "hookspool_delivery_seconds",
                "Time from the end of a request's headers to its response",
                &["endpoint"],
            ),
            reload_last_success: families.gauge(
                "hookspool_reload_last_success_timestamp_seconds",
                "Time of the last successful start or reload, in seconds since the epoch",
            ),
            spool: SpoolMetrics::new(&families),
            endpoint_faulty: families.gauges(
                "hookspool_endpoint_faulty",
                "1 while the deliveries of an endpoint get 503 because its queues cannot be used",
                &["endpoint"],
            ),
            commit_batch_entries: families.histogram(
                "hookspool_commit_batch_entries",
                "Entries per commit",
                BATCHES,
            ),
            commit_seconds: families.histogram(
                "hookspool_commit_seconds",
                "Duration of a commit: write the batch and sync it",
                SECONDS,
            ),
            connections: families.gauge("hookspool_connections", "Open connections"),
            connections_refused: families.counters_of(
                "hookspool_connections_refused_total",
                "Connections refused or closed by the server because of a limit or an invalid PROXY protocol header",
                "reason",
            ),
            generation: families
                .gauge("hookspool_generation", "Generation of certificates and configuration in force"),
            handshakes: HandshakeMetrics::new(&families),
            log_lines_dropped: families.counter(
                "hookspool_log_lines_dropped_total",
                "Log lines dropped because the log reader was too slow",
            ),
            peers: PeerMetrics::new(&families),
            reloads: families.counters_of(
                "hookspool_reloads_total",
                "Reloads of certificates and configuration by outcome",
                "outcome",
            ),
            spool_corrupt: families
                .gauge("hookspool_spool_corrupt_entries", "Entries in corrupt at the last count"),
            spool_free_bytes: families
                .gauge("hookspool_spool_free_bytes", "Free space on the spool's file system"),
            watcher_alive: families
                .gauge("hookspool_watcher_alive", "1 while changes of the files in use are detected"),
            registry: families.0,
        };
        for endpoint in endpoints.into_iter().chain([NO_ENDPOINT]) {
            metrics.add_endpoint(endpoint);
        }
        metrics
    }

    /// Creates the missing series of an endpoint.
    pub fn add_endpoint(&self, endpoint: &str) {
        self.delivery_seconds.with_label_values(&[endpoint]);
        for outcome in DeliveryOutcome::ALL {
            self.deliveries.with_label_values(&[endpoint, outcome.word()]);
        }
        if endpoint != NO_ENDPOINT {
            self.spool.oldest_new.with_label_values(&[endpoint]);
            self.spool.oldest_taken.with_label_values(&[endpoint]);
            self.spool.returned.with_label_values(&[endpoint]);
            self.endpoint_faulty.with_label_values(&[endpoint]);
            for queue in Queue::ALL {
                self.spool.entries.with_label_values(&[endpoint, queue.word()]);
            }
        }
    }

    /// Counts a reload that ended at `at`, in seconds since the epoch.
    pub fn reload(&self, outcome: ReloadOutcome, at: i64) {
        self.reloads.inc(outcome);
        if outcome != ReloadOutcome::Rejected {
            self.loaded(at);
        }
    }

    /// Sets the time of the last successful start or reload, in seconds since the epoch.
    pub fn loaded(&self, at: i64) {
        self.reload_last_success.set(u64::try_from(at).unwrap_or(0));
    }

    /// Counts a delivery and observes its duration.
    pub fn delivery(&self, endpoint: &str, outcome: DeliveryOutcome, seconds: f64) {
        self.deliveries.with_label_values(&[endpoint, outcome.word()]).inc();
        self.delivery_seconds.with_label_values(&[endpoint]).observe(seconds);
    }

    /// Counts requests that the HTTP library rejected by itself, so that they reached no endpoint and have no duration.
    pub fn rejected(&self, outcome: DeliveryOutcome, requests: u64) {
        self.deliveries.with_label_values(&[NO_ENDPOINT, outcome.word()]).inc_by(requests);
    }

    /// Sets the number of entries in a queue of an endpoint.
    pub fn spool_entries(&self, endpoint: &str, queue: Queue, entries: i64) {
        self.spool.entries.with_label_values(&[endpoint, queue.word()]).set(entries);
    }

    /// Sets the age of the oldest new entry of an endpoint, in seconds; 0 if there is none.
    pub fn spool_oldest_new(&self, endpoint: &str, seconds: i64) {
        self.spool.oldest_new.with_label_values(&[endpoint]).set(seconds);
    }

    /// Sets the time since the oldest entry in `taken` of an endpoint was claimed, in seconds; 0 if there is none.
    pub fn spool_oldest_taken(&self, endpoint: &str, seconds: i64) {
        self.spool.oldest_taken.with_label_values(&[endpoint]).set(seconds);
    }

    /// Counts an entry of an endpoint that was returned to `new` after `taken_timeout`.
    pub fn spool_returned(&self, endpoint: &str) {
        self.spool.returned.with_label_values(&[endpoint]).inc();
    }

    /// Sets whether the deliveries of an endpoint get 503 because its queues cannot be used.
    pub fn endpoint_faulty(&self, endpoint: &str, is_faulty: bool) {
        self.endpoint_faulty.with_label_values(&[endpoint]).set(i64::from(is_faulty));
    }

    /// Sets the validity of a certificate in use, in seconds since the epoch. `name` is from the configuration.
    pub fn certificate(&self, role: CertificateRole, name: &str, not_before: i64, not_after: i64) {
        self.certificates.set(role, name, not_before, not_after);
    }

    /// Removes the dates of a certificate that is no longer in use.
    pub fn forget_certificate(&self, role: CertificateRole, name: &str) {
        self.certificates.forget(role, name);
    }

    /// Formats all metrics in the text format of Prometheus, version 0.0.4.
    pub fn text(&self) -> String {
        text_of(&self.certificates.with_lock(|| self.registry.gather()))
    }
}

/// Metrics in Prometheus's text format.
pub(super) fn text_of(gathered: &[MetricFamily]) -> String {
    let mut out = Vec::new();
    match TextEncoder::new().encode(gathered, &mut out) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(error) => format!("# {error}\n"),
    }
}

/// The counters of handshakes.
#[derive(Debug)]
pub struct HandshakeMetrics {
    /// `hookspool_handshakes_total`.
    pub outcomes: Counters<HandshakeOutcome>,
    /// `hookspool_handshake_failures_total`.
    pub failures: Counters<HandshakeFailureReason>,
    /// `hookspool_refusals_total`.
    pub refusals: Counters<RefusalReason>,
}

impl HandshakeMetrics {
    fn new(families: &Families) -> Self {
        Self {
            outcomes: families.counters_of(
                "hookspool_handshakes_total",
                "TLS handshakes by outcome",
                "outcome",
            ),
            failures: families.counters_of(
                "hookspool_handshake_failures_total",
                "TLS handshakes that failed before a client certificate was evaluated, by reason",
                "reason",
            ),
            refusals: families.counters_of(
                "hookspool_refusals_total",
                "Refused handshakes by reason",
                "reason",
            ),
        }
    }
}

/// The counters of peers that fail to act, or act too much.
#[derive(Debug)]
pub struct PeerMetrics {
    /// `hookspool_accept_errors_total`.
    pub accept_errors: Counter,
    /// `hookspool_http2_goaways_total`.
    pub http2_goaways: Counters<GoAwayReason>,
    /// `hookspool_stalls_total`.
    pub stalls: Counters<StallKind>,
}

impl PeerMetrics {
    fn new(families: &Families) -> Self {
        Self {
            accept_errors: families.counter(
                "hookspool_accept_errors_total",
                "Errors of the system when a connection was accepted, such as too many open files",
            ),
            http2_goaways: families.counters_of(
                "hookspool_http2_goaways_total",
                "HTTP/2 connections that the server ended with GOAWAY, by reason",
                "reason",
            ),
            stalls: families.counters_of(
                "hookspool_stalls_total",
                "Connections and requests that ended because the peer did not act in time, by what it did not complete",
                "kind",
            ),
        }
    }
}

/// The metrics of the queues of each endpoint.
#[derive(Debug)]
struct SpoolMetrics {
    entries: IntGaugeVec,
    oldest_new: IntGaugeVec,
    oldest_taken: IntGaugeVec,
    returned: IntCounterVec,
}

impl SpoolMetrics {
    fn new(families: &Families) -> Self {
        Self {
            entries: families.gauges(
                "hookspool_spool_entries",
                "Entries in the spool at the last count",
                &["endpoint", "queue"],
            ),
            oldest_new: families.gauges(
                "hookspool_spool_oldest_new_seconds",
                "Age of the oldest new entry at the last count; 0 if there is none",
                &["endpoint"],
            ),
            oldest_taken: families.gauges(
                "hookspool_spool_oldest_taken_seconds",
                "Time since the oldest entry in taken was claimed, at the last count; 0 if there is none",
                &["endpoint"],
            ),
            returned: families.counters(
                "hookspool_spool_returned_total",
                "Entries returned to new because their consumer did not finish them within taken_timeout",
                &["endpoint"],
            ),
        }
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
    fn new(families: &Families) -> Self {
        Self {
            not_before: families.gauges(
                "hookspool_certificate_not_before_timestamp_seconds",
                "Beginning of the validity of a certificate in use, in seconds since the epoch",
                &["role", "name"],
            ),
            not_after: families.gauges(
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

    fn set(&self, role: CertificateRole, name: &str, not_before: i64, not_after: i64) {
        self.with_lock(|| {
            self.not_before.with_label_values(&[role.word(), name]).set(not_before);
            self.not_after.with_label_values(&[role.word(), name]).set(not_after);
        });
    }

    fn forget(&self, role: CertificateRole, name: &str) {
        self.with_lock(|| {
            for gauges in [&self.not_before, &self.not_after] {
                // The series do not exist for a client that has never connected.
                let _ = gauges.remove_label_values(&[role.word(), name]);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_with_fixed_labels_exists_from_the_start() {
        let text = Metrics::new(["pix"]).text();
        let expect = |series: String| assert!(text.contains(&format!("{series} 0\n")), "{series} is missing");
        for endpoint in ["pix", NO_ENDPOINT] {
            for outcome in DeliveryOutcome::ALL.iter().map(|outcome| outcome.word()) {
                expect(format!(
                    "hookspool_deliveries_total{{endpoint=\"{endpoint}\",outcome=\"{outcome}\"}}"
                ));
            }
        }
        for reason in HandshakeFailureReason::ALL {
            expect(format!("hookspool_handshake_failures_total{{reason=\"{}\"}}", reason.word()));
        }
        for reason in ConnectionRefusalReason::ALL {
            expect(format!("hookspool_connections_refused_total{{reason=\"{}\"}}", reason.word()));
        }
        for reason in RefusalReason::ALL {
            expect(format!("hookspool_refusals_total{{reason=\"{}\"}}", reason.word()));
        }
        for outcome in HandshakeOutcome::ALL {
            expect(format!("hookspool_handshakes_total{{outcome=\"{}\"}}", outcome.word()));
        }
        for reason in GoAwayReason::ALL {
            expect(format!("hookspool_http2_goaways_total{{reason=\"{}\"}}", reason.word()));
        }
        for kind in StallKind::ALL {
            expect(format!("hookspool_stalls_total{{kind=\"{}\"}}", kind.word()));
        }
        expect("hookspool_accept_errors_total".to_owned());
        for outcome in ReloadOutcome::ALL {
            expect(format!("hookspool_reloads_total{{outcome=\"{}\"}}", outcome.word()));
        }
    }
}
