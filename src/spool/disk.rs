//! The real file system: the only code that accesses the spool's files.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions, TryLockError};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, RawMode, RenameFlags, linkat, mkdirat, openat, renameat,
    renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::file_system::FileSystem;
use super::layout::Access;
use super::position::Position;
use super::volume::{Displaced, FileFacts, UnexpectedFile, Volume};
use super::walk::{Directory, KeptDirectories, RootDirectory, open_file};
use crate::clock::Timestamp;

/// The maximum number of pieces that one pwritev(2) accepts (IOV_MAX).
const PIECES_MAX: usize = 1024;
/// The permission bits of a mode, including setuid, setgid and sticky.
const PERMISSIONS: u32 = 0o7777;
/// Permissions that a spool without a group must not grant: writing for the group, anything for others.
const FORBIDDEN: u32 = 0o027;
const SETGID: u32 = 0o2000;

/// A spool on the real file system. Its root stays open, and every file is opened relative to it.
#[derive(Clone, Debug)]
pub struct Disk {
    root: Arc<RootDirectory>,
    group: Option<u32>,
    /// The directories of files that stay open; none if they are opened for each use.
    kept: Option<Arc<KeptDirectories>>,
}

/// The names in a directory, without `.` and `..`.
#[derive(Debug)]
pub struct Names(Dir);

impl Iterator for Names {
    type Item = io::Result<OsString>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.0.next()? {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => return Some(Ok(OsString::from_vec(entry.file_name().to_bytes().to_vec()))),
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}

impl Disk {
    /// Opens the spool whose root is this directory. The members of `group` may consume entries.
    ///
    /// # Errors
    /// As `open(2)` with `O_DIRECTORY`.
    pub fn open(root: &Path, group: Option<u32>) -> io::Result<Self> {
        Ok(Self { root: Arc::new(RootDirectory::open(root)?), group, kept: None })
    }

    /// The same spool. It keeps the directories of the files that it opens and moves open, for a caller that uses few
    /// directories often.
    #[must_use]
    pub fn keeping_directories(&self) -> Self {
        Self { kept: Some(Arc::default()), ..self.clone() }
    }

    /// Opens the directory of a file; returns it with the file's name.
    fn parent<'p>(&self, path: &'p Path) -> io::Result<(Directory<'_>, &'p OsStr)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(UnexpectedFile::OutsideSpool.into());
        };
        let directory = match &self.kept {
            Some(kept) => kept.open(&self.root, parent)?,
            None => self.root.walk(parent)?,
        };
        Ok((directory, name))
    }

    /// The file system that the root is on.
    ///
    /// # Errors
    /// As `fstatfs(2)`.
    pub fn file_system(&self) -> io::Result<FileSystem> {
        FileSystem::of(self.root.file())
    }

    fn file_mode(&self, access: Access) -> RawMode {
        match access {
            Access::Private => 0o600,
            Access::Shared if self.group.is_some() => 0o660,
            Access::Shared => 0o640,
        }
    }

    /// The mode of a directory if there is a group. With setgid, files inside belong to the group too.
    fn shared_mode(access: Access) -> u32 {
        match access {
            Access::Private => 0o2750,
            Access::Shared => 0o2770,
        }
    }

    /// Corrects the mode of the root, and its group if one is configured.
    pub(super) fn correct_root(&self, is_new: bool) -> io::Result<()> {
        self.correct_dir(self.root.file(), self.root.path(), Access::Private, is_new)
    }

    /// Corrects the group and mode only if they differ, because a system call filter may reject the calls.
    fn correct_dir(&self, directory: &File, path: &Path, access: Access, is_new: bool) -> io::Result<()> {
        let found = directory.metadata()?;
        let is_own = is_owned_by_process(found.uid())?;
        let (mode, gid) = (found.mode() & PERMISSIONS, found.gid());
        let (required_mode, required_gid) = match self.group {
            Some(group) => (Self::shared_mode(access), group),
            None => (mode & !FORBIDDEN, gid),
        };
        if !is_own || (mode, gid) == (required_mode, required_gid) {
            return Ok(());
        }
        set_group_and_mode(directory, required_gid, required_mode).map_err(|error| {
            let hint = format!("`chown :{required_gid}` and `chmod {required_mode:04o}` as root correct it");
            io::Error::new(
                error.kind(),
                format!("{error}; its group is {gid} and its mode {mode:04o}: {hint}"),
            )
        })?;
        if !is_new {
            let (was, now) = (format!("{mode:04o}"), format!("{required_mode:04o}"));
            tracing::warn!(directory = %path.display(), was, now, gid = required_gid, "permissions of a spool directory corrected");
        }
        Ok(())
    }

    fn correct_file(&self, file: &File, path: &Path, access: Access) -> io::Result<()> {
        let found = file.metadata()?;
        let (is_own, mode) = (is_owned_by_process(found.uid())?, found.mode() & PERMISSIONS);
        let required = mode & self.file_mode(access);
        if is_own && access == Access::Private && mode != required {
            file.set_permissions(Permissions::from_mode(required))?;
            let (was, now) = (format!("{mode:04o}"), format!("{required:04o}"));
            tracing::warn!(file = %path.display(), was, now, "permissions of a spool file corrected");
        }
        Ok(())
    }

    /// Opens or creates a file that only the daemon may use, such as the lock.
    pub(super) fn open_private(&self, path: &Path) -> io::Result<File> {
        match self.create(path, Access::Private) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.open(path, Access::Private),
            created => created,
        }
    }
}

/// Whether a name in a directory still names this open file.
pub(super) fn is_named(directory: impl AsFd, name: &OsStr, file: &File) -> io::Result<bool> {
    let named = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let open = rustix::fs::fstat(file)?;
    Ok((named.st_dev, named.st_ino) == (open.st_dev, open.st_ino))
}

/// Changes the group and the mode if they differ.
fn set_group_and_mode(file: &File, gid: u32, mode: u32) -> io::Result<()> {
    if file.metadata()?.gid() != gid {
        rustix::fs::fchown(file, None, Some(rustix::fs::Gid::from_raw(gid)))?;
    }
    // chown(2) may clear the setgid bit.
    if file.metadata()?.mode() & PERMISSIONS != mode {
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Whether the process owns a file with this owner; false if root does. Any other owner is an error.
fn is_owned_by_process(uid: u32) -> io::Result<bool> {
    let own = rustix::process::geteuid().as_raw();
    if uid == own || uid == 0 { Ok(uid == own) } else { Err(UnexpectedFile::WrongOwner(uid).into()) }
}

impl Volume for Disk {
    type File = File;
    type Dir = OwnedFd;
    type Reader = File;
    type Names = Names;

    fn create(&self, path: &Path, access: Access) -> io::Result<File> {
        let (directory, name) = self.parent(path)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        Ok(openat(directory, name, flags, Mode::from_raw_mode(self.file_mode(access)))?.into())
    }

    fn open_queue(&self, path: &Path) -> io::Result<OwnedFd> {
        let queue = self.root.open_dir(path)?;
        let is_on_root = Position::of(&queue)?.shares_mount_with(self.root.position());
        if is_on_root { Ok(queue) } else { Err(UnexpectedFile::OtherMount.into()) }
    }

    fn create_linked(&self, queue: &OwnedFd, path: &Path, pieces: &[&[u8]]) -> io::Result<()> {
        // For the file system this is half the work of a file in `tmp` and a rename.
        let name = path.file_name().ok_or(UnexpectedFile::OutsideSpool)?;
        let mode = Mode::from_raw_mode(self.file_mode(Access::Shared));
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = File::from(openat(queue, ".", flags, mode)?);
        self.write(&file, 0, pieces)?;
        // Linking through /proc needs no privilege (open(2), O_TMPFILE).
        let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(linkat(CWD, unnamed, queue, name, AtFlags::SYMLINK_FOLLOW)?)
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<File> {
        let (directory, name) = self.parent(path)?;
        let file = open_file(&directory, name, OFlags::WRONLY)?;
        self.correct_file(&file, path, access)?;
        Ok(file)
    }

    fn open_dir(&self, path: &Path) -> io::Result<File> {
        Ok(self.root.open_dir(path)?.into())
    }

    fn read(&self, path: &Path) -> io::Result<File> {
        let (directory, name) = self.parent(path)?;
        open_file(&directory, name, OFlags::RDONLY)
    }

    fn read_locked(&self, path: &Path) -> io::Result<Option<File>> {
        let (directory, name) = self.parent(path)?;
        let file = open_file(&directory, name, OFlags::RDONLY)?;
        if !self.try_lock(&file)? {
            return Ok(None);
        }
        // Another process may have moved the file between the open and the lock.
        if is_named(&directory, name, &file)? { Ok(Some(file)) } else { Err(io::ErrorKind::NotFound.into()) }
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

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        if file.metadata()?.len() > length { file.set_len(length) } else { Ok(()) }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_everything(&self, root: &File) -> io::Result<()> {
        Ok(rustix::fs::syncfs(root)?)
    }

    fn reports_every_loss(&self) -> io::Result<bool> {
        Ok(self.file_system()?.reports_every_loss())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((from, old), (to, new)) = (self.parent(from)?, self.parent(to)?);
        Ok(renameat(from, old, to, new)?)
    }

    fn exchange(&self, one: &Path, other: &Path) -> io::Result<()> {
        let ((from, one), (to, other)) = (self.parent(one)?, self.parent(other)?);
        Ok(renameat_with(from, one, to, other, RenameFlags::EXCHANGE)?)
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // Opened each time: a directory may have been replaced, and its old descriptor would sync the wrong one.
        File::from(self.root.open_dir(path)?).sync_all()?;
        // An XFS that has just shut down after an error (seen in Linux 6.18) still reports success for a sync of an
        // open directory, although its names are lost. Opening the directory again fails.
        self.root.open_dir(path).map(drop)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (directory, name) = self.parent(path)?;
        Ok(unlinkat(directory, name, AtFlags::empty())?)
    }

    fn make_dir(&self, path: &Path, access: Access) -> io::Result<bool> {
        let (parent, name) = self.parent(path)?;
        // Without the setgid bit, which a system call filter may reject: it is inherited, or set below.
        let mode = if self.group.is_some() { Self::shared_mode(access) & !SETGID } else { 0o750 };
        let is_new = match mkdirat(&parent, name, Mode::from_raw_mode(mode)) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        self.correct_dir(&File::from(self.root.open_dir(path)?), path, access, is_new)?;
        Ok(is_new)
    }

    fn make_lock_file(&self, path: &Path) -> io::Result<()> {
        let (directory, name) = self.parent(path)?;
        let file = open_file(&directory, name, OFlags::RDONLY | OFlags::CREATE)?;
        let found = file.metadata()?;
        let gid = self.group.unwrap_or(found.gid());
        if is_owned_by_process(found.uid())? {
            // A member of the group locks it, which requires only reading.
            set_group_and_mode(&file, gid, 0o640)?;
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Names> {
        Ok(Names(Dir::new(self.root.open_dir(path)?)?))
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        let (directory, name) = self.parent(path)?;
        let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(found.st_mode);
        if kind == FileType::Symlink {
            return Err(UnexpectedFile::SymbolicLink.into());
        }
        if kind != FileType::RegularFile {
            return Err(UnexpectedFile::NotRegularFile.into());
        }
        let length = u64::try_from(found.st_size).map_err(io::Error::other)?;
        let nanoseconds = i32::try_from(found.st_ctime_nsec).map_err(io::Error::other)?;
        let changed = Timestamp::new(found.st_ctime, nanoseconds).map_err(io::Error::other)?;
        Ok(FileFacts { length, changed })
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(self.root.file())?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn is_in_mount(&self, directory: &Path) -> io::Result<bool> {
        Ok(Position::of(self.root.walk(directory)?)?.shares_mount_with(self.root.position()))
    }

    fn displaced(&self) -> Option<Displaced> {
        let held = self.root.position();
        let there = Position::at(self.root.path());
        if there.as_ref().is_ok_and(|there| *there == held) {
            return None;
        }
        let path = self.root.path().display();
        Some(Displaced {
            configured: match there {
                Ok(there) => format!("`{path}` ({there})"),
                Err(error) => format!("`{path}` ({error})"),
            },
            held: held.to_string(),
        })
    }
}
