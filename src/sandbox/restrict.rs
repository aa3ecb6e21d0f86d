//! Restricts file access with Landlock. The kernel enforces this even if the process is compromised.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, LandlockStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, make_bitflags, path_beneath_rules,
};
use rustix::fs::{CWD, Mode, OFlags, openat};

use super::readable::{Readable, folders_of};
use super::settings::Settings;

/// The requested version: all file access rights of Linux 6.10. An older kernel enforces those that it supports. Rights
/// for sockets are in later versions and are not restricted, because the journal and the service manager use sockets.
const REQUESTED_ABI: ABI = ABI::V5;

/// Read to determine the number of processors that the process may use, and whether ext4 has a journal.
const SYSTEM_DIRECTORIES: &[&str] = &["/sys/fs/cgroup", "/sys/fs/ext4"];
/// Information about the process itself (proc(5)): resource usage and descriptors.
const PROC_SELF: &str = "/proc/self";

/// The paths that a daemon must access.
#[derive(Clone, Debug, Default)]
pub struct AccessPaths {
    /// Files that are read repeatedly. Each may be replaced, so access to their directories is permitted.
    pub files: Vec<PathBuf>,
    /// Additional directories to read.
    pub read: Vec<PathBuf>,
    /// The spool directory, which is read.
    pub spool: PathBuf,
    /// What else may be done in the spool.
    pub spool_access: SpoolAccess,
    /// Directories in which sockets are created and removed.
    pub sockets: Vec<PathBuf>,
}

/// What a process may do in the spool, besides reading it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SpoolAccess {
    /// Write entries and move them.
    #[default]
    Write,
    /// Move entries from one queue to another.
    Move,
    /// Nothing.
    Read,
}

/// How much of the restrictions the kernel enforces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Enforcement {
    /// All requested restrictions.
    Full,
    /// The restrictions that this kernel supports.
    Partial,
    /// None: this kernel has no Landlock, or it is disabled.
    None,
    /// None: the configuration disables Landlock.
    Off,
}

/// The restrictions in force until the process ends.
#[derive(Debug)]
pub struct Sandbox {
    /// How much the kernel enforces.
    pub force: Enforcement,
    /// The version of Landlock in use, such as `V5`; none without Landlock.
    pub abi: Option<String>,
    /// Where files can be read.
    pub readable: Readable,
    /// The directories that can be read, for reports.
    pub read: BTreeSet<PathBuf>,
    /// The directories that can be written to, for reports.
    pub write: BTreeSet<PathBuf>,
    /// Kept open because a rule applies to an inode, and the kernel would give `/proc/self` another inode after a
    /// close.
    _own: Option<File>,
}

impl Sandbox {
    /// Logs the restrictions.
    pub fn log(&self) {
        let shown = |directories: &BTreeSet<PathBuf>| {
            directories.iter().map(|directory| directory.display().to_string()).collect::<Vec<_>>().join(" ")
        };
        let (read, write, abi) = (shown(&self.read), shown(&self.write), &self.abi);
        match self.force {
            Enforcement::Full => tracing::info!(landlock = "full", abi, read, write, "sandboxed"),
            Enforcement::Partial => {
                tracing::info!(
                    landlock = "partial",
                    abi,
                    read,
                    write,
                    "sandboxed as far as this kernel supports Landlock"
                );
            }
            Enforcement::None => tracing::warn!(
                landlock = "none",
                "not sandboxed: Landlock is not supported by this kernel, or disabled; a sandbox of systemd still applies"
            ),
            Enforcement::Off => tracing::info!(landlock = "off", "not sandboxed by Landlock"),
        }
    }
}

/// The kernel supports Landlock, but restricting the process failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot restrict the process with Landlock; `landlock = false` in [sandbox] does without")]
pub struct RestrictError {
    #[source]
    why: Box<dyn std::error::Error + Send + Sync>,
}

impl From<RulesetError> for RestrictError {
    fn from(why: RulesetError) -> Self {
        Self { why: why.into() }
    }
}

impl From<io::Error> for RestrictError {
    fn from(why: io::Error) -> Self {
        Self { why: why.into() }
    }
}

/// The result of [`restrict`] if Landlock is disabled.
pub fn unrestricted() -> Sandbox {
    Sandbox {
        force: Enforcement::Off,
        abi: None,
        readable: Readable::default(),
        read: BTreeSet::new(),
        write: BTreeSet::new(),
        _own: None,
    }
}

/// Restricts this thread, and the threads it starts from now on, to these paths. Directories to write to must exist,
/// because creating them would need access to their parents.
///
/// # Errors
/// If the kernel supports Landlock and a system call fails. Missing or partial support is not an error.
pub fn restrict(settings: &Settings, paths: &AccessPaths) -> Result<Sandbox, RestrictError> {
    if !settings.landlock {
        return Ok(unrestricted());
    }
    let resolved = |path: &PathBuf| fs::canonicalize(path).ok();
    let extra = paths.read.iter().chain(&settings.read).filter_map(resolved);
    let read: BTreeSet<_> = paths.files.iter().flat_map(|file| folders_of(file)).chain(extra).collect();
    let spool: BTreeSet<_> = resolved(&paths.spool).into_iter().collect();
    let sockets: BTreeSet<_> = paths.sockets.iter().filter_map(resolved).collect();
    let own = open_path(Path::new(PROC_SELF))?;

    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(REQUESTED_ABI))?
        .create()?
        .add_rules(path_beneath_rules(&read, read_rights()))?
        .add_rules(path_beneath_rules(SYSTEM_DIRECTORIES, read_rights()))?
        .add_rule(landlock::PathBeneath::new(&own, read_rights()))?
        .add_rules(path_beneath_rules(&spool, read_rights() | spool_rights(paths.spool_access)))?
        .add_rules(path_beneath_rules(&sockets, socket_rights()))?
        .restrict_self()?;
    let force = match status.ruleset {
        RulesetStatus::NotEnforced => Enforcement::None,
        RulesetStatus::PartiallyEnforced => Enforcement::Partial,
        RulesetStatus::FullyEnforced => Enforcement::Full,
    };
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => Some(format!("{effective_abi:?}")),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => None,
    };
    let readable = match force {
        Enforcement::None | Enforcement::Off => Readable::default(),
        Enforcement::Full | Enforcement::Partial => {
            Readable::below(read.iter().chain(&spool).cloned().collect())
        }
    };
    let write = spool.into_iter().chain(sockets).collect();
    Ok(Sandbox { force, abi, readable, read, write, _own: Some(own) })
}

/// Opens a directory without access to its content (open(2), `O_PATH`).
fn open_path(folder: &Path) -> io::Result<File> {
    Ok(openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?.into())
}

fn read_rights() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{ReadFile | ReadDir})
}

/// The rights to change the spool. `Refer` permits moving entries between queues.
fn spool_rights(access: SpoolAccess) -> BitFlags<AccessFs> {
    match access {
        SpoolAccess::Write => {
            make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | Refer})
        }
        SpoolAccess::Move => make_bitflags!(AccessFs::{MakeReg | RemoveFile | Refer}),
        SpoolAccess::Read => BitFlags::EMPTY,
    }
}

fn socket_rights() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{MakeSock | RemoveFile})
}
