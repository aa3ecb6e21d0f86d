//! The program: everything below put together, started, supervised and stopped.

mod assemble;
mod notice;
mod run;
mod signals;
mod snapshot;

pub use assemble::{Daemon, StartError};
pub use run::{run, serve_while};
pub use signals::Signals;
