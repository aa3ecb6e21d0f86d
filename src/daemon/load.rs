//! Loads the files, and compares them with the configuration in force.

use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::config::{self, AcceptedLists, Digest, LoadError, Loaded, Process, ReadScope, Settings};
use crate::diagnostic::{Diagnostic, Report, Severity, with_causes};
use crate::live::Snapshot;
use crate::policy::Name;

/// What identifies a configuration that was rejected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum RejectedInput {
    /// The digest of files with errors.
    Files(Digest),
    /// The error that prevented reading the files.
    Fault(String),
}

/// The result of loading the files.
pub(super) enum LoadOutcome {
    /// The files are equal to those in force.
    Unchanged,
    /// The configuration is valid. The report includes the errors in tables of other processes.
    Valid(Box<Settings>, Report),
    /// The configuration has errors. Contains the files that it names, whether they exist or not.
    Invalid(RejectedInput, Report, Vec<PathBuf>),
}

/// Loads the configuration and decides whether it can replace the one in force.
pub(super) async fn load(
    config: PathBuf,
    read_scope: ReadScope,
    in_force: Option<Digest>,
    (current, now): (&Snapshot, Timestamp),
    accept_older_lists: Option<Name>,
) -> LoadOutcome {
    let is_unchanged_accepted = accept_older_lists.is_none();
    let accepted = AcceptedLists::in_force(&current.verifier, accept_older_lists);
    let read = tokio::task::spawn_blocking(move || read(&config, now, &read_scope, &accepted)).await;
    let Loaded { settings, report, elsewhere, files, digest, consumers: _ } = match read {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(fault)) => return invalid(&fault),
        Err(error) => return invalid(&error),
    };
    if is_unchanged_accepted && Some(digest) == in_force && !time_has_passed(current, now) {
        return LoadOutcome::Unchanged;
    }
    let is_in_force = |subject: &str| {
        current.certificates.iter().any(|fact| fact.digest == subject)
            || current.unusable_lists.iter().any(|list| list == subject)
    };
    match settings {
        Some(settings) if !report.forbids_reload(is_in_force) => {
            LoadOutcome::Valid(Box::new(settings), report.with(elsewhere.findings().to_vec()))
        }
        Some(_) | None => LoadOutcome::Invalid(RejectedInput::Files(digest), report, files),
    }
}

fn read(
    config: &Path,
    now: Timestamp,
    read_scope: &ReadScope,
    accepted: &AcceptedLists,
) -> Result<Loaded, LoadError> {
    let load = || config::load_within(config, now, Process::Daemon, read_scope.clone(), accepted.clone());
    config::until_stable(load, |loaded| loaded.digest)
}

/// Whether a certificate of the snapshot has become valid or has expired since it was created.
fn time_has_passed(snapshot: &Snapshot, now: Timestamp) -> bool {
    let since = snapshot.loaded_at;
    let passed = |at: Timestamp| since < at && at < now;
    snapshot.certificates.iter().any(|fact| passed(fact.not_before) || passed(fact.not_after))
}

fn invalid(fault: &dyn std::error::Error) -> LoadOutcome {
    let message = with_causes(fault);
    let report = report_of(&message);
    LoadOutcome::Invalid(RejectedInput::Fault(message), report, Vec::new())
}

/// A report with one error that has no position in webhooks.toml.
pub(super) fn report_of(message: &str) -> Report {
    Report::new(vec![Diagnostic::new(Severity::Error, None, message)])
}
