//! The folders of a spool, made where they are missing and kept for good.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::{Layout, Queue};
use super::volume::Volume;
use crate::policy::Name;

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} `{}`", path.display())]
pub struct FolderError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Makes the folder of a spool, there for good. What lies above it is touched by nothing else.
///
/// # Errors
/// When the file system refuses any of it.
pub fn make_root<V: Volume>(volume: &V, root: &Path) -> Result<(), FolderError> {
    make(volume, root.to_owned())?;
    sync(volume, parent(root))
}

/// Makes the folders that are no endpoint's.
pub(super) fn make_common<V: Volume>(volume: &V, layout: &Layout) -> Result<(), FolderError> {
    make(volume, layout.tmp())?;
    make(volume, layout.corrupt())
}

/// Makes the queues of endpoints, where they are missing.
///
/// # Errors
/// When the file system refuses any of it.
pub fn make_queues<V: Volume>(volume: &V, layout: &Layout, endpoints: &[Name]) -> Result<(), FolderError> {
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
fn make<V: Volume>(volume: &V, path: PathBuf) -> Result<(), FolderError> {
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
        Err(source) => Err(FolderError { what: "make the directory", path, source }),
    }
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn sync<V: Volume>(volume: &V, path: PathBuf) -> Result<(), FolderError> {
    volume.sync_dir(&path).map_err(|source| FolderError { what: "sync the directory", path, source })
}
