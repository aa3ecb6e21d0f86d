//! The latest refusals, and the decision whether to log one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::rate_limiter::RateLimiter;
use super::shown::HandshakeRecord;

/// The number of refusals that are kept, and of failures.
pub const REFUSALS_MAX: usize = 100;

/// The last [`REFUSALS_MAX`] refusals, and the same number of failures. They are stored separately, because a client
/// without a certificate can cause failures, and must not displace refusals.
#[derive(Debug, Default)]
pub struct Refusals {
    refused: Mutex<VecDeque<HandshakeRecord>>,
    failed: Mutex<VecDeque<HandshakeRecord>>,
    rate_limiter: Mutex<RateLimiter>,
}

impl Refusals {
    /// Stores a refusal and drops the oldest if there are too many, those of unknown peers first. Returns whether to
    /// log it: an unknown peer must not be able to fill the log.
    pub fn record_refusal(&self, reason: &'static str, refused: HandshakeRecord, now: Instant) -> bool {
        let may_log = self.may_log(reason, !refused.vouched.is_empty(), now);
        let mut ring = lock(&self.refused);
        if ring.len() == REFUSALS_MAX {
            // A port scanner must not displace a bank.
            let unknown = ring.iter().position(|kept| kept.vouched.is_empty()).unwrap_or(0);
            ring.remove(unknown);
        }
        ring.push_back(refused);
        may_log
    }

    /// Stores a handshake that failed before a certificate was evaluated. Returns whether to log it.
    pub fn record_failure(&self, reason: &'static str, failed: HandshakeRecord, now: Instant) -> bool {
        let may_log = self.may_log(reason, false, now);
        let mut ring = lock(&self.failed);
        if ring.len() == REFUSALS_MAX {
            ring.pop_front();
        }
        ring.push_back(failed);
        may_log
    }

    /// Whether to log another event of this kind; senders whose CA is `known` are limited separately.
    pub fn may_log(&self, kind: &'static str, known: bool, now: Instant) -> bool {
        lock(&self.rate_limiter).allows(kind, known, now)
    }

    /// All stored refusals and failures, the oldest first.
    pub fn all(&self) -> Vec<HandshakeRecord> {
        let mut all: Vec<_> = lock(&self.refused).iter().cloned().collect();
        all.extend(lock(&self.failed).iter().cloned());
        // RFC 3339 in UTC with a fixed precision sorts chronologically.
        all.sort_by(|a, b| a.at.cmp(&b.at));
        all
    }

    /// The number of refusals that were not logged since the last call, by reason.
    pub fn take_unlogged(&self) -> Vec<(&'static str, u64)> {
        lock(&self.rate_limiter).take_unlogged()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
