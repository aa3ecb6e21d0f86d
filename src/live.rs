//! What is in force: TLS, policy and limits as one value, what became of the last reload, and
//! whether we are going away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use serde::Serialize;
use tokio::sync::{oneshot, watch};

use crate::clock::Timestamp;
use crate::diagnostic::{Finding, Severity};
use crate::policy::Policy;
use crate::tls::expiry::CertificateFact;
use crate::tls::verifier::SenderVerifier;

/// How long to wait for what, and how many at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Connections at once; more wait in the listen backlog.
    pub max_connections: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the headers to the last byte of the body.
    pub body_timeout: Duration,
    /// How long a kept-alive connection may have nothing to say.
    pub idle_timeout: Duration,
    /// How long a stop waits for what is in flight.
    pub drain_timeout: Duration,
}

/// What belongs together: read in one moment, judged together, replaced whole.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with each set that comes into force; the first is 1.
    pub generation: u64,
    /// When it came into force.
    pub loaded_at: Timestamp,
    /// For new handshakes.
    pub tls: Arc<ServerConfig>,
    /// The judge of those handshakes, and of connections that are open already.
    pub verifier: Arc<SenderVerifier>,
    /// Who may deliver what where.
    pub policy: Policy,
    /// How long to wait for what.
    pub limits: Limits,
    /// Every certificate and list in use.
    pub certificates: Vec<CertificateFact>,
    /// What works less well than it should, in words for the operator.
    pub degraded: Vec<String>,
}

/// What became of a reload.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReloadOutcome {
    /// A new set is in force.
    Applied,
    /// What was read is not fit to serve; the old set stays in force.
    Rejected,
    /// What was read is what is in force.
    Unchanged,
}

impl ReloadOutcome {
    /// The outcome as a metric's label.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Rejected => "rejected",
            Self::Unchanged => "unchanged",
        }
    }
}

/// The last reload, as `/status` and `POST /reload` show it.
#[derive(Clone, Debug, Serialize)]
pub struct Reload {
    /// What became of it.
    pub outcome: ReloadOutcome,
    /// When, RFC 3339.
    pub at: String,
    /// The set that is in force since.
    pub generation: u64,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What has changed and waits for a restart.
    pub waits_for_restart: Vec<String>,
}

/// Somebody asks for a reload, and waits for what becomes of it.
pub type Asking = oneshot::Sender<Reload>;

/// The snapshot in force, and the state of the whole.
#[derive(Debug)]
pub struct Live {
    snapshot: watch::Sender<Arc<Snapshot>>,
    last_reload: Mutex<Option<Reload>>,
    draining: AtomicBool,
}

impl Live {
    /// Begins with this snapshot.
    pub fn new(first: Snapshot) -> Self {
        Self {
            snapshot: watch::Sender::new(Arc::new(first)),
            last_reload: Mutex::default(),
            draining: AtomicBool::new(false),
        }
    }

    /// The snapshot in force. Two calls may return two snapshots: call once for what belongs together.
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// Puts another snapshot in force, for everyone at once.
    pub fn publish(&self, next: Snapshot) {
        self.snapshot.send_replace(Arc::new(next));
    }

    /// Tells of every snapshot that comes into force from now on.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.subscribe()
    }

    /// What became of the last reload, if there was one.
    pub fn last_reload(&self) -> Option<Reload> {
        self.reload().clone()
    }

    /// Notes what became of a reload.
    pub fn note_reload(&self, reload: Reload) {
        *self.reload() = Some(reload);
    }

    /// What works less well than it should, in words for the operator.
    pub fn degraded(&self) -> Vec<String> {
        let mut degraded = self.current().degraded.clone();
        if let Some(last) = self.last_reload() {
            if last.outcome == ReloadOutcome::Rejected {
                let error = last.findings.iter().find(|finding| finding.severity == Severity::Error);
                let first = error.map(|first| format!(": {first}")).unwrap_or_default();
                degraded.push(format!(
                    "the last reload was rejected; the previous configuration stays in force{first}"
                ));
            }
            degraded.extend(last.waits_for_restart);
        }
        degraded
    }

    /// Stops accepting deliveries.
    pub fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the daemon is on its way out.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    fn reload(&self) -> MutexGuard<'_, Option<Reload>> {
        self.last_reload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
