//! The context of the admin listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::live::ReloadRequest;
use crate::shared::Shared;
use crate::spool::{EntryCounts, FileSystem};

/// The state that the admin listener reads. The only change that it can request is a reload.
#[derive(Clone, Debug)]
pub struct AdminContext {
    /// The snapshot in force, the metrics, the latest refusals and the spool.
    pub shared: Arc<Shared>,
    /// The entries in each queue.
    pub entry_counts: EntryCounts,
    /// The spool's directory.
    pub spool_directory: PathBuf,
    /// The spool's file system.
    pub file_system: FileSystem,
    /// The addresses that senders connect to.
    pub listen: Vec<SocketAddr>,
    /// Requests for a reload.
    pub reload: mpsc::Sender<ReloadRequest>,
}
