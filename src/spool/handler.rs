//! What a command that processes one entry receives, and what its exit status means. `spool take --exec` and consumers
//! of kind `exec` start such a command.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;
use std::process::ExitStatus;

use super::entry::{EnvelopeFacts, open_file};
use crate::metrics::Queue;

/// The number of times that a signal may end an entry's handler before the entry is moved to `failed`.
pub const HANDLER_KILLS_MAX: u32 = 3;
/// The exit code after which the entry returns to `new`: EX_TEMPFAIL of sysexits(3).
const TRY_AGAIN: i32 = 75;

/// The environment variables of a handler, for the entry at `path`.
pub fn handler_environment(facts: &EnvelopeFacts, path: &Path) -> [(&'static str, OsString); 8] {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let content_type = facts.payload.content_type.as_deref().unwrap_or_default();
    [
        ("HOOKSPOOL_ID", facts.id.as_str().into()),
        ("HOOKSPOOL_ENDPOINT", facts.endpoint.as_str().into()),
        ("HOOKSPOOL_SENDER", facts.sender.as_str().into()),
        ("HOOKSPOOL_EVENT", facts.event.as_deref().unwrap_or_default().into()),
        ("HOOKSPOOL_RECEIVED_AT", facts.received_at.as_str().into()),
        ("HOOKSPOOL_CONTENT_TYPE", content_type.into()),
        ("HOOKSPOOL_SHA256", facts.payload.sha256.as_str().into()),
        ("HOOKSPOOL_PATH", path.into()),
    ]
}

/// A copy of the locked descriptor of the entry at `path`, at the beginning of the payload. A handler that reads it as
/// its standard input holds the lease as long as it runs, even if the process that started it ends.
///
/// # Errors
/// If the entry cannot be read, or has no envelope.
pub fn handler_input(locked: &File, path: &Path) -> io::Result<File> {
    let mut file = locked;
    file.rewind()?;
    let begin = open_file(file, path).map_err(io::Error::other)?.line.len();
    payload_input(locked, begin)
}

/// Like [`handler_input`], for an entry whose envelope, with its newline, has this many bytes.
///
/// # Errors
/// As `dup(2)` and `lseek(2)`.
pub fn payload_input(locked: &File, envelope_bytes: usize) -> io::Result<File> {
    let mut file = locked.try_clone()?;
    file.seek(SeekFrom::Start(u64::try_from(envelope_bytes).map_err(io::Error::other)?))?;
    Ok(file)
}

/// The queue that an entry is moved to after its handler has ended. A handler that was ended by a signal has no result.
pub fn queue_after(status: ExitStatus) -> Queue {
    match status.code() {
        Some(0) => Queue::Done,
        Some(TRY_AGAIN) | None => Queue::New,
        Some(_) => Queue::Failed,
    }
}
