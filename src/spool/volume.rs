//! What the spool asks of a file system.
//!
//! Everything the spool does to its files is one of these operations, so that a test can stand in
//! for the disk, fail any of them, and stop after any of them.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::Path;

use crate::clock::Timestamp;

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileFacts {
    /// In bytes.
    pub length: u64,
    /// When its content, mode or name last changed: for an entry, when it came into its queue.
    pub changed: Timestamp,
}

/// A file system, and how it is used.
pub trait Volume: Clone + Debug + Send + 'static {
    /// A file or directory that is held open.
    type File: Debug + Send;
    /// A file that is read from its beginning.
    type Reader: io::Read;
    /// The names in a directory, one by one: there may be millions.
    type Names: Iterator<Item = io::Result<OsString>> + Send;

    /// Makes a new file to write to; fails where one stands.
    ///
    /// # Errors
    /// As `open(2)` with `O_CREAT | O_EXCL`.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Makes a file with these pieces that has no name before they are all written.
    ///
    /// # Errors
    /// As `open(2)` with `O_TMPFILE`, `pwritev(2)` and `linkat(2)`; then nothing is left of it.
    fn publish(&self, path: &Path, pieces: &[&[u8]]) -> io::Result<()>;

    /// Opens a file that is there, to write to.
    ///
    /// # Errors
    /// As `open(2)` with `O_WRONLY`.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Holds a directory open.
    ///
    /// # Errors
    /// As `open(2)` with `O_DIRECTORY`.
    fn open_dir(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file to read it.
    ///
    /// # Errors
    /// As `open(2)` with `O_RDONLY`; what is not a regular file is an error too.
    fn read(&self, path: &Path) -> io::Result<Self::Reader>;

    /// Writes all pieces one after the other, the first at `offset` bytes from the beginning.
    ///
    /// # Errors
    /// As `pwritev(2)`; some of the bytes may have been written.
    fn write(&self, file: &Self::File, offset: u64, pieces: &[&[u8]]) -> io::Result<()>;

    /// Makes the file's data durable, and of its metadata what is needed to read it back. After an
    /// error nothing may be promised of this file any more: the kernel reports each lost page once.
    ///
    /// # Errors
    /// As `fdatasync(2)`.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Makes all that the file system holds durable, of whatever file, names included. Of what was
    /// lost since `held` was opened it tells once, and not of which file.
    ///
    /// # Errors
    /// As `syncfs(2)`.
    fn sync_everything(&self, held: &Self::File) -> io::Result<()>;

    /// Whether [`Volume::sync_everything`] tells of every loss on the file system of `path`. Only
    /// where this was shown: overlayfs, for one, says nothing.
    ///
    /// # Errors
    /// As `statfs(2)`.
    fn tells_every_loss(&self, path: &Path) -> io::Result<bool>;

    /// Gives a file another name, atomically, in the place of what may stand there.
    ///
    /// # Errors
    /// As `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Swaps two files, atomically. Both must be there.
    ///
    /// # Errors
    /// As `renameat2(2)` with `RENAME_EXCHANGE`.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;

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

    /// The names in a directory, in no order.
    ///
    /// # Errors
    /// As `opendir(3)`, and for each name as `readdir(3)`.
    fn list(&self, path: &Path) -> io::Result<Self::Names>;

    /// What is known of a file without opening it. A symbolic link is not followed.
    ///
    /// # Errors
    /// As `lstat(2)`; what is not a regular file is an error too.
    fn facts(&self, path: &Path) -> io::Result<FileFacts>;

    /// Bytes that an unprivileged process may still write beneath `path`.
    ///
    /// # Errors
    /// As `statvfs(3)`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
}
