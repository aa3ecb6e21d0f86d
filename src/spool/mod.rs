//! The spool: a delivery is wholly there or not there at all.
//!
//! ```text
//! spool/tmp/                       being written; swept at start: nothing there was acknowledged
//! spool/<endpoint>/new/<id>.hook   complete, synced, waiting for a consumer
//! spool/<endpoint>/taken/          a consumer claimed it, by rename
//! spool/<endpoint>/done/           finished
//! spool/<endpoint>/failed/         given up
//! spool/corrupt/                   what was found that is not whole
//! ```
//!
//! A draft is written into `tmp`, its data synced, renamed into `new`, the directory synced; then,
//! and only then, there is a [`Receipt`].

mod settings;
mod layout;
mod draft;
mod volume;
mod disk;
mod lock;
mod health;
mod commit;
mod open;

pub use commit::{CommitError, Committer, Receipt, Spool};
pub use disk::Disk;
pub use draft::Draft;
pub use health::{Ailment, Health};
pub use layout::{Layout, Queue};
pub use lock::{LockError, SpoolLock};
pub use open::{OpenError, Opened, make_queues, open};
pub use settings::Settings;
pub use volume::{FileFacts, Volume};
