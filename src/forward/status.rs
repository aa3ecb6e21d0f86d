//! What each consumer is doing, for `/status` and `hookspool status`.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What a consumer is doing. The names of the keys must not change.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct ConsumerStatus {
    /// Its name.
    pub name: String,
    /// The kind of its target: `http`, `exec`, `postgres` or `nats`.
    pub kind: String,
    /// Its endpoints.
    pub endpoints: Vec<String>,
    /// Entries that have not been attempted yet.
    pub waiting: u64,
    /// The age in seconds of the oldest entry that is neither done nor failed.
    pub oldest_seconds: Option<u64>,
    /// Entries that are being attempted.
    pub in_flight: u64,
    /// Entries that wait for their next attempt.
    pub retrying: u64,
    /// Entries that this process has moved to `done`.
    pub done: u64,
    /// Entries that this process has moved to `failed`.
    pub failed: u64,
    /// The latest attempt that was not successful.
    pub last_error: Option<AttemptError>,
    /// False while the target counts as down.
    pub target_up: bool,
}

/// An attempt that was not successful.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct AttemptError {
    /// When, as in RFC 3339.
    pub at: String,
    /// The entry.
    pub id: String,
    /// Why, in one line.
    pub reason: String,
}

/// The status of a consumer, written by its engine.
#[derive(Clone, Debug, Default)]
pub struct SharedStatus(Arc<Mutex<ConsumerStatus>>);

impl SharedStatus {
    /// The latest status.
    pub fn current(&self) -> ConsumerStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ConsumerStatus)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
