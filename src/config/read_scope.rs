//! The files that a reload can read: the sandbox limits a running daemon to the directories granted at startup.

use std::path::{Path, PathBuf};

use super::access::is_permitted;
use crate::sandbox::Readable;

/// The directories that can be read; all of them by default.
#[derive(Clone, Debug, Default)]
pub struct ReadScope {
    /// The directories that can be read.
    readable: Readable,
    /// The names and numbers of the configured groups. `/etc/group` may not be readable, and a restart is needed to
    /// change a group anyway.
    groups: Vec<(String, u32)>,
}

impl ReadScope {
    /// Creates the scope for the reloads of a daemon that was started with these groups.
    pub fn new(readable: Readable, groups: Vec<(String, u32)>) -> Self {
        Self { readable, groups }
    }

    /// The number that a group had at startup.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        self.groups.iter().find(|(known, _)| known == name).map(|(_, number)| *number)
    }

    /// Whether only the sandbox prevents reading a file: it exists, and its permissions allow it.
    pub(super) fn excludes(&self, path: &Path) -> bool {
        is_permitted(path) && !self.readable.contains(path)
    }

    /// The directories of those files that only the sandbox prevents reading, which lasts until a restart.
    pub fn excluded_folders(&self, files: &[PathBuf]) -> Vec<String> {
        let excluded = files.iter().filter(|file| self.excludes(file)).filter_map(|file| file.parent());
        let mut folders: Vec<_> = excluded.map(|folder| folder.display().to_string()).collect();
        folders.dedup();
        folders
    }
}
