//! The entries of one endpoint that wait in `new`, the oldest first, a bounded number in memory.
//!
//! Names arrive as events, in the order in which the entries became visible. A listing fills the backlog at the start,
//! after events were lost, and when more entries wait than fit in memory.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::{Layout, Ordered, Volume};

/// The most IDs in memory, 16 bytes each. More than the entries that a consumer may remember, so that a listing always
/// contains entries that were not attempted yet.
pub(super) const READY_MAX: usize = 1 << 15;
/// How often an idle queue is listed, in case an event was missed.
const LISTING_INTERVAL: Duration = Duration::from_secs(30);
/// How often an idle queue is listed without inotify.
const LISTING_INTERVAL_WITHOUT_EVENTS: Duration = Duration::from_secs(1);

/// The shortest time between two listings, unless events were lost.
const LISTING_PAUSE: Duration = Duration::from_millis(100);

/// The waiting entries of one endpoint that have not been attempted.
#[derive(Debug)]
pub(super) struct Backlog {
    ready: BTreeSet<EntryId>,
    /// Whether every entry in `new` is in `ready`, unless it was taken from it.
    is_complete: bool,
    /// Entries in `new` that are not in `ready`, at the last listing.
    beyond: usize,
    listed: Option<Instant>,
    is_listing: bool,
    /// Whether the last listing failed. It is repeated after an interval, and until then nothing is complete.
    has_failed: bool,
}

/// The lowest IDs of a queue.
#[derive(Debug, Default)]
pub(super) struct Listed {
    ids: BTreeSet<EntryId>,
    beyond: usize,
}

impl Backlog {
    pub(super) fn new() -> Self {
        Self {
            ready: BTreeSet::new(),
            is_complete: false,
            beyond: 0,
            listed: None,
            is_listing: false,
            has_failed: false,
        }
    }

    /// Adds an entry that has just become visible.
    pub(super) fn arrived(&mut self, id: EntryId) {
        if self.is_complete && self.ready.len() < READY_MAX {
            self.ready.insert(id);
        } else {
            self.is_complete = false;
            self.beyond += 1;
        }
    }

    /// An entry that was taken is no longer remembered; a listing finds it again.
    pub(super) fn forgotten(&mut self) {
        self.is_complete = false;
        self.beyond += 1;
    }

    /// Events were lost, so that entries may be missing.
    pub(super) fn missed(&mut self) {
        self.is_complete = false;
        self.listed = None;
    }

    /// Returns an entry that was taken and not attempted.
    pub(super) fn put_back(&mut self, id: EntryId) {
        self.ready.insert(id);
    }

    /// The oldest entry.
    pub(super) fn first(&self) -> Option<EntryId> {
        self.ready.first().copied()
    }

    /// Takes the oldest entry.
    pub(super) fn pop(&mut self) -> Option<EntryId> {
        self.ready.pop_first()
    }

    /// Whether the queue is being listed, so that an entry with a lower ID than the first one may follow.
    pub(super) fn is_listing(&self) -> bool {
        self.is_listing
    }

    /// The entries that wait, as far as known.
    pub(super) fn len(&self) -> usize {
        self.ready.len() + self.beyond
    }

    /// Whether the queue has been listed, and nothing is missing.
    pub(super) fn is_listed(&self) -> bool {
        self.listed.is_some() && self.is_complete && !self.is_listing
    }

    /// When the queue is to be listed: at once if entries are known to be missing, and otherwise at intervals.
    pub(super) fn listing_due(&self, now: Instant, has_events: bool) -> Option<Instant> {
        if self.is_listing || !self.ready.is_empty() {
            return None;
        }
        let interval = match (self.is_complete, has_events) {
            (false, _) if !self.has_failed => LISTING_PAUSE,
            (_, true) => LISTING_INTERVAL,
            (_, false) => LISTING_INTERVAL_WITHOUT_EVENTS,
        };
        Some(self.listed.map_or(now, |listed| listed + interval))
    }

    /// A listing begins. From here on, events add to the backlog.
    pub(super) fn begin_listing(&mut self) {
        (self.is_listing, self.is_complete, self.beyond) = (true, true, 0);
    }

    /// A listing has ended. `is_known` are entries that were taken from the backlog and not finished.
    pub(super) fn end_listing(
        &mut self,
        listed: io::Result<Listed>,
        now: Instant,
        is_known: impl Fn(&EntryId) -> bool,
    ) -> io::Result<()> {
        self.is_listing = false;
        self.listed = Some(now);
        self.has_failed = listed.is_err();
        self.is_complete &= listed.is_ok();
        let Listed { ids, beyond } = listed?;
        if beyond > 0 {
            // Entries that arrived meanwhile must not overtake those that are not listed.
            let arrived = match ids.last() {
                Some(last) => self.ready.split_off(last),
                None => std::mem::take(&mut self.ready),
            };
            self.beyond += arrived.len();
        }
        self.ready.extend(ids.into_iter().filter(|id| !is_known(id)));
        self.is_complete &= beyond == 0;
        self.beyond += beyond;
        Ok(())
    }
}

/// Lists the lowest IDs in `new` of an endpoint.
///
/// If `in_order`, an entry is listed only if all entries that became visible before it, and have a lower ID, are listed
/// too. While a directory is read, a name that is added is missed if its position has been read already, and a later one
/// may be found. Therefore the directory is read twice, and the result ends before the first name that only the second
/// reading found: everything that preceded a name of the first reading was there when the second one began.
///
/// # Errors
/// If the queue cannot be listed.
pub(super) fn list<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    in_order: bool,
) -> io::Result<Listed> {
    let first = read(volume, layout, endpoint)?;
    if !in_order {
        return Ok(first);
    }
    let second = read(volume, layout, endpoint)?;
    let ids: BTreeSet<_> = second.ids.iter().copied().take_while(|id| first.ids.contains(id)).collect();
    let beyond = second.beyond + (second.ids.len() - ids.len());
    Ok(Listed { ids, beyond })
}

fn read<V: Volume>(volume: &V, layout: &Layout, endpoint: &Name) -> io::Result<Listed> {
    let mut ordered = Ordered::new(volume, layout, endpoint, Queue::New, READY_MAX);
    let ids =
        ordered.by_ref().take(READY_MAX).map(|place| Ok(place?.id)).collect::<io::Result<BTreeSet<_>>>()?;
    let beyond = if ids.is_empty() { 0 } else { ordered.remaining() };
    Ok(Listed { ids, beyond })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::spool::{Disk, make_queues};

    fn id(number: u16) -> EntryId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        EntryId::from_bytes(bytes)
    }

    fn listed(numbers: std::ops::Range<u16>, beyond: usize) -> io::Result<Listed> {
        Ok(Listed { ids: numbers.map(id).collect(), beyond })
    }

    /// Takes everything.
    fn drained(backlog: &mut Backlog) -> Vec<EntryId> {
        std::iter::from_fn(|| backlog.pop()).collect()
    }

    #[test]
    fn entries_that_arrive_during_a_listing_are_kept_and_those_in_progress_are_not_listed() {
        let (mut backlog, now) = (Backlog::new(), Instant::now());
        assert_eq!(backlog.listing_due(now, true), Some(now));
        backlog.begin_listing();
        assert_eq!(backlog.listing_due(now, true), None, "one listing at a time");
        backlog.arrived(id(9));
        backlog.end_listing(listed(0..3, 0), now, |known| *known == id(1)).expect("listed");
        assert!(backlog.is_listed());
        assert_eq!(drained(&mut backlog), [id(0), id(2), id(9)]);
        assert_eq!(backlog.listing_due(now, true), Some(now + LISTING_INTERVAL));
        assert_eq!(backlog.listing_due(now, false), Some(now + LISTING_INTERVAL_WITHOUT_EVENTS));
    }

    #[test]
    fn memory_is_bounded_and_the_rest_is_listed_when_it_is_empty() {
        let (mut backlog, now) = (Backlog::new(), Instant::now());
        backlog.begin_listing();
        backlog.end_listing(listed(0..2, 1_000_000), now, |_| false).expect("listed");
        backlog.arrived(id(9));
        assert_eq!((backlog.len(), backlog.is_listed()), (1_000_003, false));
        assert_eq!(drained(&mut backlog), [id(0), id(1)], "a later entry does not overtake those in between");
        assert_eq!(backlog.listing_due(now, true), Some(now + LISTING_PAUSE));
        backlog.begin_listing();
        backlog.end_listing(listed(2..3, 0), now, |_| false).expect("listed");
        for number in 0..40_000 {
            backlog.arrived(id(number));
        }
        assert_eq!((backlog.ready.len(), backlog.len(), backlog.is_listed()), (READY_MAX, 40_000, false));
        drained(&mut backlog);
        backlog.missed();
        assert_eq!(backlog.listing_due(now, true), Some(now), "at once after lost events");
    }

    #[test]
    fn failed_listing_is_repeated_after_the_interval() {
        let (mut backlog, now) = (Backlog::new(), Instant::now());
        backlog.begin_listing();
        let ended = backlog.end_listing(Err(io::ErrorKind::PermissionDenied.into()), now, |_| false);
        assert!(ended.is_err());
        assert_eq!(backlog.listing_due(now, true), Some(now + LISTING_INTERVAL));
        backlog.arrived(id(9));
        assert_eq!(
            (backlog.first(), backlog.is_listed()),
            (None, false),
            "it does not overtake what is not listed"
        );
    }

    #[test]
    fn entry_that_arrives_during_a_listing_does_not_overtake_those_beyond_it() {
        let (mut backlog, now) = (Backlog::new(), Instant::now());
        backlog.begin_listing();
        backlog.arrived(id(1));
        backlog.arrived(id(9));
        backlog.end_listing(listed(0..3, 5), now, |_| false).expect("listed");
        assert_eq!((drained(&mut backlog), backlog.len()), (vec![id(0), id(1), id(2)], 6));
    }

    /// While entries of a sender that waits for each answer arrive, an entry is never listed without those before it.
    #[test]
    fn listing_in_order_contains_every_predecessor_of_its_entries() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::open(folder.path(), None).expect("a spool");
        let (layout, endpoint): (_, Name) =
            (Layout::new(folder.path().into()), "pix".parse().expect("a name"));
        make_queues(&disk, &layout, std::slice::from_ref(&endpoint)).expect("queues");
        let writer = {
            let (layout, endpoint) = (layout.clone(), endpoint.clone());
            std::thread::spawn(move || {
                for number in 0..3000 {
                    fs::write(layout.entry(&endpoint, Queue::New, id(number)), "").expect("written");
                }
            })
        };
        let mut longest = 0;
        while !writer.is_finished() {
            let found = list(&disk, &layout, &endpoint, true).expect("listed").ids;
            let expected: BTreeSet<_> = (0..).map(id).take(found.len()).collect();
            assert_eq!(found, expected, "a prefix");
            longest = longest.max(found.len());
        }
        writer.join().expect("no panic");
        assert!(longest > 0);
        let found = list(&disk, &layout, &endpoint, true).expect("listed");
        assert_eq!((found.ids.len(), found.beyond), (3000, 0));
    }
}
