//! Limits how many refusals are logged: for each reason a burst, then one per second.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// The number of refusals with one reason that are logged in a burst.
const BURST: u32 = 50;
/// After a burst, one refusal with each reason is logged per interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// A token bucket for each reason, separate for peers whose CA is known.
#[derive(Debug, Default)]
pub(super) struct RateLimiter(BTreeMap<(&'static str, bool), Bucket>);

#[derive(Debug)]
struct Bucket {
    left: u32,
    filled_at: Instant,
    unlogged: u64,
}

impl RateLimiter {
    pub(super) fn allows(&mut self, reason: &'static str, known: bool, now: Instant) -> bool {
        let bucket =
            self.0.entry((reason, known)).or_insert(Bucket { left: BURST, filled_at: now, unlogged: 0 });
        let elapsed = now.saturating_duration_since(bucket.filled_at);
        let more = u32::try_from(elapsed.as_millis() / INTERVAL.as_millis()).unwrap_or(BURST).min(BURST);
        if more > 0 {
            bucket.left = bucket.left.saturating_add(more).min(BURST);
            bucket.filled_at = now;
        }
        match bucket.left.checked_sub(1) {
            Some(left) => {
                bucket.left = left;
                true
            }
            None => {
                bucket.unlogged += 1;
                false
            }
        }
    }

    pub(super) fn take_unlogged(&mut self) -> Vec<(&'static str, u64)> {
        let taken =
            self.0.iter_mut().map(|((reason, _), bucket)| (*reason, std::mem::take(&mut bucket.unlogged)));
        taken.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_reason_does_not_suppress_the_others() {
        let (mut rate_limiter, begin) = (RateLimiter::default(), Instant::now());
        let logged = (0..1_000).filter(|_| rate_limiter.allows("unknown_ca", false, begin)).count();
        assert_eq!(logged, 50);
        assert!(rate_limiter.allows("unknown_ca", true, begin));
        assert!(rate_limiter.allows("unknown_ca", false, begin + INTERVAL));
        assert!(!rate_limiter.allows("unknown_ca", false, begin + INTERVAL));
        assert_eq!(rate_limiter.take_unlogged(), [("unknown_ca", 951)]);
        assert_eq!(rate_limiter.take_unlogged(), []);
        let later = begin + 1_000 * INTERVAL;
        assert_eq!((0..1_000).filter(|_| rate_limiter.allows("unknown_ca", false, later)).count(), 50);
    }
}
