//! What the table of open connections knows of each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics::ConnectionRefusalReason;

/// An open connection, which its task and the table of all connections share.
#[derive(Debug)]
pub(super) struct ConnectionRecord {
    /// Connections are numbered in the order in which they were opened.
    pub(super) number: u64,
    pub(super) opened_at: Instant,
    pub(super) idleness: Arc<Idleness>,
    gives_way: CancellationToken,
    /// Set before `gives_way`.
    reason: OnceLock<ConnectionRefusalReason>,
}

/// Since when a connection has been without a request.
#[derive(Debug)]
pub(super) struct Idleness {
    /// The origin of `since`, the same for all connections.
    origin: Instant,
    /// In nanoseconds after the origin; 0 while a request is in flight, and before a sender is admitted.
    since: AtomicU64,
}

impl ConnectionRecord {
    /// The record of a connection that was just opened. `origin` is the same for all connections.
    pub(super) fn new(number: u64, origin: Instant) -> Self {
        Self {
            number,
            opened_at: Instant::now(),
            idleness: Arc::new(Idleness::new(origin)),
            gives_way: CancellationToken::new(),
            reason: OnceLock::new(),
        }
    }

    /// Makes the connection give way. Called once: the connection leaves the table with that.
    pub(super) fn close(&self, reason: ConnectionRefusalReason) {
        let _ = self.reason.set(reason);
        self.gives_way.cancel();
    }

    /// Waits until the connection has to give way, and returns which limit was reached.
    pub(super) async fn gives_way(&self) -> ConnectionRefusalReason {
        self.gives_way.cancelled().await;
        self.close_reason().unwrap_or(ConnectionRefusalReason::Connections)
    }

    /// Which limit was reached, if the connection has to give way.
    pub(super) fn close_reason(&self) -> Option<ConnectionRefusalReason> {
        self.reason.get().copied()
    }
}

impl Idleness {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin, since: AtomicU64::new(0) }
    }

    /// The connection has no request in flight.
    pub(super) fn begin(&self) {
        let since = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.since.store(since.max(1), Ordering::Relaxed);
    }

    /// A request is in flight.
    pub(super) fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// Since when the connection is idle, in nanoseconds after the origin; `None` if it is not.
    pub(super) fn since(&self) -> Option<u64> {
        Some(self.since.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }
}
