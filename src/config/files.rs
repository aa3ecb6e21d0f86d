//! The files that webhooks.toml names, each read once into memory.
//!
//! What is judged is what is used: nothing is looked at and then read again by its path.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::findings::Findings;
use super::keys::At;
use crate::tls::pem::FILE_BYTES_MAX;

/// Reads files relative to a folder, and remembers which.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    read: RefCell<Vec<PathBuf>>,
}

/// A file's bytes, and what the system says of it.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    /// The permission bits.
    pub(super) mode: u32,
}

impl Files {
    /// Paths are relative to the folder that webhooks.toml is in.
    pub(super) fn beside(config: &Path) -> Self {
        let folder = config.parent().map(Path::to_owned).unwrap_or_default();
        Self { folder, read: RefCell::new(vec![config.to_owned()]) }
    }

    /// A path as it is opened.
    pub(super) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Reads a file that a value names; what cannot be read is a finding there.
    pub(super) fn read(&self, named: &At<&str>, findings: &Findings) -> Option<Content> {
        if named.value.starts_with("credential:") {
            findings.error(
                &named.span,
                "`credential:` is not in this version",
                "name a file; systemd's credentials are not read yet",
            );
            return None;
        }
        let path = self.resolve(named.value);
        match read(&path) {
            Ok(content) => {
                self.read.borrow_mut().push(path);
                Some(content)
            }
            Err(error) => {
                let (what, hint) = explain(&error, &path);
                findings.error(&named.span, format!("`{}` {what}", path.display()), hint);
                None
            }
        }
    }

    /// All files that were read, webhooks.toml first.
    pub(super) fn into_list(self) -> Vec<PathBuf> {
        let mut list = self.read.into_inner();
        list.dedup();
        list
    }
}

fn read(path: &Path) -> io::Result<Content> {
    // Without waiting: a pipe in the place of a certificate must not hold up the start.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Content { path: path.to_owned(), bytes, mode: metadata.mode() })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only some of the system's errors have a way out")]
fn explain(error: &io::Error, path: &Path) -> (String, String) {
    match error.kind() {
        io::ErrorKind::NotFound => (
            "does not exist".to_owned(),
            "paths are relative to the folder of webhooks.toml; `hookspool certs init` makes development \
             certificates"
                .to_owned(),
        ),
        io::ErrorKind::PermissionDenied => (
            "cannot be read: permission denied".to_owned(),
            format!("let the daemon's user or group read it: chmod g+r {}", path.display()),
        ),
        io::ErrorKind::IsADirectory => ("is a directory".to_owned(), "name a file in it".to_owned()),
        io::ErrorKind::FileTooLarge => (
            format!("is longer than {FILE_BYTES_MAX} bytes"),
            "is this the right file? certificates and keys are a few kilobytes".to_owned(),
        ),
        _ => (format!("cannot be read: {error}"), "see that it is a file that can be read".to_owned()),
    }
}
