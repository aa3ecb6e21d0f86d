//! Decides when entries are attempted again, and when a target counts as down. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::settings::RetrySettings;
use crate::envelope::EntryId;

/// The maximum number of entries that a consumer remembers while they wait for their next attempt. At this number,
/// nothing new is claimed.
pub(super) const REMEMBERED_MAX: usize = 10_000;
/// The number of consecutive attempts, of any entries, that must ask for a retry before a target counts as down.
const DOWN_AFTER: u32 = 20;
/// The shortest delay, whatever is configured, so that a failing target costs no processor time.
const DELAY_MIN: Duration = Duration::from_millis(10);

/// The delay before the next attempt, after this number of attempts: `min`, doubled with each attempt, plus up to as
/// much again (`spread`, from 0 to 1), at most `max`.
pub(super) fn delay(retry: &RetrySettings, attempts: u32, spread: f64) -> Duration {
    let doublings = attempts.saturating_sub(1).min(31);
    let base = retry.min.max(DELAY_MIN).saturating_mul(1 << doublings).min(retry.max);
    base.saturating_add(base.mul_f64(spread.clamp(0.0, 1.0))).min(retry.max.max(DELAY_MIN))
}

/// The delay if the target named one (`Retry-After`), which is honored between `min` and `max`.
pub(super) fn delay_asked(retry: &RetrySettings, after: Duration) -> Duration {
    after.max(retry.min).max(DELAY_MIN).min(retry.max.max(DELAY_MIN))
}

/// An entry that waits for its next attempt. It is in `new`, and holds no descriptor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Remembered {
    /// The position of its endpoint.
    pub(super) lane: usize,
    /// The attempts so far.
    pub(super) attempts: u32,
    /// When it was attempted first.
    pub(super) first: Instant,
    /// [`Gate::down_time`] at that time.
    pub(super) down_before: Duration,
    /// When it may be attempted again.
    pub(super) due: Instant,
    /// Whether the target named this time (`Retry-After`).
    pub(super) is_asked: bool,
}

/// The entries that wait for their next attempt, by ID and by time.
#[derive(Debug, Default)]
pub(super) struct Retries {
    entries: BTreeMap<EntryId, Remembered>,
    by_time: BTreeSet<(Instant, EntryId)>,
}

impl Retries {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn contains(&self, id: &EntryId) -> bool {
        self.entries.contains_key(id)
    }

    /// The lowest ID.
    pub(super) fn first(&self) -> Option<EntryId> {
        self.entries.keys().next().copied()
    }

    pub(super) fn insert(&mut self, id: EntryId, entry: Remembered) {
        if let Some(old) = self.entries.insert(id, entry) {
            self.by_time.remove(&(old.due, id));
        }
        self.by_time.insert((entry.due, id));
    }

    /// The time at which the next entry is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// Forgets the entry that is due last, and returns the position of its endpoint.
    pub(super) fn forget_last(&mut self) -> Option<usize> {
        let (_, id) = self.by_time.pop_last()?;
        self.entries.remove(&id).map(|entry| entry.lane)
    }

    /// Takes the entry that has been due for the longest time.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(EntryId, Remembered)> {
        let (_, id) = *self.by_time.first().filter(|(due, _)| *due <= now)?;
        self.by_time.pop_first();
        Some((id, self.entries.remove(&id)?))
    }

    /// Advances the entries that are due later to a time within `within`, because their target has recovered. Those
    /// for which it named a time are not advanced.
    pub(super) fn advance(&mut self, now: Instant, within: Duration, mut spread: impl FnMut() -> f64) {
        self.by_time.clear();
        for (id, entry) in &mut self.entries {
            if !entry.is_asked {
                entry.due = entry.due.min(now + within.mul_f64(spread().clamp(0.0, 1.0)));
            }
            self.by_time.insert((entry.due, *id));
        }
    }
}

/// What a verdict indicates about the target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sign {
    /// The target accepted or rejected the entry.
    Decided,
    /// The target asked for a retry.
    AskedForRetry,
    /// The target cannot be reached.
    Unreachable,
}

/// A change of the state of a target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// It counts as down from now on.
    Down,
    /// It no longer counts as down.
    Up,
}

/// Whether a target counts as down. While it does, one attempt is made at a time.
#[derive(Debug)]
pub(super) struct Gate {
    retry: RetrySettings,
    /// Whether the time during which the target only asks for retries counts as down time. Not in order of arrival, where
    /// one entry that is never accepted would never be given up.
    excuses_retries: bool,
    /// The latest attempts that asked for a retry, without any other in between.
    asked_for_retry: u32,
    down: Option<Down>,
    down_time: Duration,
}

#[derive(Debug)]
struct Down {
    /// The attempts since the target went down.
    attempts: u32,
    next: Instant,
    /// Since when the time does not count towards giving up; none if it counts.
    excused_since: Option<Instant>,
}

impl Gate {
    pub(super) fn new(retry: RetrySettings, excuses_retries: bool) -> Self {
        Self { retry, excuses_retries, asked_for_retry: 0, down: None, down_time: Duration::ZERO }
    }

    /// Sets whether the time during which the target only asks for retries counts as down time.
    pub(super) fn excuse_retries(&mut self, excuses_retries: bool) {
        self.excuses_retries = excuses_retries;
    }

    pub(super) fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Whether the time now does not count towards giving up.
    pub(super) fn is_excused(&self) -> bool {
        self.down.as_ref().is_some_and(|down| down.excused_since.is_some())
    }

    /// When the next attempt may be made while the target is down.
    pub(super) fn next_attempt(&self) -> Option<Instant> {
        self.down.as_ref().map(|down| down.next)
    }

    /// How long the target has been down so far. This time does not count towards giving up.
    pub(super) fn down_time(&self, now: Instant) -> Duration {
        let since = self.down.as_ref().and_then(|down| down.excused_since);
        self.down_time + since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Records the verdict of an attempt.
    pub(super) fn record(
        &mut self,
        sign: Sign,
        now: Instant,
        after: Option<Duration>,
        spread: f64,
    ) -> Option<Change> {
        match sign {
            Sign::Decided => {
                self.asked_for_retry = 0;
                self.down_time = self.down_time(now);
                return self.down.take().map(|_| Change::Up);
            }
            Sign::AskedForRetry => self.asked_for_retry = self.asked_for_retry.saturating_add(1),
            Sign::Unreachable => {}
        }
        if self.down.is_none() && sign == Sign::AskedForRetry && self.asked_for_retry < DOWN_AFTER {
            return None;
        }
        if self.down.as_ref().is_some_and(|down| now < down.next) {
            // The attempt began before the target counted as down.
            return None;
        }
        self.down_time = self.down_time(now);
        let is_excused = sign == Sign::Unreachable || self.excuses_retries;
        let attempts = self.down.as_ref().map_or(1, |down| down.attempts.saturating_add(1));
        let delay = after
            .map_or_else(|| delay(&self.retry, attempts, spread), |after| delay_asked(&self.retry, after));
        let excused_since = is_excused.then_some(now);
        let was_down = self.down.replace(Down { attempts, next: now + delay, excused_since }).is_some();
        (!was_down).then_some(Change::Down)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RETRY: RetrySettings = RetrySettings {
        min: Duration::from_secs(5),
        max: Duration::from_secs(3600),
        give_up: Duration::from_secs(3 * 86_400),
    };

    proptest! {
        #[test]
        fn delay_doubles_between_its_limits(attempts in 0_u32..100, spread in 0.0_f64..=1.0) {
            let doubled = Duration::from_secs(5 << attempts.saturating_sub(1).min(20)).min(RETRY.max);
            let found = delay(&RETRY, attempts, spread);
            prop_assert!(found >= doubled.min(RETRY.max) && found <= (doubled * 2).min(RETRY.max), "{found:?}");
        }

        #[test]
        fn delay_of_the_target_is_honored_between_its_limits(seconds in prop_oneof![0_u64..20, 0_u64..10_000]) {
            let found = delay_asked(&RETRY, Duration::from_secs(seconds));
            prop_assert_eq!(found, Duration::from_secs(seconds).clamp(RETRY.min, RETRY.max));
        }

        #[test]
        fn entries_are_due_in_the_order_of_their_times(
            delays in proptest::collection::vec((0_u64..100, any::<bool>()), 0..50), passed in 0_u64..100
        ) {
            let start = Instant::now();
            let mut retries = Retries::default();
            for (number, (delay, is_asked)) in delays.iter().enumerate() {
                let (due, is_asked) = (start + Duration::from_secs(*delay), *is_asked);
                let down_before = Duration::ZERO;
                let entry = Remembered { lane: 0, attempts: 1, first: start, down_before, due, is_asked };
                retries.insert(EntryId::from_bytes([u8::try_from(number).expect("few"); 16]), entry);
            }
            let now = start + Duration::from_secs(passed);
            let due: Vec<_> = std::iter::from_fn(|| retries.take_due(now)).map(|(_, entry)| entry.due).collect();
            prop_assert!(due.is_sorted());
            prop_assert_eq!(due.len(), delays.iter().filter(|(delay, _)| *delay <= passed).count());
            prop_assert!(retries.next_due().is_none_or(|next| next > now));
            retries.advance(now, Duration::from_secs(1), || 0.5);
            let soon = now + Duration::from_secs(1);
            let due: Vec<_> = std::iter::from_fn(|| retries.take_due(soon)).map(|(_, entry)| entry.due).collect();
            let may_follow = |(delay, is_asked): &&(u64, bool)| *delay > passed && (!is_asked || *delay <= passed + 1);
            prop_assert_eq!(due.len(), delays.iter().filter(may_follow).count());
        }
    }

    #[test]
    fn target_is_down_at_once_if_unreachable_and_after_twenty_retries_of_any_entries() {
        let start = Instant::now();
        let mut gate = Gate::new(RETRY, true);
        assert_eq!(gate.record(Sign::Unreachable, start, None, 0.0), Some(Change::Down));
        assert_eq!(gate.next_attempt(), Some(start + RETRY.min));
        assert_eq!(gate.record(Sign::Decided, start, None, 0.0), Some(Change::Up));
        for attempt in 1..=DOWN_AFTER {
            let change = gate.record(Sign::AskedForRetry, start, None, 0.0);
            assert_eq!(change, (attempt == DOWN_AFTER).then_some(Change::Down));
        }
        assert_eq!(gate.record(Sign::Decided, start, None, 0.0), Some(Change::Up));
        for _ in 1..DOWN_AFTER {
            assert_eq!(gate.record(Sign::AskedForRetry, start, None, 0.0), None);
        }
        assert_eq!(gate.record(Sign::Decided, start, None, 0.0), None, "one success ends the count");
        assert_eq!(gate.record(Sign::AskedForRetry, start, None, 0.0), None);
    }

    #[test]
    fn attempts_that_began_before_the_target_was_down_do_not_prolong_it() {
        let start = Instant::now();
        let mut gate = Gate::new(RETRY, true);
        gate.record(Sign::Unreachable, start, None, 0.0);
        for _ in 0..100 {
            gate.record(Sign::Unreachable, start, None, 0.0);
        }
        assert_eq!(gate.next_attempt(), Some(start + RETRY.min));
        let later = start + RETRY.min;
        gate.record(Sign::Unreachable, later, None, 0.0);
        assert_eq!(gate.next_attempt(), Some(later + RETRY.min * 2));
        gate.record(Sign::AskedForRetry, later + RETRY.min * 2, Some(Duration::from_secs(60)), 0.0);
        assert_eq!(gate.next_attempt(), Some(later + RETRY.min * 2 + Duration::from_secs(60)));
    }

    #[test]
    fn time_while_the_target_is_down_is_excused_except_for_retries_in_order_of_arrival() {
        let (start, hour) = (Instant::now(), Duration::from_secs(3600));
        let retry = RetrySettings { min: Duration::from_millis(10), max: Duration::from_millis(10), ..RETRY };
        for (excuses, sign, excused) in [
            (true, Sign::Unreachable, hour),
            (true, Sign::AskedForRetry, hour),
            (false, Sign::Unreachable, hour),
            (false, Sign::AskedForRetry, Duration::ZERO),
        ] {
            let mut gate = Gate::new(retry, excuses);
            for _ in 0..DOWN_AFTER {
                gate.record(sign, start, None, 0.0);
            }
            assert_eq!((gate.is_down(), gate.is_excused()), (true, !excused.is_zero()));
            assert_eq!(gate.down_time(start + hour), excused);
            gate.record(Sign::Decided, start + hour, None, 0.0);
            assert_eq!(gate.down_time(start + hour * 2), excused, "the time after it does not count");
        }
    }
}
