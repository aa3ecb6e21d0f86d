//! The write-ahead log, which makes small entries durable before their files are.
//!
//! ```text
//! spool/.journal-0    one of the two logs is active; a checkpoint in the background makes the files of the
//! spool/.journal-1    other one's entries durable, and then that log is void and free
//! ```
//!
//! One sync of a log replaces the syncs of all files of a batch. The log overwrites blocks that were allocated when it
//! was created, so the sync changes no metadata of the file system. Until the files are durable, the log can restore
//! each of them.

mod mark;
mod record;
mod previous;
mod segment;
mod restore;
mod checkpoint;
mod logs;

#[cfg(test)]
mod upgrade_tests;

pub(super) use checkpoint::{CheckpointThread, Checkpointer, Checkpoints};
pub(super) use logs::Wal;
pub use segment::{LogError, entries_in_log};

#[cfg(test)]
pub(super) use checkpoint::{Finished, Job};

/// The block size, which is a multiple of what a disk writes atomically.
const BLOCK: usize = 4096;

/// The size of each of the two logs. A larger log takes longer to restore after a crash; a smaller one needs more than
/// one checkpoint per second under full load.
pub(super) const SEGMENT_BYTES: usize = if cfg!(test) { 64 << 10 } else { 8 << 20 };

/// A block of zeros.
const ZEROS: &[u8; BLOCK] = &[0; BLOCK];
