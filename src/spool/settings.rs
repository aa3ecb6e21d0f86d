//! Settings of the spool.

use std::path::PathBuf;
use std::time::Duration;

use crate::quantity::ByteSize;

/// Where the spool is, who may use it, and what it keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The root of the spool, created if it is missing.
    pub directory: PathBuf,
    /// A group (gid) whose members may consume entries: queues have mode 2770, files 0660.
    pub group: Option<u32>,
    /// With less free space than this, deliveries get 503.
    pub min_free: ByteSize,
    /// How long entries stay in the queues of consumers.
    pub retention: Retention,
}

/// How long entries may stay in a queue; `None` means without limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention {
    /// How long an entry in `taken` may stay unlocked and unchanged before it returns to `new`.
    pub taken: Option<Duration>,
    /// The retention of entries in `done`.
    pub done: Option<Duration>,
    /// The retention of entries in `failed`.
    pub failed: Option<Duration>,
}
