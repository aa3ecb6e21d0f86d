//! One engine for each consumer: watches its queues, starts attempts, and acts on their results.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::attempt::{AttemptContext, AttemptResult, Candidate, Outcome, attempt};
use super::backlog::{Listed, list};
use super::claim::{ForwardSpool, recover};
use super::report::Observer;
use super::schedule::{Change, Gate, Sign, delay, delay_asked};
use super::settings::{Consumer, Order};
use super::status::{AttemptError, ConsumerStatus, SharedStatus};
use super::target::Target;
use super::waiting::Waiting;
use crate::clock::{Clock, rfc3339_micros};
use crate::metrics::{ConsumerGauges, ConsumerMetrics, Queue};
use crate::policy::Name;
use crate::spool::{ForwardLock, ForwardLockError, Layout, sync_moves};
use crate::watch::{Arrival, Arrivals};

/// How long moves may wait for the sync of their directories. After a power failure, the attempts of this time are
/// repeated.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// How often `taken` is searched for entries whose handler has ended without this process.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(10);
/// How long the end waits for attempts in progress. Those that last longer are repeated at the next start.
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
    waiting: Waiting,
    gate: Gate,
    /// The attempts in progress. Each has one or more entries.
    in_progress: usize,
    tasks: JoinSet<Finished>,
    arrivals: Option<Arrivals>,
    /// Moves that are not durable yet: the endpoint, and the queues.
    unsynced: HashSet<(usize, Queue, Queue)>,
    next_sync: Option<Instant>,
    next_recovery: Instant,
    recovering: usize,
    random: RandomState,
    /// Exclude other engines until this one is dropped.
    _locks: Vec<ForwardLock>,
}

/// A task of the engine that has ended.
#[derive(Debug)]
enum Finished {
    Attempt(Vec<Outcome>),
    Listing(usize, io::Result<Listed>),
    Recovery(usize, io::Result<usize>),
    Sync(io::Result<()>),
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
        context: EngineContext,
    ) -> Result<Self, ForwardLockError> {
        let lanes: Vec<Name> = consumer.endpoints.iter().cloned().collect();
        let ForwardSpool { disk, layout } = &context.spool;
        let locks = lanes.iter().map(|endpoint| ForwardLock::take(disk, layout, endpoint));
        let locks = locks.collect::<Result<_, _>>()?;
        context.status.update(|status| *status = initial_status(&consumer));
        let excuses_retries = consumer.order == Order::None;
        Ok(Self {
            waiting: Waiting::new(lanes.len(), consumer.order, !context.is_single_pass),
            gate: Gate::new(consumer.retry, excuses_retries),
            in_progress: 0,
            tasks: JoinSet::new(),
            arrivals: None,
            unsynced: HashSet::new(),
            next_sync: None,
            next_recovery: Instant::now(),
            recovering: 0,
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

    /// Forwards entries until it is stopped, then waits for the attempts in progress.
    pub async fn run(mut self) {
        self.watch();
        let stop = self.context.stop.clone();
        loop {
            let now = Instant::now();
            self.start_housekeeping(now);
            self.start_attempts(now);
            self.publish();
            if self.context.is_single_pass && self.has_passed() {
                break;
            }
            let wake = self.next_wake(now);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(finished) = self.tasks.join_next() => self.finished(finished.ok()),
                arrived = next_arrivals(&mut self.arrivals) => self.arrived(arrived),
                () = sleep_until(wake) => {}
            }
            while let Some(finished) = self.tasks.try_join_next() {
                self.finished(finished.ok());
            }
        }
        self.drain().await;
    }

    /// Watches the queues. Without inotify, they are listed more often.
    fn watch(&mut self) {
        let layout = &self.context.spool.layout;
        let queues: Vec<PathBuf> =
            self.attempts.lanes.iter().map(|endpoint| layout.queue(endpoint, Queue::New)).collect();
        let watched = Arrivals::watch(queues.iter().map(PathBuf::as_path));
        self.arrivals = watched
            .inspect_err(|error| tracing::warn!(%error, "inotify unavailable; listing queues instead"))
            .ok();
        self.waiting.missed();
    }

    fn arrived(&mut self, arrived: io::Result<Vec<Arrival>>) {
        let reports = match arrived {
            Ok(reports) => reports,
            Err(error) => {
                tracing::warn!(%error, "queue watch failed; restarting it");
                return self.watch();
            }
        };
        let mut is_gone = false;
        for report in reports {
            match report {
                Arrival::File(lane, name) => {
                    if let Some(id) = Layout::id_of(Path::new(&name)) {
                        self.waiting.arrived(lane, id);
                    }
                }
                Arrival::Overflow => self.waiting.missed(),
                Arrival::Gone(_) => is_gone = true,
            }
        }
        if is_gone {
            self.arrivals = None;
        }
    }

    /// Starts listings, recovery and syncs that are due.
    fn start_housekeeping(&mut self, now: Instant) {
        let in_order = self.attempts.consumer.order == Order::Arrival;
        for lane in self.waiting.begin_listings(now, self.arrivals.is_some()) {
            let (spool, endpoint) = (self.context.spool.clone(), self.attempts.lanes[lane].clone());
            self.tasks.spawn(async move {
                let listing = spawn_blocking(move || list(&spool.disk, &spool.layout, &endpoint, in_order));
                Finished::Listing(lane, listing.await.unwrap_or_else(|error| Err(io::Error::other(error))))
            });
        }
        if self.next_recovery <= now && self.recovering == 0 {
            if self.arrivals.is_none() {
                self.watch();
            }
            self.next_recovery = now + RECOVERY_INTERVAL;
            self.recovering = self.attempts.lanes.len();
            for (lane, endpoint) in self.attempts.lanes.iter().cloned().enumerate() {
                let spool = self.context.spool.clone();
                self.tasks.spawn(async move {
                    let recovery = spawn_blocking(move || recover(&spool, &endpoint));
                    Finished::Recovery(
                        lane,
                        recovery.await.unwrap_or_else(|error| Err(io::Error::other(error))),
                    )
                });
            }
        }
        if self.next_sync.is_some_and(|at| at <= now) {
            self.next_sync = None;
            let (context, moves) = (Arc::clone(&self.attempts), std::mem::take(&mut self.unsynced));
            self.tasks.spawn(async move {
                let syncing = spawn_blocking(move || sync(&context, &moves));
                Finished::Sync(syncing.await.unwrap_or_else(|error| Err(io::Error::other(error))))
            });
        }
    }

    fn start_attempts(&mut self, now: Instant) {
        while self.may_attempt(now) {
            let is_single = self.gate.is_down() || self.attempts.consumer.order == Order::Arrival;
            let most = if is_single { 1 } else { self.attempts.target.limits().entries };
            let down_time = self.gate.down_time(now);
            let next = std::iter::from_fn(|| self.waiting.next(now, down_time));
            let batch: Vec<_> = next.take(most).collect();
            let batch: Vec<_> = batch.into_iter().map(|it| self.limited(it, down_time)).collect();
            if batch.is_empty() {
                return;
            }
            self.in_progress += 1;
            let context = Arc::clone(&self.attempts);
            self.tasks.spawn(async move { Finished::Attempt(attempt(context, batch).await) });
        }
    }

    /// Whether an attempt may start. While the target is down, one is made at a time.
    fn may_attempt(&self, now: Instant) -> bool {
        match self.gate.next_attempt() {
            None => self.in_progress < self.attempts.consumer.concurrency.get(),
            Some(next) => self.in_progress == 0 && next <= now,
        }
    }

    /// Adds the time at which an entry is given up.
    fn limited(&self, candidate: Candidate, down_time: Duration) -> Candidate {
        let excused = down_time.saturating_sub(candidate.down_before);
        let give_up = self.attempts.consumer.retry.give_up.saturating_add(excused);
        let gives_up_at = candidate.first.checked_add(give_up).filter(|_| !self.gate.is_excused());
        Candidate { gives_up_at, ..candidate }
    }

    fn finished(&mut self, finished: Option<Finished>) {
        match finished {
            Some(Finished::Attempt(outcomes)) => {
                self.in_progress -= 1;
                outcomes.into_iter().for_each(|outcome| self.settled(outcome));
            }
            Some(Finished::Listing(lane, listed)) => {
                let ended = self.waiting.end_listing(lane, listed, Instant::now());
                self.log_failure(lane, ended.err());
            }
            Some(Finished::Recovery(lane, recovered)) => {
                self.recovering -= 1;
                match recovered {
                    Ok(0) => {}
                    Ok(count) => {
                        let endpoint = &self.attempts.lanes[lane];
                        tracing::info!(%endpoint, count, "claimed entries returned to new");
                    }
                    Err(error) => self.log_failure(lane, Some(error)),
                }
            }
            Some(Finished::Sync(synced)) => {
                if let Err(error) = synced {
                    tracing::warn!(%error, "moves not synced; a power failure may repeat attempts");
                }
            }
            // Only if the task panicked, which ends a release build.
            None => {}
        }
    }

    fn log_failure(&self, lane: usize, error: Option<io::Error>) {
        if let Some(error) = error {
            tracing::warn!(endpoint = %self.attempts.lanes[lane], %error, "queue not listed");
        }
    }

    /// Acts on the result for one entry.
    fn settled(&mut self, Outcome { candidate, result }: Outcome) {
        let now = Instant::now();
        let retry = self.attempts.consumer.retry;
        let (sign, after, reason) = match result {
            AttemptResult::Done => {
                self.moved(candidate.lane, Queue::Done);
                self.waiting.finished(&candidate);
                self.context.status.update(|status| status.done += 1);
                (Sign::Decided, None, None)
            }
            AttemptResult::Failed { reason } => {
                self.failed(&candidate);
                (Sign::Decided, None, Some(reason))
            }
            AttemptResult::GivenUp { reason } => {
                self.failed(&candidate);
                (Sign::AskedForRetry, None, Some(reason))
            }
            AttemptResult::Retry { after, reason } => {
                let spread = self.spread();
                let wait = after.map_or_else(
                    || delay(&retry, candidate.attempt, spread),
                    |after| delay_asked(&retry, after),
                );
                self.waiting.retry_at(&candidate, now + wait);
                (Sign::AskedForRetry, after, Some(reason))
            }
            AttemptResult::Unreachable { reason } => {
                self.waiting.retry_at(&candidate, now);
                (Sign::Unreachable, None, Some(reason))
            }
            AttemptResult::Gone => return self.waiting.finished(&candidate),
            AttemptResult::Unused => return self.waiting.put_back(&candidate, now),
            AttemptResult::Unreadable => {
                let wait = delay(&retry, candidate.attempt, self.spread());
                return self.waiting.retry_at(&candidate, now + wait);
            }
        };
        if let Some(reason) = reason {
            let at = rfc3339_micros(self.context.clock.now());
            let error = AttemptError { at, id: candidate.id.to_string(), reason };
            self.context.status.update(|status| status.last_error = Some(error));
        }
        self.judge(sign, now, after);
    }

    /// Records what an attempt says about the target.
    fn judge(&mut self, sign: Sign, now: Instant, after: Option<Duration>) {
        let consumer = Arc::clone(&self.attempts.consumer);
        let spread = self.spread();
        match self.gate.record(sign, now, after, spread) {
            Some(Change::Down) => {
                let reason = self.context.status.current().last_error.map(|error| error.reason);
                tracing::error!(consumer = %consumer.name, reason, "target down; making one attempt at a time");
            }
            Some(Change::Up) => {
                tracing::info!(consumer = %consumer.name, "target recovered");
                let random = self.random.clone();
                let mut number = 0_u64;
                self.waiting.advance(now, consumer.retry.min, || {
                    number += 1;
                    fraction(random.hash_one((number, now)))
                });
            }
            None => {}
        }
    }

    fn failed(&mut self, candidate: &Candidate) {
        self.moved(candidate.lane, Queue::Failed);
        self.waiting.finished(candidate);
        self.context.status.update(|status| status.failed += 1);
    }

    fn moved(&mut self, lane: usize, to: Queue) {
        self.unsynced.insert((lane, Queue::Taken, to));
        self.next_sync.get_or_insert_with(|| Instant::now() + SYNC_INTERVAL);
    }

    /// A random number from 0 to 1.
    fn spread(&self) -> f64 {
        fraction(self.random.hash_one(Instant::now()))
    }

    /// Whether a single pass over the entries has ended.
    fn has_passed(&self) -> bool {
        let has_attempted_all = self.waiting.waiting() == 0 && self.waiting.is_listed();
        self.in_progress == 0 && (has_attempted_all || self.gate.is_down())
    }

    fn next_wake(&self, now: Instant) -> Instant {
        let attempt = match self.gate.next_attempt() {
            Some(next) if next > now => Some(next),
            Some(_) if self.in_progress == 0 => self.waiting.next_due(),
            Some(_) => None,
            None if self.may_attempt(now) => self.waiting.next_due(),
            None => None,
        };
        let listing = self.waiting.next_listing(now, self.arrivals.is_some());
        let recovery = (self.recovering == 0).then_some(self.next_recovery);
        [attempt, listing, recovery, self.next_sync]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now + RECOVERY_INTERVAL)
    }

    fn publish(&self) {
        let [waiting, retrying, in_flight] =
            [self.waiting.waiting(), self.waiting.retrying(), self.waiting.in_flight()]
                .map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let target_up = !self.gate.is_down();
        let now = self.context.clock.now();
        let oldest = self
            .waiting
            .oldest()
            .map(|id| u64::try_from(now.as_second().saturating_sub(id.made_at().as_second())).unwrap_or(0));
        self.attempts.metrics.set(ConsumerGauges {
            in_flight,
            retrying,
            target_up,
            oldest_seconds: oldest.unwrap_or(0),
        });
        self.context.status.update(|status| {
            *status = ConsumerStatus {
                waiting,
                retrying,
                in_flight,
                target_up,
                oldest_seconds: oldest,
                ..std::mem::take(status)
            };
        });
    }

    /// Waits for the attempts in progress, and syncs the moves.
    async fn drain(mut self) {
        let end = Instant::now() + DRAIN_MAX;
        while self.in_progress > 0 {
            match timeout_at(end, self.tasks.join_next()).await {
                Ok(Some(finished)) => self.finished(finished.ok()),
                Ok(None) => break,
                Err(_) => {
                    let consumer = &self.attempts.consumer.name;
                    tracing::warn!(%consumer, in_progress = self.in_progress, "attempts interrupted; they will be repeated");
                    break;
                }
            }
        }
        self.tasks.shutdown().await;
        let (context, moves) = (Arc::clone(&self.attempts), std::mem::take(&mut self.unsynced));
        let synced = spawn_blocking(move || sync(&context, &moves)).await;
        self.finished(synced.ok().map(Finished::Sync));
        self.publish();
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

/// Waits for arrivals; forever without a watch.
async fn next_arrivals(arrivals: &mut Option<Arrivals>) -> io::Result<Vec<Arrival>> {
    match arrivals {
        Some(arrivals) => arrivals.next().await,
        None => std::future::pending().await,
    }
}

/// Makes moves durable.
fn sync(context: &AttemptContext, moves: &HashSet<(usize, Queue, Queue)>) -> io::Result<()> {
    let ForwardSpool { disk, layout } = &context.spool;
    moves
        .iter()
        .try_for_each(|(lane, from, to)| sync_moves(disk, layout, &context.lanes[*lane], (*from, *to)))
}

/// A fraction from 0 to 1.
fn fraction(random: u64) -> f64 {
    f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
