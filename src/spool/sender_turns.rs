//! The items that wait for the commit thread, in one queue for each sender.
//!
//! The senders take turns by bytes. Each queue has a position, which advances by the bytes of each item that is taken
//! from it; the next item is taken from the queue with the lowest position. A sender that begins to wait gets the
//! position of the item that was taken last, or the one that its queue had reached if that is higher. So its first item
//! is preceded by at most one item of each other sender, or by as many bytes of each as its own previous item had,
//! whatever those senders have sent before (start-time fair queueing).
//!
//! If there is no room, the sender with the most items gives way.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::policy::Name;

/// The maximum number of items in one batch. With more, the first of them would wait too long.
pub(super) const BATCH_ENTRIES_MAX: usize = 256;
/// No item is added to a batch that has this many bytes.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// The maximum number of items that wait, of all senders together. One sender may have all of them until another sender
/// needs room. The limit of body memory bounds their bytes.
const WAITING_ENTRIES_MAX: usize = 4096;

/// The items that wait. The order of one sender's items is kept.
#[derive(Debug)]
pub(super) struct SenderTurns<T> {
    /// The senders with items that wait. No queue is empty.
    queues: BTreeMap<Name, Items<T>>,
    /// The order in which the senders are served.
    turns: BTreeSet<Turn>,
    /// The positions that the queues of senders without items have reached. Empty if nothing waits.
    reached: BTreeMap<Name, u64>,
    /// The number of all items.
    waiting: usize,
    /// The position of the item that was taken last, in bytes.
    position: u64,
    /// The number of turns so far.
    serial: u64,
}

/// The items of one sender, each with its bytes.
type Items<T> = VecDeque<(usize, T)>;

/// The place of one sender in the order. Of equal positions, the one that was assigned first is served first.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Turn {
    position: u64,
    serial: u64,
    sender: Name,
}

impl<T> Default for SenderTurns<T> {
    fn default() -> Self {
        Self {
            queues: BTreeMap::new(),
            turns: BTreeSet::new(),
            reached: BTreeMap::new(),
            waiting: 0,
            position: 0,
            serial: 0,
        }
    }
}

impl<T> SenderTurns<T> {
    /// Adds an item to the end of its sender's queue. Returns the item for which there is no room: the last one of the
    /// sender with the most items, or this one if its own sender has about as many.
    #[must_use = "the sender of the returned item waits for a reply"]
    pub(super) fn push(&mut self, sender: &Name, bytes: usize, item: T) -> Option<T> {
        let mut displaced = None;
        if self.waiting >= WAITING_ENTRIES_MAX {
            let own = self.queues.get(sender).map_or(0, VecDeque::len);
            let most = self.queues.values_mut().max_by_key(|items| items.len());
            // At least one item remains in that queue.
            let Some(most) = most.filter(|items| items.len() > own + 1) else { return Some(item) };
            displaced = most.pop_back().map(|(_, item)| item);
            self.waiting -= 1;
        }
        match self.queues.get_mut(sender) {
            Some(items) => items.push_back((bytes, item)),
            None => {
                let position = self.reached.remove(sender).unwrap_or(0).max(self.position);
                self.queues.insert(sender.clone(), VecDeque::from([(bytes, item)]));
                self.set_turn(sender.clone(), position);
            }
        }
        self.waiting += 1;
        displaced
    }

    /// Takes the next batch: at most [`BATCH_ENTRIES_MAX`] items, and none after the one with which their bytes reach
    /// [`BATCH_BYTES_MAX`]. Empty if nothing waits.
    pub(super) fn take_batch(&mut self) -> Vec<T> {
        let (mut batch, mut bytes) = (Vec::with_capacity(self.waiting.min(BATCH_ENTRIES_MAX)), 0_usize);
        while batch.len() < BATCH_ENTRIES_MAX && bytes < BATCH_BYTES_MAX {
            let Some((length, item)) = self.take() else { break };
            bytes = bytes.saturating_add(length);
            batch.push(item);
        }
        batch
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    fn take(&mut self) -> Option<(usize, T)> {
        let Turn { position, sender, .. } = self.turns.pop_first()?;
        let items = self.queues.get_mut(&sender)?;
        let (bytes, item) = items.pop_front()?;
        self.waiting -= 1;
        self.position = position;
        let next = position.saturating_add(charge(bytes));
        if !items.is_empty() {
            self.set_turn(sender, next);
        } else {
            self.queues.remove(&sender);
            self.reached.insert(sender, next);
        }
        if self.waiting == 0 {
            self.reached.clear();
        }
        Some((bytes, item))
    }

    fn set_turn(&mut self, sender: Name, position: u64) {
        self.serial += 1;
        self.turns.insert(Turn { position, serial: self.serial, sender });
    }
}

/// The part of a batch that an item takes, in bytes: it has at most [`BATCH_ENTRIES_MAX`] items, however small they are.
fn charge(bytes: usize) -> u64 {
    u64::try_from(bytes.max(BATCH_BYTES_MAX / BATCH_ENTRIES_MAX)).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "sender_turns_tests.rs"]
mod tests;
