//! What is in force: TLS and policy as one value, and whether we are going away.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::policy::Policy;
use crate::tls::expiry::CertificateFact;

/// TLS and policy that belong together: read in one moment, judged together, replaced whole.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with each set that comes into force; the first is 1.
    pub generation: u64,
    /// When it came into force.
    pub loaded_at: Timestamp,
    /// For new handshakes.
    pub tls: Arc<ServerConfig>,
    /// Who may deliver what where.
    pub policy: Policy,
    /// Every certificate in use.
    pub certificates: Vec<CertificateFact>,
    /// What works less well than it should, in words for the operator.
    pub degraded: Vec<String>,
}

/// The snapshot in force, and the state of the whole.
#[derive(Debug)]
pub struct Live {
    snapshot: watch::Sender<Arc<Snapshot>>,
    draining: AtomicBool,
}

impl Live {
    /// Begins with this snapshot.
    pub fn new(first: Snapshot) -> Self {
        Self { snapshot: watch::Sender::new(Arc::new(first)), draining: AtomicBool::new(false) }
    }

    /// The snapshot in force. Whoever asks twice may get two: ask once for what belongs together.
    pub fn current(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// Says that no delivery is taken any more.
    pub fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether the daemon is on its way out.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Files in use that have changed on disk since they were read, for `degraded`.
#[derive(Debug, Default)]
pub struct Changed(Mutex<BTreeSet<PathBuf>>);

impl Changed {
    /// Notes a file; true when it is news.
    pub fn note(&self, path: PathBuf) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path)
    }

    /// All of them, in order.
    pub fn all(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
