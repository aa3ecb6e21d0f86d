//! The file of an entry, in a queue or in `corrupt`.

use std::fs::File;
use std::path::PathBuf;

use crate::cli::spool_args::CORRUPT;
use crate::envelope::EntryId;
use crate::policy::Name;
use crate::spool::{
    CorruptEntry, Disk, EntryFault, EntryLocation, EnvelopeFacts, FailureNote, Layout, OpenEntry,
    Volume as _, check_file, open_file,
};

#[derive(Debug)]
pub(super) struct EntryFile {
    pub(super) id: EntryId,
    /// None in `corrupt`: the envelope contains it.
    pub(super) endpoint: Option<Name>,
    /// The name of the queue, or `corrupt`.
    pub(super) folder: &'static str,
    pub(super) path: PathBuf,
    /// Why it was given up; only in `failed`.
    pub(super) why: Option<FailureNote>,
    /// The path without the number that a name in `corrupt` can have. It is compared with the envelope.
    unnumbered: PathBuf,
}

impl EntryFile {
    pub(super) fn in_queue(place: &EntryLocation, disk: &Disk, layout: &Layout) -> Self {
        let path = place.path(layout);
        Self {
            id: place.id,
            endpoint: Some(place.endpoint.clone()),
            folder: place.queue.word(),
            why: FailureNote::read(disk, layout, place),
            unnumbered: path.clone(),
            path,
        }
    }

    pub(super) fn in_corrupt(CorruptEntry { id, path }: CorruptEntry, layout: &Layout) -> Self {
        Self { id, endpoint: None, folder: CORRUPT, path, why: None, unnumbered: layout.corrupted(id) }
    }

    /// Opens the entry and reads its envelope.
    pub(super) fn open(&self, disk: &Disk) -> Result<OpenEntry<File>, EntryFault> {
        open_file(disk.read(&self.path)?, &self.unnumbered)
    }

    /// Reads the entry to its end and compares its length and digest with the envelope.
    pub(super) fn check(&self, disk: &Disk) -> Result<EnvelopeFacts, EntryFault> {
        check_file(disk.read(&self.path)?, &self.unnumbered)
    }
}
