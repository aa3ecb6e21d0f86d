//! The real file system: the only code that touches the spool's files.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::volume::{FileFacts, Volume};
use crate::clock::Timestamp;

/// File systems on which a write that failed was seen to be told by syncfs(2), by the number that
/// statfs(2) shows: ext4 (ext2 and ext3 are the same code), and XFS.
const TELL_EVERY_LOSS: [u64; 2] = [0xEF53, 0x5846_5342];

/// File systems that keep nothing for long, by the number that statfs(2) shows, and what becomes of them.
const FORGETFUL: [(u64, &str); 3] = [
    (0x0102_1994, "tmpfs, which is memory: a restart of the machine empties it"),
    (0x8584_58F6, "ramfs, which is memory: a restart of the machine empties it"),
    (0x794C_7630, "overlayfs: in a container it goes with the container; mount a volume there"),
];

/// Pieces that pwritev(2) takes at once (IOV_MAX).
const PIECES_MAX: usize = 1024;

/// The real file system.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    group: Option<u32>,
}

/// The names in a directory.
#[derive(Debug)]
pub struct Names(fs::ReadDir);

impl Iterator for Names {
    type Item = io::Result<OsString>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|entry| entry.map(|entry| entry.file_name()))
    }
}

impl Disk {
    /// A disk whose directories belong to `group`, when there is one, for its members to consume.
    pub fn new(group: Option<u32>) -> Self {
        Self { group }
    }

    /// What is wrong with a place to keep entries in, if its file system keeps nothing for long.
    ///
    /// # Errors
    /// As `statfs(2)`.
    pub fn forgets(self, path: &Path) -> io::Result<Option<&'static str>> {
        let kind = u64::try_from(rustix::fs::statfs(path)?.f_type);
        Ok(FORGETFUL.iter().find(|(number, _)| kind == Ok(*number)).map(|(_, why)| *why))
    }

    /// Whether nothing has to be changed: a sandbox may forbid to.
    fn is_right(self, path: &Path, group: u32) -> bool {
        let found = fs::metadata(path);
        found.is_ok_and(|found| found.gid() == group && found.mode() & 0o7777 == self.dir_mode())
    }

    fn file_mode(self) -> u32 {
        if self.group.is_some() { 0o660 } else { 0o640 }
    }

    fn dir_mode(self) -> u32 {
        // With a group: setgid, so that what is made inside belongs to the group as well.
        if self.group.is_some() { 0o2770 } else { 0o750 }
    }
}

impl Volume for Disk {
    type File = File;
    type Reader = File;
    type Names = Names;

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(self.file_mode()).open(path)
    }

    fn publish(&self, path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
        // Half the work that a name in `tmp` and a rename are to the file system.
        let directory = path.parent().unwrap_or(Path::new("."));
        let mode = Mode::from_raw_mode(self.file_mode());
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, directory, flags, mode)?;
        let file = File::from(file);
        self.write(&file, 0, pieces)?;
        // The way that needs no privilege (open(2), O_TMPFILE).
        let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).open(path)
    }

    fn open_dir(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(flags(OFlags::DIRECTORY)).open(path)
    }

    fn read(&self, path: &Path) -> io::Result<File> {
        // A FIFO that someone put there must not hold us up.
        let held = flags(OFlags::NONBLOCK | OFlags::NOFOLLOW);
        let file = OpenOptions::new().read(true).custom_flags(held).open(path)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
    }

    fn write(&self, file: &File, mut offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = slices.as_mut_slice();
        while rest.iter().any(|slice| !slice.is_empty()) {
            match rustix::io::pwritev(file, &rest[..rest.len().min(PIECES_MAX)], offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += u64::try_from(written).map_err(io::Error::other)?;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_everything(&self, held: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(held)?)
    }

    fn tells_every_loss(&self, path: &Path) -> io::Result<bool> {
        let kind = u64::try_from(rustix::fs::statfs(path)?.f_type);
        Ok(kind.is_ok_and(|kind| TELL_EVERY_LOSS.contains(&kind)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        Ok(rustix::fs::renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Opened each time: a directory that was replaced must not be synced by its old descriptor.
        File::open(path)?.sync_all()?;
        // An XFS that has just shut down after an error (seen in Linux 6.18) still calls an open
        // directory synced, though its names are lost; but it opens nothing any more.
        File::open(path).map(drop)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn make_dir(&self, path: &Path) -> io::Result<bool> {
        let missing = match DirBuilder::new().mode(self.dir_mode()).create(path) {
            Ok(()) => true,
            Err(_) if path.is_dir() => false,
            Err(error) => return Err(error),
        };
        if let Some(group) = self.group.filter(|group| !self.is_right(path, *group)) {
            chown(path, None, Some(group))?;
            // mkdir(2) ignores the setgid bit, and chown(2) may clear it.
            fs::set_permissions(path, fs::Permissions::from_mode(self.dir_mode()))?;
        }
        Ok(missing)
    }

    fn list(&self, path: &Path) -> io::Result<Names> {
        fs::read_dir(path).map(Names)
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        let found = fs::symlink_metadata(path)?;
        if !found.is_file() {
            return Err(not_a_file());
        }
        let changed = Timestamp::from_second(found.ctime()).map_err(io::Error::other)?;
        Ok(FileFacts { length: found.len(), changed })
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "this is not a regular file")
}

/// Flags of open(2) as the standard library takes them.
fn flags(flags: OFlags) -> i32 {
    i32::try_from(flags.bits()).unwrap_or(0)
}
