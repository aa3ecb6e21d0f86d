//! From a folder to a spool that can be written to.

use std::io;
use std::path::{Path, PathBuf};

use super::folders::{FolderError, make_common, make_queues};
use super::layout::Layout;
use super::lock::{LockError, SpoolLock};
use super::volume::Volume;
use crate::policy::Name;

/// A spool that is ours.
#[derive(Debug)]
pub struct Opened {
    /// Where it is.
    pub layout: Layout,
    /// Keeps other daemons out while it lives.
    pub lock: SpoolLock,
    /// Drafts of an earlier run that were swept: none of them had been acknowledged.
    pub swept: usize,
}

/// Why a spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is somebody else's.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A folder cannot be had.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The file system would not.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Makes what is missing in the folder of a spool ([`super::make_root`]), takes the lock, and sweeps
/// what an earlier run had not finished. Entries are neither opened nor counted: there may be millions.
///
/// # Errors
/// When the lock is taken, or the file system refuses any of it.
pub fn open<V: Volume>(volume: &V, root: PathBuf, endpoints: &[Name]) -> Result<Opened, OpenError> {
    let layout = Layout::new(root);
    let lock = SpoolLock::take(&layout)?;
    make_common(volume, &layout)?;
    make_queues(volume, &layout, endpoints)?;
    let swept = sweep(volume, layout.tmp())?;
    Ok(Opened { layout, lock, swept })
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
                tracing::warn!(path = %path.display(), "a directory in the spool's tmp is left alone");
            }
            Err(source) => return Err(failed("remove", &path, source)),
        }
    }
    Ok(swept)
}
