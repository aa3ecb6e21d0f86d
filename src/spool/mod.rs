//! The spool: a delivery is wholly there or not there at all.
//!
//! ```text
//! spool/tmp/                       being written; swept at start: nothing there was acknowledged
//! spool/<endpoint>/new/<id>.hook   complete, synced, waiting for a consumer
//! spool/<endpoint>/taken/          a consumer claimed it, by rename
//! spool/<endpoint>/done/           finished
//! spool/<endpoint>/failed/         given up
//! spool/corrupt/                   what was found that is not whole
//! spool/.journal-0, .journal-1     what can be put back until its files are durable
//! ```
//!
//! A draft is made safe, by the journal or by a sync of its own, and stands in `new`; then, and
//! only then, there is a [`Receipt`].

mod settings;
mod layout;
mod draft;
mod volume;
mod disk;
mod lock;
mod health;
mod folders;
mod journal;
mod commit_error;
mod writer;
mod commit;
mod open;
mod entry;
mod entries;
mod transfer;
mod census;
mod keeper;

pub use commit::{Committer, Spool};
pub use commit_error::CommitError;
pub use disk::Disk;
pub use draft::Draft;
pub use entries::{Place, endpoints, entries, find, oldest};
pub use entry::{EntryFault, EnvelopeFacts, NotWhole, OpenEntry, check_entry, open_entry};
pub use folders::{FolderError, make_queues, make_root};
pub use health::{Ailment, Health};
pub use keeper::{Keep, Keeper};
pub use layout::{Layout, Queue};
pub use lock::{LockError, SpoolLock};
pub use open::{OpenError, Opened, open};
pub use settings::{Retention, Settings};
pub use transfer::{older, set_aside, transfer};
pub use volume::{FileFacts, Volume};
pub use writer::Receipt;

#[cfg(test)]
#[path = "sim_tests.rs"]
mod sim;
#[cfg(test)]
#[path = "power_tests.rs"]
mod power;
#[cfg(test)]
#[path = "crash_tests.rs"]
mod crash;
