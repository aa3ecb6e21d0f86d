//! Why a draft did not become an entry.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

use super::volume::is_not_ours;

pub(super) const PUBLISH: &str = "publish";
pub(super) const RENAME: &str = "rename";
pub(super) const SYNC_DIRECTORY: &str = "sync the directory";

/// The entry is not in the spool, and its sender has to come back.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// The committer has more to do than it may hold.
    #[error("too many deliveries are waiting to be written")]
    Busy,
    /// The committer has stopped.
    #[error("the spool is closed")]
    Closed,
    /// The spool is failing, and a probe has just failed as well.
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
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        why: Arc<io::Error>,
    },
}

impl CommitError {
    /// Whether others may still do well: the folder of one endpoint is missing or closed to us, or
    /// no descriptors are available at the moment.
    pub(super) fn concerns_only_this_entry(&self) -> bool {
        let Self::Io { what, why, .. } = self else { return false };
        let in_its_own_folder = matches!(*what, PUBLISH | RENAME | SYNC_DIRECTORY);
        let is_of_the_folder = is_not_ours(why)
            || matches!(
                why.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::CrossesDevices
            );
        in_its_own_folder && is_of_the_folder
            || matches!(Errno::from_io_error(why), Some(Errno::MFILE | Errno::NFILE))
    }
}

/// Names what was tried, and with what.
pub(super) fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> CommitError + 'a {
    move |source| CommitError::Io { what, path: path.to_owned(), why: Arc::new(source) }
}
