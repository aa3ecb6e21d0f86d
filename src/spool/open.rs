//! Opens a spool: locks it and prepares its directories.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::folders::{FolderError, make_queues, make_tmp_and_corrupt, open_root};
use super::layout::Layout;
use super::lock::{LockError, SpoolLock};
use super::volume::Volume;
use super::wal::LogError;
use crate::policy::Name;

/// A spool that this process has locked.
#[derive(Debug)]
pub struct Opened {
    /// The spool's file system.
    pub disk: Disk,
    /// The spool's paths.
    pub layout: Layout,
    /// Excludes other daemons until it is dropped.
    pub lock: SpoolLock,
    /// The number of drafts of an earlier run that were removed. None of them was acknowledged.
    pub swept: usize,
}

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has locked it, or the lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A directory cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A write-ahead log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file system returned an error.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// The operation.
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
}

/// Opens the spool at `root`, which must exist ([`super::make_root`]): takes the lock, creates missing directories,
/// and removes the drafts of an earlier run. Entries are neither opened nor counted: there may be millions.
///
/// # Errors
/// If another process holds the lock, or an operation on the file system fails.
pub fn open(root: PathBuf, group: Option<u32>, endpoints: &[Name]) -> Result<Opened, OpenError> {
    let disk = open_root(&root, group)?;
    let layout = Layout::new(root);
    let lock = SpoolLock::take(&disk, &layout)?;
    make_tmp_and_corrupt(&disk, &layout)?;
    make_queues(&disk, &layout, endpoints)?;
    let swept = sweep(&disk, layout.tmp())?;
    Ok(Opened { disk, layout, lock, swept })
}

/// Removes the drafts of an earlier run; no file in `tmp` was ever acknowledged. Returns their number.
pub(super) fn sweep<V: Volume>(volume: &V, tmp: PathBuf) -> Result<usize, OpenError> {
    let failed = |what, path: &Path, source| OpenError::Io { what, path: path.to_owned(), source };
    let names = volume.list(&tmp).map_err(|source| failed("list the directory", &tmp, source))?;
    let mut swept = 0;
    for name in names {
        let path = tmp.join(name.map_err(|source| failed("list the directory", &tmp, source))?);
        match volume.remove(&path) {
            Ok(()) => swept += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                tracing::warn!(path = %path.display(), "unexpected directory in the spool's tmp left unchanged");
            }
            Err(source) => return Err(failed("remove", &path, source)),
        }
    }
    Ok(swept)
}
