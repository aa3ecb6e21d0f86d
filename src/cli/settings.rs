//! Loads the configuration of the command line, and prints its findings.

use std::io::{self, Write as _};
use std::path::Path;

use super::exit::Failure;
use crate::clock::Clock;
use crate::config::{self, FileFault, LoadError, Loaded, LoadedForward, Process, ReadScope, Settings};
use crate::diagnostic::Report;

/// Loads a configuration that can be served, with its warnings and the errors in tables of other processes.
///
/// # Errors
/// If it cannot be read, or has errors, which are printed to standard error.
pub fn load(path: &Path) -> Result<(Settings, Report), Failure> {
    let Loaded { settings, report, elsewhere, .. } = read(path, Process::Daemon)?;
    match settings {
        Some(settings) => Ok((settings, report.with(elsewhere.findings().to_vec()))),
        None => {
            print_findings(&report);
            Err(Failure::Configuration(format!("{}; the daemon does not start", report.summary())))
        }
    }
}

/// Loads a configuration, with or without errors.
///
/// # Errors
/// If it cannot be read.
pub fn read(path: &Path, process: Process) -> Result<Loaded, Failure> {
    config::load(path, Clock::System.now(), process).map_err(Failure::from)
}

/// Loads the configuration of `hookspool forward`, with or without errors.
///
/// # Errors
/// If it cannot be read.
pub fn read_forward(path: &Path) -> Result<LoadedForward, Failure> {
    config::load_forward(path, Clock::System.now(), ReadScope::default()).map_err(Failure::from)
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::File { path, fault: FileFault::Missing } => Self::MissingFile(path),
            LoadError::File { path, fault: FileFault::Beyond(_) | FileFault::Denied(_) } => {
                Self::reading(&path, io::ErrorKind::PermissionDenied.into())
            }
            LoadError::File { path, fault: FileFault::Io(source) } => Self::reading(&path, source),
            LoadError::File { path, fault: fault @ (FileFault::NotAFile | FileFault::TooLarge { .. }) } => {
                Self::BadFile { path, why: fault.into() }
            }
            LoadError::NotText { path, line, column } => Self::BadFile {
                path,
                why: format!("is not UTF-8 text: see line {line}, column {column}").into(),
            },
        }
    }
}

/// Prints findings to standard error, if that is not closed.
pub fn print_findings(report: &Report) {
    // The stream removes the colors if standard error is not a terminal.
    let mut text = report.render(true);
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}
