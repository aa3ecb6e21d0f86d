//! Background maintenance: checks the entries in `new`, returns abandoned entries in `taken`, removes expired entries,
//! and counts entries and, for `max_spool`, their bytes.
//!
//! It keeps no list of entries and limits its rate, so that deliveries are not slowed. A million entries take hours.

use std::collections::BTreeSet;
use std::io;
use std::iter::{empty, once};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

use super::entries::{EntryLocation, endpoints, entries};
use super::entry::{EntryFault, check_entry};
use super::layout::Layout;
use super::lease::{Lease, LeaseError};
use super::pass::{Pass, Places};
use super::queue_counts::{EntryCounts, QueueCounts};
use super::settings::Retention;
use super::space_use::{SpaceCount, SpaceUse};
use super::transfer::{examined, remove_entry, set_aside, sync_moves};
use super::volume::Volume;
use super::why::{orphaned_notes, remove_note};
use crate::clock::Clock;
use crate::metrics::{Metrics, Queue};
use crate::policy::Name;

/// The interval between two steps.
const TICK: Duration = Duration::from_secs(1);
/// The entries that are read in one step.
const READS_PER_TICK: usize = 100;
/// The entries whose age is checked in one step of each pass.
const AGE_CHECKS_PER_TICK: usize = 1000;
/// The intervals between the beginnings of two passes. A pass that takes longer is completed first.
const READ_EVERY: Duration = Duration::from_secs(86_400);
const RETURN_EVERY: Duration = Duration::from_secs(10);
const PURGE_EVERY: Duration = Duration::from_secs(60);
const ORPHANS_EVERY: Duration = Duration::from_secs(3600);
const COUNT_EVERY: Duration = Duration::from_secs(10);
const COUNT_SPACE_EVERY: Duration = Duration::from_secs(4);

/// The retention, which can be changed while the thread runs, and the endpoints that a `[[consumer]]` names.
#[derive(Clone, Debug)]
pub struct RetentionSetting(Arc<Mutex<(Retention, BTreeSet<Name>)>>);

impl RetentionSetting {
    /// Creates a setting.
    pub fn new(retention: Retention, forwarded: BTreeSet<Name>) -> Self {
        Self(Arc::new(Mutex::new((retention, forwarded))))
    }

    /// Sets the retention, which applies from the next pass, and the endpoints whose entries `hookspool forward`
    /// processes, which do not return to `new`.
    pub fn set(&self, retention: Retention, forwarded: BTreeSet<Name>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (retention, forwarded);
    }

    fn get(&self) -> Retention {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// The time after which an entry of an endpoint in `taken` returns to `new`.
    fn taken(&self, endpoint: &Name) -> Option<Duration> {
        let setting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        setting.0.taken.filter(|_| !setting.1.contains(endpoint))
    }
}

/// The maintenance thread.
#[derive(Debug)]
pub struct Maintenance {
    retention: RetentionSetting,
    entry_counts: EntryCounts,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Maintenance {
    /// Starts the thread on an opened spool.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start<V: Volume>(
        volume: V,
        layout: Layout,
        retention: RetentionSetting,
        space: SpaceUse,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let entry_counts = EntryCounts::default();
        let worker = Worker {
            volume,
            layout,
            started: Instant::now(),
            retention: retention.clone(),
            space,
            clock,
            metrics,
            entry_counts: entry_counts.clone(),
        };
        let thread = thread::Builder::new().name("maintenance".into()).spawn(move || worker.run(&stopped))?;
        Ok(Self { retention, entry_counts, stop, thread })
    }

    /// A handle that changes the retention.
    pub fn retention(&self) -> RetentionSetting {
        self.retention.clone()
    }

    /// The entries of each queue at the last count.
    pub fn entry_counts(&self) -> EntryCounts {
        self.entry_counts.clone()
    }

    /// Stops the thread after its current step.
    pub fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

struct Worker<V: Volume> {
    volume: V,
    layout: Layout,
    started: Instant,
    retention: RetentionSetting,
    space: SpaceUse,
    clock: Clock,
    metrics: Arc<Metrics>,
    entry_counts: EntryCounts,
}

impl<V: Volume> Worker<V> {
    fn run(&self, stop: &Receiver<()>) {
        let mut reading = Pass::new(self.new_entries());
        let mut returning = Pass::new(self.abandoned_entries());
        let mut purging = Pass::new(self.expired_entries());
        let mut tidying = Pass::new(self.orphaned_notes());
        let (mut counting, mut counted_from) = (self.count(), Instant::now());
        let (mut measuring, mut measured_from) = (Some(SpaceCount::begin(&self.space)), Instant::now());
        loop {
            if counting.as_mut().is_some_and(|queue_counts| self.count_step(queue_counts)) {
                counting = None;
            }
            if measuring.as_mut().is_some_and(|count| self.space_step(count)) {
                measuring = None;
            }
            for place in reading.step(READS_PER_TICK) {
                self.log_error(place.and_then(|place| self.check(&place)));
            }
            self.return_step(&mut returning);
            let removed = self.remove_expired(&mut purging);
            if removed > 0 {
                tracing::info!(count = removed, "expired entries removed");
            }
            self.remove_orphaned_notes(&mut tidying);
            if reading.is_over(READ_EVERY) {
                reading = Pass::new(self.new_entries());
            }
            if returning.is_over(RETURN_EVERY) {
                returning = Pass::new(self.abandoned_entries());
            }
            if purging.is_over(PURGE_EVERY) {
                purging = Pass::new(self.expired_entries());
            }
            if tidying.is_over(ORPHANS_EVERY) {
                tidying = Pass::new(self.orphaned_notes());
            }
            if counting.is_none() && counted_from.elapsed() >= COUNT_EVERY {
                (counting, counted_from) = (self.count(), Instant::now());
            }
            if measuring.is_none() && measured_from.elapsed() >= COUNT_SPACE_EVERY {
                (measuring, measured_from) = (Some(SpaceCount::begin(&self.space)), Instant::now());
            }
            match stop.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn count(&self) -> Option<QueueCounts> {
        self.log_error(QueueCounts::begin(&self.volume, &self.layout))
    }

    fn count_step(&self, queue_counts: &mut QueueCounts) -> bool {
        let step = queue_counts.step(
            &self.volume,
            &self.layout,
            (&self.entry_counts, &self.metrics),
            self.clock.now(),
        );
        self.log_error(step).unwrap_or(false)
    }

    fn space_step(&self, count: &mut SpaceCount) -> bool {
        self.log_error(count.step(&self.volume, &self.layout, &self.space)).unwrap_or(false)
    }

    /// Every entry in `new`.
    fn new_entries(&self) -> Places<'_> {
        self.in_each_endpoint(|endpoint| {
            let entries = entries(&self.volume, &self.layout, endpoint, Queue::New)?;
            Ok(Box::new(entries.map(|place| place.map(Some))))
        })
    }

    /// Every entry in `taken` that has not changed for `taken_timeout`. None within that time after the start, so that
    /// consumers that were started together with the daemon can renew their claims.
    fn abandoned_entries(&self) -> Places<'_> {
        let timeout = self.retention.get().taken.filter(|timeout| self.started.elapsed() >= *timeout);
        let Some(timeout) = timeout else { return Box::new(empty()) };
        let age = (timeout, self.clock.now());
        self.in_each_endpoint(move |endpoint| {
            if self.retention.taken(endpoint).is_none() {
                return Ok(Box::new(empty()));
            }
            Ok(Box::new(examined(&self.volume, &self.layout, endpoint, Queue::Taken, age)?))
        })
    }

    /// Returns entries to `new`, and reports those whose moves are durable.
    fn return_step(&self, abandoned: &mut Pass<'_>) {
        let places = abandoned.step(AGE_CHECKS_PER_TICK).into_iter();
        let returned: Vec<_> = places
            .filter_map(|place| self.log_error(place.and_then(|place| self.return_entry(place))).flatten())
            .collect();
        let mut durable: BTreeSet<_> = returned.iter().map(|place| place.endpoint.clone()).collect();
        durable.retain(|endpoint| {
            let moves = (Queue::Taken, Queue::New);
            self.log_error(sync_moves(&self.volume, &self.layout, endpoint, moves)).is_some()
        });
        for place in returned.iter().filter(|place| durable.contains(&place.endpoint)) {
            self.metrics.spool_returned(place.endpoint.as_str());
            tracing::warn!(
                id = %place.id,
                endpoint = %place.endpoint,
                "entry returned to new; its consumer did not finish it within taken_timeout"
            );
        }
    }

    /// Moves an entry in `taken` to `new`; `None` if it is being processed or was moved, or if its consumer has renewed
    /// its claim since the entry was examined.
    fn return_entry(&self, place: EntryLocation) -> io::Result<Option<EntryLocation>> {
        let Some(timeout) = self.retention.taken(&place.endpoint) else { return Ok(None) };
        let lease = Lease::take(&self.volume, &self.layout, &place);
        let moved = lease.and_then(|mut lease| {
            let changed = self.volume.facts(&place.path(&self.layout)).map_err(LeaseError::Io)?.changed;
            if self.clock.now().duration_since(changed).unsigned_abs() < timeout {
                return Ok(false);
            }
            lease.transfer(&self.volume, &self.layout, Queue::New).map(|()| true)
        });
        match moved {
            Ok(moved) => Ok(moved.then_some(place)),
            Err(LeaseError::Moved | LeaseError::Held) => Ok(None),
            Err(LeaseError::Io(error)) => Err(error),
        }
    }

    /// Every entry whose retention has passed.
    fn expired_entries(&self) -> Places<'_> {
        let Retention { taken: _, done, failed } = self.retention.get();
        let now = self.clock.now();
        let queues = [(Queue::Done, done), (Queue::Failed, failed)];
        self.in_each_endpoint(move |endpoint| {
            let limited = queues.into_iter().filter_map(|(queue, age)| Some((queue, age?)));
            let of_endpoint =
                limited.map(|(queue, age)| examined(&self.volume, &self.layout, endpoint, queue, (age, now)));
            let of_endpoint: Vec<_> = of_endpoint.collect::<io::Result<_>>()?;
            Ok(Box::new(of_endpoint.into_iter().flatten()))
        })
    }

    /// Removes entries whose retention has passed. Returns their number.
    fn remove_expired(&self, expired: &mut Pass<'_>) -> usize {
        let removed = expired.step(AGE_CHECKS_PER_TICK).into_iter().filter_map(|place| {
            self.log_error(place.and_then(|place| remove_entry(&self.volume, &self.layout, &place)))
        });
        removed.count()
    }

    /// The entries that a crash or a consumer removed from `failed`, but not their notes.
    fn orphaned_notes(&self) -> Places<'_> {
        let now = self.clock.now();
        self.in_each_endpoint(move |endpoint| {
            Ok(Box::new(orphaned_notes(&self.volume, &self.layout, endpoint, now)?))
        })
    }

    fn remove_orphaned_notes(&self, orphaned: &mut Pass<'_>) {
        for place in orphaned.step(AGE_CHECKS_PER_TICK) {
            self.log_error(place.map(|place| remove_note(&self.volume, &self.layout, &place)));
        }
    }

    fn in_each_endpoint<'a>(&'a self, pass: impl Fn(&Name) -> io::Result<Places<'a>> + 'a) -> Places<'a> {
        let names = match endpoints(&self.volume, &self.layout) {
            Ok(names) => names,
            Err(error) => return Box::new(once(Err(error))),
        };
        let of_endpoint = move |name| pass(&name).unwrap_or_else(|error| Box::new(once(Err(error))));
        Box::new(names.into_iter().flat_map(of_endpoint))
    }

    fn check(&self, place: &EntryLocation) -> io::Result<()> {
        let fault = match check_entry(&self.volume, &place.path(&self.layout)) {
            Ok(_) => return Ok(()),
            Err(EntryFault::Io(error)) => return Err(error),
            Err(EntryFault::NotIntact(fault)) => fault,
        };
        let to = set_aside(&self.volume, &self.layout, place)?;
        tracing::error!(
            id = %place.id,
            endpoint = %place.endpoint,
            %fault,
            moved_to = %to.display(),
            "entry not intact"
        );
        Ok(())
    }

    /// Logs an error and returns `None` for it. `NotFound` is not logged: a consumer has moved the entry.
    fn log_error<T>(&self, result: io::Result<T>) -> Option<T> {
        result
            .inspect_err(|error| {
                if error.kind() != io::ErrorKind::NotFound {
                    let spool = self.layout.root().display();
                    tracing::warn!(%error, %spool, "maintenance failed");
                }
            })
            .ok()
    }
}

#[cfg(test)]
#[path = "maintenance_tests.rs"]
mod tests;
