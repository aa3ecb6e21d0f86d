//! The memory of deliveries, which senders share.
//!
//! A delivery takes its share before its body is read, and keeps it until its entry is on disk. While a body is being
//! received, it can give way to a delivery of another sender; after that, it will be stored.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use super::error::Unavailable;
use crate::policy::{Name, ShareUsedUp, Shares};

/// What a delivery needs besides its body: the list of its headers, at most, and its tasks. So this also limits how many
/// deliveries are in flight.
const DELIVERY_BYTES: usize = 64 << 10;

/// The memory for all deliveries in flight.
#[derive(Clone, Debug)]
pub struct DeliveryMemory(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limit: usize,
    shares: Shares<Name>,
    /// The bodies that are being received, by the order in which they began.
    receiving: BTreeMap<Name, BTreeMap<u64, Receiving>>,
    begun: u64,
}

#[derive(Debug)]
struct Receiving {
    bytes: usize,
    gives_way: CancellationToken,
}

/// The memory of one delivery. It is returned when this is dropped.
#[derive(Debug)]
pub struct MemoryShare {
    memory: DeliveryMemory,
    sender: Name,
    number: u64,
    gives_way: CancellationToken,
    /// Set when the body is complete.
    complete: Option<usize>,
}

impl DeliveryMemory {
    /// Creates the memory, with its limit in bytes.
    pub fn new(limit: usize) -> Self {
        let state = State { limit, shares: Shares::new(limit, 1), receiving: BTreeMap::new(), begun: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Takes the share of a delivery whose body is about to be received. `senders` is the number of configured senders.
    ///
    /// # Errors
    /// If the sender's share is used up.
    pub fn take(&self, sender: &Name, senders: usize) -> Result<MemoryShare, Unavailable> {
        let mut state = self.lock();
        let limit = state.limit;
        state.shares.resize(limit, senders);
        state.take(sender, 0, DELIVERY_BYTES)?;
        state.begun += 1;
        let (number, gives_way) = (state.begun, CancellationToken::new());
        let receiving = Receiving { bytes: DELIVERY_BYTES, gives_way: gives_way.clone() };
        state.receiving.entry(sender.clone()).or_default().insert(number, receiving);
        drop(state);
        Ok(MemoryShare { memory: self.clone(), sender: sender.clone(), number, gives_way, complete: None })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes bytes for a delivery that had some before. The oldest body of the sender that has most gives way, if that is
    /// another one.
    fn take(&mut self, sender: &Name, had: usize, bytes: usize) -> Result<(), Unavailable> {
        let receiving = &mut self.receiving;
        let taken = self.shares.take_more(sender, had, bytes, |largest| {
            let bodies = receiving.get_mut(largest).filter(|_| largest != sender)?;
            let (_, oldest) = bodies.pop_first()?;
            oldest.gives_way.cancel();
            Some(oldest.bytes)
        });
        taken.map_err(|ShareUsedUp| Unavailable::ShareUsedUp)
    }

    fn receiving(&mut self, share: &MemoryShare) -> Result<&mut Receiving, Unavailable> {
        let bodies = self.receiving.get_mut(&share.sender);
        bodies.and_then(|bodies| bodies.get_mut(&share.number)).ok_or(Unavailable::GaveWay)
    }

    fn remove(&mut self, sender: &Name, number: u64) -> Option<Receiving> {
        let bodies = self.receiving.get_mut(sender)?;
        let removed = bodies.remove(&number);
        if bodies.is_empty() {
            self.receiving.remove(sender);
        }
        removed
    }
}

impl MemoryShare {
    /// Takes more bytes for the body.
    ///
    /// # Errors
    /// If the sender's share is used up, or the body has given way.
    pub fn grow(&self, bytes: usize) -> Result<(), Unavailable> {
        let mut state = self.memory.lock();
        let had = state.receiving(self)?.bytes;
        state.take(&self.sender, had, bytes)?;
        state.receiving(self)?.bytes += bytes;
        Ok(())
    }

    /// Waits until the body has to give way.
    pub async fn gives_way(&self) {
        self.gives_way.cancelled().await;
    }

    /// Keeps the memory of a complete body until its entry is on disk.
    ///
    /// # Errors
    /// If the body has given way.
    pub fn complete(mut self) -> Result<Self, Unavailable> {
        let removed = self.memory.lock().remove(&self.sender, self.number);
        self.complete = Some(removed.ok_or(Unavailable::GaveWay)?.bytes);
        Ok(self)
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        let mut state = self.memory.lock();
        let receiving = state.remove(&self.sender, self.number).map(|receiving| receiving.bytes);
        if let Some(bytes) = self.complete.or(receiving) {
            state.shares.release(&self.sender, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MIB: usize = 1 << 20;

    fn name(number: u8) -> Name {
        format!("bank{number}").parse().expect("a name")
    }

    fn must_give_way(share: &MemoryShare) -> bool {
        share.gives_way().now_or_never().is_some()
    }

    #[test]
    fn another_sender_is_admitted_when_a_greedy_one_has_used_its_share() {
        let memory = DeliveryMemory::new(8 * MIB);
        let mut held = Vec::new();
        while let Ok(share) = memory.take(&name(1), 2) {
            held.push(share);
        }
        assert_eq!(held.len(), 6 * MIB / DELIVERY_BYTES);
        let others: Vec<_> = (0..4 * MIB / DELIVERY_BYTES).map(|_| memory.take(&name(2), 2)).collect();
        assert!(others.iter().all(Result::is_ok));
        let gave_way = held.iter().filter(|share| must_give_way(share)).count();
        assert_eq!(gave_way, 2 * MIB / DELIVERY_BYTES);
        assert!(held.iter().take(gave_way).all(must_give_way), "the oldest");
        drop((held, others));
        let shares = memory.lock().shares.clone();
        assert_eq!([shares.held_by(&name(1)), shares.held_by(&name(2))], [0, 0]);
    }

    #[test]
    fn a_body_of_the_largest_size_is_admitted_for_a_sender_that_holds_nothing() {
        let memory = DeliveryMemory::new(2 * MIB);
        let greedy: Vec<_> = (0..3).filter_map(|_| memory.take(&name(1), 200).ok()).collect();
        greedy.iter().for_each(|share| drop(share.grow(MIB)));
        let share = memory.take(&name(2), 200).expect("the first delivery");
        assert!(share.grow(MIB).is_ok());
        assert!(greedy.iter().any(must_give_way));
    }

    #[test]
    fn a_sender_with_several_deliveries_is_admitted_besides_a_greedy_one_however_small_an_equal_part_is() {
        let memory = DeliveryMemory::new(64 * MIB);
        let _greedy: Vec<_> = std::iter::from_fn(|| memory.take(&name(1), 1000).ok()).collect();
        let others: Vec<_> = (0..20).map(|_| memory.take(&name(2), 1000)).collect();
        assert!(others.iter().all(Result::is_ok));
    }

    #[test]
    fn a_complete_body_does_not_give_way() {
        let memory = DeliveryMemory::new(MIB);
        let complete: Vec<_> =
            std::iter::from_fn(|| memory.take(&name(1), 2).ok()?.complete().ok()).collect();
        assert!(memory.take(&name(1), 2).is_err());
        assert!(memory.take(&name(2), 2).is_ok());
        assert!(!complete.iter().any(must_give_way));
    }

    #[test]
    fn a_body_that_gave_way_can_neither_grow_nor_be_stored() {
        let memory = DeliveryMemory::new(4 * DELIVERY_BYTES);
        let first = memory.take(&name(1), 2).expect("memory");
        let _more: Vec<_> = (0..2).map(|_| memory.take(&name(1), 2)).collect();
        let _others: Vec<_> = (0..2).map(|_| memory.take(&name(2), 2)).collect();
        assert!(must_give_way(&first));
        assert!(matches!(first.grow(1), Err(Unavailable::GaveWay)));
        assert!(matches!(first.complete(), Err(Unavailable::GaveWay)));
    }
}
