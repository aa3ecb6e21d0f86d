//! `hookspool run`: serve until told to stop.

use std::path::Path;

use super::exit::{Exit, Failure};
use super::settings::load;
use crate::clock::Clock;
use crate::daemon::{self, Signals, StartError};
use crate::logging::Logging;
use crate::sandbox::keep_memory_private;

/// Serves.
///
/// # Errors
/// When the configuration has errors, or something that is needed is not available.
pub fn run(config: &Path) -> Result<Exit, Failure> {
    // First of all: the default action of most signals ends the process.
    let signals = Signals::listen().map_err(StartError::from)?;
    // Before any key is read.
    keep_memory_private()
        .map_err(|why| Failure::Io { what: "cannot switch core dumps off".to_owned(), why })?;
    let (settings, report) = load(config)?;
    // Logging has a thread, and no thread may be older than the sandbox.
    let sandbox = daemon::confine(&settings)?;
    let logging = Logging::start(settings.log)?;
    daemon::log_findings(&report);
    daemon::run(settings, sandbox, logging, Clock::System, signals)?;
    Ok(Exit::Fine)
}
