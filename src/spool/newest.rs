//! Finds the newest entries of some queues, in bounded memory: one pass over the names, whatever their number.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;

use super::entries::{EntryLocation, entries};
use super::layout::Layout;
use super::volume::Volume;
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;

/// A range of IDs.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdRange {
    /// The lowest ID; none for no limit.
    pub from: Option<EntryId>,
    /// The first ID above the range; none for no limit.
    pub below: Option<EntryId>,
}

impl IdRange {
    fn contains(&self, id: EntryId) -> bool {
        self.from.is_none_or(|from| id >= from) && self.below.is_none_or(|below| id < below)
    }
}

/// Lists at most `count` entries of these queues with an ID in the range, the newest first, and returns whether there
/// are no others. An entry that is moved meanwhile may be missing.
///
/// # Errors
/// If a queue cannot be listed.
pub fn newest<V: Volume>(
    volume: &V,
    layout: &Layout,
    queues: &[(Name, Queue)],
    range: IdRange,
    count: usize,
) -> io::Result<(Vec<EntryLocation>, bool)> {
    // 24 bytes for each entry, instead of its location.
    let mut greatest = BinaryHeap::new();
    let mut is_complete = true;
    for (number, (endpoint, queue)) in queues.iter().enumerate() {
        for place in entries(volume, layout, endpoint, *queue)? {
            let id = place?.id;
            if !range.contains(id) {
                continue;
            }
            greatest.push(Reverse((id, number)));
            if greatest.len() > count {
                greatest.pop();
                is_complete = false;
            }
        }
    }
    let mut found = greatest.into_sorted_vec();
    // Moved during the pass, and seen in both queues.
    found.dedup_by_key(|Reverse((id, _))| *id);
    let place = |Reverse((id, number)): Reverse<(EntryId, usize)>| {
        let (endpoint, queue) = queues.get(number)?;
        Some(EntryLocation { id, endpoint: endpoint.clone(), queue: *queue })
    };
    Ok((found.into_iter().filter_map(place).collect(), is_complete))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spool::QUEUES_IN_ORDER;
    use crate::spool::sim::{Contents, Sim};

    fn id(number: u8) -> EntryId {
        EntryId::from_bytes([0, number, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0])
    }

    #[test]
    fn an_entry_that_was_seen_in_two_queues_is_listed_once_in_the_later_one() {
        let layout = Layout::new("/spool".into());
        let queues = QUEUES_IN_ORDER.map(|queue| ("pix".parse::<Name>().expect("a name"), queue));
        let mut contents = Contents::default();
        for (inode, (number, queue)) in
            [(2, Queue::New), (2, Queue::Taken), (1, Queue::Done)].into_iter().enumerate()
        {
            contents.names.insert(layout.entry(&queues[0].0, queue, id(number)), inode);
        }
        let sim = Sim::with_contents(contents, true);
        let list = |count| {
            let (page, is_complete) =
                newest(&sim, &layout, &queues, IdRange::default(), count).expect("listed");
            (page.into_iter().map(|place| (place.id, place.queue)).collect::<Vec<_>>(), is_complete)
        };
        assert_eq!(list(9), (vec![(id(2), Queue::Taken), (id(1), Queue::Done)], true));
        assert_eq!(list(2), (vec![(id(2), Queue::Taken)], false), "others follow on the next page");
    }

    proptest! {
        #[test]
        fn pages_contain_every_entry_once_the_newest_first(
            numbers in proptest::collection::btree_set(1_u8..250, 0..60), count in 1_usize..20
        ) {
            let layout = Layout::new("/spool".into());
            let queues: Vec<(Name, Queue)> = [("pix", Queue::New), ("cob", Queue::Done)]
                .map(|(name, queue)| (name.parse().expect("a name"), queue)).into();
            let mut contents = Contents::default();
            for (inode, number) in numbers.iter().enumerate() {
                let (endpoint, queue) = &queues[usize::from(number % 2)];
                contents.names.insert(layout.entry(endpoint, *queue, id(*number)), inode);
            }
            let sim = Sim::with_contents(contents, true);
            let mut listed = Vec::new();
            let mut range = IdRange::default();
            loop {
                let (page, is_complete) = newest(&sim, &layout, &queues, range, count).expect("listed");
                prop_assert!(page.len() <= count && (is_complete || page.len() == count));
                range.below = page.last().map(|place| place.id);
                listed.extend(page.into_iter().map(|place| place.id));
                if is_complete {
                    break;
                }
            }
            prop_assert_eq!(listed, numbers.iter().rev().map(|number| id(*number)).collect::<Vec<_>>());
            let from = newest(&sim, &layout, &queues, IdRange { from: Some(id(100)), below: Some(id(120)) }, 99);
            let expected = numbers.range(100..120).rev().map(|number| id(*number)).collect::<Vec<_>>();
            prop_assert_eq!(from.expect("listed").0.into_iter().map(|it| it.id).collect::<Vec<_>>(), expected);
        }
    }
}
