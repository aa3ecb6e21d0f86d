//! Settings of the sandbox.

use std::path::PathBuf;

/// Whether the process is restricted, and what else it may read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Whether Landlock is used if the kernel supports it.
    pub landlock: bool,
    /// Additional directories, whose files a later configuration may use.
    pub read: Vec<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { landlock: true, read: Vec::new() }
    }
}
