//! Loads webhooks.toml and the files it names. The interface of this module.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::accepted::AcceptedLists;
use super::context::ValidationContext;
use super::files::{Digest, FileFault, Files, read_within};
use super::process::Process;
use super::read_scope::ReadScope;
use super::schema;
use super::settings::{ForwardSettings, Settings};
use super::tables::admin::admin;
use super::tables::consumers::ConsumerDraft;
use super::tables::sandbox::sandbox;
use super::tables::spool::spool;
use super::text::{Findings, Location, Reader, Text, parse};
use super::validate::{Validated, validate};
use crate::diagnostic::{Diagnostic, Report, SourceFile};

/// The size limit of webhooks.toml, in bytes: enough for thousands of senders.
const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// The number of times that changing files are read again.
const MIXED_READINGS_MAX: usize = 5;

/// A configuration that has been read and validated for the daemon or for `check`.
#[derive(Debug)]
pub struct Loaded {
    /// The settings; `None` if there are errors other than those about the dates of certificates, or if `check` cannot
    /// read a credential.
    pub settings: Option<Settings>,
    /// The consumers, with and without errors.
    pub consumers: Vec<ConsumerDraft>,
    /// All findings that concern the process, in the order of the text.
    pub report: Report,
    /// The errors in tables of other processes, which do not prevent a start or a reload.
    pub elsewhere: Report,
    /// The file and every file that the tables of the daemon name, whether they exist or not.
    pub files: Vec<PathBuf>,
    /// The digest of the contents of all files. Findings about dates, groups and
    /// directories may still differ.
    pub digest: Digest,
}

/// A configuration that has been read and validated for `hookspool forward`.
#[derive(Debug)]
pub struct LoadedForward {
    /// The settings; `None` if there are errors.
    pub settings: Option<ForwardSettings>,
    /// The consumers, with and without errors.
    pub consumers: Vec<ConsumerDraft>,
    /// All findings that concern `hookspool forward`, in the order of the text.
    pub report: Report,
    /// The errors in tables of other processes, which do not prevent a start or a reload.
    pub elsewhere: Report,
    /// The file and every file that the tables of `hookspool forward` name, whether they exist or not.
    pub files: Vec<PathBuf>,
    /// The digest of the contents of all these files.
    pub digest: Digest,
}

/// Why webhooks.toml cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is missing, too large, or cannot be read.
    #[error("`{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        fault: FileFault,
    },
    /// The file is not UTF-8 text.
    #[error("`{}` is not UTF-8 text: see line {line}, column {column}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first invalid byte, from 1.
        line: usize,
        /// The column of the first invalid byte, from 1.
        column: usize,
    },
}

/// Reads a configuration for the daemon or for `check`, with every file that the tables of the process name, each once,
/// and validates them as of `now`.
///
/// # Errors
/// If the file cannot be read. Errors in its contents are findings.
pub fn load(path: &Path, now: Timestamp, process: Process) -> Result<Loaded, LoadError> {
    load_within(path, now, process, ReadScope::default(), AcceptedLists::Kept)
}

/// Like [`load`], for a process whose access to files is restricted, and which accepted these revocation lists before.
///
/// # Errors
/// As [`load`].
pub fn load_within(
    path: &Path,
    now: Timestamp,
    process: Process,
    read_scope: ReadScope,
    accepted: AcceptedLists,
) -> Result<Loaded, LoadError> {
    let Judged { validated, report, elsewhere, mut files, digest } =
        judge(path, now, process, read_scope, accepted)?;
    let Validated { daemon, consumers, files_of_daemon, .. } = validated;
    files.truncate(files_of_daemon.max(1));
    let settings = daemon.filter(|_| !report.forbids_start()).map(|mut settings| {
        settings.files.clone_from(&files);
        settings.degraded.extend(degraded(&elsewhere, "hookspool forward"));
        settings
    });
    Ok(Loaded { settings, consumers, report, elsewhere, files, digest })
}

/// Reads a configuration for `hookspool forward`, with every file that its tables name, each once, and validates them as
/// of `now`.
///
/// # Errors
/// If the file cannot be read. Errors in its contents are findings.
pub fn load_forward(path: &Path, now: Timestamp, read_scope: ReadScope) -> Result<LoadedForward, LoadError> {
    let Judged { validated, report, elsewhere, files, digest } =
        judge(path, now, Process::Forward, read_scope, AcceptedLists::default())?;
    let settings = validated.forward.filter(|_| !report.forbids_start()).map(|mut settings| {
        settings.files.clone_from(&files);
        settings.degraded = degraded(&elsewhere, "hookspool run").collect();
        settings
    });
    Ok(LoadedForward { settings, consumers: validated.consumers, report, elsewhere, files, digest })
}

/// Loads until two consecutive readings have the same digest; after 5 more, the last one is
/// returned. Files that change in between could be a mix of two valid sets.
///
/// # Errors
/// As `load`.
pub fn until_stable<T>(
    load: impl Fn() -> Result<T, LoadError>,
    digest: impl Fn(&T) -> Digest,
) -> Result<T, LoadError> {
    let mut loaded = load()?;
    for _ in 0..MIXED_READINGS_MAX {
        let again = load()?;
        if digest(&again) == digest(&loaded) {
            break;
        }
        loaded = again;
    }
    Ok(loaded)
}

/// A text and its files, validated for one process.
struct Judged {
    validated: Validated,
    report: Report,
    elsewhere: Report,
    files: Vec<PathBuf>,
    digest: Digest,
}

fn judge(
    path: &Path,
    now: Timestamp,
    process: Process,
    read_scope: ReadScope,
    accepted: AcceptedLists,
) -> Result<Judged, LoadError> {
    let contents = contents(path, &read_scope)?;
    let mut files = Files::beside(path, read_scope, process);
    files.note(path, &contents);
    let shown = path.display().to_string();
    let text = String::from_utf8(contents).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let file = SourceFile::new(&*shown, String::from_utf8_lossy(error.as_bytes()));
        LoadError::NotText { path: path.to_owned(), line: file.line(at), column: file.column(at) }
    })?;
    let file = SourceFile::new(shown, text);
    let mut context = ValidationContext::new(files, now, accepted);
    let (validated, own, elsewhere) = match file.pem_text() {
        Some(span) => {
            let own = pasted(file, &span);
            let elsewhere = own.beside();
            (Validated::default(), own, elsewhere)
        }
        None => {
            let (table, faults) = parse(file.text());
            let own = Findings::new(file, &faults);
            let elsewhere = own.beside();
            (validate(&table, process, &mut context, &own, &elsewhere), own, elsewhere)
        }
    };
    let digest = context.files.digest();
    Ok(Judged {
        validated,
        report: own.into_report(),
        elsewhere: elsewhere.into_errors(),
        files: context.files.into_names(),
        digest,
    })
}

/// A sentence for each error in the tables of another process.
fn degraded<'r>(elsewhere: &'r Report, process: &'r str) -> impl Iterator<Item = String> + 'r {
    let finding = elsewhere.findings().iter().map(Diagnostic::to_finding);
    finding.map(move |finding| format!("the configuration of `{process}` has an error: {finding}"))
}

/// The only finding about a text that contains PEM or a key, because other findings could show it.
fn pasted(file: Arc<SourceFile>, span: &Range<usize>) -> Findings {
    let findings = Findings::new(file, &[]);
    Location { span, findings: &findings }.error(
        "a PEM file or a key is pasted here",
        "write it to a file and name that file: `certificate`, `key`, `ca` and `crl` are paths",
    );
    findings
}

/// Reads only the settings of the admin listener and ignores all errors, so that `status` works while the
/// configuration is being edited.
///
/// # Errors
/// If the file cannot be read.
pub fn admin_settings(path: &Path) -> Result<crate::admin::Settings, LoadError> {
    without_findings(path, |top, context| admin(&top.section(&schema::ADMIN), &[], context).0)
}

/// Like [`admin_settings`], for the listener of `hookspool forward`.
///
/// # Errors
/// If the file cannot be read.
pub fn forward_listen(path: &Path) -> Result<crate::admin::Settings, LoadError> {
    without_findings(path, |top, context| admin(&top.section(&schema::FORWARD), &[], context).0)
}

/// Reads only the names of the consumers and of the endpoints of each, as written.
///
/// # Errors
/// If the file cannot be read.
pub fn consumer_endpoints(path: &Path) -> Result<Vec<(String, Vec<String>)>, LoadError> {
    without_findings(path, |top, _| {
        let text = |text: Text<'_>| text.text.to_owned();
        let consumer = |table: &Reader<'_>| {
            let name = table.text("name").ok().flatten().map_or(String::new(), text);
            (name, table.texts("endpoints").into_iter().map(text).collect())
        };
        let tables = top.sections("consumer", &schema::CONSUMER).unwrap_or_default();
        tables.iter().map(consumer).collect()
    })
}

/// Reads only the settings of the spool, because a consumer may not be able to read the certificates.
///
/// # Errors
/// If the file cannot be read.
pub fn spool_settings(path: &Path) -> Result<crate::spool::Settings, LoadError> {
    without_findings(path, |top, context| spool(&top.section(&schema::SPOOL), context).0)
}

/// Reads only the settings of the sandbox.
///
/// # Errors
/// If the file cannot be read.
pub fn sandbox_settings(path: &Path) -> Result<crate::sandbox::Settings, LoadError> {
    without_findings(path, |top, context| sandbox(&top.section(&schema::SANDBOX), context))
}

/// Reads only the names of the endpoints, as written, for a shell's completion.
///
/// # Errors
/// If the file cannot be read.
pub fn endpoint_names(path: &Path) -> Result<Vec<String>, LoadError> {
    without_findings(path, |top, _| {
        let endpoints = top.sections("endpoint", &schema::ENDPOINT).unwrap_or_default();
        let names = endpoints.iter().filter_map(|endpoint| endpoint.text("name").ok().flatten());
        names.map(|name| name.text.to_owned()).collect()
    })
}

/// Reads one table, which depends neither on the time nor on certificates, and drops all findings.
pub(super) fn without_findings<T>(
    path: &Path,
    table_of: impl FnOnce(Reader<'_>, &mut ValidationContext) -> T,
) -> Result<T, LoadError> {
    let contents = contents(path, &ReadScope::default())?;
    let text = String::from_utf8_lossy(&contents);
    let (table, _) = parse(&text);
    let findings = Findings::new(SourceFile::new("", &*text), &[]);
    let files = Files::beside(path, ReadScope::default(), Process::Check);
    let (now, accepted) = (Timestamp::UNIX_EPOCH, AcceptedLists::default());
    let mut context = ValidationContext::new(files, now, accepted);
    Ok(table_of(Reader::top(&table, &schema::TOP, &findings), &mut context))
}

fn contents(path: &Path, read_scope: &ReadScope) -> Result<Vec<u8>, LoadError> {
    let read = read_within(path, CONFIG_BYTES_MAX, read_scope);
    let mut contents = read.map_err(|fault| LoadError::File { path: path.to_owned(), fault })?;
    Ok(std::mem::take(&mut *contents.bytes))
}
