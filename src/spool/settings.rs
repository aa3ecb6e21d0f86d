//! Settings of the spool.

use std::path::PathBuf;
use std::time::Duration;

use crate::quantity::ByteSize;

/// Where the spool is and how it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Its folder; made when it is missing.
    pub directory: PathBuf,
    /// A group (gid) whose members may consume: queues 2770, files 0660.
    pub group: Option<u32>,
    /// Below this much free space deliveries are refused before the disk is full.
    pub min_free: ByteSize,
    /// For how long finished entries are kept.
    pub retention: Retention,
}

/// How long finished and failed entries are kept; `None` means forever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// In `done`.
    pub done: Option<Duration>,
    /// In `failed`.
    pub failed: Option<Duration>,
}
