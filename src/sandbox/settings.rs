//! Whether there is a sandbox, and what more may be read in it.

use std::path::PathBuf;

/// Whether there is a sandbox, and what more may be read in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Whether Landlock is used where the kernel has it.
    pub landlock: bool,
    /// More folders that a later reload may name files in.
    pub read: Vec<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { landlock: true, read: Vec::new() }
    }
}
