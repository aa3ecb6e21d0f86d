//! The only code that touches the spool's entries.
//!
//! Everything the spool does to a file system is one of these operations, so that a test can stand
//! in for the disk, fail any of them, and stop after any of them.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

/// What the spool asks of a file system.
pub trait Volume: Send + 'static {
    /// A file that is being written.
    type File;

    /// Makes a new file; fails where one stands.
    ///
    /// # Errors
    /// As `open(2)` with `O_CREAT | O_EXCL`.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Writes all pieces, one after the other.
    ///
    /// # Errors
    /// As `writev(2)`; some of the bytes may have been written.
    fn write(&self, file: &mut Self::File, pieces: &[&[u8]]) -> io::Result<()>;

    /// Makes the file's data durable, and of its metadata what is needed to read it back. After an
    /// error nothing may be promised of this file any more: the kernel reports each lost page once.
    ///
    /// # Errors
    /// As `fdatasync(2)`.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Gives a file another name, atomically.
    ///
    /// # Errors
    /// As `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As `open(2)` and `fsync(2)`.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As `unlink(2)`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory where it is missing; true if it was missing.
    ///
    /// # Errors
    /// As `mkdir(2)`, and `chown(2)` where the spool has a group.
    fn make_dir(&self, path: &Path) -> io::Result<bool>;

    /// The names in a directory.
    ///
    /// # Errors
    /// As `opendir(3)` and `readdir(3)`.
    fn list(&self, path: &Path) -> io::Result<Vec<OsString>>;

    /// Bytes that an unprivileged process may still write beneath `path`.
    ///
    /// # Errors
    /// As `statvfs(3)`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}

/// The real file system.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    group: Option<u32>,
}

impl Disk {
    /// A disk whose directories belong to `group`, when there is one, for its members to consume.
    pub fn new(group: Option<u32>) -> Self {
        Self { group }
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

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(self.file_mode()).open(path)
    }

    fn write(&self, file: &mut File, pieces: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut rest = slices.as_mut_slice();
        while !rest.is_empty() {
            match file.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut rest, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
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

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
