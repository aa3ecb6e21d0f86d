//! The only place that asks the system what time it is, the names of temporary files aside.
//!
//! Everything that judges by time is handed a [`Clock`], so that a test can own the time. Durations and deadlines use tokio's clock, which tests can pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

pub use jiff::Timestamp;

/// Where the time of day comes from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until a test moves it; microseconds since the epoch.
    Test(Arc<AtomicI64>),
}

impl Clock {
    /// A clock for tests, standing at `at`.
    pub fn standing_at(at: Timestamp) -> Self {
        Self::Test(Arc::new(AtomicI64::new(at.as_microsecond())))
    }

    /// The time now, in UTC.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Test(at) => {
                Timestamp::from_microsecond(at.load(Ordering::Relaxed)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Moves a test clock forward; the system's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Self::Test(at) = self {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            at.fetch_add(micros, Ordering::Relaxed);
        }
    }
}

/// `at` as RFC 3339 with microseconds, the form that envelopes carry.
pub fn rfc3339_micros(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// How far `then` lies from `now`, for people: `in 3 days`, `2 hours ago`.
pub fn distance(now: Timestamp, then: Timestamp) -> String {
    let seconds = then.as_second() - now.as_second();
    let (count, unit) = match seconds.unsigned_abs() {
        s if s >= 2 * 86_400 => (s / 86_400, "days"),
        s if s >= 2 * 3_600 => (s / 3_600, "hours"),
        s if s >= 2 * 60 => (s / 60, "minutes"),
        s => (s, "seconds"),
    };
    if seconds < 0 { format!("{count} {unit} ago") } else { format!("in {count} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_carry_microseconds_in_utc() {
        let at: Timestamp = "2026-11-23T14:01:00.1234567-03:00".parse().expect("a timestamp");
        assert_eq!(rfc3339_micros(at), "2026-11-23T17:01:00.123456Z");
    }

    #[test]
    fn distances_read_like_speech() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a timestamp");
        let then = |s: &str| distance(now, s.parse().expect("a timestamp"));
        assert_eq!(then("2026-11-20T00:00:00Z"), "3 days ago");
        assert_eq!(then("2026-11-23T05:30:00Z"), "in 5 hours");
        assert_eq!(then("2026-11-22T23:59:59Z"), "1 seconds ago");
    }

    #[test]
    fn a_test_clock_moves_only_when_told() {
        let clock = Clock::standing_at("2026-11-23T00:00:00Z".parse().expect("a timestamp"));
        let before = clock.now();
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now().as_second() - before.as_second(), 60);
    }
}
