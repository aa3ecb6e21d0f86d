//! A look at the files: what they come to, beside what is in force.

use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::config::{self, Digest, LoadError, Loaded, Settings, Within};
use crate::diagnostic::{Diagnostic, Report, Severity};
use crate::live::Snapshot;

/// How often files that change all the time are read before they are taken as they are.
const MIXED_READINGS_MAX: usize = 5;

/// What is not fit to serve.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Unfit {
    /// A set of files with these contents.
    Set(Digest),
    /// Something that kept them from being read.
    Fault(String),
}

/// What a look at the files comes to.
pub(super) enum Look {
    /// As in force.
    Same,
    /// Fit to serve.
    Fit(Box<Settings>, Report),
    /// Not fit to serve; with the files that it names, found or not.
    Unfit(Unfit, Report, Vec<PathBuf>),
}

/// Reads everything once, and judges those bytes beside what is in force.
pub(super) async fn look(
    config: PathBuf,
    within: Within,
    in_force: Digest,
    current: &Snapshot,
    now: Timestamp,
) -> Look {
    let read = tokio::task::spawn_blocking(move || read(&config, now, &within)).await;
    let Loaded { settings, report, files, digest } = match read {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(fault)) => return complaint(&fault),
        Err(error) => return complaint(&error),
    };
    if digest == in_force && !time_has_told(current, now) {
        return Look::Same;
    }
    let is_in_force = |upon: &str| current.certificates.iter().any(|fact| fact.digest == upon);
    match settings {
        Some(settings) if !report.forbids_reload(is_in_force) => Look::Fit(Box::new(settings), report),
        Some(_) | None => Look::Unfit(Unfit::Set(digest), report, files),
    }
}

/// Reads everything at one moment: what changes while it is read could be a mix of two sets, each of
/// whose parts is fine, so it is read again.
fn read(config: &Path, now: Timestamp, within: &Within) -> Result<Loaded, LoadError> {
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
fn time_has_told(snapshot: &Snapshot, now: Timestamp) -> bool {
    let since = snapshot.loaded_at;
    let passed = |at: Timestamp| since < at && at < now;
    snapshot.certificates.iter().any(|fact| passed(fact.not_before) || passed(fact.not_after))
}

fn complaint(fault: &dyn std::error::Error) -> Look {
    let words = in_words(fault);
    let report = report_of(&words);
    Look::Unfit(Unfit::Fault(words), report, Vec::new())
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
