//! From the path of webhooks.toml to settings and findings: the interface of this module.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::admin::admin;
use super::context::ValidationContext;
use super::files::{Digest, FileFault, Files, read_within};
use super::findings::Findings;
use super::raw;
use super::read_scope::ReadScope;
use super::reader::Reader;
use super::schema;
use super::settings::Settings;
use super::validate::validate;
use crate::admin;
use crate::diagnostic::{Report, SourceFile};

/// The longest webhooks.toml, in bytes: room for thousands of senders.
const CONFIG_BYTES_MAX: u64 = 4 << 20;

/// What a configuration came to.
#[derive(Debug)]
pub struct Loaded {
    /// All of it; `None` if there is an error that is not by time alone.
    pub settings: Option<Settings>,
    /// All findings.
    pub report: Report,
    /// The file and every file that it names, found or not: what to watch.
    pub files: Vec<PathBuf>,
    /// What names their contents, all together: two loads of one digest come to the same, time aside.
    pub digest: Digest,
}

/// The configuration itself could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is nothing to read, or it may not be read.
    #[error("`{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        fault: FileFault,
    },
    /// It is not text.
    #[error("`{}` is not UTF-8 text: see line {line}, column {column}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The first line that is not, from 1.
        line: usize,
        /// Where in it, from 1.
        column: usize,
    },
}

/// Reads a configuration and every file it names, each once, and judges them as of `now`.
///
/// # Errors
/// When the file itself cannot be read; whatever is wrong inside of it is a finding.
pub fn load(path: &Path, now: Timestamp) -> Result<Loaded, LoadError> {
    load_within(path, now, ReadScope::default())
}

/// As [`load`], for a process that can no longer read everything.
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
            .error(&span, "a PEM file or a key is written here")
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

/// Where the admin listener is, as far as that can be read and whatever else is wrong: a daemon
/// that runs can be asked how it is also while its configuration is being edited.
///
/// # Errors
/// When the file itself cannot be read.
pub fn admin_settings(path: &Path) -> Result<admin::Settings, LoadError> {
    let contents = contents(path, &ReadScope::default())?;
    let file = SourceFile::new(path.display().to_string(), String::from_utf8_lossy(&contents));
    let (table, _) = raw::parse(file.text());
    // The findings are for `check`; no address depends on the time.
    let mut findings = Findings::new(file);
    let mut context = ValidationContext { files: Files::beside(path), now: Timestamp::UNIX_EPOCH };
    let nowhere = 0..0;
    let top = Reader::new(&table, &nowhere, &schema::TOP, &mut findings);
    Ok(admin(top.written("admin"), &[], &mut context, &mut findings))
}

/// Reads only where the spool is, and whose: a consumer needs no certificate.
///
/// # Errors
/// When the file cannot be read at all.
pub fn spool_folder(path: &Path) -> Result<crate::spool::Settings, LoadError> {
    let contents = contents(path, &ReadScope::default())?;
    let file = SourceFile::new(path.display().to_string(), String::from_utf8_lossy(&contents));
    let (table, _) = raw::parse(file.text());
    let mut findings = Findings::new(file);
    let mut context = ValidationContext { files: Files::beside(path), now: Timestamp::UNIX_EPOCH };
    let nowhere = 0..0;
    let top = Reader::new(&table, &nowhere, &schema::TOP, &mut findings);
    Ok(super::spool::spool(top.written("spool"), &mut context, &mut findings).0)
}

fn contents(path: &Path, read_scope: &ReadScope) -> Result<Vec<u8>, LoadError> {
    match read_within(path, CONFIG_BYTES_MAX, read_scope) {
        Ok(mut contents) => Ok(std::mem::take(&mut *contents.bytes)),
        Err(fault) => Err(LoadError::File { path: path.to_owned(), fault }),
    }
}
