//! Decides which entries are attempted when, and acts on the results. No I/O.

use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{AttemptResult, Candidate, Outcome};
use super::schedule::{Change, Gate, Sign, delay, delay_asked};
use super::settings::{Consumer, Order, RetrySettings};
use super::waiting::Waiting;

/// The delay before the next attempt to claim an entry that another process has locked.
const HELD_DELAY: Duration = Duration::from_millis(100);

/// The entries of a consumer, and the state of its target.
#[derive(Debug)]
pub(super) struct Scheduler {
    /// The entries that are neither done nor failed.
    pub(super) waiting: Waiting,
    gate: Gate,
    retry: RetrySettings,
    order: Order,
    concurrency: usize,
    /// The most entries of an attempt that the target accepts.
    batch: usize,
    /// The most entries of the next attempt. It is halved when the target accepts none of a batch, which may take it too
    /// long, and doubled when it accepts some of a batch of this size.
    limit: usize,
    /// The attempts in progress. Each has one or more entries.
    in_progress: usize,
}

impl Scheduler {
    pub(super) fn new(consumer: &Consumer, batch: usize, retries_entries: bool) -> Self {
        Self {
            waiting: Waiting::new(consumer.endpoints.len(), consumer.order, retries_entries),
            gate: Gate::new(consumer.retry, consumer.order == Order::None),
            retry: consumer.retry,
            order: consumer.order,
            concurrency: consumer.concurrency.get(),
            batch,
            limit: batch,
            in_progress: 0,
        }
    }

    /// The entries of the next attempt; empty if none may start now. While the target is down, one entry is attempted at
    /// a time.
    pub(super) fn next_batch(&mut self, now: Instant) -> Vec<Candidate> {
        if !self.may_attempt(now) {
            return Vec::new();
        }
        let is_down = self.gate.is_down();
        let most = if is_down || self.order == Order::Arrival { 1 } else { self.limit };
        let down_time = self.gate.down_time(now);
        let mut batch = Vec::new();
        while batch.len() < most
            && let Some(candidate) = self.waiting.next(now, down_time, is_down)
        {
            let excused = down_time.saturating_sub(candidate.down_before);
            let gives_up_at = candidate.first.checked_add(self.retry.give_up.saturating_add(excused));
            batch.push(Candidate {
                gives_up_at: gives_up_at.filter(|_| !self.gate.is_excused()),
                ..candidate
            });
        }
        self.in_progress += usize::from(!batch.is_empty());
        batch
    }

    fn may_attempt(&self, now: Instant) -> bool {
        match self.gate.next_attempt() {
            None => self.in_progress < self.concurrency,
            Some(next) => self.in_progress == 0 && next <= now,
        }
    }

    /// When the next attempt may start, unless an entry arrives or an attempt ends before.
    pub(super) fn next_attempt(&self, now: Instant) -> Option<Instant> {
        match self.gate.next_attempt() {
            Some(next) if next > now => Some(next),
            Some(_) | None if self.may_attempt(now) => self.waiting.next_due(),
            Some(_) | None => None,
        }
    }

    /// Records the end of an attempt. `spread` returns random numbers from 0 to 1.
    pub(super) fn ended(
        &mut self,
        outcomes: &[Outcome],
        now: Instant,
        mut spread: impl FnMut() -> f64,
    ) -> Option<Change> {
        self.in_progress -= 1;
        self.adapt_limit(outcomes);
        // An entry that is never accepted must be given up some time if it keeps new ones from being attempted.
        self.gate.excuse_retries(self.order == Order::None && !self.waiting.is_full());
        let mut change = None;
        for Outcome { candidate, result } in outcomes {
            if let Some((sign, after)) = self.place(candidate, result, now, spread()) {
                change = self.gate.record(sign, now, after, spread()).or(change);
            }
        }
        if change == Some(Change::Up) {
            self.waiting.advance(now, self.retry.min, spread);
        }
        change
    }

    fn adapt_limit(&mut self, outcomes: &[Outcome]) {
        let is_retried = |outcome: &&Outcome| matches!(outcome.result, AttemptResult::Retry { .. });
        let retried = outcomes.iter().filter(is_retried).count();
        if retried > 1 && retried == outcomes.len() {
            self.limit = (retried / 2).max(1);
        } else if retried < outcomes.len() && outcomes.len() >= self.limit {
            self.limit = self.limit.saturating_mul(2).min(self.batch);
        }
    }

    /// Records where an entry is now, and returns what its result indicates about the target.
    fn place(
        &mut self,
        candidate: &Candidate,
        result: &AttemptResult,
        now: Instant,
        spread: f64,
    ) -> Option<(Sign, Option<Duration>)> {
        let backoff = || delay(&self.retry, candidate.attempt, spread);
        match result {
            AttemptResult::Done | AttemptResult::Failed { .. } => {
                self.waiting.finished(candidate);
                Some((Sign::Decided, None))
            }
            AttemptResult::GivenUp { .. } => {
                self.waiting.finished(candidate);
                Some((Sign::AskedForRetry, None))
            }
            AttemptResult::Retry { after, .. } => {
                let wait = after.map_or_else(backoff, |after| delay_asked(&self.retry, after));
                self.waiting.retry_at(candidate, now + wait, after.is_some());
                Some((Sign::AskedForRetry, *after))
            }
            AttemptResult::Unreachable { .. } => {
                self.waiting.retry_at(candidate, now, false);
                Some((Sign::Unreachable, None))
            }
            AttemptResult::Gone => {
                self.waiting.finished(candidate);
                None
            }
            AttemptResult::Held => {
                let not_attempted = Candidate { attempt: candidate.attempt.saturating_sub(1), ..*candidate };
                self.waiting.retry_at(&not_attempted, now + HELD_DELAY, false);
                None
            }
            AttemptResult::Unused => {
                self.waiting.put_back(candidate, now);
                None
            }
            AttemptResult::FileError { .. } => {
                self.waiting.retry_at(candidate, now + backoff(), false);
                None
            }
        }
    }

    /// Whether the target does not count as down.
    pub(super) fn is_up(&self) -> bool {
        !self.gate.is_down()
    }

    pub(super) fn in_progress(&self) -> usize {
        self.in_progress
    }

    /// Whether a single pass over the entries has ended.
    pub(super) fn has_passed(&self) -> bool {
        let has_attempted_all = self.waiting.waiting() == 0 && self.waiting.is_listed();
        self.in_progress == 0 && (has_attempted_all || self.gate.is_down() || self.waiting.is_full())
    }
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
