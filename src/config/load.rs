//! Loads webhooks.toml and the files it names. The interface of this module.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::context::ValidationContext;
use super::files::{Digest, FileFault, Files, read_within};
use super::read_scope::ReadScope;
use super::schema;
use super::settings::Settings;
use super::tables::admin::admin;
use super::tables::spool::spool;
use super::text::{Findings, Location, Reader, parse};
use super::validate::validate;
use crate::diagnostic::{Report, SourceFile};

/// The size limit of webhooks.toml, in bytes: enough for thousands of senders.
const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// A configuration that has been read and validated.
#[derive(Debug)]
pub struct Loaded {
    /// The settings; `None` if there are errors other than those about the dates of certificates.
    pub settings: Option<Settings>,
    /// All findings, in the order of the text.
    pub report: Report,
    /// The file and every file that it names, whether they exist or not.
    pub files: Vec<PathBuf>,
    /// The digest of the contents of all files. Findings about dates, groups and
    /// directories may still differ.
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

/// Reads a configuration and every file it names, each once, and validates them as of `now`.
///
/// # Errors
/// If the file cannot be read. Errors in its contents are findings.
pub fn load(path: &Path, now: Timestamp) -> Result<Loaded, LoadError> {
    load_within(path, now, ReadScope::default())
}

/// Like [`load`], for a process whose access to files is restricted.
///
/// # Errors
/// As [`load`].
pub fn load_within(path: &Path, now: Timestamp, read_scope: ReadScope) -> Result<Loaded, LoadError> {
    let contents = contents(path, &read_scope)?;
    let mut files = Files::beside(path, read_scope);
    files.note(path, &contents);
    let shown = path.display().to_string();
    let text = String::from_utf8(contents).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let file = SourceFile::new(&*shown, String::from_utf8_lossy(error.as_bytes()));
        LoadError::NotText { path: path.to_owned(), line: file.line(at), column: file.column(at) }
    })?;
    let file = SourceFile::new(shown, text);
    let mut context = ValidationContext { files, now };
    let (settings, findings) = match file.pem_text() {
        Some(span) => (None, pasted(file, &span)),
        None => {
            let (table, faults) = parse(file.text());
            let findings = Findings::new(file, &faults);
            (validate(&table, &mut context, &findings), findings)
        }
    };
    let (report, digest) = (findings.into_report(), context.files.digest());
    let files = context.files.into_names();
    let settings = settings
        .filter(|_| !report.forbids_start())
        .map(|settings| Settings { files: files.clone(), ..settings });
    Ok(Loaded { settings, report, files, digest })
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

/// Reads only the settings of the spool, because a consumer may not be able to read the certificates.
///
/// # Errors
/// If the file cannot be read.
pub fn spool_settings(path: &Path) -> Result<crate::spool::Settings, LoadError> {
    without_findings(path, |top, context| spool(&top.section(&schema::SPOOL), context).0)
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
fn without_findings<T>(
    path: &Path,
    table_of: impl FnOnce(Reader<'_>, &mut ValidationContext) -> T,
) -> Result<T, LoadError> {
    let contents = contents(path, &ReadScope::default())?;
    let text = String::from_utf8_lossy(&contents);
    let (table, _) = parse(&text);
    let findings = Findings::new(SourceFile::new("", &*text), &[]);
    let files = Files::beside(path, ReadScope::default());
    let mut context = ValidationContext { files, now: Timestamp::UNIX_EPOCH };
    Ok(table_of(Reader::top(&table, &schema::TOP, &findings), &mut context))
}

fn contents(path: &Path, read_scope: &ReadScope) -> Result<Vec<u8>, LoadError> {
    let read = read_within(path, CONFIG_BYTES_MAX, read_scope);
    let mut contents = read.map_err(|fault| LoadError::File { path: path.to_owned(), fault })?;
    Ok(std::mem::take(&mut *contents.bytes))
}
