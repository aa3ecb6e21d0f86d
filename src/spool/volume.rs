//! What the spool asks of a file system.
//!
//! Everything the spool does to its files is one of these operations, so that a test can stand in
//! for the disk, fail any of them, and stop after any of them.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::Path;

use super::layout::Access;
use crate::clock::Timestamp;

/// Something else is in the place of a file or directory of the spool. The daemon neither follows nor changes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotOurs {
    /// A directory, FIFO, socket or device where a file should be.
    #[error("this is not a regular file")]
    NotAFile,
    /// A symbolic link, or anything but a directory where one should be.
    #[error("this is a symbolic link or not a directory; the spool does not follow links inside it")]
    NotADirectory,
    /// A symbolic link where a file should be.
    #[error("this is a symbolic link; the spool does not follow links inside it")]
    SymbolicLink,
    /// It belongs to another user.
    #[error("it belongs to the user with ID {0}, neither to the daemon's user nor to root")]
    Owner(u32),
    /// A directory of the spool is on another file system or mount than its root.
    #[error(
        "this is on another file system or mount than the spool's root, so entries cannot be moved there safely"
    )]
    Elsewhere,
    /// The path does not lie beneath the root of the spool.
    #[error("this is not a path in the spool")]
    Outside,
}

impl From<NotOurs> for io::Error {
    fn from(found: NotOurs) -> Self {
        Self::new(io::ErrorKind::InvalidInput, found)
    }
}

/// Whether an operation failed because something else is in the place of a file or directory.
pub(super) fn is_not_ours(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|source| source.is::<NotOurs>())
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileFacts {
    /// In bytes.
    pub length: u64,
    /// When its content, mode or name last changed: for an entry, when it came into its queue.
    pub changed: Timestamp,
}

/// The file system of one spool. Paths are those of [`super::Layout`], beneath its root; no symbolic link
/// beneath the root is followed.
pub trait Volume: Clone + Debug + Send + 'static {
    /// A file or directory that is open.
    type File: Debug + Send;
    /// A directory that entries are created in.
    type Dir: Debug;
    /// A file that is read from its beginning.
    type Reader: io::Read;
    /// The names in a directory, one by one: there may be millions.
    type Names: Iterator<Item = io::Result<OsString>> + Send;

    /// Creates a file to write to; fails if one exists.
    ///
    /// # Errors
    /// As `open(2)` with `O_CREAT | O_EXCL`.
    fn create(&self, path: &Path, access: Access) -> io::Result<Self::File>;

    /// Opens a directory to create entries in, once for a batch of them.
    ///
    /// # Errors
    /// As `open(2)` with `O_DIRECTORY`, and [`NotOurs`], also if it is on another file system or mount than the root.
    fn open_queue(&self, path: &Path) -> io::Result<Self::Dir>;

    /// Creates an entry's file with these pieces in its directory. It has no name before they are all written.
    ///
    /// # Errors
    /// As `open(2)` with `O_TMPFILE`, `pwritev(2)` and `linkat(2)`; then nothing is left of it.
    fn publish(&self, queue: &Self::Dir, path: &Path, pieces: &[&[u8]]) -> io::Result<()>;

    /// Opens a file that exists, to write to. Rights that go beyond `access` are taken away.
    ///
    /// # Errors
    /// As `open(2)` with `O_WRONLY`, and [`NotOurs`].
    fn open(&self, path: &Path, access: Access) -> io::Result<Self::File>;

    /// Opens a directory to hold it.
    ///
    /// # Errors
    /// As `open(2)` with `O_DIRECTORY`, and [`NotOurs`].
    fn open_dir(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file to read it.
    ///
    /// # Errors
    /// As `open(2)` with `O_RDONLY`, and [`NotOurs`].
    fn read(&self, path: &Path) -> io::Result<Self::Reader>;

    /// Writes all pieces one after the other, the first at `offset` bytes from the beginning.
    ///
    /// # Errors
    /// As `pwritev(2)`; some of the bytes may have been written.
    fn write(&self, file: &Self::File, offset: u64, pieces: &[&[u8]]) -> io::Result<()>;

    /// Cuts a file that is longer than `length` bytes.
    ///
    /// # Errors
    /// As `ftruncate(2)`.
    fn truncate(&self, file: &Self::File, length: u64) -> io::Result<()>;

    /// Makes the file's data durable, and of its metadata what is needed to read it back. After an
    /// error nothing can be promised of this file: the kernel reports each lost page once.
    ///
    /// # Errors
    /// As `fdatasync(2)`.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Makes everything on the file system durable, names included. A loss since `held` was opened is reported
    /// once, without the file's name.
    ///
    /// # Errors
    /// As `syncfs(2)`.
    fn sync_everything(&self, held: &Self::File) -> io::Result<()>;

    /// Whether [`Volume::sync_everything`] reports every loss, and what it has made durable stays so. True
    /// only where this was shown: overlayfs, for one, reports nothing.
    ///
    /// # Errors
    /// As `fstatfs(2)`.
    fn reports_every_loss(&self) -> io::Result<bool>;

    /// Renames a file, atomically, replacing what has the new name.
    ///
    /// # Errors
    /// As `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Exchanges two files, atomically. Both must exist.
    ///
    /// # Errors
    /// As `renameat2(2)` with `RENAME_EXCHANGE`.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on an open file, without waiting; false if another process holds one. It lasts until
    /// the file is closed.
    ///
    /// # Errors
    /// As `flock(2)`.
    fn try_lock(&self, file: &Self::File) -> io::Result<bool>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As `open(2)` and `fsync(2)`, and [`NotOurs`].
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As `unlink(2)`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a directory if it is missing, and corrects the group and mode of one that exists; true if it was missing.
    ///
    /// # Errors
    /// As `mkdir(2)`, `fchown(2)` and `fchmod(2)`, and [`NotOurs`].
    fn make_dir(&self, path: &Path, access: Access) -> io::Result<bool>;

    /// The names in a directory, in no order.
    ///
    /// # Errors
    /// As `opendir(3)`, and for each name as `readdir(3)`.
    fn list(&self, path: &Path) -> io::Result<Self::Names>;

    /// What is known of a file without opening it.
    ///
    /// # Errors
    /// As `lstat(2)`, and [`NotOurs`].
    fn facts(&self, path: &Path) -> io::Result<FileFacts>;

    /// Bytes that an unprivileged process can still write.
    ///
    /// # Errors
    /// As `fstatvfs(3)`.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Whether a directory is on the file system and in the mount of the root. Elsewhere entries cannot be
    /// renamed from queue to queue, and a sync of the root's file system does not reach them.
    ///
    /// # Errors
    /// As `statx(2)`, and [`NotOurs`].
    fn is_in_mount(&self, directory: &Path) -> io::Result<bool>;

    /// Where the configured path leads now, if it is not the root that is held.
    fn displaced(&self) -> Option<Displaced>;
}

/// The configured path no longer leads to the directory that is held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Displaced {
    /// The configured path, and what it leads to.
    pub configured: String,
    /// The directory that is held.
    pub held: String,
}
