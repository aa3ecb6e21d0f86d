//! The file system operations that the spool uses.
//!
//! The spool accesses its files only with these operations, so that a test can simulate the disk, fail any operation,
//! and stop after any of them.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::Path;

use super::layout::Access;
use crate::clock::Timestamp;

/// A path of the spool is not the file or directory that it should be. The daemon neither follows nor changes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnexpectedFile {
    /// A directory, FIFO, socket or device instead of a file.
    #[error("this is not a regular file")]
    NotRegularFile,
    /// A symbolic link or a file instead of a directory.
    #[error("this is a symbolic link or not a directory; the spool does not follow links inside it")]
    NotADirectory,
    /// A symbolic link instead of a file.
    #[error("this is a symbolic link; the spool does not follow links inside it")]
    SymbolicLink,
    /// The owner is neither the daemon's user nor root.
    #[error("it belongs to the user with ID {0}, neither to the daemon's user nor to root")]
    WrongOwner(u32),
    /// A directory of the spool is on another file system or mount than its root.
    #[error(
        "this is on another file system or mount than the spool's root, so entries cannot be moved there safely"
    )]
    OtherMount,
    /// The path is not below the root of the spool.
    #[error("this is not a path in the spool")]
    OutsideSpool,
}

impl From<UnexpectedFile> for io::Error {
    fn from(found: UnexpectedFile) -> Self {
        Self::new(io::ErrorKind::InvalidInput, found)
    }
}

/// Whether an operation failed with [`UnexpectedFile`].
pub(super) fn is_unexpected_file(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|source| source.is::<UnexpectedFile>())
}

/// Properties of a file that do not require opening it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FileFacts {
    /// The length in bytes.
    pub length: u64,
    /// When its content, mode or name last changed (ctime). For an entry, when it was moved into its queue.
    pub changed: Timestamp,
}

/// The file system of one spool. Paths are those of [`super::Layout`]. No symbolic link below the root is followed.
pub trait Volume: Clone + Debug + Send + 'static {
    /// An open file or directory.
    type File: Debug + Send;
    /// An open directory in which entries are created.
    type Dir: Debug;
    /// A file that is open for reading, at its beginning.
    type Reader: io::Read;
    /// An iterator over the names in a directory. There may be millions.
    type Names: Iterator<Item = io::Result<OsString>> + Send;

    /// Creates a file for writing; fails if it exists.
    ///
    /// # Errors
    /// As `open(2)` with `O_CREAT | O_EXCL`.
    fn create(&self, path: &Path, access: Access) -> io::Result<Self::File>;

    /// Opens a directory in which the entries of a batch are created.
    ///
    /// # Errors
    /// As `open(2)` with `O_DIRECTORY`, and [`UnexpectedFile`], also if it is not in the mount of the root.
    fn open_queue(&self, path: &Path) -> io::Result<Self::Dir>;

    /// Creates the file of an entry with these pieces. The file gets its name after all of them are written.
    ///
    /// # Errors
    /// As `open(2)` with `O_TMPFILE`, `pwritev(2)` and `linkat(2)`. After an error the file does not exist.
    fn create_linked(&self, queue: &Self::Dir, path: &Path, pieces: &[&[u8]]) -> io::Result<()>;

    /// Opens an existing file for writing. Permissions beyond those of `access` are removed.
    ///
    /// # Errors
    /// As `open(2)` with `O_WRONLY`, and [`UnexpectedFile`].
    fn open(&self, path: &Path, access: Access) -> io::Result<Self::File>;

    /// Opens a directory.
    ///
    /// # Errors
    /// As `open(2)` with `O_DIRECTORY`, and [`UnexpectedFile`].
    fn open_dir(&self, path: &Path) -> io::Result<Self::File>;

    /// Opens a file for reading.
    ///
    /// # Errors
    /// As `open(2)` with `O_RDONLY`, and [`UnexpectedFile`].
    fn read(&self, path: &Path) -> io::Result<Self::Reader>;

    /// Opens a file for reading and takes an exclusive lock on it, without waiting; none if another process holds one.
    /// The lock lasts as long as any copy of the descriptor.
    ///
    /// # Errors
    /// As [`Volume::read`] and `flock(2)`; `NotFound` also if the path no longer names the opened file.
    fn read_locked(&self, path: &Path) -> io::Result<Option<Self::Reader>>;

    /// Writes all pieces one after the other, beginning at `offset` bytes.
    ///
    /// # Errors
    /// As `pwritev(2)`; some of the bytes may have been written.
    fn write(&self, file: &Self::File, offset: u64, pieces: &[&[u8]]) -> io::Result<()>;

    /// Truncates a file that is longer than `length` bytes.
    ///
    /// # Errors
    /// As `ftruncate(2)`.
    fn truncate(&self, file: &Self::File, length: u64) -> io::Result<()>;

    /// Makes the data of a file durable, and the metadata that is needed to read it. After an error the file can never
    /// be relied on again: the kernel reports each lost page once.
    ///
    /// # Errors
    /// As `fdatasync(2)`.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Makes everything on the file system durable, including names. A lost write since `root` was opened is reported
    /// once, without the name of its file.
    ///
    /// # Errors
    /// As `syncfs(2)`.
    fn sync_everything(&self, root: &Self::File) -> io::Result<()>;

    /// Whether [`Volume::sync_everything`] reports every lost write. True only for file systems that are known to do
    /// so; overlayfs, for example, reports nothing.
    ///
    /// # Errors
    /// As `fstatfs(2)`.
    fn reports_every_loss(&self) -> io::Result<bool>;

    /// Renames a file atomically. A file that has the new name is replaced.
    ///
    /// # Errors
    /// As `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Exchanges two files, atomically. Both must exist.
    ///
    /// # Errors
    /// As `renameat2(2)` with `RENAME_EXCHANGE`.
    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on an open file, without waiting; false if another process holds one. The lock lasts
    /// until the file is closed.
    ///
    /// # Errors
    /// As `flock(2)`.
    fn try_lock(&self, file: &Self::File) -> io::Result<bool>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As `open(2)` and `fsync(2)`, and [`UnexpectedFile`].
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As `unlink(2)`.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Creates a directory if it is missing and corrects the group and mode of an existing one; true if it was missing.
    ///
    /// # Errors
    /// As `mkdir(2)`, `fchown(2)` and `fchmod(2)`, and [`UnexpectedFile`].
    fn make_dir(&self, path: &Path, access: Access) -> io::Result<bool>;

    /// Creates an empty file that others can lock if it is missing, and corrects the group and mode of an existing one,
    /// without changing its content.
    ///
    /// # Errors
    /// As `open(2)` with `O_CREAT`, `fchown(2)` and `fchmod(2)`, and [`UnexpectedFile`].
    fn make_lock_file(&self, path: &Path) -> io::Result<()>;

    /// Lists the names in a directory, in no order.
    ///
    /// # Errors
    /// As `opendir(3)`, and for each name as `readdir(3)`.
    fn list(&self, path: &Path) -> io::Result<Self::Names>;

    /// The properties of a file, read without opening it.
    ///
    /// # Errors
    /// As `lstat(2)`, and [`UnexpectedFile`].
    fn facts(&self, path: &Path) -> io::Result<FileFacts>;

    /// The bytes that an unprivileged process can still write.
    ///
    /// # Errors
    /// As `fstatvfs(3)`.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Whether a directory is on the file system and in the mount of the root. Otherwise entries cannot be renamed
    /// between queues, and a sync of the root's file system does not include them.
    ///
    /// # Errors
    /// As `statx(2)`, and [`UnexpectedFile`].
    fn is_in_mount(&self, directory: &Path) -> io::Result<bool>;

    /// Where the configured path leads now; none if it is the open root.
    fn displaced(&self) -> Option<Displaced>;
}

/// The configured path no longer leads to the root that is open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Displaced {
    /// The configured path, and where it leads.
    pub configured: String,
    /// The root that is open.
    pub held: String,
}
