//! The kind of file system that the spool is on, and the durability that it provides.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::fs::{fstat, fstatfs, major, minor};

/// Values of `f_type` from statfs(2).
const EXT: u64 = 0xEF53;
const XFS: u64 = 0x5846_5342;
const TMPFS: u64 = 0x0102_1994;
const RAMFS: u64 = 0x8584_58F6;
const OVERLAYFS: u64 = 0x794C_7630;

/// The first kernel whose syncfs(2) reports lost writes.
const SYNCFS_REPORTS_ERRORS: (u32, u32) = (5, 8);

/// The kinds of file system that the spool distinguishes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileSystem {
    /// ext4 with a journal, ext3, or XFS: renames are atomic and ordered, and syncfs(2) reports every lost write.
    Journaling,
    /// ext2, or ext4 without a journal, or an ext file system whose journal cannot be determined.
    Unjournaled,
    /// tmpfs or ramfs: its content is lost when the machine restarts.
    Memory,
    /// overlayfs: its content is lost with the container, and syncfs(2) reports nothing.
    Overlay,
    /// Any other file system, which is assumed to provide only what fsync(2) guarantees.
    Other,
}

impl FileSystem {
    /// The file system of an open directory.
    ///
    /// # Errors
    /// As `fstatfs(2)` and `fstat(2)`.
    pub fn of(directory: impl AsFd) -> io::Result<Self> {
        let kind = u64::try_from(fstatfs(&directory)?.f_type).unwrap_or(0);
        Ok(match kind {
            XFS => Self::Journaling,
            EXT if has_journal(fstat(&directory)?.st_dev) => Self::Journaling,
            EXT => Self::Unjournaled,
            TMPFS | RAMFS => Self::Memory,
            OVERLAYFS => Self::Overlay,
            _ => Self::Other,
        })
    }

    /// Why acknowledged entries may be lost on this file system; none if they are safe.
    pub fn risk(self) -> Option<&'static str> {
        match self {
            Self::Journaling | Self::Other => None,
            Self::Unjournaled => Some(
                "ext2, or ext4 without a journal: a power failure can damage directories, and with them entries that \
                were acknowledged; put the spool on XFS or on ext4 with a journal (`tune2fs -O has_journal`)",
            ),
            Self::Memory => Some("tmpfs, which is lost when the machine restarts; put the spool on a disk"),
            Self::Overlay => Some("overlayfs, which is removed with the container; mount a volume there"),
        }
    }

    /// Whether one syncfs(2) makes all entries and their names durable and reports every lost write.
    pub(super) fn reports_every_loss(self) -> bool {
        self == Self::Journaling
            && is_since(&rustix::system::uname().release().to_string_lossy(), SYNCFS_REPORTS_ERRORS)
    }
}

/// Whether an ext file system has a journal, according to sysfs; false if sysfs has no such file.
fn has_journal(device: u64) -> bool {
    let link = PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device)));
    let target = fs::read_link(link).unwrap_or_default();
    let Some(name) = target.file_name() else { return false };
    let task = ["/sys/fs/ext4".as_ref(), name, OsStr::new("journal_task")].iter().collect::<PathBuf>();
    // The file contains the ID of the journal's kernel thread, or `<none>`.
    fs::read_to_string(task).is_ok_and(|task| task.trim().parse::<u32>().is_ok())
}

/// Whether the release of a kernel is at least this version.
fn is_since(release: &str, version: (u32, u32)) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= version,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases_are_compared_by_number() {
        for release in ["5.8.0", "5.10.0-28-amd64", "6.1", "6.18.44-fc", "10.0-rc1"] {
            assert!(is_since(release, SYNCFS_REPORTS_ERRORS), "{release}");
        }
        for release in ["5.7.19", "4.19.0-26-amd64", "3.10.0-1160.el7", "", "linux", "6"] {
            assert!(!is_since(release, SYNCFS_REPORTS_ERRORS), "{release}");
        }
    }

    #[test]
    fn tmpfs_is_a_risk_and_an_unknown_device_has_no_journal() {
        if let Ok(directory) = fs::File::open("/dev/shm") {
            assert_eq!(FileSystem::of(&directory).expect("a file system"), FileSystem::Memory);
        }
        assert!(FileSystem::Memory.risk().is_some() && FileSystem::Journaling.risk().is_none());
        assert!(!has_journal(0));
    }
}
