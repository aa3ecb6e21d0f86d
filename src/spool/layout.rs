//! The names of directories and files. No I/O.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;

/// The extension of an entry's file.
const EXTENSION: &str = "hook";
/// The extension of the file that states why an entry was given up.
const NOTE_EXTENSION: &str = "why";
/// The characters of a hyphenated UUID (RFC 9562, section 4).
const ID_CHARS: usize = 36;
/// The most bytes of an entry's path after its endpoint.
const QUEUE_PATH_MAX: usize = "/".len() + "/failed/".len() + ID_CHARS + ".hook".len();

/// Who may use a file or directory of the spool, besides the daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// No other user may write to it: the root, `tmp` and the endpoints' directories. The lock and the write-ahead logs are
    /// files, which no other user may even read.
    Private,
    /// The members of `[spool] group`: entries, the queues and `corrupt`.
    Shared,
}

/// The paths of a spool, below its root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    root: Arc<Path>,
}

impl Layout {
    /// The layout of the spool at `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root: root.into() }
    }

    /// The root of the spool.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of files that are being written.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// The directory of entries that were found not to be intact.
    pub fn corrupt(&self) -> PathBuf {
        self.root.join("corrupt")
    }

    /// The ID in the file name of an entry; none if it is not such a name.
    pub fn id_of(path: &Path) -> Option<EntryId> {
        id_before(path, EXTENSION)
    }

    /// The ID in the file name of a [`Layout::failure_note`]; none if it is not such a name.
    pub(super) fn id_of_note(path: &Path) -> Option<EntryId> {
        id_before(path, NOTE_EXTENSION)
    }

    /// The path of the file that states why an entry in `failed` was given up.
    pub fn failure_note(&self, endpoint: &Name, id: EntryId) -> PathBuf {
        self.queue(endpoint, Queue::Failed).join(format!("{id}.{NOTE_EXTENSION}"))
    }

    /// The path in `corrupt` of an entry that is not intact.
    pub fn corrupted(&self, id: EntryId) -> PathBuf {
        self.corrupt().join(file_name(id))
    }

    /// The directory of the accepted revocation lists.
    pub fn state(&self) -> PathBuf {
        self.root.join(".state")
    }

    /// The path of a write-ahead log. The file names are from an earlier release, which called it a journal.
    pub fn wal(&self, number: usize) -> PathBuf {
        self.root.join(format!(".journal-{number}"))
    }

    /// The lock file, which prevents a second daemon from using the spool.
    pub fn lock(&self) -> PathBuf {
        self.root.join(".lock")
    }

    /// The file that `hookspool forward` locks to process an endpoint.
    pub fn forward_lock(&self, endpoint: &Name) -> PathBuf {
        self.endpoint(endpoint).join(".forward.lock")
    }

    /// The directory of an endpoint.
    pub fn endpoint(&self, endpoint: &Name) -> PathBuf {
        self.root.join(endpoint.as_str())
    }

    /// The directory of a queue.
    pub fn queue(&self, endpoint: &Name, queue: Queue) -> PathBuf {
        let (endpoint, queue) = (endpoint.as_str(), queue.word());
        // With one allocation, because each move of an entry calls this.
        let mut path = PathBuf::with_capacity(self.root.as_os_str().len() + endpoint.len() + QUEUE_PATH_MAX);
        path.extend([&*self.root, endpoint.as_ref(), queue.as_ref()]);
        path
    }

    /// The path of a file while it is being written.
    pub fn temporary(&self, id: EntryId) -> PathBuf {
        self.tmp().join(file_name(id))
    }

    /// The path of an entry in a queue.
    pub fn entry(&self, endpoint: &Name, queue: Queue, id: EntryId) -> PathBuf {
        let mut path = self.queue(endpoint, queue);
        path.push(file_name(id));
        path
    }
}

fn id_before(path: &Path, extension: &str) -> Option<EntryId> {
    let id = path.file_name()?.to_str()?.strip_suffix(extension)?.strip_suffix('.')?;
    // Only one form is valid: hyphenated and lowercase.
    let is_canonical = id.len() == ID_CHARS && !id.bytes().any(|byte| byte.is_ascii_uppercase());
    is_canonical.then(|| id.parse().ok())?
}

fn file_name(id: EntryId) -> String {
    format!("{id}.{EXTENSION}")
}
