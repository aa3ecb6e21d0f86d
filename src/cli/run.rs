//! `hookspool run`: serve until told to stop.

use std::path::Path;

use super::exit::{Exit, Failure};
use super::settings::load;
use crate::clock::Clock;
use crate::daemon;
use crate::logging::Logging;

/// Serves.
///
/// # Errors
/// When the configuration has errors, or something that is needed cannot be had.
pub fn run(config: &Path) -> Result<Exit, Failure> {
    let (settings, report) = load(config)?;
    let logging = Logging::start(settings.log)?;
    daemon::log_findings(&report);
    daemon::run(settings, logging, Clock::System)?;
    Ok(Exit::Fine)
}
