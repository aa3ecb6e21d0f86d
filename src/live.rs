//! The live state: the snapshot in force, the result of the last reload, and whether the daemon is shutting down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use rustls::ServerConfig;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};

use crate::clock::Timestamp;
use crate::diagnostic::{Finding, Severity};
use crate::metrics::ReloadOutcome;
use crate::policy::{Name, Policy};
use crate::tls::expiry::CertificateFact;
use crate::tls::verifier::SenderVerifier;

/// Timeouts and the limit of connections.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The most open connections. Further ones take the place of others.
    pub max_connections: usize,
    /// The most connections from one address on which no sender has been admitted yet.
    pub max_connections_per_address: usize,
    /// The most handshakes whose cryptography runs or waits to run.
    pub max_handshakes: usize,
    /// The time from accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// The time from the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// The time from the headers to the last byte of the body.
    pub body_timeout: Duration,
    /// How long a connection may be idle between two requests.
    pub idle_timeout: Duration,
    /// The time after which a connection accepts no further request; `None` for no limit.
    pub max_connection_age: Option<Duration>,
    /// How long a shutdown waits for requests in flight.
    pub drain_timeout: Duration,
}

/// One generation of TLS configuration, policy and limits, which is read, validated and replaced as a whole.
#[derive(Debug)]
pub struct Snapshot {
    /// The number of the generation. The first is 1, and each reload that is applied adds 1.
    pub generation: u64,
    /// When the snapshot was created.
    pub loaded_at: Timestamp,
    /// The TLS configuration of new handshakes.
    pub tls: Arc<ServerConfig>,
    /// Verifies the certificates of new handshakes and of open connections.
    pub verifier: Arc<SenderVerifier>,
    /// The senders and endpoints.
    pub policy: Policy,
    /// The timeouts and the limit of connections.
    pub limits: Limits,
    /// The networks of the proxies that have to name the peer's address.
    pub trusted_proxies: Vec<IpNet>,
    /// Every certificate and revocation list in use.
    pub certificates: Vec<CertificateFact>,
    /// The files of revocation lists that cannot be used, each with its sender.
    pub unusable_lists: Vec<String>,
    /// Messages for the operator about functions that are degraded.
    pub degraded: Vec<String>,
}

/// The last reload, as `/status` and `POST /reload` show it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Reload {
    /// The outcome.
    pub outcome: ReloadOutcome,
    /// When the reload ended, as in RFC 3339.
    pub at: String,
    /// The generation in force after the reload.
    pub generation: u64,
    /// The findings of the validation.
    pub findings: Vec<Finding>,
    /// The changed settings that take effect after a restart.
    pub waits_for_restart: Vec<String>,
    /// The directories of named files that only the sandbox prevents the daemon from reading.
    pub unreadable_until_restart: Vec<String>,
}

impl Reload {
    /// Messages for the operator about what this reload did not apply.
    pub fn degraded(&self) -> Vec<String> {
        let is_rejected = self.outcome == ReloadOutcome::Rejected;
        let error = self.findings.iter().find(|finding| finding.severity == Severity::Error);
        let first = error.map(|first| format!(": {first}")).unwrap_or_default();
        let rejected = is_rejected.then(|| {
            format!("the last reload was rejected; the previous configuration stays in force{first}")
        });
        rejected.into_iter().chain(self.waits_for_restart.iter().cloned()).collect()
    }
}

/// A requested reload.
#[derive(Debug)]
pub struct ReloadRequest {
    /// The sender whose revocation lists are accepted although they are older than those in force.
    pub accept_older_lists: Option<Name>,
    /// The channel on which the result is returned.
    pub reply: oneshot::Sender<Reload>,
}

/// The live state of the daemon, shared by all tasks.
#[derive(Debug)]
pub struct Live {
    snapshot: watch::Sender<Arc<Snapshot>>,
    last_reload: Mutex<Option<Reload>>,
    draining: AtomicBool,
}

impl Live {
    /// Creates the state with its first snapshot.
    pub fn new(first: Snapshot) -> Self {
        Self {
            snapshot: watch::Sender::new(Arc::new(first)),
            last_reload: Mutex::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// The snapshot in force. Two calls may return different snapshots: for values that must match, call it once.
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// Replaces the snapshot in force.
    pub fn replace(&self, next: Snapshot) {
        self.snapshot.send_replace(Arc::new(next));
    }

    /// A receiver that is notified of each later snapshot.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// The last reload; none if there was none.
    pub fn last_reload(&self) -> Option<Reload> {
        self.reload().clone()
    }

    /// Records a reload as the last one.
    pub fn record_reload(&self, reload: Reload) {
        *self.reload() = Some(reload);
    }

    /// Messages for the operator about functions that are degraded.
    pub fn degraded(&self) -> Vec<String> {
        let mut degraded = self.current().degraded.clone();
        degraded.extend(self.last_reload().iter().flat_map(Reload::degraded));
        degraded
    }

    /// Stops accepting deliveries.
    pub fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the daemon is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn reload(&self) -> MutexGuard<'_, Option<Reload>> {
        self.last_reload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
