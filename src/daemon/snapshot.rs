//! From settings to the value that connections are judged by.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::live::Snapshot;
use crate::metrics::Metrics;
use crate::policy::Policy;
use crate::tls::expiry::CertificateFact;
use crate::tls::key_pair::KeyPair;
use crate::tls::server::{MinVersion, server_config};
use crate::tls::verifier::{SenderVerifier, TrustedSender};

/// Everything of a configuration that is swapped as one value.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) key_pair: KeyPair,
    pub(super) min_version: MinVersion,
    pub(super) senders: Vec<TrustedSender>,
    pub(super) policy: Policy,
    pub(super) certificates: Vec<CertificateFact>,
    pub(super) degraded: Vec<String>,
}

impl Judgement {
    pub(super) fn into_snapshot(self, generation: u64, clock: &Clock) -> Snapshot {
        let verifier = SenderVerifier::new(self.senders, clock.clone());
        Snapshot {
            generation,
            loaded_at: clock.now(),
            tls: server_config(&self.key_pair, verifier, self.min_version),
            policy: self.policy,
            certificates: self.certificates,
            degraded: self.degraded,
        }
    }
}

/// Publishes what a snapshot says of itself. Of several certificates with one role and name, the
/// one that expires first counts.
pub(super) fn publish(snapshot: &Snapshot, metrics: &Metrics) {
    metrics.generation.set(i64::try_from(snapshot.generation).unwrap_or(i64::MAX));
    let mut soonest = BTreeMap::new();
    for fact in &snapshot.certificates {
        let not_after = soonest.entry((fact.role.word(), fact.name.as_str())).or_insert(fact.not_after);
        *not_after = fact.not_after.min(*not_after);
    }
    for ((role, name), not_after) in soonest {
        metrics.not_after(role, name, not_after.as_second());
    }
}
