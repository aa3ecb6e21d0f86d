//! Lists the entries of a queue in the order of their IDs, in bounded memory.
//!
//! Directories list names in no order, and may hold millions. Each pass over the names keeps the smallest IDs that are
//! greater than the last one returned. A million entries take four passes.

use std::collections::BinaryHeap;
use std::io;
use std::vec::IntoIter;

use super::entries::{EntryLocation, entries};
use super::layout::Layout;
use super::volume::Volume;
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;

/// The IDs that one pass keeps, 16 bytes each.
pub const IDS_MAX: usize = 1 << 18;

/// The entries of one queue, the oldest first. Entries that arrive after the first pass are not returned.
#[derive(Debug)]
pub struct Ordered<V: Volume> {
    volume: V,
    layout: Layout,
    endpoint: Name,
    queue: Queue,
    /// The IDs kept in memory at the same time.
    at_once: usize,
    /// The greatest ID of the first pass. Greater ones are not returned, so that new entries do not prolong the
    /// listing.
    end: Option<EntryId>,
    /// How many more may be returned: at first, the number of names in the first pass. `end` alone does not end the
    /// iterator if it is a forged ID that new entries never reach.
    remaining: usize,
    last: Option<EntryId>,
    next: IntoIter<EntryId>,
    /// Whether the last pass kept all IDs that remained.
    is_complete: bool,
}

impl<V: Volume> Ordered<V> {
    /// Lists a queue, keeping at most `at_once` IDs in memory.
    pub fn new(volume: &V, layout: &Layout, endpoint: &Name, queue: Queue, at_once: usize) -> Self {
        Self {
            volume: volume.clone(),
            layout: layout.clone(),
            endpoint: endpoint.clone(),
            queue,
            at_once: at_once.clamp(1, IDS_MAX),
            end: None,
            remaining: usize::MAX,
            last: None,
            next: Vec::new().into_iter(),
            is_complete: false,
        }
    }

    /// The number of entries that have not been returned, once the first one has been.
    pub fn remaining(&self) -> usize {
        self.remaining
    }

    fn pass(&mut self) -> io::Result<()> {
        let mut smallest = BinaryHeap::with_capacity(self.at_once);
        self.is_complete = true;
        let (mut count, mut greatest) = (0, None);
        for place in entries(&self.volume, &self.layout, &self.endpoint, self.queue)? {
            let id = place?.id;
            if self.last.is_some_and(|last| id <= last) || self.end.is_some_and(|end| id > end) {
                continue;
            }
            (count, greatest) = (count + 1, greatest.max(Some(id)));
            if smallest.len() < self.at_once {
                smallest.push(id);
                continue;
            }
            self.is_complete = false;
            if smallest.peek().is_some_and(|greatest| id < *greatest) {
                smallest.pop();
                smallest.push(id);
            }
        }
        if self.end.is_none() {
            (self.remaining, self.end) = (count, greatest);
        }
        self.next = smallest.into_sorted_vec().into_iter();
        Ok(())
    }
}

impl<V: Volume> Iterator for Ordered<V> {
    type Item = io::Result<EntryLocation>;

    fn next(&mut self) -> Option<io::Result<EntryLocation>> {
        if self.next.len() == 0
            && !self.is_complete
            && let Err(error) = self.pass()
        {
            self.is_complete = true;
            return Some(Err(error));
        }
        let id = self.next.next()?;
        self.remaining = self.remaining.checked_sub(1)?;
        self.last = Some(id);
        Some(Ok(EntryLocation { id, endpoint: self.endpoint.clone(), queue: self.queue }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spool::layout::Access;
    use crate::spool::sim::{Contents, Sim};

    /// Returns a simulated queue with these IDs.
    fn queue(ids: impl IntoIterator<Item = EntryId>) -> Sim {
        let layout = Layout::new("/spool".into());
        let endpoint: Name = "pix".parse().expect("a name");
        let mut contents = Contents::default();
        for (inode, id) in ids.into_iter().enumerate() {
            contents.names.insert(layout.entry(&endpoint, Queue::New, id), inode);
        }
        Sim::with_contents(contents, true)
    }

    fn ordered(sim: &Sim, at_once: usize) -> Vec<EntryId> {
        let endpoint = "pix".parse().expect("a name");
        Ordered::new(sim, &Layout::new("/spool".into()), &endpoint, Queue::New, at_once)
            .map(|place| place.expect("listed").id)
            .collect()
    }

    proptest! {
        #[test]
        fn every_entry_is_returned_once_and_in_order_with_any_memory_limit(
            seconds in proptest::collection::btree_set(0_u8..200, 0..60), at_once in 1_usize..70
        ) {
            let id = |second| EntryId::from_bytes([0, second, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, second]);
            let all: Vec<_> = seconds.into_iter().map(id).collect();
            prop_assert_eq!(ordered(&queue(all.iter().copied().rev()), at_once), all);
        }
    }

    #[test]
    fn ids_in_the_future_are_returned_and_later_entries_are_not() {
        let id = |first| EntryId::from_bytes([first; 16]);
        let (layout, endpoint) = (Layout::new("/spool".into()), "pix".parse().expect("a name"));
        // An ID in the future, and the greatest possible one.
        for greatest in [0x50, 0xFF] {
            let sim = queue([id(1), id(2), id(greatest)]);
            let mut ordered = Ordered::new(&sim, &layout, &endpoint, Queue::New, 1);
            let mut next = || ordered.next().map(|place| place.expect("listed").id);
            assert_eq!(next(), Some(id(1)));
            let arrived = (1..100).map(|number| id(greatest.saturating_add(number)));
            for id in arrived.filter(|arrived| *arrived != id(greatest)) {
                let path = layout.entry(&endpoint, Queue::New, id);
                sim.create(&path, Access::Shared).expect("created");
            }
            assert_eq!([next(), next(), next()], [Some(id(2)), Some(id(greatest)), None]);
        }
    }

    #[test]
    fn listing_ends_although_entries_arrive_before_the_greatest_id() {
        let id = |number: u8| EntryId::from_bytes([number; 16]);
        let (layout, endpoint) = (Layout::new("/spool".into()), "pix".parse().expect("a name"));
        let sim = queue([id(1), id(0xFF)]);
        let returned = Ordered::new(&sim, &layout, &endpoint, Queue::New, 1).map(|place| {
            let place = place.expect("listed");
            let next = EntryId::from_bytes([place.id.as_bytes()[0].saturating_add(1); 16]);
            if next != place.id {
                let path = layout.entry(&endpoint, Queue::New, next);
                drop(sim.create(&path, Access::Shared));
            }
            place.id
        });
        assert!(returned.take(10).count() <= 2);
    }
}
