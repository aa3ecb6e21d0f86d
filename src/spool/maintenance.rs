//! Background maintenance: checks the entries that wait, removes those whose retention has passed, and counts entries.
//!
//! It keeps no list of entries and limits its rate: a million waiting entries take some hours, and deliveries are not
//! slowed.

use std::io;
use std::iter::once;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::time::Instant;

use super::entries::{EntryLocation, endpoints, entries};
use super::entry::{EntryFault, check_entry};
use super::layout::{Layout, Queue};
use super::queue_counts::QueueCounts;
use super::settings::Retention;
use super::transfer::{older, set_aside};
use super::volume::Volume;
use crate::clock::Clock;
use crate::metrics::Metrics;

/// The interval between two steps.
const TICK: Duration = Duration::from_secs(1);
/// Entries that are read in one step.
const READ_PER_TICK: usize = 100;
/// Entries whose age is checked in one step.
const AGED_PER_TICK: usize = 1000;
/// How long after the beginning of a pass the next one begins.
const READ_EVERY: Duration = Duration::from_secs(86_400);
const PURGE_EVERY: Duration = Duration::from_secs(60);
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// The retention, which can be changed while the thread runs.
#[derive(Clone, Debug)]
pub struct RetentionSetting(Arc<Mutex<Retention>>);

impl RetentionSetting {
    /// Changes the retention.
    pub fn set(&self, retention: Retention) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = retention;
    }

    fn get(&self) -> Retention {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The maintenance thread.
#[derive(Debug)]
pub struct Maintenance {
    retention: RetentionSetting,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Maintenance {
    /// Starts it on an opened spool.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start<V: Volume>(
        volume: V,
        layout: Layout,
        retention: Retention,
        clock: Clock,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let setting = RetentionSetting(Arc::new(Mutex::new(retention)));
        let (stop, stopped) = channel();
        let worker = Worker { volume, layout, retention: setting.clone(), clock, metrics };
        let thread = thread::Builder::new().name("maintenance".into()).spawn(move || worker.run(&stopped))?;
        Ok(Self { retention: setting, stop, thread })
    }

    /// The retention, to be changed.
    pub fn retention(&self) -> RetentionSetting {
        self.retention.clone()
    }

    /// Stops the thread after at most one step.
    pub fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}

struct Worker<V: Volume> {
    volume: V,
    layout: Layout,
    retention: RetentionSetting,
    clock: Clock,
    metrics: Arc<Metrics>,
}

/// Entries, one at a time, or the error of listing them.
type Pass<'a> = Box<dyn Iterator<Item = io::Result<EntryLocation>> + 'a>;

impl<V: Volume> Worker<V> {
    fn run(&self, stop: &Receiver<()>) {
        let (mut reading, mut read_from) = (self.waiting(), Instant::now());
        let (mut purging, mut purged_from) = (self.aged(), Instant::now());
        let (mut counting, mut counted_from) = (self.count(), Instant::now());
        loop {
            if counting.as_mut().is_some_and(|queue_counts| self.counts_to_the_end(queue_counts)) {
                counting = None;
            }
            for place in reading.by_ref().take(READ_PER_TICK) {
                self.done(place.and_then(|place| self.look_at(&place)));
            }
            let removed = purging.by_ref().take(AGED_PER_TICK).filter_map(|place| {
                self.done(place.and_then(|place| self.volume.remove(&place.path(&self.layout))))
            });
            let removed = removed.count();
            if removed > 0 {
                tracing::info!(count = removed, "expired entries removed");
            }
            if read_from.elapsed() >= READ_EVERY {
                (reading, read_from) = (self.waiting(), Instant::now());
            }
            if purged_from.elapsed() >= PURGE_EVERY {
                (purging, purged_from) = (self.aged(), Instant::now());
            }
            if counting.is_none() && counted_from.elapsed() >= COUNT_EVERY {
                (counting, counted_from) = (self.count(), Instant::now());
            }
            match stop.recv_timeout(TICK) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn count(&self) -> Option<QueueCounts> {
        self.done(QueueCounts::begin(&self.volume, &self.layout))
    }

    fn counts_to_the_end(&self, queue_counts: &mut QueueCounts) -> bool {
        let step = queue_counts.step(&self.volume, &self.layout, &self.metrics, self.clock.now());
        self.done(step).unwrap_or(false)
    }

    /// Every entry that waits for a consumer.
    fn waiting(&self) -> Pass<'_> {
        self.of_each_endpoint(|endpoint| {
            Ok(Box::new(entries(&self.volume, &self.layout, endpoint, Queue::New)?))
        })
    }

    /// Every entry that has been kept for long enough.
    fn aged(&self) -> Pass<'_> {
        let Retention { done, failed } = self.retention.get();
        let now = self.clock.now();
        let queues = [(Queue::Done, done), (Queue::Failed, failed)];
        self.of_each_endpoint(move |endpoint| {
            let aged = queues.into_iter().filter_map(|(queue, age)| Some((queue, age?)));
            let each =
                aged.map(|(queue, age)| older(&self.volume, &self.layout, endpoint, queue, (age, now)));
            let each: Vec<_> = each.collect::<io::Result<_>>()?;
            Ok(Box::new(each.into_iter().flatten()))
        })
    }

    fn of_each_endpoint<'a>(
        &'a self,
        round: impl Fn(&crate::policy::Name) -> io::Result<Pass<'a>> + 'a,
    ) -> Pass<'a> {
        let names = match endpoints(&self.volume, &self.layout) {
            Ok(names) => names,
            Err(error) => return Box::new(once(Err(error))),
        };
        let each = move |name| round(&name).unwrap_or_else(|error| Box::new(once(Err(error))));
        Box::new(names.into_iter().flat_map(each))
    }

    fn look_at(&self, place: &EntryLocation) -> io::Result<()> {
        let fault = match check_entry(&self.volume, &place.path(&self.layout)) {
            Ok(_) => return Ok(()),
            Err(EntryFault::Io(error)) => return Err(error),
            Err(EntryFault::NotWhole(fault)) => fault,
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

    /// None where it was not done. That a consumer was faster is nothing to speak of.
    fn done<T>(&self, result: io::Result<T>) -> Option<T> {
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
mod tests {
    use std::path::Path;

    use super::*;
    use crate::clock::Timestamp;
    use crate::envelope::EntryId;
    use crate::spool::draft::tests::draft;
    use crate::spool::sim::{Contents, Sim};

    /// A worker with one entry in each queue; files of a simulated disk are as old as the epoch.
    fn worker(retention: Retention, now: &str) -> (Worker<Sim>, EntryId) {
        let layout = Layout::new("/spool".into());
        let (draft, mut contents) = (draft("pix", b"payload"), Contents::default());
        for (inode, queue) in Queue::ALL.into_iter().enumerate() {
            contents.names.insert(layout.entry(draft.endpoint(), queue, draft.id()), inode);
            contents.write(inode, 0, &draft.pieces().concat());
        }
        // The folder that makes it an endpoint.
        contents.names.insert("/spool/pix".into(), 9);
        contents.write(9, 0, b"");
        let clock = Clock::standing_at(now.parse::<Timestamp>().unwrap());
        let setting = RetentionSetting(Arc::new(Mutex::new(retention)));
        (
            Worker {
                volume: Sim::holding(contents, true),
                layout,
                retention: setting,
                clock,
                metrics: Arc::new(Metrics::new(["pix"])),
            },
            draft.id(),
        )
    }

    fn queues(places: Pass<'_>) -> Vec<Queue> {
        places.map(|place| place.unwrap().queue).collect()
    }

    #[test]
    fn what_is_old_enough_is_what_goes() {
        let day = Duration::from_secs(86_400);
        let seven = Retention { done: Some(7 * day), failed: None };
        assert!(queues(worker(seven, "1970-01-07T23:59:59Z").0.aged()).is_empty());
        assert_eq!(queues(worker(seven, "1970-01-08T00:00:00Z").0.aged()), [Queue::Done]);
        let both = Retention { failed: Some(day), ..seven };
        assert_eq!(queues(worker(both, "1970-01-02T00:00:00Z").0.aged()), [Queue::Failed]);
        assert_eq!(queues(worker(both, "1970-02-01T00:00:00Z").0.aged()), [Queue::Done, Queue::Failed]);
    }

    #[test]
    fn what_waits_is_read_and_what_is_not_whole_set_aside() {
        let (worker, id) = worker(Retention { done: None, failed: None }, "1970-01-08T00:00:00Z");
        let places: Vec<_> = worker.waiting().collect::<Result<_, _>>().unwrap();
        assert_eq!(places.len(), 1);
        worker.look_at(&places[0]).unwrap();
        let stands = |path: &Path| worker.volume.facts(path).is_ok();
        assert!(stands(&places[0].path(&worker.layout)));
        worker.volume.state().now.write(2, 30, b"#");
        worker.look_at(&places[0]).unwrap();
        assert!(!stands(&places[0].path(&worker.layout)) && stands(&worker.layout.corrupted(id)));
    }

    #[test]
    fn entries_are_counted_by_queue_and_the_oldest_tells_how_long_it_waits() {
        let (worker, id) = worker(Retention { done: None, failed: None }, "2100-01-01T00:00:00Z");
        let mut queue_counts = worker.count().expect("the spool is there");
        assert!(worker.counts_to_the_end(&mut queue_counts), "four entries are few");
        for queue in crate::metrics::QUEUES {
            assert_eq!(worker.metrics.counted("pix", queue), 1, "{queue}");
        }
        let waits = worker.clock.now().duration_since(id.made_at()).as_secs();
        assert!(worker.metrics.oldest_new("pix") <= waits && worker.metrics.oldest_new("pix") > waits - 60);
        assert_eq!(worker.metrics.counted("other", "new"), 0);
    }

    #[test]
    fn an_entry_with_an_id_in_the_future_waits_since_it_came_into_its_queue() {
        let (worker, id) = worker(Retention { done: None, failed: None }, "1970-01-02T00:00:00Z");
        assert!(id.made_at() > worker.clock.now());
        let mut queue_counts = worker.count().expect("the spool is there");
        assert!(worker.counts_to_the_end(&mut queue_counts), "four entries are few");
        assert_eq!(worker.metrics.oldest_new("pix"), 86_400);
    }
}
