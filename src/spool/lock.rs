//! One daemon per spool.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::layout::Layout;

/// Held as long as it lives; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct SpoolLock {
    _file: File,
}

/// The spool cannot be had.
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
        /// Why not.
        source: io::Error,
    },
}

impl SpoolLock {
    /// Takes the lock, without waiting for it.
    ///
    /// # Errors
    /// When another process has it, or the lock file cannot be used.
    pub fn take(layout: &Layout) -> Result<Self, LockError> {
        let path = layout.lock();
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o640).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(source) => return Err(LockError::Io { path, source }),
        };
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(layout.root().to_owned())),
            Err(TryLockError::Error(source)) => Err(LockError::Io { path, source }),
        }
    }
}
