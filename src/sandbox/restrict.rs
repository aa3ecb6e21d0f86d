//! Landlock: the kernel refuses what lies beyond, whatever becomes of this process.

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

/// What is asked for: all rights to files that Linux 6.10 tells apart. An older kernel enforces those
/// that it knows. Sockets' rights are later ones and stay free: the journal and the service manager
/// are told things through sockets.
const ASKED: ABI = ABI::V5;

/// What is read of the system: how many processors the process may use, and whether an ext4 has a journal.
const OF_THE_SYSTEM: &[&str] = &["/sys/fs/cgroup", "/sys/fs/ext4"];
/// The process's own facts (proc(5)): its usage, its descriptors.
const OWN_FACTS: &str = "/proc/self";

/// What a daemon has to do with.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Files that are read now and again; each may be replaced, so their folders count.
    pub files: Vec<PathBuf>,
    /// More folders to read in.
    pub read: Vec<PathBuf>,
    /// The folder that everything is written to.
    pub spool: PathBuf,
    /// Folders that sockets are made and removed in.
    pub sockets: Vec<PathBuf>,
}

/// How much of it the kernel enforces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Force {
    /// All that was asked for.
    Full,
    /// What this kernel knows of it.
    Partial,
    /// Nothing: this kernel has no Landlock, or it is not switched on.
    None,
    /// Nothing, as the configuration has it.
    Off,
}

/// What is in force, for as long as the process lives.
#[derive(Debug)]
pub struct Sandbox {
    /// How much.
    pub force: Force,
    /// The version of Landlock that the kernel speaks, as far as it is used: `V7`.
    pub abi: Option<String>,
    /// Where files can be read from now on.
    pub readable: Readable,
    /// The folders that can be read, for reports.
    pub read: BTreeSet<PathBuf>,
    /// The folders that can be written to, for reports.
    pub write: BTreeSet<PathBuf>,
    /// A rule holds for an inode, and the kernel would make another one for `/proc/self` if nobody held this one.
    _own: Option<File>,
}

/// The kernel has Landlock and would not restrict us.
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

/// As [`restrict`], where it is not to be.
pub fn unrestricted() -> Sandbox {
    Sandbox {
        force: Force::Off,
        abi: None,
        readable: Readable::default(),
        read: BTreeSet::new(),
        write: BTreeSet::new(),
        _own: None,
    }
}

/// Restricts this thread, and those that it starts from now on, to these places. What is to be written
/// to has to be there already: what lies above it is not granted.
///
/// # Errors
/// When the kernel has Landlock and refuses. One that has none, or less, is no error.
pub fn restrict(settings: &Settings, places: &Places) -> Result<Sandbox, RestrictError> {
    if !settings.landlock {
        return Ok(unrestricted());
    }
    let found = |path: &PathBuf| fs::canonicalize(path).ok();
    let more = places.read.iter().chain(&settings.read).filter_map(found);
    let read: BTreeSet<_> = places.files.iter().flat_map(|file| folders_of(file)).chain(more).collect();
    let spool: BTreeSet<_> = found(&places.spool).into_iter().collect();
    let sockets: BTreeSet<_> = places.sockets.iter().filter_map(found).collect();
    let own = hold(Path::new(OWN_FACTS))?;

    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(ASKED))?
        .create()?
        .add_rules(path_beneath_rules(&read, reading()))?
        .add_rules(path_beneath_rules(OF_THE_SYSTEM, reading()))?
        .add_rule(landlock::PathBeneath::new(&own, reading()))?
        .add_rules(path_beneath_rules(&spool, reading() | keeping()))?
        .add_rules(path_beneath_rules(&sockets, socketing()))?
        .restrict_self()?;
    let force = match status.ruleset {
        RulesetStatus::NotEnforced => Force::None,
        RulesetStatus::PartiallyEnforced => Force::Partial,
        RulesetStatus::FullyEnforced => Force::Full,
    };
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => Some(format!("{effective_abi:?}")),
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => None,
    };
    let readable = match force {
        Force::None | Force::Off => Readable::default(),
        Force::Full | Force::Partial => Readable::beneath(read.iter().chain(&spool).cloned().collect()),
    };
    let write = spool.into_iter().chain(sockets).collect();
    Ok(Sandbox { force, abi, readable, read, write, _own: Some(own) })
}

/// Holds a folder without opening it (open(2), `O_PATH`).
fn hold(folder: &Path) -> io::Result<File> {
    Ok(openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?.into())
}

fn reading() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{ReadFile | ReadDir})
}

/// What is done to a spool. Entries go from queue to queue, which takes `Refer`.
fn keeping() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | Refer})
}

fn socketing() -> BitFlags<AccessFs> {
    make_bitflags!(AccessFs::{MakeSock | RemoveFile})
}
