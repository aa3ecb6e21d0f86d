//! The files that a reload can read: the sandbox limits a running daemon to the directories granted at startup.

use std::path::Path;

use crate::sandbox::Readable;

/// The directories that can be read; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct ReadScope {
    /// The directories that can be read.
    readable: Readable,
    /// The name and number of the spool's group. `/etc/group` may not be readable, and a restart is needed to change
    /// the group anyway.
    group: Option<(String, u32)>,
}

impl ReadScope {
    /// Creates the scope for the reloads of a daemon that was started with this group.
    pub fn new(readable: Readable, group: Option<(String, u32)>) -> Self {
        Self { readable, group }
    }

    /// The number that a group had at startup.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        self.group.as_ref().filter(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// Whether a file is in a directory that can be read, regardless of its permissions.
    pub(super) fn holds(&self, path: &Path) -> bool {
        self.readable.contains(path)
    }
}
