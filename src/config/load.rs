//! Loads webhooks.toml and the files it names. The interface of this module.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::context::ValidationContext;
use super::files::{Digest, FileFault, Files, read_within};
use super::read_scope::ReadScope;
use super::schema;
use super::settings::Settings;
use super::tables::admin::admin;
use super::text::findings::Findings;
use super::text::raw;
use super::text::reader::Reader;
use super::validate::validate;
use crate::admin;
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
    /// The digest of the contents of all files. Two loads with equal digests have equal results, except for dates.
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
    let mut files = Files::beside(path);
    files.read_scope = read_scope;
    files.note(path, &contents);
    let shown = path.display().to_string();
    let file = match String::from_utf8(contents) {
        Ok(text) => SourceFile::new(shown, text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let file = SourceFile::new(shown, String::from_utf8_lossy(error.as_bytes()));
            let (line, column) = (file.line(at), file.column(at));
            return Err(LoadError::NotText { path: path.to_owned(), line, column });
        }
    };
    let mut findings = Findings::new(file.clone());
    if let Some(span) = file.pem_text() {
        findings
            .error(&span, "a PEM file or a key is pasted here")
            .hint("write it to a file and name that file: `certificate`, `key`, `ca` and `crl` are paths");
        let (report, digest) = (findings.into_report(), files.digest());
        return Ok(Loaded { settings: None, report, files: files.into_names(), digest });
    }
    let (table, faults) = raw::parse(file.text());
    for fault in &faults {
        findings.syntax(fault);
    }
    let mut context = ValidationContext { files, now };
    let settings = validate(&table, &mut context, &mut findings);
    let report = findings.into_report();
    let digest = context.files.digest();
    let files = context.files.into_names();
    let settings = settings
        .filter(|_| !report.forbids_start())
        .map(|settings| Settings { files: files.clone(), ..settings });
    Ok(Loaded { settings, report, files, digest })
}

/// Reads only the settings of the admin listener and ignores all errors, so that `status` works while the
/// configuration is being edited.
///
/// # Errors
/// If the file cannot be read.
pub fn admin_settings(path: &Path) -> Result<admin::Settings, LoadError> {
    let contents = contents(path, &ReadScope::default())?;
    let file = SourceFile::new(path.display().to_string(), String::from_utf8_lossy(&contents));
    let (table, _) = raw::parse(file.text());
    // The findings are dropped, and no address depends on the time.
    let mut findings = Findings::new(file);
    let mut context = ValidationContext { files: Files::beside(path), now: Timestamp::UNIX_EPOCH };
    let nowhere = 0..0;
    let top = Reader::new(&table, &nowhere, &schema::TOP, &mut findings);
    Ok(admin(top.written("admin"), &[], &mut context, &mut findings))
}

/// Reads only the settings of the spool, because a consumer may not be able to read the certificates.
///
/// # Errors
/// If the file cannot be read.
pub fn spool_settings(path: &Path) -> Result<crate::spool::Settings, LoadError> {
    let contents = contents(path, &ReadScope::default())?;
    let file = SourceFile::new(path.display().to_string(), String::from_utf8_lossy(&contents));
    let (table, _) = raw::parse(file.text());
    let mut findings = Findings::new(file);
    let mut context = ValidationContext { files: Files::beside(path), now: Timestamp::UNIX_EPOCH };
    let nowhere = 0..0;
    let top = Reader::new(&table, &nowhere, &schema::TOP, &mut findings);
    Ok(super::tables::spool::spool(top.written("spool"), &mut context, &mut findings).0)
}

fn contents(path: &Path, read_scope: &ReadScope) -> Result<Vec<u8>, LoadError> {
    match read_within(path, CONFIG_BYTES_MAX, read_scope) {
        Ok(mut contents) => Ok(std::mem::take(&mut *contents.bytes)),
        Err(fault) => Err(LoadError::File { path: path.to_owned(), fault }),
    }
}
