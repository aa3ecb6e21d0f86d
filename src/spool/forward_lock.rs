//! The locks that limit each endpoint to one `hookspool forward`.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::disk::Disk;
use super::layout::Layout;
use super::volume::Volume as _;
use crate::policy::Name;

/// The lock of an endpoint, released when this value is dropped or the process ends in any way.
///
/// The daemon creates the file ([`super::make_queues`]), because a member of the group cannot write to the directory of
/// an endpoint. Reading it is enough to lock it.
#[derive(Debug)]
pub struct ForwardLock {
    _file: File,
}

/// The endpoint cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum ForwardLockError {
    /// Another process holds the lock.
    #[error("another `hookspool forward` processes the endpoint `{endpoint}`; stop that one first")]
    Held {
        /// The endpoint.
        endpoint: Name,
    },
    /// There is no lock file.
    #[error(
        "the endpoint `{endpoint}` has no lock file `{}`; the daemon creates it: start `hookspool run` once",
        path.display()
    )]
    Missing {
        /// The endpoint.
        endpoint: Name,
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file cannot be opened or locked.
    #[error("cannot lock the endpoint `{endpoint}` with `{}`", path.display())]
    Io {
        /// The endpoint.
        endpoint: Name,
        /// The lock file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl ForwardLock {
    /// Takes the lock of an endpoint, without waiting.
    ///
    /// # Errors
    /// If another process holds it, or the lock file is missing or cannot be used.
    pub fn take(disk: &Disk, layout: &Layout, endpoint: &Name) -> Result<Self, ForwardLockError> {
        let (endpoint, path) = (endpoint.clone(), layout.forward_lock(endpoint));
        match disk.read_locked(&path) {
            Ok(Some(file)) => Ok(Self { _file: file }),
            Ok(None) => Err(ForwardLockError::Held { endpoint }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(ForwardLockError::Missing { endpoint, path })
            }
            Err(source) => Err(ForwardLockError::Io { endpoint, path, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;
    use crate::spool::entries::endpoints;
    use crate::spool::folders::make_queues;

    #[test]
    fn endpoint_has_one_lock_in_a_file_that_is_kept_and_only_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = Disk::open(folder.path(), None).expect("a spool");
        let (layout, pix): (_, Name) = (Layout::new(folder.path().into()), "pix".parse().expect("a name"));
        let boleto: Name = "boleto".parse().expect("a name");
        let take = |endpoint: &Name| ForwardLock::take(&disk, &layout, endpoint);
        assert!(matches!(take(&pix), Err(ForwardLockError::Missing { .. })));
        let make = || make_queues(&disk, &layout, &[pix.clone(), boleto.clone()]).expect("queues");
        make();
        let path = layout.forward_lock(&pix);
        fs::write(&path, "kept").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");

        let held = take(&pix).expect("the lock");
        let inode = fs::metadata(&path).expect("a file").ino();
        make();
        let found = fs::metadata(&path).expect("a file");
        assert_eq!((found.ino(), found.mode() & 0o7777), (inode, 0o640), "the file of a held lock is kept");
        assert_eq!(fs::read(&path).expect("read"), b"kept");
        assert!(matches!(take(&pix), Err(ForwardLockError::Held { endpoint }) if endpoint == pix));
        let other = take(&boleto).expect("endpoints do not exclude each other");
        drop(held);
        take(&pix).expect("released");
        assert_eq!(endpoints(&disk, &layout).expect("listed"), [boleto.clone(), pix.clone()]);

        drop(other);
        fs::remove_file(layout.forward_lock(&boleto)).expect("removed");
        symlink(&path, layout.forward_lock(&boleto)).expect("a link");
        make();
        assert!(matches!(take(&boleto), Err(ForwardLockError::Io { .. })));
        take(&pix).expect("no link is followed");
    }
}
