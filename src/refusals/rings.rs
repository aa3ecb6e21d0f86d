//! The rings of all groups, and the rate limits of warnings that a peer can cause after its handshake.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::rate_limiter::RateLimiter;
use super::ring::Ring;
use super::shown::HandshakeRecord;
use crate::policy::{Name, Refusal, RefusalGroup};

/// The number of records in a ring.
pub const PLACES_MAX: usize = 100;
/// The number of records in the rings of all senders together, unless each sender would have fewer than
/// [`PLACES_MIN`].
const SENDER_PLACES_MAX: usize = 1_000;
/// The smallest number of records in the ring of a sender.
const PLACES_MIN: usize = 5;

/// The latest refused and failed handshakes.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<Rings>);

#[derive(Debug, Default)]
struct Rings {
    senders: BTreeMap<Name, Ring>,
    unproven: Option<Ring>,
    strangers: Option<Ring>,
    /// Handshakes without a certificate.
    failed: Option<Ring>,
    /// The limits of other events, by kind and sender.
    events: BTreeMap<(&'static str, Option<Name>), RateLimiter>,
}

impl Refusals {
    /// Stores a refusal. Returns whether to log it: an unknown peer must not be able to fill the log.
    pub fn record_refusal(&self, refusal: &Refusal, record: HandshakeRecord, now: Instant) -> bool {
        let reason = refusal.reason.word();
        let Some(fingerprint) = refusal.fingerprint() else {
            return self.record_failure(reason, record, now);
        };
        let mut rings = self.lock();
        let new = || Ring::new(now);
        let (ring, places) = match refusal.group() {
            RefusalGroup::Sender(sender) => {
                let senders = refusal.evaluations.len();
                if !rings.senders.contains_key(sender) && rings.senders.len() >= senders {
                    // A reload has removed some senders.
                    rings
                        .senders
                        .retain(|name, _| refusal.evaluations.iter().any(|it| it.sender.name == *name));
                }
                let places = (SENDER_PLACES_MAX / senders.max(1)).clamp(PLACES_MIN, PLACES_MAX);
                (rings.senders.entry(sender.clone()).or_insert_with(new), places)
            }
            RefusalGroup::Unproven => (rings.unproven.get_or_insert_with(new), PLACES_MAX),
            RefusalGroup::Stranger => (rings.strangers.get_or_insert_with(new), PLACES_MAX),
        };
        ring.store(Some(fingerprint), record, places);
        ring.limiter.allows(reason, Some(fingerprint), now)
    }

    /// Stores a handshake without a certificate. Returns whether to log it; each reason has its own limit.
    pub fn record_failure(&self, reason: &'static str, record: HandshakeRecord, now: Instant) -> bool {
        self.lock().failed.get_or_insert_with(|| Ring::new(now)).store(None, record, PLACES_MAX);
        self.may_log(reason, None, now)
    }

    /// Whether to log another event of this kind that concerns this sender.
    pub fn may_log(&self, kind: &'static str, sender: Option<&Name>, now: Instant) -> bool {
        let mut rings = self.lock();
        let limiter = rings.events.entry((kind, sender.cloned())).or_insert_with(|| RateLimiter::new(now));
        limiter.allows(kind, None, now)
    }

    /// All stored refusals and failures, in the order of their last times.
    pub fn all(&self) -> Vec<HandshakeRecord> {
        let mut rings = self.lock();
        let mut all: Vec<_> = rings.all().flat_map(|ring| ring.records()).cloned().collect();
        drop(rings);
        // RFC 3339 in UTC with a fixed precision sorts chronologically.
        all.sort_by(|a, b| a.last_at.cmp(&b.last_at));
        all
    }

    /// The number of events that were not logged since the last call, by reason.
    pub fn take_unlogged(&self) -> BTreeMap<&'static str, u64> {
        let mut rings = self.lock();
        let mut counts = BTreeMap::new();
        let mut add = |limiter: &mut RateLimiter| {
            for (reason, count) in limiter.take_unlogged() {
                *counts.entry(reason).or_default() += count;
            }
        };
        rings.events.values_mut().for_each(&mut add);
        rings.all().for_each(|ring| add(&mut ring.limiter));
        counts
    }

    fn lock(&self) -> MutexGuard<'_, Rings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rings {
    fn all(&mut self) -> impl Iterator<Item = &mut Ring> {
        let groups = [&mut self.unproven, &mut self.strangers, &mut self.failed];
        self.senders.values_mut().chain(groups.into_iter().flatten())
    }
}

#[cfg(test)]
#[path = "rings_tests.rs"]
mod tests;
