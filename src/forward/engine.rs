//! One engine for each consumer: starts attempts and records their results.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::attempt::{AttemptContext, AttemptResult, Outcome, attempt};
use super::claim::ForwardSpool;
use super::queue_maintenance::QueueMaintenance;
use super::report::Observer;
use super::schedule::Change;
use super::scheduler::Scheduler;
use super::settings::Consumer;
use super::status::{AttemptError, ConsumerStatus, SharedStatus};
use super::target::Target;
use crate::clock::{Clock, rfc3339_micros};
use crate::metrics::{ConsumerGauges, ConsumerMetrics, Queue};
use crate::policy::Name;
use crate::spool::{ForwardLock, ForwardLockError};

/// How long a stop waits for attempts in progress. Those that last longer are repeated at the next start.
const DRAIN_MAX: Duration = Duration::from_secs(20);

/// What an engine needs besides its consumer.
#[derive(Clone, Debug)]
pub struct EngineContext {
    /// The spool.
    pub spool: ForwardSpool,
    /// Receives a report of each attempt.
    pub observer: Observer,
    /// The time of day.
    pub clock: Clock,
    /// The status that the engine writes.
    pub status: SharedStatus,
    /// Ends the engine.
    pub stop: CancellationToken,
    /// Whether each entry is attempted once, and the engine ends when none is left or the target is down.
    pub is_single_pass: bool,
}

/// The engine of one consumer.
#[derive(Debug)]
pub struct Engine {
    attempts: Arc<AttemptContext>,
    context: EngineContext,
    scheduler: Scheduler,
    maintenance: QueueMaintenance,
    in_progress: JoinSet<Vec<Outcome>>,
    random: RandomState,
    /// Locks that exclude other engines until this one is dropped.
    _locks: Vec<ForwardLock>,
}

impl Engine {
    /// Locks the endpoints of a consumer.
    ///
    /// # Errors
    /// If another process has locked one, or the daemon has not created its lock file.
    pub fn new(
        consumer: Arc<Consumer>,
        target: Arc<dyn Target>,
        metrics: ConsumerMetrics,
        mut context: EngineContext,
    ) -> Result<Self, ForwardLockError> {
        context.spool.disk = context.spool.disk.keeping_directories();
        let lanes: Vec<Name> = consumer.endpoints.iter().cloned().collect();
        let ForwardSpool { disk, layout } = &context.spool;
        let locks = lanes.iter().map(|endpoint| ForwardLock::take(disk, layout, endpoint));
        let locks = locks.collect::<Result<_, _>>()?;
        context.status.update(|status| *status = initial_status(&consumer));
        Ok(Self {
            scheduler: Scheduler::new(&consumer, target.limits().entries, !context.is_single_pass),
            maintenance: QueueMaintenance::new(
                context.spool.clone(),
                lanes.clone(),
                consumer.order,
                context.is_single_pass,
            ),
            in_progress: JoinSet::new(),
            random: RandomState::new(),
            attempts: Arc::new(AttemptContext {
                spool: context.spool.clone(),
                observer: context.observer.clone(),
                clock: context.clock.clone(),
                consumer,
                lanes,
                target,
                metrics,
            }),
            context,
            _locks: locks,
        })
    }

    /// Forwards entries until it is stopped, then waits for the attempts in progress. Blocks its thread while it moves
    /// files.
    pub async fn run(mut self) {
        self.maintenance.watch(&mut self.scheduler.waiting);
        let stop = self.context.stop.clone();
        loop {
            let now = Instant::now();
            self.maintenance.start_due(now, &mut self.scheduler.waiting);
            self.start_attempts(now);
            self.publish();
            if self.context.is_single_pass && self.scheduler.has_passed() {
                break;
            }
            let maintenance = self.maintenance.next_due(now, &self.scheduler.waiting);
            let wake = self.scheduler.next_attempt(now).map_or(maintenance, |next| next.min(maintenance));
            tokio::select! {
                () = stop.cancelled() => break,
                Some(ended) = self.in_progress.join_next() => self.ended(&ended.unwrap_or_default()),
                event = self.maintenance.next() => self.maintenance.handle(event, &mut self.scheduler.waiting),
                () = sleep_until(wake) => {}
            }
            while let Some(ended) = self.in_progress.try_join_next() {
                self.ended(&ended.unwrap_or_default());
            }
        }
        self.drain().await;
    }

    fn start_attempts(&mut self, now: Instant) {
        loop {
            let batch = self.scheduler.next_batch(now);
            if batch.is_empty() {
                return;
            }
            self.in_progress.spawn(attempt(Arc::clone(&self.attempts), batch));
        }
    }

    /// Records the end of an attempt.
    fn ended(&mut self, outcomes: &[Outcome]) {
        let now = Instant::now();
        for Outcome { candidate, result } in outcomes {
            let moved_to = match result {
                AttemptResult::Done => Some(Queue::Done),
                AttemptResult::Failed { .. } | AttemptResult::GivenUp { .. } => Some(Queue::Failed),
                AttemptResult::Retry { .. }
                | AttemptResult::Unreachable { .. }
                | AttemptResult::FileError { .. }
                | AttemptResult::Gone
                | AttemptResult::Held
                | AttemptResult::Unused => None,
            };
            if let Some(queue) = moved_to {
                self.maintenance.moved(candidate.lane, queue, now);
            }
            self.context.status.update(|status| {
                status.done += u64::from(moved_to == Some(Queue::Done));
                status.failed += u64::from(moved_to == Some(Queue::Failed));
                if let Some(reason) = result.reason() {
                    let at = rfc3339_micros(self.context.clock.now());
                    let (id, reason) = (candidate.id.to_string(), reason.to_owned());
                    status.last_error = Some(AttemptError { at, id, reason });
                }
            });
        }
        let (random, mut number) = (self.random.clone(), 0_u64);
        let change = self.scheduler.ended(outcomes, now, || {
            number += 1;
            fraction(random.hash_one((now, number)))
        });
        let consumer = &self.attempts.consumer.name;
        match change {
            Some(Change::Down) => {
                let reason = self.context.status.current().last_error.map(|error| error.reason);
                tracing::error!(%consumer, reason, "target down; making one attempt at a time");
            }
            Some(Change::Up) => tracing::info!(%consumer, "target recovered"),
            None => {}
        }
    }

    fn publish(&self) {
        let waiting = &self.scheduler.waiting;
        let [waiting_count, retrying, in_flight] =
            [waiting.waiting(), waiting.retrying(), waiting.in_flight()]
                .map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let target_up = self.scheduler.is_up();
        let now = self.context.clock.now();
        let age = |made: crate::clock::Timestamp| now.as_second().saturating_sub(made.as_second());
        let oldest = waiting.oldest().map(|id| u64::try_from(age(id.made_at())).unwrap_or(0));
        let oldest_seconds = oldest.unwrap_or(0);
        self.attempts.metrics.set(ConsumerGauges { in_flight, retrying, target_up, oldest_seconds });
        self.context.status.update(|status| {
            (status.waiting, status.retrying, status.in_flight) = (waiting_count, retrying, in_flight);
            (status.oldest_seconds, status.target_up) = (oldest, target_up);
        });
    }

    /// Waits for the attempts in progress, and makes the moves durable.
    async fn drain(mut self) {
        let end = Instant::now() + DRAIN_MAX;
        while let Ok(Some(ended)) = timeout_at(end, self.in_progress.join_next()).await {
            self.ended(&ended.unwrap_or_default());
        }
        if !self.in_progress.is_empty() {
            let (consumer, in_progress) = (&self.attempts.consumer.name, self.scheduler.in_progress());
            tracing::warn!(%consumer, in_progress, "attempts interrupted; they will be repeated");
            self.in_progress.shutdown().await;
        }
        self.publish();
        self.maintenance.end().await;
    }
}

fn initial_status(consumer: &Consumer) -> ConsumerStatus {
    ConsumerStatus {
        name: consumer.name.to_string(),
        kind: consumer.target.kind().to_owned(),
        endpoints: consumer.endpoints.iter().map(ToString::to_string).collect(),
        target_up: true,
        ..ConsumerStatus::default()
    }
}

/// A fraction from 0 to 1.
fn fraction(random: u64) -> f64 {
    f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
