//! Resolves paths inside the spool, component by component, from the open root.
//!
//! A member of the spool's group can rename files in the queues. Therefore no component may be a symbolic link, and no
//! file is opened by an absolute path. (`openat2(2)` could do this in one call, but the RestrictSUIDSGID= of the
//! systemd unit makes it fail.)

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::position::Position;
use super::volume::UnexpectedFile;

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The root of a spool, open for as long as this value exists.
#[derive(Debug)]
pub(super) struct RootDirectory {
    /// The path as configured.
    given: PathBuf,
    /// The absolute path, which does not depend on the working directory.
    path: PathBuf,
    file: File,
    position: Position,
}

impl RootDirectory {
    /// Opens the directory. The path to it may contain symbolic links: only the operator can change them.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let file = openat(CWD, path, flags, Mode::empty())?;
        let position = Position::of(&file)?;
        Ok(Self { given: path.to_owned(), path: std::path::absolute(path)?, file: file.into(), position })
    }

    /// The configured path, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// The position of the directory, which does not change while it is open.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// The path relative to the root.
    fn inside<'p>(&self, path: &'p Path) -> io::Result<&'p Path> {
        let inside = path.strip_prefix(&self.given).or_else(|_| path.strip_prefix(&self.path));
        inside.map_err(|_| UnexpectedFile::OutsideSpool.into())
    }

    /// Opens a directory with `O_PATH`, to open files in it.
    pub(super) fn walk(&self, path: &Path) -> io::Result<Directory<'_>> {
        let mut directory = Directory::Root(self.file.as_fd());
        for step in self.inside(path)?.components() {
            let Component::Normal(name) = step else { return Err(UnexpectedFile::OutsideSpool.into()) };
            directory = Directory::Inside(open_subdirectory(&directory, name, OFlags::PATH)?);
        }
        Ok(directory)
    }

    /// Opens a directory, to list or sync it.
    pub(super) fn open_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        open_subdirectory(&self.walk(path)?, OsStr::new("."), OFlags::RDONLY)
    }
}

/// A directory that was opened on the path to a file.
#[derive(Debug)]
pub(super) enum Directory<'a> {
    Root(BorrowedFd<'a>),
    Inside(OwnedFd),
    Kept(Arc<OwnedFd>),
}

impl AsFd for Directory<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(file) => file.as_fd(),
            Self::Inside(opened) => opened.as_fd(),
            Self::Kept(opened) => opened.as_fd(),
        }
    }
}

/// Directories that stay open after their first use. Before each use, one system call checks that the path still leads to
/// the open directory. It may lead there over symbolic links, because only the identity of the directory is used.
#[derive(Debug, Default)]
pub(super) struct KeptDirectories(Mutex<HashMap<PathBuf, KeptDirectory>>);

#[derive(Debug)]
struct KeptDirectory {
    /// The path relative to the root.
    inside: PathBuf,
    position: Position,
    opened: Arc<OwnedFd>,
}

impl KeptDirectories {
    /// Opens a directory as [`RootDirectory::walk`] does, unless it is open.
    pub(super) fn open<'r>(&self, root: &'r RootDirectory, path: &Path) -> io::Result<Directory<'r>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(KeptDirectory { inside, position, opened }) = kept.get(path) {
            if Position::inside(&root.file, inside).is_ok_and(|found| found == *position) {
                return Ok(Directory::Kept(Arc::clone(opened)));
            }
            kept.remove(path);
        }
        let directory = root.walk(path)?;
        if let Directory::Inside(opened) = directory {
            let (inside, position) = (root.inside(path)?.to_owned(), Position::of(&opened)?);
            let opened = Arc::new(opened);
            let directory = KeptDirectory { inside, position, opened: Arc::clone(&opened) };
            kept.insert(path.to_owned(), directory);
            return Ok(Directory::Kept(opened));
        }
        Ok(directory)
    }
}

/// Opens a directory in another one.
fn open_subdirectory(from: &impl AsFd, name: &OsStr, flags: OFlags) -> io::Result<OwnedFd> {
    match openat(from, name, flags | DIRECTORY, Mode::empty()) {
        Err(Errno::NOTDIR | Errno::LOOP) => Err(UnexpectedFile::NotADirectory.into()),
        opened => Ok(opened?),
    }
}

/// Opens a regular file in a directory. `O_NONBLOCK` prevents a FIFO from blocking the caller. A file that `O_CREAT`
/// in `flags` creates is closed to everyone but its owner.
pub(super) fn open_file(from: &impl AsFd, name: &OsStr, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = match openat(from, name, flags, Mode::RUSR | Mode::WUSR) {
        Err(Errno::LOOP) => return Err(UnexpectedFile::SymbolicLink.into()),
        // A FIFO without a reader, a socket, or a directory.
        Err(Errno::NXIO | Errno::ISDIR) => return Err(UnexpectedFile::NotRegularFile.into()),
        opened => opened?.into(),
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(UnexpectedFile::NotRegularFile.into()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::spool::volume::is_unexpected_file;

    #[test]
    fn symbolic_links_and_paths_outside_the_root_are_rejected() {
        let folder = tempfile::tempdir().expect("a folder");
        let (spool, victim) = (folder.path().join("spool"), folder.path().join("victim"));
        fs::create_dir_all(spool.join("pix/new")).expect("folders");
        fs::create_dir(&victim).expect("a folder");
        fs::write(victim.join("file"), "x").expect("a file");
        symlink(&victim, spool.join("pix/done")).expect("a link");
        symlink(&victim, spool.join("boleto")).expect("a link");
        symlink(victim.join("file"), spool.join("pix/new/file")).expect("a link");
        let root = RootDirectory::open(&spool).expect("the root");
        assert!(root.walk(&spool.join("pix/new")).is_ok() && root.open_dir(&spool).is_ok());
        let refused = ["pix/done", "pix/done/file", "boleto/new", "../victim", "pix/../../victim"];
        for path in refused.map(|path| spool.join(path)).into_iter().chain([victim.clone()]) {
            let error = root.walk(&path).expect_err("refused");
            assert!(is_unexpected_file(&error), "{}: {error}", path.display());
            assert!(root.open_dir(&path).is_err_and(|error| is_unexpected_file(&error)));
        }
        let new = root.walk(&spool.join("pix/new")).expect("a queue");
        assert!(
            open_file(&new, OsStr::new("file"), OFlags::RDONLY)
                .is_err_and(|error| is_unexpected_file(&error))
        );
        assert!(
            open_file(&root.file(), OsStr::new("pix"), OFlags::RDONLY)
                .is_err_and(|error| is_unexpected_file(&error))
        );
    }

    #[test]
    fn kept_directory_is_opened_once_and_again_after_it_was_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let (root, new) =
            (RootDirectory::open(folder.path()).expect("the root"), folder.path().join("pix/new"));
        fs::create_dir_all(&new).expect("a folder");
        let kept = KeptDirectories::default();
        let open = || kept.open(&root, &new).map(|directory| directory.as_fd().as_raw_fd());
        let is_current = || {
            let directory = kept.open(&root, &new).expect("opened");
            Position::of(&directory).expect("a position") == Position::at(&new).expect("a position")
        };
        assert_eq!(open().expect("opened"), open().expect("kept"));
        fs::rename(&new, folder.path().join("pix/old")).expect("renamed");
        assert!(open().is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
        fs::create_dir(&new).expect("a folder");
        assert!(is_current());
        fs::rename(&new, folder.path().join("pix/older")).expect("renamed");
        fs::rename(folder.path().join("pix/old"), &new).expect("renamed");
        assert!(is_current(), "also without a use in between");
        fs::rename(&new, folder.path().join("pix/old")).expect("renamed");
        symlink(folder.path(), &new).expect("a link");
        assert!(open().is_err_and(|error| is_unexpected_file(&error)));
    }
}
