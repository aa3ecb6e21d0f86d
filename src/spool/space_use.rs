//! The bytes of an endpoint's entries in `new` and `taken`, which `[[endpoint]] max_spool` limits.
//!
//! A background count measures them; between two counts, the bytes of committed entries are added. Entries that
//! consumers finish are subtracted by the next count. An entry that is committed or moved during a count may be counted
//! twice until then.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::entries::{EntryLocation, entries};
use super::layout::Layout;
use super::volume::Volume;
use crate::metrics::Queue;
use crate::policy::{Endpoint, Name};
use crate::quantity::ByteSize;

/// The names that are read in one step, at least.
const NAMES_PER_STEP: usize = 20_000;
/// A count has at most about this many steps, so that the next count is complete before this one is too old.
const STEPS_MAX: usize = 4;
/// A count that is older refuses no delivery, because consumers may have finished entries since.
const COUNT_AGE_MAX: Duration = Duration::from_secs(10);

/// The bytes of each endpoint that has a limit.
#[derive(Clone, Debug, Default)]
pub struct SpaceUse(Arc<Mutex<BTreeMap<Name, Usage>>>);

#[derive(Debug, Default)]
struct Usage {
    counted: Option<Counted>,
    /// The bytes that were committed since the last complete count began.
    added: u64,
    /// The bytes that were committed since the latest count began.
    added_to_next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    bytes: u64,
    entries: usize,
    at: Instant,
}

/// The entries of an endpoint in `new` and `taken` have as many bytes as its `max_spool`, or more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "endpoint `{endpoint}`: its entries in new/ and taken/ have {used} bytes, and [[endpoint]] max_spool is {max}; \
     deliveries get 503 until a consumer finishes entries or max_spool is raised"
)]
pub struct EndpointFull {
    endpoint: Name,
    used: u64,
    max: ByteSize,
}

impl SpaceUse {
    /// Sets the endpoints whose entries are counted: those with a limit.
    pub fn set_endpoints<'a>(&self, endpoints: impl IntoIterator<Item = &'a Arc<Endpoint>>) {
        let limited = endpoints.into_iter().filter(|endpoint| endpoint.max_spool.is_some());
        let limited: BTreeSet<_> = limited.map(|endpoint| endpoint.name.clone()).collect();
        let mut usages = self.usages();
        usages.retain(|endpoint, _| limited.contains(endpoint));
        for endpoint in limited {
            usages.entry(endpoint).or_default();
        }
    }

    /// Checks whether an endpoint accepts another delivery.
    ///
    /// # Errors
    /// If its entries reach its limit by a recent count.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), EndpointFull> {
        let Some(max) = endpoint.max_spool else { return Ok(()) };
        let used = self.usages().get(&endpoint.name).and_then(Usage::bytes);
        match used.filter(|used| *used >= max.0) {
            Some(used) => Err(EndpointFull { endpoint: endpoint.name.clone(), used, max }),
            None => Ok(()),
        }
    }

    /// Adds an entry that was committed.
    pub(super) fn add(&self, endpoint: &Name, bytes: usize) {
        if let Some(usage) = self.usages().get_mut(endpoint) {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            usage.added = usage.added.saturating_add(bytes);
            usage.added_to_next = usage.added_to_next.saturating_add(bytes);
        }
    }

    fn begin_count(&self, endpoint: &Name) {
        if let Some(usage) = self.usages().get_mut(endpoint) {
            usage.added_to_next = 0;
        }
    }

    fn set_counted(&self, endpoint: &Name, counted: Counted) {
        if let Some(usage) = self.usages().get_mut(endpoint) {
            (usage.counted, usage.added) = (Some(counted), usage.added_to_next);
        }
    }

    fn usages(&self) -> MutexGuard<'_, BTreeMap<Name, Usage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Usage {
    /// The bytes in use; `None` without a recent count.
    fn bytes(&self) -> Option<u64> {
        let counted = self.counted.filter(|counted| counted.at.elapsed() <= COUNT_AGE_MAX)?;
        Some(counted.bytes.saturating_add(self.added))
    }
}

/// One count of all endpoints that have a limit.
pub(super) struct SpaceCount {
    /// The endpoints that have not been counted yet.
    endpoints: Vec<Name>,
    counting: Option<Counting>,
    names_per_step: usize,
}

struct Counting {
    endpoint: Name,
    /// The length of each entry.
    lengths: Box<dyn Iterator<Item = io::Result<u64>> + Send>,
    bytes: u64,
    entries: usize,
}

impl SpaceCount {
    /// Starts a count.
    pub(super) fn begin(space: &SpaceUse) -> Self {
        let usages = space.usages();
        let entries: usize =
            usages.values().filter_map(|usage| usage.counted).map(|counted| counted.entries).sum();
        let names_per_step = NAMES_PER_STEP.max(entries / STEPS_MAX);
        Self { endpoints: usages.keys().cloned().collect(), counting: None, names_per_step }
    }

    /// Reads some names, and publishes endpoints that are complete. Returns true when all are.
    ///
    /// # Errors
    /// If a queue cannot be read; the next step continues with the next endpoint.
    pub(super) fn step<V: Volume>(
        &mut self,
        volume: &V,
        layout: &Layout,
        space: &SpaceUse,
    ) -> io::Result<bool> {
        for _ in 0..self.names_per_step {
            let Some(counting) = &mut self.counting else {
                let Some(endpoint) = self.endpoints.pop() else { return Ok(true) };
                space.begin_count(&endpoint);
                let lengths = lengths(volume, layout, &endpoint)?;
                self.counting = Some(Counting { endpoint, lengths, bytes: 0, entries: 0 });
                continue;
            };
            match counting.lengths.next().transpose() {
                Ok(Some(length)) => {
                    counting.bytes = counting.bytes.saturating_add(length);
                    counting.entries += 1;
                }
                Ok(None) => {
                    let Counting { endpoint, bytes, entries, .. } = counting;
                    let counted = Counted { bytes: *bytes, entries: *entries, at: Instant::now() };
                    space.set_counted(endpoint, counted);
                    self.counting = None;
                }
                Err(error) => {
                    self.counting = None;
                    return Err(error);
                }
            }
        }
        Ok(false)
    }
}

/// The lengths of an endpoint's entries in `new`, then in `taken`. Entries that a consumer moves meanwhile are skipped.
fn lengths<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
) -> io::Result<Box<dyn Iterator<Item = io::Result<u64>> + Send>> {
    let new = entries(volume, layout, endpoint, Queue::New)?;
    let taken = entries(volume, layout, endpoint, Queue::Taken)?;
    let (volume, layout) = (volume.clone(), layout.clone());
    let length = move |place: io::Result<EntryLocation>| match place
        .and_then(|place| volume.facts(&place.path(&layout)))
    {
        Ok(facts) => Some(Ok(facts.length)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error)),
    };
    Ok(Box::new(new.chain(taken).filter_map(length)))
}

#[cfg(test)]
#[path = "space_use_tests.rs"]
mod tests;
