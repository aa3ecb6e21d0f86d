//! What an engine does besides attempts: it watches and lists the queues, returns the claims of ended processes to `new`,
//! and makes moves durable.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::Instant;

use super::backlog::{Listed, list};
use super::claim::{ForwardSpool, recover};
use super::settings::Order;
use super::waiting::Waiting;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{Layout, sync_moves};
use crate::watch::{Arrival, Arrivals};

/// How long moves may wait for the sync of their directories. After a power failure, the attempts of this time are
/// repeated. A sync makes the daemon's commits wait for the journal of the file system.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);
/// How often `taken` is searched for entries whose handler has ended without this process.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(10);

/// The maintenance of one engine.
#[derive(Debug)]
pub(super) struct QueueMaintenance {
    spool: ForwardSpool,
    /// The endpoints, by position.
    lanes: Vec<Name>,
    order: Order,
    /// Whether the claims of an ended process are returned before the first listing: in order of arrival, and for a single
    /// pass.
    recovers_first: bool,
    /// None without inotify, or until the queues are watched again.
    arrivals: Option<Arrivals>,
    /// Moves from `taken` that are not durable yet: the endpoint, and the queue.
    unsynced: BTreeSet<(usize, Queue)>,
    next_sync: Option<Instant>,
    next_recovery: Instant,
    /// The recoveries in progress.
    recovering: usize,
    /// Whether a recovery of all endpoints has ended. In order of arrival, the claims of an ended process come first.
    has_recovered: bool,
    tasks: JoinSet<MaintenanceResult>,
}

/// A task that has ended.
#[derive(Debug)]
pub(super) enum MaintenanceResult {
    Listing(usize, io::Result<Listed>),
    Recovery(usize, io::Result<usize>),
    /// The moves, and the result.
    Sync(BTreeSet<(usize, Queue)>, io::Result<()>),
}

impl QueueMaintenance {
    pub(super) fn new(spool: ForwardSpool, lanes: Vec<Name>, order: Order, is_single_pass: bool) -> Self {
        Self {
            spool,
            lanes,
            order,
            recovers_first: is_single_pass || order == Order::Arrival,
            arrivals: None,
            unsynced: BTreeSet::new(),
            next_sync: None,
            next_recovery: Instant::now(),
            recovering: 0,
            has_recovered: false,
            tasks: JoinSet::new(),
        }
    }

    /// Watches the queues. Without inotify, they are listed more often.
    pub(super) fn watch(&mut self, waiting: &mut Waiting) {
        let queues: Vec<PathBuf> =
            self.lanes.iter().map(|endpoint| self.spool.layout.queue(endpoint, Queue::New)).collect();
        let watched = Arrivals::watch(queues.iter().map(PathBuf::as_path));
        self.arrivals = watched
            .inspect_err(|error| tracing::warn!(%error, "inotify unavailable; listing queues instead"))
            .ok();
        waiting.missed();
    }

    /// Waits until entries arrive or a task has ended. Cancel safe.
    pub(super) async fn next(&mut self) -> MaintenanceEvent {
        tokio::select! {
            arrived = next_arrivals(&mut self.arrivals) => MaintenanceEvent::Arrived(arrived),
            Some(finished) = self.tasks.join_next() => match finished {
                Ok(finished) => MaintenanceEvent::Ended(finished),
                // Only if the task panicked, which ends a release build.
                Err(error) => {
                    MaintenanceEvent::Ended(MaintenanceResult::Sync(BTreeSet::new(), Err(io::Error::other(error))))
                }
            },
        }
    }

    /// Acts on what [`QueueMaintenance::next`] returned.
    pub(super) fn handle(&mut self, event: MaintenanceEvent, waiting: &mut Waiting) {
        match event {
            MaintenanceEvent::Arrived(Ok(reports)) => self.arrived(reports, waiting),
            MaintenanceEvent::Arrived(Err(error)) => {
                tracing::warn!(%error, "queue watch failed; restarting it");
                self.watch(waiting);
            }
            MaintenanceEvent::Ended(MaintenanceResult::Listing(lane, listed)) => {
                let ended = waiting.end_listing(lane, listed, Instant::now());
                self.log_error(lane, ended.err());
            }
            MaintenanceEvent::Ended(MaintenanceResult::Recovery(lane, recovered)) => {
                self.recovering -= 1;
                self.has_recovered |= self.recovering == 0;
                if let Ok(count @ 1..) = recovered {
                    tracing::info!(endpoint = %self.lanes[lane], count, "claimed entries returned to new");
                }
                self.log_error(lane, recovered.err());
            }
            MaintenanceEvent::Ended(MaintenanceResult::Sync(_, Ok(()))) => {}
            MaintenanceEvent::Ended(MaintenanceResult::Sync(moves, Err(error))) => {
                log_sync_error(&error);
                for (lane, to) in moves {
                    self.moved(lane, to, Instant::now());
                }
            }
        }
    }

    fn arrived(&mut self, reports: Vec<Arrival>, waiting: &mut Waiting) {
        let mut is_gone = false;
        for report in reports {
            match report {
                Arrival::File(lane, name) => {
                    if let Some(id) = Layout::id_of(Path::new(&name)) {
                        waiting.arrived(lane, id);
                    }
                }
                Arrival::Overflow => waiting.missed(),
                Arrival::Gone(_) => is_gone = true,
            }
        }
        if is_gone {
            self.arrivals = None;
        }
    }

    /// Starts the listings, recovery and syncs that are due.
    pub(super) fn start_due(&mut self, now: Instant, waiting: &mut Waiting) {
        let in_order = self.order == Order::Arrival;
        if self.may_list() {
            for lane in waiting.begin_listings(now, self.arrivals.is_some()) {
                let (spool, endpoint) = (self.spool.clone(), self.lanes[lane].clone());
                let work = move || list(&spool.disk, &spool.layout, &endpoint, in_order);
                self.tasks.spawn(async move { MaintenanceResult::Listing(lane, blocking(work).await) });
            }
        }
        if self.next_recovery <= now && self.recovering == 0 {
            self.next_recovery = now + RECOVERY_INTERVAL;
            if self.arrivals.is_none() {
                self.watch(waiting);
            }
            self.recovering = self.lanes.len();
            for (lane, endpoint) in self.lanes.iter().cloned().enumerate() {
                let spool = self.spool.clone();
                let work = move || recover(&spool, &endpoint);
                self.tasks.spawn(async move { MaintenanceResult::Recovery(lane, blocking(work).await) });
            }
        }
        if self.next_sync.is_some_and(|at| at <= now) {
            self.next_sync = None;
            let work = self.sync();
            self.tasks.spawn(work);
        }
    }

    fn may_list(&self) -> bool {
        self.has_recovered || !self.recovers_first
    }

    /// When the next of these is due.
    pub(super) fn next_due(&self, now: Instant, waiting: &Waiting) -> Instant {
        let listing = waiting.next_listing(now, self.arrivals.is_some()).filter(|_| self.may_list());
        let recovery = self.next_recovery.max(now + RECOVERY_INTERVAL * u32::from(self.recovering > 0));
        [listing, self.next_sync].into_iter().flatten().fold(recovery, Instant::min)
    }

    /// Records a move that is to be made durable.
    pub(super) fn moved(&mut self, lane: usize, to: Queue, now: Instant) {
        self.unsynced.insert((lane, to));
        self.next_sync.get_or_insert(now + SYNC_INTERVAL);
    }

    /// Makes the moves so far durable.
    fn sync(&mut self) -> impl Future<Output = MaintenanceResult> + Send + use<> {
        let (spool, lanes) = (self.spool.clone(), self.lanes.clone());
        let moves = std::mem::take(&mut self.unsynced);
        let syncing = moves.clone();
        let work = move || {
            syncing.iter().try_for_each(|(lane, to)| {
                sync_moves(&spool.disk, &spool.layout, &lanes[*lane], (Queue::Taken, *to))
            })
        };
        async move { MaintenanceResult::Sync(moves, blocking(work).await) }
    }

    /// Waits for all tasks, and makes the last moves durable.
    pub(super) async fn end(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Ok(MaintenanceResult::Sync(moves, Err(_))) = ended {
                self.unsynced.extend(moves);
            }
        }
        if let MaintenanceResult::Sync(_, Err(error)) = self.sync().await {
            log_sync_error(&error);
        }
    }

    fn log_error(&self, lane: usize, error: Option<io::Error>) {
        if let Some(error) = error {
            tracing::warn!(endpoint = %self.lanes[lane], %error, "queue not listed");
        }
    }
}

/// Something that maintenance has to act on.
#[derive(Debug)]
pub(super) enum MaintenanceEvent {
    /// Entries arrived, or the watch failed.
    Arrived(io::Result<Vec<Arrival>>),
    /// A task has ended.
    Ended(MaintenanceResult),
}

fn log_sync_error(error: &io::Error) {
    tracing::warn!(%error, "moves not synced; a power failure may repeat attempts");
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Waits for arrivals; forever without a watch.
async fn next_arrivals(arrivals: &mut Option<Arrivals>) -> io::Result<Vec<Arrival>> {
    match arrivals {
        Some(arrivals) => arrivals.next().await,
        None => std::future::pending().await,
    }
}
