//! The latest refusals, and whether to log another one.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::rate_limiter::RateLimiter;
use super::shown::RefusedHandshake;

/// How many are kept.
pub const REFUSALS_MAX: usize = 100;

/// The last [`REFUSALS_MAX`] refusals, and as many failures. A failure needs no certificate, so it must not displace a refusal.
#[derive(Debug, Default)]
pub struct Refusals {
    refused: Mutex<VecDeque<RefusedHandshake>>,
    failed: Mutex<VecDeque<RefusedHandshake>>,
    rate_limiter: Mutex<RateLimiter>,
}

impl Refusals {
    /// Keeps a refusal and drops the oldest if there are too many, those of unknown peers first. Returns whether to log it: an
    /// unknown peer must not be able to fill the log.
    pub fn note(&self, refused: RefusedHandshake, now: Instant) -> bool {
        let loud = self.may_log(refused.reason, !refused.vouched.is_empty(), now);
        let mut ring = lock(&self.refused);
        if ring.len() == REFUSALS_MAX {
            // A port scanner must not displace the bank that the operator is looking for.
            let stranger = ring.iter().position(|kept| kept.vouched.is_empty()).unwrap_or(0);
            ring.remove(stranger);
        }
        ring.push_back(refused);
        loud
    }

    /// Keeps a handshake that failed before a certificate was evaluated. Returns whether to log it.
    pub fn note_failure(&self, failed: RefusedHandshake, now: Instant) -> bool {
        let loud = self.may_log(failed.reason, false, now);
        let mut ring = lock(&self.failed);
        if ring.len() == REFUSALS_MAX {
            ring.pop_front();
        }
        ring.push_back(failed);
        loud
    }

    /// Whether to log another event of this kind; senders whose CA is `known` are limited separately.
    pub fn may_log(&self, kind: &'static str, known: bool, now: Instant) -> bool {
        lock(&self.rate_limiter).allows(kind, known, now)
    }

    /// All that are kept, oldest first.
    pub fn all(&self) -> Vec<RefusedHandshake> {
        let mut all: Vec<_> = lock(&self.refused).iter().cloned().collect();
        all.extend(lock(&self.failed).iter().cloned());
        // RFC 3339 in UTC with a fixed precision sorts like the time.
        all.sort_by(|a, b| a.at.cmp(&b.at));
        all
    }

    /// How many were not logged since this was last asked, by reason.
    pub fn take_unlogged(&self) -> Vec<(&'static str, u64)> {
        lock(&self.rate_limiter).take_unlogged()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
