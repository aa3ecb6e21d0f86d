//! The last refusals, and whether to log another one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::pace::Pace;
use super::shown::RefusedHandshake;

/// How many are kept.
pub const REFUSALS_MAX: usize = 100;

/// A ring of the last [`REFUSALS_MAX`] refusals.
#[derive(Debug, Default)]
pub struct Refusals {
    ring: Mutex<VecDeque<RefusedHandshake>>,
    pace: Mutex<Pace>,
}

impl Refusals {
    /// Keeps one, and forgets the oldest when there are too many, strangers first. Says whether to log it, too: a
    /// stranger who knocks all day shall not fill the log.
    pub fn note(&self, refused: RefusedHandshake, now: Instant) -> bool {
        let known = !refused.vouched.is_empty();
        let loud = self.may_log(refused.reason, known, now);
        let mut ring = lock(&self.ring);
        if ring.len() == REFUSALS_MAX {
            // Whoever scans ports shall not push out the bank that is being looked for.
            let stranger = ring.iter().position(|kept| kept.vouched.is_empty()).unwrap_or(0);
            ring.remove(stranger);
        }
        ring.push_back(refused);
        loud
    }

    /// Whether to log another event of this kind; senders whose CA is `known` have a measure of
    /// their own.
    pub fn may_log(&self, kind: &'static str, known: bool, now: Instant) -> bool {
        lock(&self.pace).allows(kind, known, now)
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> Vec<RefusedHandshake> {
        lock(&self.ring).iter().cloned().collect()
    }

    /// How many were not logged since this was last asked, by reason.
    pub fn take_unlogged(&self) -> Vec<(&'static str, u64)> {
        lock(&self.pace).take_unlogged()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
