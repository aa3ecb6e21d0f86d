//! A queue that serves addresses in turn: a thousand items of one wait behind each other, and not before another's item.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// Items of several keys. Each key has at most one turn in a round, and its items are served oldest first.
#[derive(Debug)]
pub(super) struct Turns<K, T> {
    waiting: BTreeMap<K, VecDeque<T>>,
    /// The keys that have items, the next one first.
    order: VecDeque<K>,
    len: usize,
}

impl<K: Ord + Copy, T> Turns<K, T> {
    pub(super) fn new() -> Self {
        Self { waiting: BTreeMap::new(), order: VecDeque::new(), len: 0 }
    }

    /// The number of items.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds an item behind those of its key. A key without items gets its turn after all others.
    pub(super) fn push(&mut self, key: K, item: T) {
        let items = self.waiting.entry(key).or_default();
        if items.is_empty() {
            self.order.push_back(key);
        }
        items.push_back(item);
        self.len += 1;
    }

    /// Removes the next item.
    pub(super) fn pop(&mut self) -> Option<T> {
        let key = self.order.pop_front()?;
        let items = self.waiting.get_mut(&key)?;
        let item = items.pop_front()?;
        self.len -= 1;
        if items.is_empty() {
            self.waiting.remove(&key);
        } else {
            self.order.push_back(key);
        }
        Some(item)
    }

    /// Removes the item with the smallest `since` of the key that has most items; of several such keys, of the one with the
    /// smallest `since`.
    pub(super) fn remove_from_largest<A: Ord>(&mut self, since: impl Fn(&T) -> A) -> Option<T> {
        let size_and_age = |items: &VecDeque<T>| (items.len(), Reverse(items.iter().map(&since).min()));
        let (key, items) = self.waiting.iter_mut().max_by_key(|(_, items)| size_and_age(items))?;
        let (oldest, _) = items.iter().enumerate().min_by_key(|(_, item)| since(item))?;
        let (key, item) = (*key, items.remove(oldest)?);
        if items.is_empty() {
            self.waiting.remove(&key);
            self.order.retain(|it| *it != key);
        }
        self.len -= 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_item_of_another_key_waits_for_one_turn() {
        let mut turns = Turns::new();
        (0..1_000).for_each(|number| turns.push('a', ('a', number)));
        turns.push('b', ('b', 0));
        assert_eq!((turns.pop(), turns.pop()), (Some(('a', 0)), Some(('b', 0))));
        assert_eq!((turns.pop(), turns.len()), (Some(('a', 1)), 998));
    }

    #[test]
    fn the_key_with_most_items_gives_way_with_its_oldest() {
        let mut turns = Turns::new();
        for (key, since) in [('a', 5), ('a', 3), ('a', 4), ('b', 1), ('c', 2)] {
            turns.push(key, (key, since));
        }
        let mut removed = || turns.remove_from_largest(|(_, since)| *since);
        assert_eq!((removed(), removed()), (Some(('a', 3)), Some(('a', 4))));
    }

    #[test]
    fn of_keys_with_equally_many_items_the_one_with_the_oldest_gives_way() {
        let mut turns = Turns::new();
        for (key, since) in [('a', 5), ('b', 1), ('c', 9)] {
            turns.push(key, (key, since));
        }
        assert_eq!(turns.remove_from_largest(|(_, since)| *since), Some(('b', 1)));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_everyone_is_served_within_one_round(
            steps in prop::collection::vec(prop_oneof![(0..6_u8).prop_map(Some), Just(None)], 0..300)
        ) {
            let (mut turns, mut model) = (Turns::new(), BTreeMap::<u8, VecDeque<usize>>::new());
            let mut waited: BTreeMap<u8, usize> = BTreeMap::new();
            for (number, step) in steps.into_iter().enumerate() {
                if let Some(key) = step {
                    turns.push(key, (key, number));
                    model.entry(key).or_default().push_back(number);
                } else if let Some((key, number)) = turns.pop() {
                    prop_assert_eq!(model.get_mut(&key).and_then(VecDeque::pop_front), Some(number));
                    waited.remove(&key);
                    for (other, items) in &model {
                        if !items.is_empty() && *other != key {
                            let turns_of_others = waited.entry(*other).or_default();
                            *turns_of_others += 1;
                            prop_assert!(*turns_of_others < 6, "{other}");
                        }
                    }
                }
                prop_assert_eq!(turns.len(), model.values().map(VecDeque::len).sum::<usize>());
            }
        }
    }
}
