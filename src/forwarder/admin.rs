//! What the admin listener of `forward` serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::consumers::ConsumerStatuses;
use crate::admin::{AdminService, NotReady};
use crate::forward::ConsumerStatus;
use crate::live::{Reload, ReloadRequest};
use crate::metrics::ForwardMetrics;

/// The document of `/status`. Keys may be added, but not renamed or removed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct ForwardStatus {
    /// The version of the process.
    pub version: String,
    /// The number of the configuration in force.
    pub generation: u64,
    /// The consumers, by name.
    pub consumers: Vec<ConsumerStatus>,
    /// The last reload, if there was one.
    pub last_reload: Option<Reload>,
    /// Messages about functions that are degraded.
    pub degraded: Vec<String>,
}

/// The state that the process publishes to its admin listener.
#[derive(Debug, Default)]
pub(super) struct ForwardState {
    is_draining: AtomicBool,
    facts: Mutex<ForwardStatus>,
}

impl ForwardState {
    pub(super) fn begin_draining(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Records which configuration is in force, and what is degraded.
    pub(super) fn loaded(&self, generation: u64, degraded: Vec<String>) {
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        (facts.generation, facts.degraded) = (generation, degraded);
    }

    pub(super) fn record_reload(&self, reload: Reload) {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).last_reload = Some(reload);
    }

    pub(super) fn generation(&self) -> u64 {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).generation
    }
}

/// The state of `forward` for its admin listener.
#[derive(Clone, Debug)]
pub(super) struct ForwardAdmin {
    pub(super) state: Arc<ForwardState>,
    pub(super) statuses: ConsumerStatuses,
    pub(super) metrics: Arc<ForwardMetrics>,
    pub(super) reload: mpsc::Sender<ReloadRequest>,
}

impl AdminService for ForwardAdmin {
    const ACCEPTS_OLDER_LISTS: bool = false;

    fn not_ready(&self) -> Vec<NotReady> {
        let is_draining = self.state.is_draining.load(Ordering::Relaxed);
        let draining = NotReady { code: "draining".into(), detail: "the process is stopping".to_owned() };
        is_draining.then_some(draining).into_iter().collect()
    }

    fn metrics(&self) -> String {
        self.metrics.text()
    }

    fn status(&self) -> impl Serialize {
        let facts = self.state.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last = facts.last_reload.iter().flat_map(Reload::degraded);
        let degraded = facts.degraded.iter().cloned().chain(last).collect();
        ForwardStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            consumers: self.statuses.current(),
            degraded,
            ..facts
        }
    }

    fn reload(&self) -> &mpsc::Sender<ReloadRequest> {
        &self.reload
    }
}
