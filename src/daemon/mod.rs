//! The daemon: creates, starts, reloads and stops all parts.

mod resources;
mod snapshot;
mod notice;
mod load;
mod report;
mod reload;
mod sockets;
mod assemble;
mod confine;
mod run;

pub use assemble::{Daemon, StartError};
pub use confine::{confine, unconfined};
pub use resources::{Capacity, Memory, available_memory};
pub use run::{run, serve, serve_while};
