//! What the admin door looks at.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::live::{Asking, Live};
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::spool::{FileSystem, Spool};

/// What the door looks at. All it can do is ask for a reload.
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
    /// What it is on.
    pub file_system: FileSystem,
    /// Where senders connect to.
    pub listen: Vec<SocketAddr>,
    /// Where to ask for a reload.
    pub reload: mpsc::Sender<Asking>,
}
