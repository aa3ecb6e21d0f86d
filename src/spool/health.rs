//! Whether the spool can take deliveries right now.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::volume::Displaced;
use crate::policy::Name;

/// A disk that takes this long for one batch is not going to be in time for anybody.
const STALLED_AFTER: Duration = Duration::from_secs(10);

/// A fault of the whole spool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HealthFault {
    /// The configured path no longer leads to the directory that entries are written to.
    Displaced(Displaced),
    /// Something could not be made durable, and no probe has succeeded since.
    Failing,
    /// The disk has not answered for too long.
    Stalled,
    /// Less space is free than the operator wants to keep.
    LowSpace {
        /// Bytes that are free.
        free: u64,
        /// Bytes that should be.
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
                "the configured directory {configured} is not the one that is held open ({held}): \
                 it was moved, or something was mounted over it"
            ),
            Self::Failing => f.write_str("the last write to the spool failed"),
            Self::Stalled => write!(f, "the disk has not answered for more than {STALLED_AFTER:?}"),
            Self::LowSpace { free, min_free } => {
                write!(f, "{free} bytes are free, and [spool] min_free asks for {min_free}")
            }
        }
    }
}

/// Written by the commit thread alone, read before a body is received.
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

    /// The committer has come a step further, be it only that there is nothing to do.
    pub(super) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Steps of the committer so far; while it is well there is one in every second.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    pub(super) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Replaces what is known of the root; returns what was known before.
    pub(super) fn set_displaced(&self, displaced: Option<Displaced>) -> Option<Displaced> {
        std::mem::replace(&mut *locked(&self.displaced), displaced)
    }

    pub(super) fn displaced(&self) -> Option<Displaced> {
        locked(&self.displaced).clone()
    }

    /// From now on, the queues of these endpoints are checked.
    pub fn set_endpoints(&self, endpoints: Vec<Name>) {
        *locked(&self.endpoints) = endpoints;
    }

    pub(super) fn endpoints(&self) -> Vec<Name> {
        locked(&self.endpoints).clone()
    }

    /// Replaces all faults of endpoints; returns those from before.
    pub(super) fn set_faults(&self, faults: BTreeMap<Name, String>) -> BTreeMap<Name, String> {
        std::mem::replace(&mut *locked(&self.faults), faults)
    }

    /// Why the queues of each endpoint that is named cannot be used; its deliveries get 503.
    pub fn endpoint_faults(&self) -> BTreeMap<Name, String> {
        locked(&self.faults).clone()
    }

    /// Why the queues of this endpoint cannot be used, if they cannot.
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

    /// From now on, this much is to be kept free.
    pub fn set_min_free(&self, bytes: u64) {
        self.min_free.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that were free when last looked at.
    pub fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// All faults of the spool, worst first; none if it is healthy.
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
