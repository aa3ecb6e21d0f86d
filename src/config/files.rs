//! The files that webhooks.toml names. Each is read once, and the same bytes are validated and used.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::access::{AccessDenied, is_open_to};
use super::process::{Process, TableOwner};
use super::read_scope::ReadScope;
use super::text::{Reported, Text};
use crate::systemd::credentials::{self, CredentialFault};

/// Bytes allocated beyond a file's length, so that its end is detected without a further allocation.
const ROOM_BESIDE: u64 = 64;

/// The hint about a credential that `check` cannot read.
const UNSEEN_CREDENTIAL: &str = "it is not checked here: only the process of the unit with `LoadCredential=` can read it, and that does not start without it";
/// The hint about a file of `hookspool forward` that the user of `check` cannot read.
const UNSEEN_FILE: &str = "it is not checked here: only the user of `hookspool forward` needs to read it; \
                           `hookspool check --process forward --as-user hookspool-forward` checks it as that user";

/// A digest of the contents of a set of files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Digest([u8; 32]);

/// The contents of a file, and its mode.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) path: PathBuf,
    /// Wiped when they are dropped, because they may be a private key.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) mode: u32,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The file does not exist.
    #[error("there is no file")]
    Missing,
    /// The permissions do not allow reading it.
    #[error("cannot be read: {0}")]
    Denied(AccessDenied),
    /// The permissions allow reading it, and the sandbox does not.
    #[error(
        "is outside the directories that the sandbox allows this process to read: it cannot read `{}` until a restart",
        .0.display()
    )]
    Beyond(PathBuf),
    /// It is a directory, a device or a pipe.
    #[error("is not a regular file")]
    NotAFile,
    /// It is larger than its limit.
    #[error("is larger than {} KiB", bytes_max >> 10)]
    TooLarge {
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// Any other error.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
}

/// Reads a file of bounded size. Its metadata is that of the file that is read, even if its name is replaced.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Contents, FileFault> {
    // Without O_NONBLOCK, a pipe instead of a certificate would block startup indefinitely.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let fault = |error| fault(path, error);
    let file = File::options().read(true).custom_flags(nonblocking).open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if !metadata.is_file() {
        return Err(FileFault::NotAFile);
    }
    // Capacity for all of it: a vector that grows leaves a copy that is not wiped.
    let room = metadata.len().min(bytes_max) + ROOM_BESIDE;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(room).unwrap_or(0)));
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(fault)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > bytes_max) {
        return Err(FileFault::TooLarge { bytes_max });
    }
    Ok(Contents { path: path.to_owned(), bytes, mode: metadata.mode() })
}

/// Like [`read`], but distinguishes denial by the sandbox from denial by permissions.
pub(super) fn read_within(
    path: &Path,
    bytes_max: u64,
    read_scope: &ReadScope,
) -> Result<Contents, FileFault> {
    match read(path, bytes_max) {
        Err(FileFault::Denied(_)) if read_scope.excludes(path) => {
            Err(FileFault::Beyond(path.parent().unwrap_or(path).to_owned()))
        }
        outcome => outcome,
    }
}

fn fault(path: &Path, error: io::Error) -> FileFault {
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&error.kind());
    if is(&[io::ErrorKind::NotFound, io::ErrorKind::NotADirectory]) {
        FileFault::Missing
    } else if is(&[io::ErrorKind::PermissionDenied]) {
        FileFault::Denied(AccessDenied::of(path))
    } else {
        FileFault::Io(error)
    }
}

/// Resolves names relative to the directory of webhooks.toml, and caches the contents.
pub(super) struct Files {
    /// The digest of names and contents, in the order in which they were read.
    seen: Context,
    folder: PathBuf,
    read_scope: ReadScope,
    /// The group whose members may consume entries, and must not be able to read keys and secrets.
    pub(super) spool_group: Option<u32>,
    process: Process,
    /// The owner of the table that is being validated.
    pub(super) owner: TableOwner,
    read: HashMap<PathBuf, Arc<Contents>>,
    order: Vec<PathBuf>,
}

impl Files {
    pub(super) fn beside(config: &Path, read_scope: ReadScope, process: Process) -> Self {
        let folder = config.parent().unwrap_or(Path::new("")).to_owned();
        let order = vec![config.to_owned()];
        let (seen, read) = (Context::new(&SHA256), HashMap::new());
        let owner = TableOwner::Daemon;
        Self { seen, folder, read_scope, spool_group: None, process, owner, read, order }
    }

    /// Adds a file to the digest: its contents, or the fault if it cannot be read.
    pub(super) fn note(&mut self, path: &Path, bytes: &[u8]) {
        for part in [path.as_os_str().as_encoded_bytes(), bytes] {
            self.seen.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.seen.update(part);
        }
    }

    /// The digest of all contents so far.
    pub(super) fn digest(&self) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.seen.clone().finish().as_ref());
        Digest(digest)
    }

    pub(super) fn resolve(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The number that a group had at startup, if the process is restricted.
    pub(super) fn group(&self, name: &str) -> Option<u32> {
        self.read_scope.group(name)
    }

    /// The contents of a file of the system.
    pub(super) fn of_system(&self, path: &str, bytes_max: u64) -> Result<Contents, FileFault> {
        read_within(Path::new(path), bytes_max, &self.read_scope)
    }

    /// A description of a file that the members of `[spool] group` can access, and a hint.
    pub(super) fn open_to_consumers(&self, file: &Contents) -> Option<(String, String)> {
        let group = self.spool_group.filter(|_| !credentials::is_credential(&file.path))?;
        let (path, mode) = (file.path.display(), file.mode & 0o7777);
        is_open_to(group, &file.path, 0o6).then(|| {
            let who = "the members of `[spool] group`";
            (
                format!("`{path}` can be read or changed by {who} (mode {mode:04o})"),
                format!("make it belong to the user that runs hookspool, and `chmod 0400 {path}`"),
            )
        })
    }

    /// The contents of a named file; its faults are reported at each place that names it.
    pub(super) fn open(
        &mut self,
        named: Text<'_>,
        what: &str,
        bytes_max: u64,
    ) -> Result<Arc<Contents>, Reported> {
        self.open_or(named, what, bytes_max, |path, fault| (message(what, path, fault), hint(fault)))
    }

    /// Whether the process opens the files of the table that is being validated.
    pub(super) fn are_opened(&self) -> bool {
        self.process.uses(self.owner)
    }

    /// Like [`Files::open`], with a message and a hint for a file that cannot be read. The files of another process are
    /// not opened, and nothing is reported. `check` reports no error for a file that may be readable only by `hookspool
    /// forward`.
    pub(super) fn open_or(
        &mut self,
        named: Text<'_>,
        what: &str,
        bytes_max: u64,
        describe: impl FnOnce(&Path, &FileFault) -> (String, &'static str),
    ) -> Result<Arc<Contents>, Reported> {
        let path = self.path_of(named, what)?;
        if !self.are_opened() {
            return Err(Reported);
        }
        self.contents(&path, bytes_max).map_err(|fault| {
            let (message, hint) = describe(&path, &fault);
            let is_judged = self.process == Process::Check && self.owner == TableOwner::Forward;
            if is_judged && credentials::is_credential(&path) {
                named.at.note(message, UNSEEN_CREDENTIAL);
            } else if is_judged && matches!(fault, FileFault::Denied(_)) {
                named.at.warning(message, UNSEEN_FILE);
            } else {
                return named.at.error(message, hint);
            }
            Reported
        })
    }

    /// The path of a named file; an invalid name is reported.
    fn path_of(&self, named: Text<'_>, what: &str) -> Result<PathBuf, Reported> {
        let Text { text, at } = named;
        if text.is_empty() {
            let hint = "write a path; relative ones start at the directory of this file";
            return Err(at.error(format!("{what}: the name of the file is empty"), hint));
        }
        if text.contains(['\n', '\r']) {
            // The text is not shown: it may be a key.
            let hint = "write the contents to a file, and its path here";
            return Err(at.error(format!("{what}: the path contains line breaks"), hint));
        }
        named.without_tilde()?;
        let Some(name) = text.strip_prefix(credentials::PREFIX) else { return Ok(self.resolve(text)) };
        credentials::path(name).map_err(|fault| {
            if fault == CredentialFault::NoDirectory && !self.are_opened() {
                return Reported;
            }
            if fault == CredentialFault::NoDirectory && self.process == Process::Check {
                at.note(format!("{what}: `{text}` {fault}"), UNSEEN_CREDENTIAL);
                return Reported;
            }
            at.error(
                format!("{what}: `{text}` {fault}"),
                "write `LoadCredential=NAME:/path/of/the/file` in a drop-in of the unit, and \
                 `credential:NAME` here; only the unit's own processes can read it",
            )
        })
    }

    /// The contents of a file, read once. A file that cannot be read is recorded as well, because it may
    /// appear later.
    fn contents(&mut self, path: &Path, bytes_max: u64) -> Result<Arc<Contents>, FileFault> {
        if let Some(contents) = self.read.get(path) {
            // Another table may have a higher limit.
            let is_within = u64::try_from(contents.bytes.len()).is_ok_and(|length| length <= bytes_max);
            return if is_within { Ok(Arc::clone(contents)) } else { Err(FileFault::TooLarge { bytes_max }) };
        }
        if !self.order.iter().any(|known| known == path) {
            self.order.push(path.to_owned());
        }
        let read = read_within(path, bytes_max, &self.read_scope);
        match &read {
            Ok(contents) => {
                // The permissions are validated, too.
                self.note(path, &contents.mode.to_be_bytes());
                self.note(path, &contents.bytes);
            }
            Err(fault) => self.note(path, fault.to_string().as_bytes()),
        }
        let contents = Arc::new(read?);
        self.read.insert(path.to_owned(), Arc::clone(&contents));
        Ok(contents)
    }

    /// The paths so far.
    pub(super) fn names(&self) -> &[PathBuf] {
        &self.order
    }

    /// The paths of webhooks.toml and of all requested files, whether they exist or not, in this order.
    pub(super) fn into_names(self) -> Vec<PathBuf> {
        self.order
    }
}

/// The message about a named file that cannot be read.
pub(super) fn message(what: &str, path: &Path, fault: &FileFault) -> String {
    let path = path.display();
    let is_missing = matches!(fault, FileFault::Missing);
    let what_is = if is_missing { format!("{fault} `{path}`") } else { format!("`{path}` {fault}") };
    format!("{what}: {what_is}")
}

/// A hint for correcting it.
pub(super) fn hint(fault: &FileFault) -> &'static str {
    match fault {
        FileFault::Missing => {
            "correct the path (relative ones start at the directory of this file), or create throwaway certificates with `hookspool certs init`"
        }
        FileFault::Denied(_) => {
            "make it readable, and every directory above it accessible, for that user; a service manager may also hide directories, such as ProtectHome= of systemd"
        }
        FileFault::Beyond(_) => {
            "`hookspool reload` reports whether a restart could read it; directories in `[sandbox] read` are accessible from the start"
        }
        FileFault::NotAFile => "name a file",
        FileFault::TooLarge { .. } => "name the right file: certificates and keys are a few KiB long",
        FileFault::Io(_) => "check the disk and the file system",
    }
}
