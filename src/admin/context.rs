//! The context of the admin listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::live::{Live, ReloadReply};
use crate::metrics::Metrics;
use crate::refusals::Refusals;
use crate::spool::{FileSystem, Spool};

/// The state that the admin listener reads. The only change that it can request is a reload.
#[derive(Clone, Debug)]
pub struct AdminContext {
    /// The snapshot in force.
    pub live: Arc<Live>,
    /// All metrics.
    pub metrics: Arc<Metrics>,
    /// The latest refusals.
    pub refusals: Arc<Refusals>,
    /// The spool and its health.
    pub spool: Spool,
    /// The spool's directory.
    pub spool_directory: PathBuf,
    /// The spool's file system.
    pub file_system: FileSystem,
    /// The addresses that senders connect to.
    pub listen: Vec<SocketAddr>,
    /// Requests for a reload.
    pub reload: mpsc::Sender<ReloadReply>,
}
