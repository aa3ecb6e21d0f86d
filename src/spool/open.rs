//! From a folder to a spool that can be written to.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::{Layout, Queue};
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

/// Makes what is missing, takes the lock, and sweeps what an earlier run had not finished.
///
/// # Errors
/// When the lock is taken, or the file system refuses any of it.
pub fn open<V: Volume>(volume: &V, root: PathBuf, endpoints: &[Name]) -> Result<Opened, OpenError> {
    let layout = Layout::new(root);
    make(volume, layout.root().to_owned())?;
    let lock = SpoolLock::take(&layout)?;
    make(volume, layout.tmp())?;
    make(volume, layout.corrupt())?;
    sync(volume, parent(layout.root()))?;
    make_queues(volume, &layout, endpoints)?;
    let swept = sweep(volume, layout.tmp())?;
    Ok(Opened { layout, lock, swept })
}

/// Makes the queues of endpoints, where they are missing.
///
/// # Errors
/// When the file system refuses any of it.
pub fn make_queues<V: Volume>(volume: &V, layout: &Layout, endpoints: &[Name]) -> Result<(), OpenError> {
    for endpoint in endpoints {
        make(volume, layout.endpoint(endpoint))?;
        for queue in Queue::ALL {
            make(volume, layout.queue(endpoint, queue))?;
        }
    }
    // Also where they were there before: whoever made them may have died before they were synced.
    let parents = endpoints.iter().map(|endpoint| layout.endpoint(endpoint));
    [layout.root().to_owned()].into_iter().chain(parents).try_for_each(|directory| sync(volume, directory))
}

/// Makes a directory and those above it. A new one is there for good once its parent is synced.
fn make<V: Volume>(volume: &V, path: PathBuf) -> Result<(), OpenError> {
    let parent = parent(&path);
    let made = match volume.make_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && parent != path => {
            make(volume, parent.clone())?;
            volume.make_dir(&path)
        }
        made => made,
    };
    match made {
        Ok(true) => sync(volume, parent),
        Ok(false) => Ok(()),
        Err(source) => Err(OpenError::Io { what: "make the directory", path, source }),
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn sync<V: Volume>(volume: &V, path: PathBuf) -> Result<(), OpenError> {
    volume.sync_dir(&path).map_err(|source| OpenError::Io { what: "sync the directory", path, source })
}

/// Removes what an earlier run had not finished: nothing in `tmp` was ever acknowledged.
fn sweep<V: Volume>(volume: &V, tmp: PathBuf) -> Result<usize, OpenError> {
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
