//! `hookspool run`: serve until told to stop.

use std::path::Path;

use super::exit::{Exit, Failure};
use super::settings::load;
use crate::clock::Clock;
use crate::daemon;
use crate::diagnostic::Report;
use crate::logging::Logging;

/// Serves.
///
/// # Errors
/// When the configuration has errors, or something that is needed cannot be had.
pub fn run(config: &Path) -> Result<Exit, Failure> {
    let (settings, report) = load(config)?;
    let logging = Logging::start(settings.log)?;
    log_findings(&report);
    daemon::run(settings, logging, Clock::System)?;
    Ok(Exit::Fine)
}

/// The findings that do not keep us from serving, as log lines.
pub fn log_findings(report: &Report) {
    for finding in report.findings().iter().map(|finding| finding.to_finding()) {
        let place = match (finding.file, finding.line, finding.column) {
            (Some(file), Some(line), Some(column)) => Some(format!("{file}:{line}:{column}")),
            (_, _, _) => None,
        };
        tracing::warn!(place, finding = finding.message, hint = finding.hint, "configuration finding");
    }
}
