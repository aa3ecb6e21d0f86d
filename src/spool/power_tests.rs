//! What a disk holds when the power goes: a weaker promise than any journaling file system gives.
//!
//! Data that was not synced is lost, kept, or kept in part, block by block. A name whose directory
//! was not synced is lost or kept, each for itself; only that a rename or an exchange is one thing is
//! believed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sim::{Contents, Op};

type Inode = usize;

/// What becomes of that which was not synced.
#[derive(Debug)]
pub(super) enum Fate {
    Lost,
    Kept,
    /// Whatever this generator says.
    Torn(u64),
}

impl Fate {
    /// One of `choices`, as by the xorshift generator.
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

/// A change of names that is not durable yet: all of it or nothing.
type Change = Vec<(PathBuf, Option<Inode>)>;

/// Where, and what.
type Write = (usize, Arc<Vec<u8>>);

/// What is durable, and what is not yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Platter {
    durable: Contents,
    writes: BTreeMap<Inode, Vec<Write>>,
    changes: Vec<Change>,
}

impl Platter {
    pub(super) fn holding(durable: Contents) -> Self {
        Self { durable, ..Self::default() }
    }

    /// Takes in the next operation.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Create(path, inode) => {
                self.durable.data.insert(*inode, Default::default());
                self.set(&[(path, Some(*inode))]);
            }
            Op::Unnamed(inode) => drop(self.durable.data.insert(*inode, Default::default())),
            Op::Link(path, inode) => self.set(&[(path, Some(*inode))]),
            Op::Write(inode, at, bytes) => self.writes.entry(*inode).or_default().push((*at, bytes.clone())),
            Op::Sync(inode) => self.settle(*inode),
            // The kernel has dropped the pages: no later sync brings them.
            Op::SyncFailed(inode) => drop(self.writes.remove(inode)),
            Op::SyncEverything => {
                let inodes: Vec<_> = self.writes.keys().copied().collect();
                inodes.into_iter().for_each(|inode| self.settle(inode));
                for change in std::mem::take(&mut self.changes) {
                    set(&mut self.durable, &change);
                }
            }
            Op::SyncEverythingFailed => self.writes.clear(),
            Op::SyncDir(directory) => self.sync_names(directory),
            Op::Rename(from, to, inode) => self.set(&[(from, None), (to, Some(*inode))]),
            Op::Remove(path) => self.set(&[(path, None)]),
        }
    }

    /// Makes the names in a directory durable, and what they came from.
    fn sync_names(&mut self, directory: &Path) {
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

    fn set(&mut self, sets: &[(&PathBuf, Option<Inode>)]) {
        self.changes.push(sets.iter().map(|(path, inode)| ((*path).clone(), *inode)).collect());
    }

    fn settle(&mut self, inode: Inode) {
        for (at, bytes) in self.writes.remove(&inode).unwrap_or_default() {
            self.durable.write(inode, at, &bytes);
        }
    }

    /// What is found when the power comes back.
    pub(super) fn after_a_cut(&self, mut fate: Fate) -> Contents {
        const BLOCK: usize = 512;
        let mut found = self.durable.clone();
        for (inode, writes) in &self.writes {
            // Of a file all, nothing, or some blocks.
            let all = fate.choose(3);
            for (at, bytes) in writes {
                for (index, block) in bytes.chunks(BLOCK).enumerate() {
                    if all == 2 || all == 1 && fate.choose(2) == 1 {
                        found.write(*inode, at + index * BLOCK, block);
                    }
                }
            }
        }
        for change in &self.changes {
            // Nothing moves away from where it never came.
            let is_there =
                change.iter().all(|(path, inode)| inode.is_some() || found.names.contains_key(path));
            if fate.choose(2) == 1 && is_there {
                set(&mut found, change);
            }
        }
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
