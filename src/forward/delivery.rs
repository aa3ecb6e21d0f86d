//! What a target receives: one intact entry, which has been claimed unless it is only copied.

use std::fs::File;
use std::path::PathBuf;

use bytes::Bytes;

use crate::spool::{EnvelopeFacts, ReadEntry};

/// One entry in one attempt.
#[derive(Debug)]
pub struct Delivery {
    /// The keys of the envelope.
    pub facts: EnvelopeFacts,
    /// The envelope: one line of JSON, without the newline.
    pub envelope: Bytes,
    /// The payload, whose digest has been compared with the envelope.
    pub payload: Bytes,
    /// The number of this attempt in this process, from 1.
    pub attempt: u32,
    /// The entry's file, in `taken` if it was claimed, for a command.
    pub path: PathBuf,
    /// A copy of the locked descriptor, if the target needs it. A command that inherits it keeps the lease.
    pub file: Option<File>,
}

impl Delivery {
    /// The delivery of an entry that was read from `path`.
    pub(super) fn of(
        ReadEntry { facts, mut line, payload }: ReadEntry,
        attempt: u32,
        path: PathBuf,
        file: Option<File>,
    ) -> Self {
        // The newline.
        line.pop();
        Self { facts, envelope: line.into(), payload: payload.into(), attempt, path, file }
    }
}
