//! What the table of open connections knows of each.

use std::sync::atomic::{AtomicI64, Ordering};
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
    pub(super) activity: Arc<Activity>,
    gives_way: CancellationToken,
    /// Set before `gives_way`.
    reason: OnceLock<ConnectionRefusalReason>,
}

/// Since when a connection has been without a request, or has had requests in flight.
#[derive(Debug)]
pub(super) struct Activity {
    /// The origin of `since`, the same for all connections.
    origin: Instant,
    /// In nanoseconds after the origin; negative while a request is in flight, 0 before a sender is admitted.
    since: AtomicI64,
}

impl ConnectionRecord {
    /// The record of a connection that was just opened. `origin` is the same for all connections.
    pub(super) fn new(number: u64, origin: Instant) -> Self {
        Self {
            number,
            opened_at: Instant::now(),
            activity: Arc::new(Activity::new(origin)),
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

impl Activity {
    pub(super) fn new(origin: Instant) -> Self {
        Self { origin, since: AtomicI64::new(0) }
    }

    /// The connection has no request in flight from now on.
    pub(super) fn end(&self) {
        self.since.store(self.now(), Ordering::Relaxed);
    }

    /// The connection has a request in flight from now on.
    pub(super) fn begin(&self) {
        self.since.store(-self.now(), Ordering::Relaxed);
    }

    /// Since when the connection is idle, in nanoseconds after the origin; `None` if it is not.
    pub(super) fn idle_since(&self) -> Option<i64> {
        Some(self.since.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }

    /// Since when the connection has had requests in flight, in nanoseconds after the origin; `None` if it has none.
    pub(super) fn busy_since(&self) -> Option<i64> {
        Some(-self.since.load(Ordering::Relaxed)).filter(|since| *since > 0)
    }

    fn now(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(i64::MAX).max(1)
    }
}
