//! The journal: small entries are safe in it before their files are.
//!
//! ```text
//! spool/.journal-0    one of the two is being filled; the files of what the other holds are
//! spool/.journal-1    made durable in the background, and then it is free again
//! ```
//!
//! One sync of a journal stands for the syncs of all files of a batch, and as it overwrites blocks
//! that the file has had from the beginning, that sync needs no change to the file system itself.
//! Until the files' own durability is certain the journal can put each of them back.

mod record;
mod segment;
mod restore;
mod pair;

pub(super) use pair::Journal;
