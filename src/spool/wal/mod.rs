//! The write-ahead log: small entries are durable in it before their files are.
//!
//! ```text
//! spool/.journal-0    one of the two logs is active; the files of what the other holds are made
//! spool/.journal-1    durable in the background (a checkpoint), and then it is void and free
//! ```
//!
//! One sync of a log replaces the syncs of all files of a batch, and because it overwrites blocks
//! that the file had from the beginning, that sync needs no change of the file system's metadata.
//! Until the files themselves are durable, the log can restore each of them.

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
pub use segment::LogError;

#[cfg(test)]
pub(super) use checkpoint::{Finished, Job};

/// What a disk writes at once, or a multiple of it.
const BLOCK: usize = 4096;

/// The size of each of the two logs. More would mean more to restore after a crash, less that the disk
/// is asked to make the files durable more often than once a second under full load.
pub(super) const SEGMENT_BYTES: usize = if cfg!(test) { 64 << 10 } else { 8 << 20 };

/// A block that holds nothing.
const ZEROS: &[u8; BLOCK] = &[0; BLOCK];
