//! `hookspool spool`: shows and moves entries, with or without a running daemon.

mod entry_file;
mod context;
mod corrupt;
mod handler;
mod table;
mod row;
mod list;
mod follow;
mod moves;
mod show;
mod delivery_times;
mod stats;
mod take;
mod verify;

use std::path::Path;

use super::exit::{Exit, Failure};
use super::spool_args::SpoolCommand;
use context::SpoolContext;

/// Runs a command on the spool of the configuration.
///
/// # Errors
/// If the command fails.
pub fn spool(config: &Path, command: &SpoolCommand) -> Result<Exit, Failure> {
    let context = SpoolContext::new(crate::config::spool_settings(config)?)?;
    match command {
        SpoolCommand::List(args) => list::list(&context, args),
        SpoolCommand::Follow(args) => follow::follow(context, args),
        SpoolCommand::Show(args) => show::show(&context, args),
        SpoolCommand::Verify(args) => verify::verify(&context, args),
        SpoolCommand::Take(args) => take::take(&context, args),
        SpoolCommand::Done(args) => moves::done(&context, args),
        SpoolCommand::Fail(args) => moves::fail(&context, args),
        SpoolCommand::Requeue(args) => moves::requeue(&context, args),
        SpoolCommand::Purge(args) => moves::purge(&context, args),
        SpoolCommand::Stats(args) => stats::stats(&context, args),
    }
}
