//! From a directory to a spool that can be written to.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::folders::{FolderError, make_common, make_queues, open_root};
use super::layout::Layout;
use super::lock::{LockError, SpoolLock};
use super::volume::Volume;
use super::wal::LogError;
use crate::policy::Name;

/// A spool that this process has locked.
#[derive(Debug)]
pub struct Opened {
    /// Its files.
    pub disk: Disk,
    /// Their names.
    pub layout: Layout,
    /// Keeps other daemons out while it lives.
    pub lock: SpoolLock,
    /// Drafts of an earlier run that were removed: none of them had been acknowledged.
    pub swept: usize,
}

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has locked it.
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
        /// Its file or directory.
        path: PathBuf,
        /// What the file system returned.
        source: io::Error,
    },
}

/// Opens the spool at `root`, which exists ([`super::make_root`]): takes the lock, creates what is missing,
/// and removes what an earlier run had not finished. Entries are neither opened nor counted: there may be millions.
///
/// # Errors
/// When the lock is taken, or the file system refuses any of it.
pub fn open(root: PathBuf, group: Option<u32>, endpoints: &[Name]) -> Result<Opened, OpenError> {
    let disk = open_root(&root, group)?;
    let layout = Layout::new(root);
    let lock = SpoolLock::take(&disk, &layout)?;
    make_common(&disk, &layout)?;
    make_queues(&disk, &layout, endpoints)?;
    let swept = sweep(&disk, layout.tmp())?;
    Ok(Opened { disk, layout, lock, swept })
}

/// Removes what an earlier run had not finished: nothing in `tmp` was ever acknowledged.
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
