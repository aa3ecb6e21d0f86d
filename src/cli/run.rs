//! `hookspool run`: runs the daemon in the foreground.

use std::path::Path;

use super::exit::{Exit, Failure};
use super::settings::load;
use crate::clock::Clock;
use crate::daemon::{self, StartError, available_memory};
use crate::logging::{Logging, log_findings};
use crate::sandbox::keep_memory_private;
use crate::signals::Signals;

/// Serves until a signal stops the daemon.
///
/// # Errors
/// If the configuration has errors, or a resource is not available.
pub fn run(config: &Path) -> Result<Exit, Failure> {
    // First, because the default action of most signals ends the process.
    let signals = Signals::listen().map_err(StartError::from)?;
    // Before any key is read.
    keep_memory_private().map_err(|why| Failure::Io { what: "cannot disable core dumps".to_owned(), why })?;
    let (settings, report) = load(config)?;
    // The sandbox hides the limits of the cgroup.
    let memory = available_memory();
    // Logging starts a thread, and the sandbox does not apply to threads that exist already.
    let sandbox = daemon::confine(&settings)?;
    let logging = Logging::start(settings.log)?;
    log_findings(&report);
    daemon::run(settings, (sandbox, memory), logging, Clock::System, signals)?;
    Ok(Exit::Success)
}
