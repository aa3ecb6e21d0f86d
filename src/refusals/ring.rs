//! The latest refusals of one group.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::rate_limiter::RateLimiter;
use super::shown::HandshakeRecord;
use crate::identity::Fingerprint;

/// The latest records, with one place for each fingerprint, and the rate limit of their log lines.
#[derive(Debug)]
pub(super) struct Ring {
    /// The one that was recorded last is at the end.
    places: VecDeque<(Option<Fingerprint>, HandshakeRecord)>,
    pub(super) limiter: RateLimiter,
}

impl Ring {
    pub(super) fn new(now: Instant) -> Self {
        Self { places: VecDeque::new(), limiter: RateLimiter::new(now) }
    }

    /// Stores a record, and keeps at most `max`: those that were recorded last.
    pub(super) fn store(
        &mut self,
        fingerprint: Option<Fingerprint>,
        mut record: HandshakeRecord,
        max: usize,
    ) {
        let is_same = |(it, _): &(Option<Fingerprint>, _)| it.is_some() && *it == fingerprint;
        if let Some(place) = self.places.iter().position(is_same)
            && let Some((_, earlier)) = self.places.remove(place)
        {
            record.count = earlier.count.saturating_add(1);
            record.at = earlier.at;
        }
        self.places.push_back((fingerprint, record));
        self.places.drain(..self.places.len().saturating_sub(max));
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &HandshakeRecord> {
        self.places.iter().map(|(_, record)| record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: u32) -> HandshakeRecord {
        HandshakeRecord {
            at: at.to_string(),
            last_at: at.to_string(),
            count: 1,
            ..HandshakeRecord::default()
        }
    }

    fn fingerprint(number: u32) -> Option<Fingerprint> {
        Some(Fingerprint::of_certificate(&number.to_be_bytes()))
    }

    #[test]
    fn a_fingerprint_has_one_place_with_a_count_and_the_last_time() {
        let mut ring = Ring::new(Instant::now());
        for (at, number) in [(0, 7), (1, 8), (2, 7), (3, 7)] {
            ring.store(fingerprint(number), record(at), 10);
        }
        let kept: Vec<_> = ring.records().map(|it| (&*it.at, &*it.last_at, it.count)).collect();
        assert_eq!(kept, [("1", "1", 1), ("0", "3", 3)]);
    }

    #[test]
    fn the_records_that_are_kept_are_the_latest() {
        let mut ring = Ring::new(Instant::now());
        (0..10_000).for_each(|at| ring.store(fingerprint(at), record(at), 3));
        (10_000..10_002).for_each(|at| ring.store(None, record(at), 3));
        let kept: Vec<_> = ring.records().map(|it| &*it.at).collect();
        assert_eq!(kept, ["9999", "10000", "10001"]);
    }
}
