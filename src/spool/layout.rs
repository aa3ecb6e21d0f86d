//! Names of folders and files. No I/O.

use std::path::{Path, PathBuf};

use crate::envelope::EntryId;
use crate::policy::Name;

/// How an entry's file name ends.
const EXTENSION: &str = "hook";
/// Characters of a hyphenated UUID (RFC 9562, section 4).
const ID_CHARS: usize = 36;

/// The state of an entry, and the folder it is in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Queue {
    /// Finished.
    Done,
    /// Given up.
    Failed,
    /// Waiting for a consumer.
    New,
    /// Claimed by a consumer.
    Taken,
}

impl Queue {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::New, Self::Taken];

    /// The folder's name.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::New => "new",
            Self::Taken => "taken",
        }
    }

    /// The queue with this folder.
    pub fn named(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|queue| queue.folder() == folder)
    }
}

/// Who may write to a file or directory of the spool beside the daemon.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Nobody: the root, `tmp`, the endpoints' directories, the lock and the write-ahead logs.
    Private,
    /// The members of `[spool] group`: entries, the queues and `corrupt`.
    Shared,
}

/// Where everything is, beneath one root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout beneath `root`.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The spool's own folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is being written.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// What was found that is not whole.
    pub fn corrupt(&self) -> PathBuf {
        self.root.join("corrupt")
    }

    /// The id in an entry's file name; none if it is not the name of an entry.
    pub fn id_of(path: &Path) -> Option<EntryId> {
        let name = path.file_name()?.to_str()?;
        let id = name.strip_suffix(EXTENSION)?.strip_suffix('.')?;
        // There is one way to write an ID: hyphenated and in lowercase.
        let is_canonical = id.len() == ID_CHARS && !id.bytes().any(|byte| byte.is_ascii_uppercase());
        is_canonical.then(|| id.parse().ok())?
    }

    /// An entry that was found not to be whole.
    pub fn corrupted(&self, id: EntryId) -> PathBuf {
        self.corrupt().join(file_name(id))
    }

    /// One of the write-ahead logs. The name is older than the word.
    pub fn wal(&self, number: usize) -> PathBuf {
        self.root.join(format!(".journal-{number}"))
    }

    /// The file whose lock keeps a second daemon out.
    pub fn lock(&self) -> PathBuf {
        self.root.join(".lock")
    }

    /// An endpoint's folder.
    pub fn endpoint(&self, endpoint: &Name) -> PathBuf {
        self.root.join(endpoint.as_str())
    }

    /// One of an endpoint's queues.
    pub fn queue(&self, endpoint: &Name, queue: Queue) -> PathBuf {
        self.endpoint(endpoint).join(queue.folder())
    }

    /// A draft, while it is written.
    pub fn draft(&self, id: EntryId) -> PathBuf {
        self.tmp().join(file_name(id))
    }

    /// An entry in one of its endpoint's queues.
    pub fn entry(&self, endpoint: &Name, queue: Queue, id: EntryId) -> PathBuf {
        self.queue(endpoint, queue).join(file_name(id))
    }
}

fn file_name(id: EntryId) -> String {
    format!("{id}.{EXTENSION}")
}
