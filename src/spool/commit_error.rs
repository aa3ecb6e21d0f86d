//! Errors of a commit.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::volume::is_unexpected_file;

pub(super) const PUBLISH: &str = "publish";
pub(super) const RENAME: &str = "rename";
pub(super) const SYNC_DIRECTORY: &str = "sync the directory";

/// The entry may not be in the spool, and its sender must deliver it again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// The commit thread's queue is full.
    #[error("too many deliveries are waiting to be written")]
    Busy,
    /// The commit thread has stopped.
    #[error("the spool is closed")]
    Closed,
    /// The spool is failing, and the latest probe failed too.
    #[error("the spool is failing")]
    Failing,
    /// The configured path no longer leads to the directory that entries are written to.
    #[error("the spool's directory was moved, or something was mounted over it")]
    Displaced,
    /// The queues of the endpoint cannot be used.
    #[error("the endpoint's queues cannot be used: {0}")]
    Endpoint(String),
    /// A file operation failed.
    #[error("cannot {what} `{}`: {why}", path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// Its file or directory.
        path: PathBuf,
        /// The error of the file system.
        why: Arc<io::Error>,
    },
}

impl CommitError {
    /// Whether other entries can still be stored: the directory of one endpoint is missing or not accessible, or the
    /// process has no free descriptor at the moment.
    pub(super) fn concerns_only_this_entry(&self) -> bool {
        let Self::Io { what, why, .. } = self else { return false };
        let is_queue_operation = matches!(*what, PUBLISH | RENAME | SYNC_DIRECTORY);
        let is_queue_error = is_unexpected_file(why)
            || matches!(
                why.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::CrossesDevices
            );
        is_queue_operation && is_queue_error
            || matches!(Errno::from_io_error(why), Some(Errno::MFILE | Errno::NFILE))
    }
}

/// Adds the operation and its file to an error.
pub(super) fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> CommitError + 'a {
    move |source| CommitError::Io { what, path: path.to_owned(), why: Arc::new(source) }
}
