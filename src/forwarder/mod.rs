//! `hookspool forward`: the program that runs the consumers.

mod error;
mod consumers;
mod admin;
mod reload;
mod run;

pub use admin::ForwardStatus;
pub use consumers::{ConsumerStatuses, Consumers, LockedConsumer, PreparedConsumer};
pub use error::ForwardStartError;
pub use run::{confine, open_spool, run};
