//! Whether the spool can accept deliveries at the moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::volume::Displaced;
use crate::policy::Name;

/// A disk that has worked on one batch for this long is reported as stalled.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// A fault of the whole spool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HealthFault {
    /// The configured path no longer leads to the directory that entries are written to.
    Displaced(Displaced),
    /// A write or sync failed, and no probe has succeeded since.
    Failing,
    /// The disk has not completed a batch for too long.
    Stalled,
    /// Less space is free than `[spool] min_free`.
    LowSpace {
        /// The free bytes.
        free: u64,
        /// The configured minimum.
        min_free: u64,
    },
}

impl HealthFault {
    /// The code that `/readyz` shows.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Displaced(_) | Self::Failing | Self::Stalled => "spool_failing",
            Self::LowSpace { .. } => "spool_low_space",
        }
    }
}

impl std::fmt::Display for HealthFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Displaced(Displaced { configured, held }) => write!(
                f,
                "the configured directory {configured} is not the directory that the daemon has open ({held}): \
                 it was moved, or something was mounted over it"
            ),
            Self::Failing => f.write_str("the last write to the spool failed"),
            Self::Stalled => write!(f, "the disk has not responded for more than {STALLED_AFTER:?}"),
            Self::LowSpace { free, min_free } => {
                write!(f, "{free} bytes are free, less than the {min_free} of [spool] min_free")
            }
        }
    }
}

/// The health of the spool. The commit thread changes it, and a reload its limits; it is read before a body is
/// received.
#[derive(Debug)]
pub struct Health {
    failing: AtomicBool,
    displaced: Mutex<Option<Displaced>>,
    /// Endpoints whose queues cannot be used, and why.
    faults: Mutex<BTreeMap<Name, String>>,
    /// The endpoints whose queues are checked.
    endpoints: Mutex<Vec<Name>>,
    free: AtomicU64,
    min_free: AtomicU64,
    writing_since: Mutex<Option<Instant>>,
    steps: AtomicU64,
}

impl Health {
    pub(super) fn new(min_free: u64) -> Self {
        Self {
            failing: AtomicBool::new(false),
            displaced: Mutex::default(),
            faults: Mutex::default(),
            endpoints: Mutex::default(),
            free: AtomicU64::new(u64::MAX),
            min_free: AtomicU64::new(min_free),
            writing_since: Mutex::new(None),
            steps: AtomicU64::new(0),
        }
    }

    /// Records progress of the commit thread, which includes finding nothing to do.
    pub(super) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// The steps of the commit thread so far. A healthy thread makes at least one each second.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Replaces the state of the root; returns the previous state.
    pub(super) fn set_displaced(&self, displaced: Option<Displaced>) -> Option<Displaced> {
        std::mem::replace(&mut *locked(&self.displaced), displaced)
    }

    pub(super) fn displaced(&self) -> Option<Displaced> {
        locked(&self.displaced).clone()
    }

    /// Sets the endpoints whose queues are checked.
    pub fn set_endpoints(&self, endpoints: Vec<Name>) {
        *locked(&self.endpoints) = endpoints;
    }

    pub(super) fn endpoints(&self) -> Vec<Name> {
        locked(&self.endpoints).clone()
    }

    /// Replaces the faults of all endpoints; returns the previous ones.
    pub(super) fn set_faults(&self, faults: BTreeMap<Name, String>) -> BTreeMap<Name, String> {
        std::mem::replace(&mut *locked(&self.faults), faults)
    }

    /// The endpoints whose queues cannot be used, and why. Their deliveries get 503.
    pub fn endpoint_faults(&self) -> BTreeMap<Name, String> {
        locked(&self.faults).clone()
    }

    /// Why the queues of this endpoint cannot be used; none if they can.
    pub fn fault_of(&self, endpoint: &Name) -> Option<String> {
        locked(&self.faults).get(endpoint).cloned()
    }

    pub(super) fn set_writing_since(&self, since: Option<Instant>) {
        *locked(&self.writing_since) = since;
    }

    fn is_stalled(&self) -> bool {
        let since = *locked(&self.writing_since);
        since.is_some_and(|since| since.elapsed() > STALLED_AFTER)
    }

    pub(super) fn set_free(&self, bytes: u64) {
        self.free.store(bytes, Ordering::Relaxed);
    }

    /// Sets the free space below which the spool is not healthy.
    pub fn set_min_free(&self, bytes: u64) {
        self.min_free.store(bytes, Ordering::Relaxed);
    }

    /// The free bytes at the last check.
    pub fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// All faults of the spool, the most severe first; none if it is healthy.
    pub fn faults(&self) -> impl Iterator<Item = HealthFault> {
        let displaced = self.displaced().map(HealthFault::Displaced);
        let failing = self.is_failing().then_some(HealthFault::Failing);
        let stalled = self.is_stalled().then_some(HealthFault::Stalled);
        let (free, min_free) = (self.free(), self.min_free.load(Ordering::Relaxed));
        let low = (free < min_free).then_some(HealthFault::LowSpace { free, min_free });
        displaced.into_iter().chain(failing).chain(stalled).chain(low)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
