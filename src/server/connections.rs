//! The open connections: which one gives way when there are too many.
//!
//! A connection belongs to the strangers until a sender is admitted on it, and then to that sender. Senders share
//! `max_connections` ([`Shares`]), and all strangers together take part as one more sender would. A new
//! connection is accepted, and if there is no place for it, another one is closed; the next one waits only if many are
//! being closed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection_record::{Activity, ConnectionRecord};
use super::source_address::SourceAddress;
use super::strangers::Strangers;
use crate::metrics::ConnectionRefusalReason;
use crate::policy::{Name, ShareUsedUp, Shares};

/// The part of `max_connections` up to which a stranger can take the place of a sender's idle connection: one over this
/// number, or an equal part if that is smaller.
const STRANGERS_SHARE_DIVISOR: usize = 4;

/// How many connections that gave way may still be open; a quarter of `max_connections` if that is less. The reserve of
/// descriptors (`daemon/resources.rs`) is larger, so that they do not take those of the spool.
const CLOSING_CONNECTIONS_MAX: usize = 128;

/// All open connections of the server.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Table>);

#[derive(Debug)]
struct Table {
    state: Mutex<State>,
    /// Notified when a connection that gave way has ended.
    ended: Notify,
}

#[derive(Debug)]
struct State {
    shares: Shares<Holder>,
    max_per_address: usize,
    strangers: Strangers,
    senders: BTreeMap<Name, BTreeMap<u64, Arc<ConnectionRecord>>>,
    opened: u64,
    /// All open connections, also those that gave way.
    open: usize,
    origin: Instant,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Holder {
    Strangers,
    Sender(Name),
}

/// A connection among the open ones. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    connections: Connections,
    record: Arc<ConnectionRecord>,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    Address(SourceAddress),
    Sender(Name, SourceAddress),
}

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionLimits {
    pub(super) max_connections: usize,
    pub(super) max_connections_per_address: usize,
    /// The number of configured senders.
    pub(super) senders: usize,
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits) -> Self {
        let ConnectionLimits { max_connections: limit, max_connections_per_address, senders } = limits;
        let state = Mutex::new(State {
            shares: Shares::new(limit, senders),
            max_per_address: max_connections_per_address,
            strangers: Strangers::default(),
            senders: BTreeMap::new(),
            opened: 0,
            open: 0,
            origin: Instant::now(),
        });
        Self(Arc::new(Table { state, ended: Notify::new() }))
    }

    /// Changes the limits. Open connections stay open until another one needs their place.
    pub(super) fn resize(&self, limits: ConnectionLimits) {
        let mut state = self.lock();
        state.shares.resize(limits.max_connections, limits.senders);
        state.max_per_address = limits.max_connections_per_address;
    }

    /// Adds a connection on which no sender is admitted yet.
    pub(super) fn open(&self, source: SourceAddress) -> Slot {
        self.open_up_to(source, None)
    }

    /// Adds a connection from a trusted proxy, which has not named the peer's address yet. The limit of an address does
    /// not apply: thousands of peers may be behind the proxy.
    pub(super) fn open_behind_proxy(&self, source: SourceAddress) -> Slot {
        self.open_up_to(source, Some(usize::MAX))
    }

    /// Waits while too many connections that gave way are still open.
    pub(super) async fn closing_ones_are_few(&self) {
        loop {
            let ended = self.0.ended.notified();
            let may_accept = {
                let state = self.lock();
                let closing = state.open - state.shares.used();
                closing <= CLOSING_CONNECTIONS_MAX.min(state.shares.limit() / 4)
            };
            if may_accept {
                return;
            }
            ended.await;
        }
    }

    /// `max_per_address` replaces the configured limit.
    fn open_up_to(&self, source: SourceAddress, max_per_address: Option<usize>) -> Slot {
        let mut state = self.lock();
        let max_per_address = max_per_address.unwrap_or(state.max_per_address);
        state.opened += 1;
        state.open += 1;
        let record = Arc::new(ConnectionRecord::new(state.opened, state.origin));
        state.make_room_for_stranger();
        state.add_stranger(source, Arc::clone(&record), max_per_address);
        drop(state);
        Slot { connections: self.clone(), record, owner: Owner::Address(source) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Counts the connection for another address, which a proxy has named.
    pub(super) fn move_to(&mut self, source: SourceAddress) {
        if matches!(self.owner, Owner::Address(current) if current == source) {
            return;
        }
        let mut state = self.connections.lock();
        if state.remove(&self.owner, &self.record) {
            state.make_room_for_stranger();
            let max_per_address = state.max_per_address;
            state.add_stranger(source, Arc::clone(&self.record), max_per_address);
            self.owner = Owner::Address(source);
        }
    }

    /// Counts the connection for a sender.
    ///
    /// # Errors
    /// If the sender has its share, and none of its connections is idle.
    pub(super) fn admit(&mut self, sender: &Name) -> Result<(), ShareUsedUp> {
        let mut state = self.connections.lock();
        // Otherwise the connection has given way meanwhile, which its task is about to see.
        if let Owner::Address(source) = self.owner
            && state.remove(&self.owner, &self.record)
        {
            self.owner = Owner::Sender(sender.clone(), source);
            let is_within_part = state.shares.held_by(&Holder::Sender(sender.clone())) < state.shares.part();
            state.strangers.admitted(source, is_within_part);
            state.take(&Holder::Sender(sender.clone()))?;
            let records = state.senders.entry(sender.clone()).or_default();
            records.insert(self.record.number, Arc::clone(&self.record));
        }
        Ok(())
    }

    /// Whether a sender is connected from the same address, and has at most an equal part of the connections.
    pub(super) fn is_known(&self) -> bool {
        match self.owner {
            Owner::Address(source) => self.connections.lock().strangers.is_known(source),
            Owner::Sender(..) => true,
        }
    }

    /// Waits until the connection has to give way to another one, and returns which limit was reached.
    pub(super) async fn gives_way(&self) -> ConnectionRefusalReason {
        self.record.gives_way().await
    }

    /// Which limit was reached, if the connection has to give way.
    pub(super) fn close_reason(&self) -> Option<ConnectionRefusalReason> {
        self.record.close_reason()
    }

    /// Where the connection records since when it is idle or busy.
    pub(super) fn activity(&self) -> Arc<Activity> {
        Arc::clone(&self.record.activity)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.open -= 1;
        if let Owner::Sender(_, source) = self.owner {
            state.strangers.left(source);
        }
        if !state.remove(&self.owner, &self.record) {
            drop(state);
            self.connections.0.ended.notify_waiters();
        }
    }
}

impl State {
    /// Takes a place. The sender that gives way closes its connection that has been idle longest. If it has none, and
    /// another sender needs the place, it closes the one with the request that has been in flight longest.
    fn take(&mut self, asking: &Holder) -> Result<(), ShareUsedUp> {
        let spares_senders = *asking == Holder::Strangers && self.strangers_have_share();
        let Self { shares, senders, strangers, .. } = self;
        shares.take(asking, 1, |holder| match holder {
            Holder::Strangers => close_stranger(strangers),
            Holder::Sender(_) if spares_senders => None,
            Holder::Sender(sender) => {
                let records = senders.get_mut(sender)?;
                close_oldest(records, Activity::idle_since).or_else(|| {
                    let is_for_other_sender = asking != holder && *asking != Holder::Strangers;
                    is_for_other_sender.then(|| close_oldest(records, Activity::busy_since)).flatten()
                })
            }
        })
    }

    /// Takes a place for a stranger.
    fn make_room_for_stranger(&mut self) {
        let have_share = self.strangers_have_share();
        // All strangers together get an error only if they have their share. Then one of them has given way.
        let _ = self.take(&Holder::Strangers);
        if self.shares.is_exceeded() {
            // No sender that gives way has more than an equal part. While there are few strangers, one that is alone at its
            // address is not closed for another one.
            let spares_senders = have_share || self.strangers.is_crowded();
            let largest =
                self.senders.iter().max_by_key(|(_, records)| records.len()).map(|(name, _)| name.clone());
            let idle = largest.filter(|_| !spares_senders).and_then(|sender| {
                let records = self.senders.get_mut(&sender)?;
                close_oldest(records, Activity::idle_since).map(|_| Holder::Sender(sender))
            });
            let closed = idle.or_else(|| close_stranger(&mut self.strangers).map(|_| Holder::Strangers));
            if let Some(holder) = closed {
                self.shares.release(&holder, 1);
            }
        }
    }

    /// Adds a stranger. At the limit of its address, the oldest one of that address is closed.
    fn add_stranger(&mut self, source: SourceAddress, record: Arc<ConnectionRecord>, max_per_address: usize) {
        if self.strangers.count(source) >= max_per_address
            && let Some(oldest) = self.strangers.pop_from(source)
        {
            oldest.close(ConnectionRefusalReason::Address);
            self.shares.release(&Holder::Strangers, 1);
        }
        self.strangers.push(source, record);
    }

    /// Whether the strangers have so many connections that they close none of a sender's, however many addresses they have.
    fn strangers_have_share(&self) -> bool {
        let share = self.shares.part().min(self.shares.limit() / STRANGERS_SHARE_DIVISOR);
        self.shares.held_by(&Holder::Strangers) >= share.max(1)
    }

    /// Removes a connection. Returns false if it has given way already.
    fn remove(&mut self, owner: &Owner, record: &Arc<ConnectionRecord>) -> bool {
        let (removed, holder) = match owner {
            Owner::Address(source) => (self.strangers.remove(*source, record.number), Holder::Strangers),
            Owner::Sender(sender, _) => {
                let records = self.senders.get_mut(sender);
                let removed = records.is_some_and(|records| records.remove(&record.number).is_some());
                (removed, Holder::Sender(sender.clone()))
            }
        };
        if removed {
            self.shares.release(&holder, 1);
        }
        removed
    }
}

/// Closes the oldest stranger of the address that has most, and returns the number of closed connections.
fn close_stranger(strangers: &mut Strangers) -> Option<usize> {
    strangers.pop(Instant::now())?.close(ConnectionRefusalReason::Connections);
    Some(1)
}

/// Closes the oldest of a sender's connections that are idle, or busy, and returns the number of closed connections.
fn close_oldest(
    records: &mut BTreeMap<u64, Arc<ConnectionRecord>>,
    since: fn(&Activity) -> Option<i64>,
) -> Option<usize> {
    let with_age = records.values().filter_map(|record| Some((since(&record.activity)?, record.number)));
    let (_, number) = with_age.min()?;
    records.remove(&number)?.close(ConnectionRefusalReason::Share);
    Some(1)
}

#[cfg(test)]
#[path = "connections_tests.rs"]
mod tests;
