//! Counts the entries of each queue and in `corrupt`, and measures the age of the oldest entries in `new` and `taken`,
//! in steps, for the metrics.
//!
//! It reads only names, and in `taken` also the times of the files. It keeps no list of them, so memory does not grow
//! with the number of entries. A pass over a million entries takes about 50 steps.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::corrupt::corrupt_entries;
use super::entries::{EntryLocation, endpoints, entries};
use super::layout::Layout;
use super::volume::Volume;
use crate::clock::Timestamp;
use crate::envelope::EntryId;
use crate::metrics::{Metrics, Queue};
use crate::policy::Name;

/// The names that are read in one step.
const NAMES_PER_STEP: usize = 20_000;

/// The entries of each queue and in `corrupt` at the last count.
#[derive(Clone, Debug, Default)]
pub struct EntryCounts {
    queues: Arc<Mutex<BTreeMap<(Name, Queue), EntryCount>>>,
    corrupt: Arc<AtomicU64>,
}

/// The entries of one queue.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EntryCount {
    /// The number of entries.
    pub entries: i64,
    /// The age of the oldest in seconds; 0 if there is none. In `taken`, the time since it was claimed; otherwise, the
    /// time since it arrived.
    pub oldest_seconds: i64,
    /// When it was counted; `None` before the first count.
    pub counted_at: Option<Timestamp>,
}

/// Counts the entries of one queue at once.
///
/// # Errors
/// If the queue cannot be listed.
pub fn count_queue<V: Volume>(
    volume: &V,
    layout: &Layout,
    (endpoint, queue): (&Name, Queue),
    now: Timestamp,
) -> io::Result<EntryCount> {
    let mut counting = Counting::begin(volume, layout, endpoint.clone(), queue)?;
    while let Some(place) = counting.places.next() {
        counting.add(volume, layout, &place?);
    }
    Ok(counting.count(volume, layout, now))
}

impl EntryCounts {
    /// The count of a queue; 0 before the first count.
    pub fn get(&self, endpoint: &Name, queue: Queue) -> EntryCount {
        self.counts().get(&(endpoint.clone(), queue)).copied().unwrap_or_default()
    }

    /// The number of entries in `corrupt`; 0 before the first count.
    pub fn corrupt(&self) -> u64 {
        self.corrupt.load(Ordering::Relaxed)
    }

    fn set(&self, endpoint: &Name, queue: Queue, count: EntryCount) {
        self.counts().insert((endpoint.clone(), queue), count);
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<(Name, Queue), EntryCount>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One pass over all queues.
pub(super) struct QueueCounts {
    /// The queues that have not been counted yet, the next one last.
    folders: Vec<(Name, Queue)>,
    counting: Option<Counting>,
    /// Whether all queues have been counted.
    is_over: bool,
}

struct Counting {
    endpoint: Name,
    queue: Queue,
    places: Box<dyn Iterator<Item = io::Result<EntryLocation>> + Send>,
    entries: i64,
    oldest: Option<EntryId>,
    /// When the entry that has been in `taken` for the longest time was claimed.
    claimed: Option<Timestamp>,
}

impl QueueCounts {
    /// Starts a pass over the queues that exist.
    ///
    /// # Errors
    /// If the spool cannot be listed.
    pub(super) fn begin<V: Volume>(volume: &V, layout: &Layout) -> io::Result<Self> {
        let each = |name: Name| Queue::ALL.iter().map(move |queue| (name.clone(), *queue));
        Ok(Self {
            folders: endpoints(volume, layout)?.into_iter().flat_map(each).collect(),
            counting: None,
            is_over: false,
        })
    }

    /// Counts at most [`NAMES_PER_STEP`] names and publishes completed queues. Returns true when the pass is complete.
    ///
    /// # Errors
    /// If a queue cannot be listed; the next step continues with the next queue.
    pub(super) fn step<V: Volume>(
        &mut self,
        volume: &V,
        layout: &Layout,
        published: (&EntryCounts, &Metrics),
        now: Timestamp,
    ) -> io::Result<bool> {
        for _ in 0..NAMES_PER_STEP {
            let Some(counting) = &mut self.counting else {
                let Some((endpoint, queue)) = self.folders.pop() else {
                    // Once, so that a fault of `corrupt` does not prevent the next pass.
                    let is_first = !std::mem::replace(&mut self.is_over, true);
                    return if is_first {
                        count_corrupt(volume, layout, published).map(|()| true)
                    } else {
                        Ok(true)
                    };
                };
                self.counting = Some(Counting::begin(volume, layout, endpoint, queue)?);
                continue;
            };
            match counting.places.next() {
                Some(Ok(place)) => counting.add(volume, layout, &place),
                Some(Err(error)) => {
                    self.counting = None;
                    return Err(error);
                }
                None => {
                    counting.publish(volume, layout, published, now);
                    self.counting = None;
                }
            }
        }
        Ok(false)
    }
}

impl Counting {
    fn begin<V: Volume>(volume: &V, layout: &Layout, endpoint: Name, queue: Queue) -> io::Result<Self> {
        let places = Box::new(entries(volume, layout, &endpoint, queue)?);
        Ok(Self { endpoint, queue, places, entries: 0, oldest: None, claimed: None })
    }

    fn add<V: Volume>(&mut self, volume: &V, layout: &Layout, place: &EntryLocation) {
        self.entries += 1;
        self.oldest = Some(self.oldest.map_or(place.id, |oldest| oldest.min(place.id)));
        if self.queue == Queue::Taken
            && let Ok(facts) = volume.facts(&place.path(layout))
        {
            self.claimed = Some(self.claimed.map_or(facts.changed, |claimed| claimed.min(facts.changed)));
        }
    }

    fn count<V: Volume>(&self, volume: &V, layout: &Layout, now: Timestamp) -> EntryCount {
        let since = match self.queue {
            Queue::Taken => self.claimed,
            Queue::New | Queue::Done | Queue::Failed => {
                self.oldest.and_then(|oldest| self.arrival(volume, layout, oldest, now))
            }
        };
        let oldest_seconds = since.map_or(0, |since| now.duration_since(since).as_secs().max(0));
        EntryCount { entries: self.entries, oldest_seconds, counted_at: Some(now) }
    }

    fn publish<V: Volume>(
        &self,
        volume: &V,
        layout: &Layout,
        (counts, metrics): (&EntryCounts, &Metrics),
        now: Timestamp,
    ) {
        let count = self.count(volume, layout, now);
        counts.set(&self.endpoint, self.queue, count);
        metrics.spool_entries(self.endpoint.as_str(), self.queue, self.entries);
        match self.queue {
            Queue::New => metrics.spool_oldest_new(self.endpoint.as_str(), count.oldest_seconds),
            Queue::Taken => metrics.spool_oldest_taken(self.endpoint.as_str(), count.oldest_seconds),
            Queue::Done | Queue::Failed => {}
        }
    }

    /// When an entry arrived: the time in its ID, or, if that is in the future because the clock was wrong, the time at
    /// which it was moved into its queue. `None` if it is no longer there.
    fn arrival<V: Volume>(
        &self,
        volume: &V,
        layout: &Layout,
        id: EntryId,
        now: Timestamp,
    ) -> Option<Timestamp> {
        if id.made_at() <= now {
            return Some(id.made_at());
        }
        let path = layout.entry(&self.endpoint, self.queue, id);
        volume.facts(&path).ok().map(|facts| facts.changed)
    }
}

/// Counts the entries in `corrupt`, in one step: there are few.
fn count_corrupt<V: Volume>(
    volume: &V,
    layout: &Layout,
    (counts, metrics): (&EntryCounts, &Metrics),
) -> io::Result<()> {
    let count = u64::try_from(corrupt_entries(volume, layout)?.count()).unwrap_or(u64::MAX);
    counts.corrupt.store(count, Ordering::Relaxed);
    metrics.spool_corrupt.set(count);
    Ok(())
}
