//! `hookspool spool`: look at entries and move them, with or without a running daemon.

mod desk;

mod handler;
mod list;
mod moves;
mod show;
mod take;
mod verify;

use std::path::Path;

use super::exit::{Exit, Failure};
use super::spool_args::SpoolCommand;
use desk::Desk;

/// Does what was asked of the spool that the configuration names.
///
/// # Errors
/// When it cannot be done.
pub fn spool(config: &Path, command: &SpoolCommand) -> Result<Exit, Failure> {
    let desk = Desk::new(crate::config::spool_folder(config)?)?;
    match command {
        SpoolCommand::List(args) => list::list(&desk, args),
        SpoolCommand::Show(args) => show::show(&desk, args),
        SpoolCommand::Verify(args) => verify::verify(&desk, args),
        SpoolCommand::Take(args) => take::take(&desk, args),
        SpoolCommand::Done(args) => moves::done(&desk, args),
        SpoolCommand::Fail(args) => moves::fail(&desk, args),
        SpoolCommand::Requeue(args) => moves::requeue(&desk, args),
        SpoolCommand::Purge(args) => moves::purge(&desk, args),
    }
}
