//! The spool: the directory that holds deliveries, each one complete or absent.
//!
//! ```text
//! spool/tmp/                       being written; emptied at the start: nothing there was acknowledged
//! spool/<endpoint>/new/<id>.hook   complete and durable, waiting for a consumer
//! spool/<endpoint>/taken/          claimed by a consumer, by rename
//! spool/<endpoint>/done/           processed
//! spool/<endpoint>/failed/         given up by its consumer; <id>.why contains the reason
//! spool/<endpoint>/.forward.lock   limits the endpoint to one `hookspool forward`
//! spool/corrupt/                   entries that were found not to be intact
//! spool/.journal-0, .journal-1     the write-ahead log, which can restore entries whose files are not durable yet
//! spool/.state/                    the newest accepted revocation lists
//! ```
//!
//! A [`Receipt`] is created only after a draft is durable, in the log or by a sync of its file, and is in `new`.

mod settings;
mod layout;
mod draft;
mod volume;
mod file_system;
mod position;
mod walk;
mod disk;
mod lock;
mod forward_lock;
mod health;
mod folders;
mod kept_lists;
mod corrupt;
mod queue_faults;
mod inspect;
mod wal;
mod commit_error;
mod open;
mod writer;
mod entries;
mod id_end;
mod space_use;
mod sender_turns;
mod commit_queue;
mod commit;
mod entry;
mod why;
mod transfer;
mod lease;
mod move_entry;
mod handler;
mod ordered;
mod greatest;
mod newest;
mod queue_counts;
mod pass;
mod maintenance;

pub use commit::{Committer, Spool};
pub use commit_error::CommitError;
pub use corrupt::{CorruptEntry, corrupt_entries, return_from_corrupt};
pub use disk::Disk;
pub use draft::Draft;
pub use entries::{EntryLocation, QUEUES_IN_ORDER, endpoints, entries, find, open_in_any_queue};
pub use entry::{
    EntryFault, EnvelopeFacts, NotIntact, OpenEntry, PayloadClaim, ReadEntry, check_entry, check_file,
    open_entry, open_file, read_file,
};
pub use file_system::FileSystem;
pub use folders::{FolderError, make_queues, make_root};
pub use forward_lock::{ForwardLock, ForwardLockError};
pub use greatest::{Greatest, greatest};
pub use handler::{HANDLER_KILLS_MAX, handler_environment, handler_input, payload_input, queue_after};
pub use health::{Health, HealthFault};
pub use id_end::{IdEnd, IdEndError, ending_in};
pub use inspect::{SpoolProblem, inspect, inspect_limits};
pub use kept_lists::{
    AcceptedList, KeptHead, KeptList, KeptLists, keep_lists, kept_lists, shown as shown_kept_list,
};
pub use layout::{Access, Layout};
pub use lease::{Lease, LeaseError};
pub use lock::{LockError, SpoolLock};
pub use maintenance::{Maintenance, RetentionSetting};
pub use move_entry::{MoveError, move_entry, move_entry_durably};
pub use newest::{IdRange, newest};
pub use open::{OpenError, Opened, open};
pub use ordered::{IDS_MAX, Ordered};
pub use queue_counts::{EntryCount, EntryCounts, count_queue};
pub use settings::{Retention, Settings};
pub use space_use::{EndpointFull, SpaceUse};
pub use transfer::{older, remove_entry, set_aside, sync_moves, transfer};
pub use volume::{Displaced, FileFacts, UnexpectedFile, Volume};
pub use wal::{LogError, entries_in_log};
pub use why::FailureNote;
pub use writer::Receipt;

#[cfg(test)]
pub(crate) use draft::tests::draft as test_draft;
#[cfg(test)]
#[path = "sim_tests.rs"]
mod sim;
#[cfg(test)]
#[path = "power_tests.rs"]
mod power;
#[cfg(test)]
#[path = "schedule_tests.rs"]
mod schedule;
#[cfg(test)]
#[path = "crash_tests.rs"]
mod crash;
#[cfg(test)]
#[path = "interleaving_tests.rs"]
mod interleaving;
