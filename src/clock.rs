//! The only code that reads the system's time of day, except for the names of temporary files.
//!
//! Code whose decisions depend on the time receives a [`Clock`], so that tests can set the time. Durations and
//! deadlines use tokio's clock, which tests can pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

pub use jiff::Timestamp;

/// A source of the time of day.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system clock.
    #[default]
    System,
    /// A clock that changes only with [`Clock::advance`], in microseconds since the epoch.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that is fixed at `at`.
    pub fn fixed_at(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(at.as_microsecond())))
    }

    /// The current time, in UTC.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(at) => {
                Timestamp::from_microsecond(at.load(Ordering::Relaxed)).unwrap_or(Timestamp::MAX)
            }
        }
    }

    /// Advances a fixed clock; has no effect on the system clock.
    pub fn advance(&self, by: Duration) {
        if let Self::Fixed(at) = self {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            at.fetch_add(micros, Ordering::Relaxed);
        }
    }
}

/// Formats a time as in RFC 3339, in UTC with microseconds. Envelopes contain this form.
pub fn rfc3339_micros(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Formats the difference between two times for people: `in 3 days`, `2 hours ago`, `now`.
pub fn distance(now: Timestamp, then: Timestamp) -> String {
    let seconds = then.as_second() - now.as_second();
    let length = length(seconds.unsigned_abs());
    match seconds {
        0 => "now".to_owned(),
        ..0 => format!("{length} ago"),
        1.. => format!("in {length}"),
    }
}

/// Formats a number of seconds for people: `1 second`, `3 minutes`.
pub fn length(seconds: u64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        s if s >= 2 * 86_400 => format!("{} days", s / 86_400),
        s if s >= 2 * 3_600 => format!("{} hours", s / 3_600),
        s if s >= 2 * 60 => format!("{} minutes", s / 60),
        s => format!("{s} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_times_have_microseconds_in_utc() {
        let at: Timestamp = "2026-11-23T14:01:00.1234567-03:00".parse().expect("a timestamp");
        assert_eq!(rfc3339_micros(at), "2026-11-23T17:01:00.123456Z");
    }

    #[test]
    fn distances_are_formatted_for_people() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().expect("a timestamp");
        let then = |s: &str| distance(now, s.parse().expect("a timestamp"));
        assert_eq!(then("2026-11-20T00:00:00Z"), "3 days ago");
        assert_eq!(then("2026-11-23T05:30:00Z"), "in 5 hours");
        assert_eq!(then("2026-11-22T23:59:59Z"), "1 second ago");
        assert_eq!(then("2026-11-23T00:00:01Z"), "in 1 second");
        assert_eq!(then("2026-11-22T23:58:01Z"), "119 seconds ago");
        assert_eq!(then("2026-11-22T23:57:00Z"), "3 minutes ago");
        assert_eq!(then("2026-11-23T00:00:00.9Z"), "now");
    }

    #[test]
    fn fixed_clock_changes_only_with_advance() {
        let clock = Clock::fixed_at("2026-11-23T00:00:00Z".parse().expect("a timestamp"));
        let before = clock.now();
        clock.advance(Duration::from_secs(60));
        assert_eq!(clock.now().as_second() - before.as_second(), 60);
    }
}
