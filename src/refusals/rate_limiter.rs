//! Limits how many events of one kind are logged: a burst, then one per second. Events with one fingerprint are logged
//! once in 10 s.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::identity::Fingerprint;

/// The number of events that are logged in a burst.
const BURST: u32 = 50;
/// After a burst, one event is logged per interval.
const INTERVAL: Duration = Duration::from_secs(1);
/// The time between two events with the same fingerprint and reason that are logged.
const REPEAT: Duration = Duration::from_secs(10);

/// A token bucket, and the fingerprints that were logged recently.
#[derive(Debug)]
pub(super) struct RateLimiter {
    left: u32,
    filled_at: Instant,
    /// Not longer than the bucket allows in [`REPEAT`], whatever the fingerprints are.
    recent: VecDeque<(Fingerprint, &'static str, Instant)>,
    unlogged: BTreeMap<&'static str, u64>,
}

impl RateLimiter {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, filled_at: now, recent: VecDeque::new(), unlogged: BTreeMap::new() }
    }

    /// Whether to log an event; if not, it is counted by its reason.
    pub(super) fn allows(
        &mut self,
        reason: &'static str,
        fingerprint: Option<Fingerprint>,
        now: Instant,
    ) -> bool {
        self.recent.retain(|(_, _, at)| now.saturating_duration_since(*at) < REPEAT);
        let is_repeated = self.recent.iter().any(|(it, why, _)| (Some(*it), *why) == (fingerprint, reason));
        if is_repeated || !self.take(now) {
            *self.unlogged.entry(reason).or_default() += 1;
            return false;
        }
        self.recent.extend(fingerprint.map(|it| (it, reason, now)));
        true
    }

    fn take(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled_at);
        let more = u32::try_from(elapsed.as_millis() / INTERVAL.as_millis()).unwrap_or(BURST).min(BURST);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(BURST);
            self.filled_at = now;
        }
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    /// The number of events that were not logged since the last call, by reason.
    pub(super) fn take_unlogged(&mut self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.unlogged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fingerprint(number: u32) -> Fingerprint {
        Fingerprint::of_certificate(&number.to_be_bytes())
    }

    #[test]
    fn a_burst_is_logged_and_then_one_event_per_second() {
        let begin = Instant::now();
        let mut limiter = RateLimiter::new(begin);
        let mut logged = |count: u32, at| {
            (0..count).filter(|n| limiter.allows("unknown_ca", Some(fingerprint(*n)), at)).count()
        };
        assert_eq!(logged(1_000, begin), 50);
        assert_eq!(logged(1_000, begin + INTERVAL), 1);
        assert_eq!(logged(1_000, begin + 1_000 * INTERVAL), 50);
        assert_eq!(limiter.take_unlogged(), [("unknown_ca", 950 + 999 + 950)].into());
        assert!(limiter.take_unlogged().is_empty());
    }

    #[test]
    fn one_fingerprint_is_logged_once_in_ten_seconds_unless_the_reason_changes() {
        let begin = Instant::now();
        let mut limiter = RateLimiter::new(begin);
        let mut at = |seconds, reason| {
            limiter.allows(reason, Some(fingerprint(0)), begin + Duration::from_secs(seconds))
        };
        assert_eq!([at(0, "rule"), at(1, "rule"), at(9, "rule")], [true, false, false]);
        assert_eq!([at(9, "expired"), at(9, "rule"), at(10, "rule")], [true, false, true]);
        // Events without a fingerprint are limited by the bucket alone.
        assert!((0..40).all(|_| limiter.allows("no_certificate", None, begin)));
    }

    proptest! {
        #[test]
        fn log_lines_and_memory_are_bounded_whatever_is_refused(
            events in prop::collection::vec((0..200_u32, 0..2_000_u64, 0..3_usize), 1..2_000)
        ) {
            let begin = Instant::now();
            let (mut limiter, mut now) = (RateLimiter::new(begin), Duration::ZERO);
            let mut logged = 0;
            for (number, pause, reason) in events {
                now += Duration::from_millis(pause / 100);
                let reason = ["rule", "expired", "unknown_ca"][reason];
                logged += u64::from(limiter.allows(reason, Some(fingerprint(number)), begin + now));
                prop_assert!(limiter.recent.len() <= 60, "{}", limiter.recent.len());
            }
            prop_assert!(logged <= 50 + now.as_secs(), "{logged}");
        }
    }
}
