//! The lock that limits a spool to one daemon.

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;

use super::disk::Disk;
use super::layout::Layout;
use super::volume::Volume as _;

/// The lock on a spool, released when this value is dropped or the process ends in any way.
///
/// Both the root and the lock file are locked. Releases before 0.2 lock only the lock file. The lock on the root
/// excludes a second daemon even if the lock file is removed.
#[derive(Debug)]
pub struct SpoolLock {
    _root: File,
    _file: File,
}

/// The spool cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon holds the lock.
    #[error("the spool `{}` is in use by another hookspool; stop that one, or give this one its own [spool] directory", .0.display())]
    Held(PathBuf),
    /// The lock file cannot be opened or locked.
    #[error("cannot lock the spool with `{}`", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl SpoolLock {
    /// Takes the lock, without waiting.
    ///
    /// # Errors
    /// If another process holds it, or the lock file cannot be used.
    pub fn take(disk: &Disk, layout: &Layout) -> Result<Self, LockError> {
        let path = layout.lock();
        let lock = |file: io::Result<File>| {
            let file = match file {
                Ok(file) => file,
                Err(source) => return Err(LockError::Io { path: path.clone(), source }),
            };
            match file.try_lock() {
                Ok(()) => Ok(file),
                Err(TryLockError::WouldBlock) => Err(LockError::Held(layout.root().to_owned())),
                Err(TryLockError::Error(source)) => Err(LockError::Io { path: path.clone(), source }),
            }
        };
        // A separate descriptor, because the kernel releases a lock with the last copy of its descriptor.
        let root = lock(disk.open_dir(layout.root()))?;
        Ok(Self { _root: root, _file: lock(disk.open_private(&layout.lock()))? })
    }
}
