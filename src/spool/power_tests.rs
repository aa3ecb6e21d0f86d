//! What a disk holds when the power goes.
//!
//! Data that was not synced is lost, kept, or kept in part, block by block. What becomes of names that were not
//! synced depends on the model of the file system; each of them takes a rename for one change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::sim::{Contents, Op};

type Inode = usize;

/// What is known of a file system.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Model {
    /// Changes of names are lost or kept, each for itself. Weaker than any file system with a journal, and what
    /// remains of ext4 without one if every rename is one change.
    #[default]
    Unjournaled,
    /// Changes reach the disk in order, and a sync of any file or directory that was changed takes all along.
    Ext4,
    /// Changes reach the disk in order, and a sync takes along what was changed before the thing that is synced.
    Xfs,
}

impl Model {
    /// Whether it keeps names intact and reports every loss, so that there is a write-ahead log.
    pub(super) fn has_journal(self) -> bool {
        self != Self::Unjournaled
    }
}

/// What becomes of that which was not synced.
#[derive(Clone, Debug)]
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
    model: Model,
    durable: Contents,
    writes: BTreeMap<Inode, Vec<Write>>,
    changes: Vec<Change>,
    /// Files that lost a write: what is written to them later is lost as well, although every sync succeeds. ext4 does this
    /// where it could not convert an extent (seen in Linux 6.18).
    damaged: BTreeSet<Inode>,
}

impl Platter {
    pub(super) fn holding(model: Model, durable: Contents) -> Self {
        Self { model, durable, ..Self::default() }
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
            Op::Write(inode, ..) if self.damaged.contains(inode) => {}
            Op::Write(inode, at, bytes) => self.writes.entry(*inode).or_default().push((*at, bytes.clone())),
            Op::Sync(inode) => {
                self.settle(*inode);
                let touches = |(_, changed): &(PathBuf, Option<Inode>)| *changed == Some(*inode);
                self.commit_in_order(touches);
            }
            // The kernel has dropped the pages: no later sync brings them.
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

    /// Makes the names in a directory durable, and what they came from.
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

    /// What a journal takes along when something is synced that it still holds a change of.
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
            // Nothing moves away from where it never came.
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
