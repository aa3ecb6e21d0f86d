//! What a load has to keep to while a daemon runs: what it can read, and what it once read.

use std::path::Path;

use crate::sandbox::Readable;

/// What a load has to keep to; anything goes by default.
#[derive(Clone, Debug, Default)]
pub struct Within {
    /// Where files can be read.
    readable: Readable,
    /// The spool's group and its number. `/etc` may lie beyond, and the group stays until a restart anyway.
    group: Option<(String, u32)>,
}

impl Within {
    /// For the reloads of a daemon that began with this group of the spool.
    pub fn new(readable: Readable, group: Option<(String, u32)>) -> Self {
        Self { readable, group }
    }

    /// The number of a group as it was at the start.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        self.group.as_ref().filter(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// Whether a file can be read, its rights aside.
    pub(super) fn holds(&self, path: &Path) -> bool {
        self.readable.holds(path)
    }
}
