//! The summary of many deliveries: counts by outcome, and latencies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use http::StatusCode;

use crate::escape::Escaped;

/// The outcomes of the deliveries so far.
#[derive(Debug, Default)]
pub(super) struct Summary {
    statuses: BTreeMap<StatusCode, u64>,
    faults: BTreeMap<String, u64>,
    latencies: Vec<Duration>,
}

impl Summary {
    pub(super) fn answered(&mut self, status: StatusCode, elapsed: Duration) {
        *self.statuses.entry(status).or_default() += 1;
        self.latencies.push(elapsed);
    }

    pub(super) fn failed(&mut self, fault: String) {
        *self.faults.entry(fault).or_default() += 1;
    }

    pub(super) fn is_success(&self) -> bool {
        self.faults.is_empty() && self.statuses.keys().all(StatusCode::is_success)
    }

    pub(super) fn text(mut self, took: Duration) -> String {
        self.latencies.sort_unstable();
        let mut out = String::new();
        for (status, count) in &self.statuses {
            let _ = writeln!(out, "{count:>8}  {status}");
        }
        for (fault, count) in &self.faults {
            let _ = writeln!(out, "{count:>8}  {}", Escaped(fault));
        }
        if !self.latencies.is_empty() {
            out.push_str("latency ");
            for (name, permille) in [("min", 0), ("p50", 500), ("p90", 900), ("p99", 990), ("max", 1000)] {
                let millis = percentile(&self.latencies, permille).as_secs_f64() * 1000.0;
                let _ = write!(out, "  {name} {millis:.1} ms");
            }
            out.push('\n');
        }
        let count = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        let per_second = f64::from(count) / took.as_secs_f64().max(f64::EPSILON);
        let _ = writeln!(out, "responses {count} in {:.2} s, {per_second:.1}/s", took.as_secs_f64());
        out
    }
}

/// The smallest latency that at least `permille` of all do not exceed (nearest rank).
fn percentile(sorted: &[Duration], permille: usize) -> Duration {
    let rank = (sorted.len() * permille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_latencies_that_occurred() {
        let millis = |n| Duration::from_millis(n);
        let all: Vec<_> = (1..=100).map(millis).collect();
        assert_eq!(percentile(&all, 0), millis(1));
        assert_eq!(percentile(&all, 500), millis(50));
        assert_eq!(percentile(&all, 990), millis(99));
        assert_eq!(percentile(&all, 1000), millis(100));
        assert_eq!(percentile(&all[..1], 990), millis(1));
        assert_eq!(percentile(&all[..3], 500), millis(2));
        assert_eq!(percentile(&[], 500), Duration::ZERO);
    }

    #[test]
    fn the_summary_counts_by_outcome() {
        let mut summary = Summary::default();
        summary.answered(StatusCode::OK, Duration::from_millis(3));
        assert!(summary.is_success());
        summary.answered(StatusCode::SERVICE_UNAVAILABLE, Duration::from_millis(1));
        assert!(!summary.is_success());
        summary.failed("gone".to_owned());
        let text = summary.text(Duration::from_secs(2));
        let expected = "       1  200 OK\n       1  503 Service Unavailable\n       1  gone\n\
            latency   min 1.0 ms  p50 1.0 ms  p90 3.0 ms  p99 3.0 ms  max 3.0 ms\n\
            responses 2 in 2.00 s, 1.0/s\n";
        assert_eq!(text, expected);
    }
}
