//! What the admin door looks at.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::live::{Changed, Live, Snapshot};
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::spool::Spool;

/// What the door looks at. It changes nothing.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What is in force.
    pub live: Arc<Live>,
    /// What was counted.
    pub metrics: Arc<Metrics>,
    /// Who was refused.
    pub refusals: Arc<Refusals>,
    /// How the spool is.
    pub spool: Spool,
    /// Where the spool is.
    pub spool_directory: PathBuf,
    /// Where senders connect to.
    pub listen: Vec<SocketAddr>,
    /// Files in use that have changed on disk since they were read.
    pub changed: Arc<Changed>,
}

impl Facts {
    pub(super) fn degraded(&self, snapshot: &Snapshot) -> Vec<String> {
        let changed = self
            .changed
            .all()
            .into_iter()
            .map(|path| format!("`{}` has changed on disk; a restart takes it in", path.display()));
        snapshot.degraded.iter().cloned().chain(changed).collect()
    }
}
