//! What a reload can read: the sandbox limits a running daemon to the directories of its start.

use std::path::Path;

use crate::sandbox::Readable;

/// The directories that can be read; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct ReadScope {
    /// Where files can be read.
    readable: Readable,
    /// The spool's group and its number. `/etc` may lie beyond, and the group stays until a restart anyway.
    group: Option<(String, u32)>,
}

impl ReadScope {
    /// For the reloads of a daemon that started with this group of the spool.
    pub fn new(readable: Readable, group: Option<(String, u32)>) -> Self {
        Self { readable, group }
    }

    /// The number of a group as it was at the start.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        self.group.as_ref().filter(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// Whether a file can be read, its rights aside.
    pub(super) fn holds(&self, path: &Path) -> bool {
        self.readable.contains(path)
    }
}
