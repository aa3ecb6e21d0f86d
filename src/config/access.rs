//! Who can use a file, judged by the modes of the file and of the directories above it.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::geteuid;

/// The most symlinks that are followed; the kernel has the same limit (path_resolution(7)).
const SYMLINKS_MAX: usize = 40;

/// Why the permissions do not allow this process to read a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessDenied {
    user: String,
    /// The first directory that the user cannot enter; none if the file itself is the reason.
    folder: Option<PathBuf>,
    /// The mode of the file, if it is the reason.
    mode: Option<u32>,
}

impl AccessDenied {
    /// The reason, for a file that this process could not read.
    pub fn of(path: &Path) -> Self {
        Self {
            user: user_name(),
            folder: closed_folder(path, SYMLINKS_MAX),
            mode: fs::metadata(path).ok().filter(|_| !is_permitted(path)).map(|found| found.mode() & 0o7777),
        }
    }
}

impl Display for AccessDenied {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { user, folder, mode } = self;
        match (folder, mode) {
            (Some(folder), _) => {
                write!(f, "user {user} has no access to the directory `{}`", folder.display())
            }
            (None, Some(mode)) => write!(f, "its mode {mode:04o} does not permit it for user {user}"),
            (None, None) => write!(f, "permission denied for user {user}"),
        }
    }
}

/// The user of this process, for messages: the quoted name, or the number if /etc/passwd cannot be read or does not
/// contain it.
pub fn user_name() -> String {
    let uid = geteuid().as_raw().to_string();
    let users = fs::read("/etc/passwd").unwrap_or_default();
    let users = String::from_utf8_lossy(&users);
    let mut fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own =
        fields.find_map(|fields| (fields.get(2) == Some(&uid.as_str())).then(|| format!("`{}`", fields[0])));
    own.unwrap_or(uid)
}

/// Whether the permissions allow this process to read a file, regardless of its sandbox: access(2) is not restricted
/// by Landlock.
pub(super) fn is_permitted(path: &Path) -> bool {
    access(path, Access::READ_OK).is_ok()
}

/// The first directory on the way to a file, and to the targets of its symlinks, that this process cannot enter.
fn closed_folder(path: &Path, links: usize) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let mut above: Vec<_> = path.ancestors().skip(1).collect();
    above.reverse();
    let closed = above.into_iter().find(|folder| access(*folder, Access::EXEC_OK) == Err(Errno::ACCESS));
    match closed {
        Some(folder) => {
            behind_link(folder, links).or_else(|| Some(fs::canonicalize(folder).unwrap_or(folder.to_owned())))
        }
        None => behind_link(&path, links),
    }
}

fn behind_link(path: &Path, links: usize) -> Option<PathBuf> {
    let target = fs::read_link(path).ok()?;
    closed_folder(&path.parent()?.join(target), links.checked_sub(1)?)
}

/// Whether a member of this group, who is neither the owner nor in another group, can use a file in one of these ways
/// (4: read, 2: write). The directories above it must permit access, too.
pub fn is_open_to(group: u32, path: &Path, ways: u32) -> bool {
    let permits = |path: &Path, bits: u32| {
        fs::metadata(path).is_ok_and(|found| {
            let mode = if found.gid() == group { found.mode() >> 3 } else { found.mode() };
            mode & bits != 0
        })
    };
    fs::canonicalize(path)
        .is_ok_and(|path| permits(&path, ways) && path.ancestors().skip(1).all(|folder| permits(folder, 1)))
}
