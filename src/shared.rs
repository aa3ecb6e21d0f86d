//! What all parts of the daemon share.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

use crate::clock::Clock;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::spool::Spool;

/// The parts that the listeners, the intake and the reload share. There is one.
#[derive(Debug)]
pub struct Shared {
    /// The snapshot in force, the last reload, and whether the daemon is shutting down.
    pub live: Live,
    /// All metrics. They are only written, and read only by `/metrics`.
    pub metrics: Arc<Metrics>,
    /// The latest refusals.
    pub refusals: Refusals,
    /// The spool that entries are written to, and its health.
    pub spool: Spool,
    /// The clock.
    pub clock: Clock,
    /// The number of open connections.
    pub connections: AtomicI64,
    /// The number of deliveries that have been stored since the start.
    pub stored: AtomicU64,
}

impl Shared {
    /// Creates the shared parts, without connections and deliveries.
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
}
