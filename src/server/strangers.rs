//! The connections on which no sender is admitted yet, by source address.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::time::{Duration, Instant};

use super::connection_record::ConnectionRecord;
use super::source_address::SourceAddress;

/// The strangers. During a flood, each new one replaces another one, so finding that one must not take longer the more
/// there are.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// The oldest of each address first. No queue is empty.
    by_address: BTreeMap<SourceAddress, VecDeque<Arc<ConnectionRecord>>>,
    /// The addresses, the one that gives way last: the one with most strangers, and of several such ones that with the
    /// oldest stranger.
    order: BTreeSet<Rank>,
    /// The address of each address's oldest stranger, by its number.
    by_age: BTreeMap<u64, SourceAddress>,
    /// The addresses from which senders are connected.
    known: BTreeMap<SourceAddress, Known>,
}

/// What is known of an address from which a sender is connected.
#[derive(Debug, Default)]
struct Known {
    connections: usize,
    /// Whether the sender that was admitted last had at most an equal part of the connections.
    is_within_part: bool,
}

/// The number of addresses that are examined to find one that is not spared.
const SPARED_ADDRESSES_MAX: usize = 16;

/// The time for a handshake over a slow path. A stranger younger than that gives way only if the others are, too.
const HANDSHAKE_SPARED: Duration = Duration::from_secs(3);

/// The number of strangers of an address, and the number of the oldest one.
type Rank = (usize, Reverse<u64>, SourceAddress);

impl Strangers {
    /// The number of strangers at an address.
    pub(super) fn count(&self, source: SourceAddress) -> usize {
        self.by_address.get(&source).map_or(0, VecDeque::len)
    }

    /// Whether an address has more than one stranger.
    pub(super) fn is_crowded(&self) -> bool {
        self.order.last().is_some_and(|(count, ..)| *count > 1)
    }

    pub(super) fn push(&mut self, source: SourceAddress, record: Arc<ConnectionRecord>) {
        self.change(source, |records| records.push_back(record));
    }

    /// Removes a stranger. Returns false if it is not there.
    pub(super) fn remove(&mut self, source: SourceAddress, number: u64) -> bool {
        self.change(source, |records| {
            let index = records.iter().position(|record| record.number == number);
            index.and_then(|index| records.remove(index)).is_some()
        })
    }

    /// Removes the oldest stranger of an address.
    pub(super) fn pop_from(&mut self, source: SourceAddress) -> Option<Arc<ConnectionRecord>> {
        self.change(source, VecDeque::pop_front)
    }

    /// Records that a sender was admitted on a connection from an address.
    pub(super) fn admitted(&mut self, source: SourceAddress, is_within_part: bool) {
        let known = self.known.entry(source).or_default();
        known.connections += 1;
        known.is_within_part = is_within_part;
    }

    /// Records that such a connection has ended.
    pub(super) fn left(&mut self, source: SourceAddress) {
        if let Some(known) = self.known.get_mut(&source) {
            known.connections -= 1;
            if known.connections == 0 {
                self.known.remove(&source);
            }
        }
    }

    /// Whether a sender that is within its part is connected from an address.
    pub(super) fn is_known(&self, source: SourceAddress) -> bool {
        self.known.get(&source).is_some_and(|known| known.is_within_part)
    }

    /// The address that gives way: that with most strangers. The address of a sender is spared: over a slow path, it has
    /// many handshakes under way. That of a sender with more than an equal part is not.
    fn largest(&self) -> Option<SourceAddress> {
        let mut largest = self.order.iter().rev().take(SPARED_ADDRESSES_MAX).map(|(.., source)| *source);
        largest
            .find(|source| !self.is_known(*source))
            .or_else(|| self.order.last().map(|(.., source)| *source))
    }

    /// Removes the stranger that gives way: the oldest of the address that gives way. If that one is still in time for its
    /// handshake and the oldest of all is not, the latter.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Arc<ConnectionRecord>> {
        let is_late =
            |record: &ConnectionRecord| now.saturating_duration_since(record.opened_at) >= HANDSHAKE_SPARED;
        let largest = self.largest()?;
        let is_largest_late = self.by_address.get(&largest)?.front().is_some_and(|record| is_late(record));
        let oldest = self.by_age.first_key_value().map(|(_, source)| *source);
        let late = oldest.filter(|source| {
            let records = self.by_address.get(source);
            !is_largest_late && records.and_then(VecDeque::front).is_some_and(|record| is_late(record))
        });
        self.pop_from(late.unwrap_or(largest))
    }

    fn change<R>(
        &mut self,
        source: SourceAddress,
        change: impl FnOnce(&mut VecDeque<Arc<ConnectionRecord>>) -> R,
    ) -> R {
        let records = self.by_address.entry(source).or_default();
        if let Some(rank) = rank(source, records) {
            self.order.remove(&rank);
            self.by_age.remove(&rank.1.0);
        }
        let result = change(records);
        match rank(source, records) {
            Some(rank) => {
                self.by_age.insert(rank.1.0, source);
                self.order.insert(rank);
            }
            None => drop(self.by_address.remove(&source)),
        }
        result
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_address.values().map(VecDeque::len).sum()
    }
}

fn rank(source: SourceAddress, records: &VecDeque<Arc<ConnectionRecord>>) -> Option<Rank> {
    Some((records.len(), Reverse(records.front()?.number), source))
}
