//! Paths inside the spool, resolved step by step from a directory that is held.
//!
//! A member of the spool's group can rename what is in the queues. So no step follows a symbolic link, and
//! nothing is opened by a path from the root of the file system. (`openat2(2)` could do this in one
//! call, but the RestrictSUIDSGID= of the systemd unit makes it fail.)

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::position::Position;
use super::volume::NotOurs;

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The root of a spool, held open.
#[derive(Debug)]
pub(super) struct RootDirectory {
    /// As it was given.
    given: PathBuf,
    /// Whatever the working directory is.
    path: PathBuf,
    held: File,
    position: Position,
}

impl RootDirectory {
    /// Opens the directory. The path to it may lead through symbolic links: nobody but the operator changes it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let held = openat(CWD, path, flags, Mode::empty())?;
        let position = Position::of(&held)?;
        Ok(Self { given: path.to_owned(), path: std::path::absolute(path)?, held: held.into(), position })
    }

    /// The configured path, absolute.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn held(&self) -> &File {
        &self.held
    }

    /// Where the directory is; it does not change while it is held.
    pub(super) fn position(&self) -> Position {
        self.position
    }

    /// The directory that holds a file, and the file's name in it.
    pub(super) fn parent<'p>(&self, path: &'p Path) -> io::Result<(Directory<'_>, &'p OsStr)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(NotOurs::Outside.into());
        };
        Ok((self.walk(parent)?, name))
    }

    /// A directory, to reach what is in it.
    pub(super) fn walk(&self, path: &Path) -> io::Result<Directory<'_>> {
        let inside = path.strip_prefix(&self.given).or_else(|_| path.strip_prefix(&self.path));
        let inside = inside.map_err(|_| NotOurs::Outside)?;
        let mut directory = Directory::Root(self.held.as_fd());
        for step in inside.components() {
            let Component::Normal(name) = step else { return Err(NotOurs::Outside.into()) };
            directory = Directory::Inside(step_into(&directory, name, OFlags::PATH)?);
        }
        Ok(directory)
    }

    /// A directory, to list or to sync.
    pub(super) fn open_dir(&self, path: &Path) -> io::Result<OwnedFd> {
        step_into(&self.walk(path)?, OsStr::new("."), OFlags::RDONLY)
    }
}

/// A directory on the way to a file.
#[derive(Debug)]
pub(super) enum Directory<'a> {
    Root(BorrowedFd<'a>),
    Inside(OwnedFd),
}

impl AsFd for Directory<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(held) => held.as_fd(),
            Self::Inside(opened) => opened.as_fd(),
        }
    }
}

/// Opens a directory in another, if it is one.
fn step_into(from: &impl AsFd, name: &OsStr, how: OFlags) -> io::Result<OwnedFd> {
    match openat(from, name, how | DIRECTORY, Mode::empty()) {
        Err(Errno::NOTDIR | Errno::LOOP) => Err(NotOurs::NotADirectory.into()),
        opened => Ok(opened?),
    }
}

/// Opens a file that exists in a directory, if it is a regular one. A FIFO must not block the caller.
pub(super) fn open_file(from: &impl AsFd, name: &OsStr, how: OFlags) -> io::Result<File> {
    let flags = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = match openat(from, name, flags, Mode::empty()) {
        Err(Errno::LOOP) => return Err(NotOurs::SymbolicLink.into()),
        // A FIFO that nobody reads, a socket, a directory.
        Err(Errno::NXIO | Errno::ISDIR) => return Err(NotOurs::NotAFile.into()),
        opened => opened?.into(),
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(NotOurs::NotAFile.into()) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::spool::volume::is_not_ours;

    #[test]
    fn no_step_follows_a_link_or_leaves_the_root() {
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
            assert!(is_not_ours(&error), "{}: {error}", path.display());
            assert!(root.open_dir(&path).is_err_and(|error| is_not_ours(&error)));
        }
        let (new, name) = root
            .parent(&spool.join("pix/new/file"))
            .map(|(new, name)| (new, name.to_owned()))
            .expect("a queue");
        assert!(open_file(&new, &name, OFlags::RDONLY).is_err_and(|error| is_not_ours(&error)));
        assert!(
            open_file(&root.held(), OsStr::new("pix"), OFlags::RDONLY)
                .is_err_and(|error| is_not_ours(&error))
        );
    }
}
