//! One daemon per spool.

use std::fs::{File, TryLockError};
use std::io;
use std::path::PathBuf;

use super::disk::Disk;
use super::layout::Layout;
use super::volume::Volume as _;

/// The lock on a spool, as long as this lives; the kernel releases it when the process ends, however it ends.
///
/// It is on the root itself, and on the lock file, which releases before 0.2 know alone: a lock file that was removed
/// does not let a second daemon in.
#[derive(Debug)]
pub struct SpoolLock {
    _root: File,
    _file: File,
}

/// The spool cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon has it.
    #[error("the spool `{}` is in use by another hookspool; stop that one, or give this one its own [spool] directory", .0.display())]
    Held(PathBuf),
    /// The lock file cannot be opened or locked.
    #[error("cannot lock the spool with `{}`", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system returned.
        source: io::Error,
    },
}

impl SpoolLock {
    /// Takes the lock, without waiting for it.
    ///
    /// # Errors
    /// When another process has it, or the lock file cannot be used.
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
        // Opened for this: the kernel releases a lock with the last copy of its descriptor.
        let root = lock(disk.open_dir(layout.root()))?;
        Ok(Self { _root: root, _file: lock(disk.open_private(&layout.lock()))? })
    }
}
