//! Counts the entries of all queues from their names. No file is opened.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{Disk, EntryLocation, Layout, QUEUES_IN_ORDER, endpoints, entries};

/// The minutes of the chart.
pub(super) const MINUTES: usize = 180;

/// The entries of all queues.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    /// When it began.
    pub(super) at: Timestamp,
    /// How long it took.
    pub(super) took: Duration,
    pub(super) endpoints: Vec<EndpointEntries>,
    /// The deliveries in each of the last minutes, the oldest first, as far as they are still in a queue.
    pub(super) minutes: Vec<u32>,
}

/// The entries of one endpoint.
#[derive(Clone, Debug)]
pub(super) struct EndpointEntries {
    pub(super) name: Name,
    counts: BTreeMap<Queue, u64>,
    /// When the oldest entry in `new` arrived.
    pub(super) oldest_new: Option<Timestamp>,
    pub(super) newest: Option<EntryLocation>,
}

impl EndpointEntries {
    pub(super) fn count(&self, queue: Queue) -> u64 {
        self.counts.get(&queue).copied().unwrap_or_default()
    }
}

/// The minute of a time, since the epoch.
pub(super) fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// Lists all queues.
///
/// # Errors
/// If a queue cannot be listed.
pub(super) fn scan(disk: &Disk, layout: &Layout, now: Timestamp) -> io::Result<Scan> {
    let begin = Instant::now();
    let mut minutes = vec![0; MINUTES];
    let first = minute(now) - i64::try_from(MINUTES).unwrap_or(i64::MAX) + 1;
    let mut found = Vec::new();
    for name in endpoints(disk, layout)? {
        let mut endpoint = EndpointEntries { name, counts: BTreeMap::new(), oldest_new: None, newest: None };
        for queue in QUEUES_IN_ORDER {
            let mut count = 0;
            let mut oldest = None;
            for place in entries(disk, layout, &endpoint.name, queue)? {
                let place = place?;
                count += 1;
                oldest = Some(oldest.map_or(place.id, |oldest| place.id.min(oldest)));
                let at = usize::try_from(minute(place.id.made_at()) - first).ok();
                if let Some(minute) = at.and_then(|at| minutes.get_mut(at)) {
                    *minute += 1;
                }
                if endpoint.newest.as_ref().is_none_or(|newest| newest.id < place.id) {
                    endpoint.newest = Some(place);
                }
            }
            endpoint.counts.insert(queue, count);
            if queue == Queue::New {
                endpoint.oldest_new = oldest.map(|id| id.made_at());
            }
        }
        found.push(endpoint);
    }
    Ok(Scan { at: now, took: begin.elapsed(), endpoints: found, minutes })
}
