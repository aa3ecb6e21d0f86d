//! Creates the missing directories of a spool and sets their permissions.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::layout::{Access, Layout};
use super::volume::Volume;
use crate::metrics::Queue;
use crate::policy::Name;

/// A directory of the spool cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} `{}`", path.display())]
pub struct FolderError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError { what, path, source }
}

/// Creates the root of a spool and the missing directories above it, and syncs their parents.
///
/// # Errors
/// If a directory cannot be created, opened or synced.
pub fn make_root(root: &Path, group: Option<u32>) -> Result<(), FolderError> {
    let mut missing = Vec::new();
    let mut path = root;
    while !path.is_dir() {
        missing.push(path);
        match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => path = parent,
            Some(_) | None => break,
        }
    }
    for path in missing.iter().rev() {
        let made = DirBuilder::new().mode(0o750).create(path);
        made.or_else(|error| if path.is_dir() { Ok(()) } else { Err(error) })
            .map_err(failed("create the directory", path))?;
    }
    if missing.contains(&root) {
        open(root, group, true)?;
    }
    // Also if the root existed: the process that created it may have ended before the sync.
    for path in missing.iter().copied().chain([root]) {
        let above = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) | None => Path::new("."),
        };
        File::open(above).and_then(|above| above.sync_all()).map_err(failed("sync the directory", above))?;
    }
    Ok(())
}

/// Opens the spool at `root` and corrects the permissions of that directory.
///
/// # Errors
/// If it cannot be opened, or belongs to another user.
pub(super) fn open_root(root: &Path, group: Option<u32>) -> Result<Disk, FolderError> {
    open(root, group, false)
}

fn open(root: &Path, group: Option<u32>, is_new: bool) -> Result<Disk, FolderError> {
    let disk = Disk::open(root, group).map_err(failed("open the directory", root))?;
    disk.correct_root(is_new).map_err(failed("set the permissions of", root))?;
    Ok(disk)
}

/// Creates the directories that do not belong to an endpoint.
pub(super) fn make_tmp_and_corrupt<V: Volume>(volume: &V, layout: &Layout) -> Result<(), FolderError> {
    make(volume, &layout.tmp(), Access::Private)?;
    make(volume, &layout.corrupt(), Access::Shared)
}

/// Creates the missing queues of endpoints, and the files that `hookspool forward` locks.
///
/// # Errors
/// If a directory cannot be created or synced, or its path is not a directory.
pub fn make_queues<V: Volume>(volume: &V, layout: &Layout, endpoints: &[Name]) -> Result<(), FolderError> {
    for endpoint in endpoints {
        make(volume, &layout.endpoint(endpoint), Access::Private)?;
        for queue in Queue::ALL.iter().copied() {
            make(volume, &layout.queue(endpoint, queue), Access::Shared)?;
        }
        let lock = layout.forward_lock(endpoint);
        // Only `forward` needs it, so deliveries are accepted without it, for example on a full disk.
        if let Err(error) = volume.make_lock_file(&lock) {
            tracing::warn!(file = %lock.display(), %error, "cannot create the lock file for hookspool forward");
        }
    }
    // Also if they existed: the process that created them may have ended before the sync.
    let parents = endpoints.iter().map(|endpoint| layout.endpoint(endpoint));
    [layout.root().to_owned()]
        .iter()
        .chain(&parents.collect::<Vec<_>>())
        .try_for_each(|directory| volume.sync_dir(directory).map_err(failed("sync the directory", directory)))
}

fn make<V: Volume>(volume: &V, path: &Path, access: Access) -> Result<(), FolderError> {
    volume.make_dir(path, access).map(drop).map_err(failed("create the directory", path))
}
