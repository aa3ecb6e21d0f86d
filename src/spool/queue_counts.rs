//! Counts the entries of each queue and measures the age of the oldest new entry, in steps, for the metrics.
//!
//! Only names are read, and no list of them is kept, so memory does not grow with the number of entries. A pass over a
//! million entries takes about 50 steps.

use std::io;

use super::entries::{EntryLocation, endpoints, entries};
use super::layout::{Layout, Queue};
use super::volume::Volume;
use crate::clock::Timestamp;
use crate::envelope::EntryId;
use crate::metrics::Metrics;
use crate::policy::Name;

/// The names that are read in one step.
const NAMES_PER_STEP: usize = 20_000;

/// One pass over all queues.
pub(super) struct QueueCounts {
    /// The queues that have not been counted yet, the next one last.
    folders: Vec<(Name, Queue)>,
    counting: Option<Counting>,
}

struct Counting {
    endpoint: Name,
    queue: Queue,
    places: Box<dyn Iterator<Item = io::Result<EntryLocation>> + Send>,
    entries: u64,
    oldest: Option<EntryId>,
}

impl QueueCounts {
    /// Starts a pass over the queues that exist.
    ///
    /// # Errors
    /// If the spool cannot be listed.
    pub(super) fn begin<V: Volume>(volume: &V, layout: &Layout) -> io::Result<Self> {
        let each = |name: Name| Queue::ALL.map(|queue| (name.clone(), queue));
        Ok(Self { folders: endpoints(volume, layout)?.into_iter().flat_map(each).collect(), counting: None })
    }

    /// Counts at most [`NAMES_PER_STEP`] names and publishes completed queues. Returns true when the pass is complete.
    ///
    /// # Errors
    /// If a queue cannot be listed; the next step continues with the next queue.
    pub(super) fn step<V: Volume>(
        &mut self,
        volume: &V,
        layout: &Layout,
        metrics: &Metrics,
        now: Timestamp,
    ) -> io::Result<bool> {
        for _ in 0..NAMES_PER_STEP {
            let Some(counting) = &mut self.counting else {
                let Some((endpoint, queue)) = self.folders.pop() else { return Ok(true) };
                let places = Box::new(entries(volume, layout, &endpoint, queue)?);
                self.counting = Some(Counting { endpoint, queue, places, entries: 0, oldest: None });
                continue;
            };
            match counting.places.next() {
                Some(Ok(place)) => counting.add(&place),
                Some(Err(error)) => {
                    self.counting = None;
                    return Err(error);
                }
                None => {
                    counting.publish(volume, layout, metrics, now);
                    self.counting = None;
                }
            }
        }
        Ok(false)
    }
}

impl Counting {
    fn add(&mut self, place: &EntryLocation) {
        self.entries += 1;
        self.oldest = Some(self.oldest.map_or(place.id, |oldest| oldest.min(place.id)));
    }

    fn publish<V: Volume>(&self, volume: &V, layout: &Layout, metrics: &Metrics, now: Timestamp) {
        let endpoint = self.endpoint.as_str();
        metrics.spool_entries(endpoint, self.queue.folder(), self.entries);
        if self.queue == Queue::New {
            let arrived = self.oldest.and_then(|oldest| self.arrival(volume, layout, oldest, now));
            let waited = arrived.map_or(0, |arrived| now.duration_since(arrived).as_secs().max(0));
            metrics.spool_oldest_new(endpoint, waited);
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
