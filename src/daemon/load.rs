//! Loads the files, and compares them with what is in force.

use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::config::{self, Digest, LoadError, Loaded, ReadScope, Settings};
use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::live::Snapshot;

/// How often files that keep changing are read again.
const MIXED_READINGS_MAX: usize = 5;

/// A configuration that cannot be served.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    /// A set of files with these contents.
    Set(Digest),
    /// Something that kept them from being read.
    Fault(String),
}

/// The result of loading the files.
pub(super) enum LoadOutcome {
    /// The same as in force.
    Same,
    /// It can be served.
    Fit(Box<Settings>, Report),
    /// It cannot be served; with the files that it names, whether they exist or not.
    Unfit(Unfit, Report, Vec<PathBuf>),
}

/// Reads every file once, and validates those bytes.
pub(super) async fn load(
    config: PathBuf,
    within: ReadScope,
    in_force: Digest,
    current: &Snapshot,
    now: Timestamp,
) -> LoadOutcome {
    let read = tokio::task::spawn_blocking(move || read(&config, now, &within)).await;
    let Loaded { settings, report, files, digest } = match read {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(fault)) => return complaint(&fault),
        Err(error) => return complaint(&error),
    };
    if digest == in_force && !time_has_passed(current, now) {
        return LoadOutcome::Same;
    }
    let is_in_force = |upon: &str| current.certificates.iter().any(|fact| fact.digest == upon);
    match settings {
        Some(settings) if !report.forbids_reload(is_in_force) => LoadOutcome::Fit(Box::new(settings), report),
        Some(_) | None => LoadOutcome::Unfit(Unfit::Set(digest), report, files),
    }
}

/// Reads all files twice, until both readings are equal: files that change meanwhile could be a mix of two sets, each of which
/// is valid.
fn read(config: &Path, now: Timestamp, within: &ReadScope) -> Result<Loaded, LoadError> {
    let mut loaded = config::load_within(config, now, within.clone())?;
    for _ in 0..MIXED_READINGS_MAX {
        let again = config::load_within(config, now, within.clone())?;
        if again.digest == loaded.digest {
            break;
        }
        loaded = again;
    }
    Ok(loaded)
}

/// Whether time has changed, since the snapshot was made, what its certificates are good for.
fn time_has_passed(snapshot: &Snapshot, now: Timestamp) -> bool {
    let since = snapshot.loaded_at;
    let passed = |at: Timestamp| since < at && at < now;
    snapshot.certificates.iter().any(|fact| passed(fact.not_before) || passed(fact.not_after))
}

fn complaint(fault: &dyn std::error::Error) -> LoadOutcome {
    let words = in_words(fault);
    let report = report_of(&words);
    LoadOutcome::Unfit(Unfit::Fault(words), report, Vec::new())
}

/// A fault that has no place in webhooks.toml.
pub(super) fn report_of(words: &str) -> Report {
    Report::new(vec![Diagnostic::new(Severity::Error, None, words)])
}

/// A fault with its causes.
pub(super) fn in_words(fault: &dyn std::error::Error) -> String {
    let mut words = fault.to_string();
    let mut next = fault.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}
