//! Models what a disk contains after a power failure.
//!
//! Data that was not synced is lost, kept, or kept in part, block by block. Which unsynced names are kept depends on
//! the model of the file system. In each of them a rename is atomic.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sim::{Contents, Op};

type Inode = usize;

/// The guarantees of a file system for names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Model {
    /// Each change of a name is lost or kept independently. This is weaker than any file system with a journal, and
    /// like ext4 without one if renames were atomic.
    #[default]
    Unjournaled,
    /// Changes reach the disk in order. A sync of any changed file or directory includes all changes.
    Ext4,
    /// Changes reach the disk in order. A sync includes the changes up to the last one of the synced file or directory.
    Xfs,
}

impl Model {
    /// Whether it has a journal and reports every lost write, so that the spool uses a write-ahead log.
    pub(super) fn has_journal(self) -> bool {
        self != Self::Unjournaled
    }
}

/// What happens to unsynced data and names.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Lost,
    Kept,
    /// Decided by a generator with this state.
    Torn(u64),
}

impl Fate {
    /// Returns a number below `choices`, from an xorshift generator if torn.
    fn choose(&mut self, choices: u64) -> u64 {
        match self {
            Self::Lost => 0,
            Self::Kept => choices - 1,
            Self::Torn(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                *state % choices
            }
        }
    }
}

/// An atomic change of names that is not durable yet.
type Change = Vec<(PathBuf, Option<Inode>)>;

/// The offset and the bytes of a write.
type Write = (usize, Arc<Vec<u8>>);

/// The durable contents of a disk, and the changes that are not durable yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Platter {
    model: Model,
    durable: Contents,
    writes: BTreeMap<Inode, Vec<Write>>,
    changes: Vec<Change>,
    /// Files that lost a write. Later writes to them are lost too, although every sync succeeds: ext4 does this if it
    /// could not convert an extent (seen in Linux 6.18).
    damaged: BTreeSet<Inode>,
}

impl Platter {
    pub(super) fn with_contents(model: Model, durable: Contents) -> Self {
        Self { model, durable, ..Self::default() }
    }

    /// Applies the next operation.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create(path, inode) => {
                self.durable.data.insert(*inode, Default::default());
                self.set(&[(path, Some(*inode))]);
            }
            Op::Unnamed(inode) => drop(self.durable.data.insert(*inode, Default::default())),
            Op::Link(path, inode) => self.set(&[(path, Some(*inode))]),
            Op::Write(inode, ..) if self.damaged.contains(inode) => {}
            Op::Write(inode, at, bytes) => self.writes.entry(*inode).or_default().push((*at, bytes.clone())),
            Op::Sync(inode) => {
                self.settle(*inode);
                let touches = |(_, changed): &(PathBuf, Option<Inode>)| *changed == Some(*inode);
                self.commit_in_order(touches);
            }
            // The kernel has dropped the pages, so no later sync writes them.
            Op::SyncFailed(inode) => {
                self.writes.remove(inode);
                self.damaged.insert(*inode);
            }
            Op::SyncEverything => {
                let inodes: Vec<_> = self.writes.keys().copied().collect();
                inodes.into_iter().for_each(|inode| self.settle(inode));
                for change in std::mem::take(&mut self.changes) {
                    set(&mut self.durable, &change);
                }
            }
            Op::SyncEverythingFailed => self.damaged.extend(std::mem::take(&mut self.writes).into_keys()),
            Op::SyncDir(directory) => self.sync_names(directory),
            Op::Rename(from, to, inode) => self.set(&[(from, None), (to, Some(*inode))]),
            Op::Exchange(one, first, other, second) => {
                self.set(&[(one, Some(*first)), (other, Some(*second))]);
            }
            Op::Remove(path) => self.set(&[(path, None)]),
        }
    }

    /// Makes the names in a directory durable, and the earlier changes that they depend on.
    fn sync_names(&mut self, directory: &Path) {
        if self.model.has_journal() {
            return self.commit_in_order(|(path, _)| path.parent() == Some(directory));
        }
        let mut touched = BTreeSet::new();
        let mut synced = Vec::new();
        for index in (0..self.changes.len()).rev() {
            let paths = self.changes[index].iter().map(|(path, _)| path);
            if paths.clone().any(|path| path.parent() == Some(directory) || touched.contains(path)) {
                touched.extend(paths.cloned());
                synced.push(self.changes.remove(index));
            }
        }
        synced.iter().rev().for_each(|change| set(&mut self.durable, change));
    }

    /// Makes the changes durable that a journal commits together with the synced file or directory.
    fn commit_in_order(&mut self, touches: impl Fn(&(PathBuf, Option<Inode>)) -> bool) {
        let Some(last) = self.changes.iter().rposition(|change| change.iter().any(&touches)) else { return };
        let end = match self.model {
            Model::Unjournaled => return,
            Model::Ext4 => self.changes.len(),
            Model::Xfs => last + 1,
        };
        for change in self.changes.drain(..end) {
            set(&mut self.durable, &change);
        }
    }

    fn set(&mut self, sets: &[(&PathBuf, Option<Inode>)]) {
        self.changes.push(sets.iter().map(|(path, inode)| ((*path).clone(), *inode)).collect());
    }

    fn settle(&mut self, inode: Inode) {
        for (at, bytes) in self.writes.remove(&inode).unwrap_or_default() {
            self.durable.write(inode, at, &bytes);
        }
    }

    /// Returns the contents of the disk after a power failure.
    pub(super) fn after_power_failure(&self, mut fate: Fate) -> Contents {
        const BLOCK: usize = 512;
        let mut found = self.durable.clone();
        for (inode, writes) in &self.writes {
            // Nothing, some blocks, or all of a file.
            let all = fate.choose(3);
            for (at, bytes) in writes {
                for (index, block) in bytes.chunks(BLOCK).enumerate() {
                    if all == 2 || all == 1 && fate.choose(2) == 1 {
                        found.write(*inode, at + index * BLOCK, block);
                    }
                }
            }
        }
        let kept = match self.model {
            Model::Unjournaled => None,
            Model::Ext4 | Model::Xfs => {
                let choices = u64::try_from(self.changes.len()).unwrap() + 1;
                Some(usize::try_from(fate.choose(choices)).unwrap())
            }
        };
        for (index, change) in self.changes.iter().enumerate() {
            if let Some(kept) = kept {
                if index < kept {
                    set(&mut found, change);
                }
                continue;
            }
            // A file cannot be moved from a name that it does not have.
            let is_there =
                change.iter().all(|(path, inode)| inode.is_some() || found.names.contains_key(path));
            if fate.choose(2) == 1 && is_there {
                set(&mut found, change);
            }
        }
        found.forget_unnamed();
        found
    }
}

fn set(contents: &mut Contents, change: &Change) {
    for (path, inode) in change {
        match inode {
            Some(inode) => drop(contents.names.insert(path.clone(), *inode)),
            None => drop(contents.names.remove(path)),
        }
    }
}
