//! Where a file or directory is: its file system, its inode, and the mount it was reached through.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, statx};

/// What tells two directories apart, also where one is mounted over the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Position {
    device: (u32, u32),
    inode: u64,
    /// 0 where the kernel (before 5.8) does not say.
    mount: u64,
}

impl Position {
    /// Of something that is open.
    ///
    /// # Errors
    /// As `statx(2)`.
    pub(super) fn of(open: impl AsFd) -> io::Result<Self> {
        Ok(Self::from(statx(open, "", AtFlags::EMPTY_PATH, asked())?))
    }

    /// Of what a path leads to now, links included.
    ///
    /// # Errors
    /// As `statx(2)`.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::from(statx(CWD, path, AtFlags::empty(), asked())?))
    }

    /// Whether files can be renamed from one to the other, and one sync of the file system reaches both.
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

fn asked() -> StatxFlags {
    StatxFlags::INO | StatxFlags::MNT_ID
}
