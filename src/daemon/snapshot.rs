//! Creates snapshots from settings.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ipnet::IpNet;

use crate::clock::Clock;
use crate::config::{Settings, Tls};
use crate::live::{Limits, Snapshot};
use crate::metrics::{CertificateRole, Metrics};
use crate::policy::Policy;
use crate::tls::expiry::CertificateFact;
use crate::tls::server::server_config;
use crate::tls::verifier::{SenderVerifier, TrustedSender};

/// The settings that are replaced as one value.
#[derive(Debug)]
pub(super) struct SnapshotDraft {
    pub(super) tls: Tls,
    pub(super) senders: Vec<TrustedSender>,
    pub(super) policy: Policy,
    pub(super) limits: Limits,
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) certificates: Vec<CertificateFact>,
    pub(super) unusable_lists: Vec<String>,
    pub(super) degraded: Vec<String>,
}

impl From<Settings> for SnapshotDraft {
    fn from(settings: Settings) -> Self {
        Self {
            tls: settings.tls,
            senders: settings.senders,
            policy: settings.policy,
            limits: settings.limits,
            trusted_proxies: settings.trusted_proxies,
            certificates: settings.certificates,
            unusable_lists: settings.unusable_lists,
            degraded: settings.degraded,
        }
    }
}

impl SnapshotDraft {
    /// The first snapshot, or the one that follows `before`.
    pub(super) fn into_snapshot(self, before: Option<&Snapshot>, clock: &Clock) -> Snapshot {
        let verifier = match before {
            Some(before) => before.verifier.succeeded_by(self.senders),
            None => Arc::new(SenderVerifier::new(self.senders, clock.clone())),
        };
        let Tls { key_pair, extra, min_version } = &self.tls;
        Snapshot {
            generation: before.map_or(1, |before| before.generation + 1),
            loaded_at: clock.now(),
            tls: server_config(key_pair, extra, Arc::clone(&verifier), *min_version),
            verifier,
            policy: self.policy,
            limits: self.limits,
            trusted_proxies: self.trusted_proxies,
            certificates: self.certificates,
            unusable_lists: self.unusable_lists,
            degraded: self.degraded,
        }
    }
}

/// Updates the metrics of a snapshot, and removes those that only the previous one had. Of several certificates with
/// the same role and name, the one that expires first counts.
pub(super) fn update_certificate_metrics(snapshot: &Snapshot, before: Option<&Snapshot>, metrics: &Metrics) {
    metrics.generation.set(snapshot.generation);
    let ends = ends(snapshot);
    if let Some(before) = before {
        for (role, name) in self::ends(before).keys().filter(|key| !ends.contains_key(*key)) {
            metrics.forget_certificate(*role, name);
        }
        let known: HashSet<_> = snapshot.policy.senders().iter().map(|sender| &sender.name).collect();
        for removed in before.policy.senders().iter().filter(|sender| !known.contains(&sender.name)) {
            metrics.forget_certificate(CertificateRole::Client, removed.name.as_str());
        }
    }
    for ((role, name), fact) in ends {
        metrics.certificate(role, name, fact.not_before.as_second(), fact.not_after.as_second());
    }
}

/// The certificate of each role and name that expires first.
fn ends(snapshot: &Snapshot) -> BTreeMap<(CertificateRole, &str), &CertificateFact> {
    let mut soonest = BTreeMap::new();
    for fact in &snapshot.certificates {
        let first = soonest.entry((fact.role, fact.name.as_str())).or_insert(fact);
        if fact.not_after < first.not_after {
            *first = fact;
        }
    }
    soonest
}
