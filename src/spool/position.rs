//! The identity of a file or directory: its file system, its inode, and the mount it was opened through.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, statx};

/// Distinguishes two directories, even if one is mounted over the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Position {
    device: (u32, u32),
    inode: u64,
    /// The mount ID; 0 if the kernel (before 5.8) does not report it.
    mount: u64,
}

impl Position {
    /// The position of an open file or directory.
    ///
    /// # Errors
    /// As `statx(2)`.
    pub(super) fn of(open: impl AsFd) -> io::Result<Self> {
        Ok(Self::from(statx(open, "", AtFlags::EMPTY_PATH, requested_fields())?))
    }

    /// The position of the file or directory that a path leads to now, following links.
    ///
    /// # Errors
    /// As `statx(2)`.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::from(statx(CWD, path, AtFlags::empty(), requested_fields())?))
    }

    /// The position of the file or directory that a path leads to now from an open directory.
    ///
    /// # Errors
    /// As `statx(2)`.
    pub(super) fn inside(directory: impl AsFd, path: &Path) -> io::Result<Self> {
        Ok(Self::from(statx(directory, path, AtFlags::SYMLINK_NOFOLLOW, requested_fields())?))
    }

    /// Whether files can be renamed between the two, and one sync of the file system includes both.
    pub(super) fn shares_mount_with(self, other: Self) -> bool {
        (self.device, self.mount) == (other.device, other.mount)
    }
}

impl From<Statx> for Position {
    fn from(found: Statx) -> Self {
        let has_mount = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        Self {
            device: (found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            mount: if has_mount { found.stx_mnt_id } else { 0 },
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.device;
        write!(f, "device {major}:{minor}, inode {}, mount {}", self.inode, self.mount)
    }
}

fn requested_fields() -> StatxFlags {
    StatxFlags::INO | StatxFlags::MNT_ID
}
