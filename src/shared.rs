//! The state that several parts of the daemon share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use crate::clock::Clock;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::spool::Spool;

/// The state that the listeners, the intake and the reload share. A daemon has one instance.
#[derive(Debug)]
pub struct Shared {
    /// The snapshot in force, the last reload, and whether the daemon is shutting down.
    pub live: Live,
    /// All metrics. Only `/metrics` reads them.
    pub metrics: Arc<Metrics>,
    /// The latest refusals.
    pub refusals: Refusals,
    /// The spool that entries are written to, and its health.
    pub spool: Spool,
    /// The source of the time of day, which tests can replace.
    pub clock: Clock,
    /// The number of open connections.
    pub connections: AtomicI64,
    /// The number of deliveries that have been stored since the start.
    pub stored: AtomicU64,
}

impl Shared {
    /// Creates the shared state, with the counts at 0.
    pub fn new(live: Live, metrics: Arc<Metrics>, spool: Spool, clock: Clock) -> Self {
        Self {
            live,
            metrics,
            refusals: Refusals::default(),
            spool,
            clock,
            connections: AtomicI64::new(0),
            stored: AtomicU64::new(0),
        }
    }

    /// Why single endpoints cannot accept deliveries, a sentence for each.
    pub fn endpoint_faults(&self) -> Vec<String> {
        let faults = self.spool.health().endpoint_faults().into_iter();
        let faults = faults.map(|(name, fault)| format!("endpoint `{name}`: {fault}"));
        let snapshot = self.live.current();
        let checked = snapshot.policy.endpoints().iter().map(|endpoint| self.spool.space().check(endpoint));
        faults.chain(checked.filter_map(|check| Some(check.err()?.to_string()))).collect()
    }
}
