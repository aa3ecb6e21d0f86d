//! Leases: a consumer that processes an entry holds an exclusive flock(2) on the entry's file.
//!
//! A lease is taken before the entry is claimed and lasts as long as any copy of the descriptor. A command that
//! receives the descriptor as its standard input keeps the lease, even if the process that started it is killed. A
//! consumer that claims an entry with a plain rename has no lease.

use std::fs::File;
use std::io;

use super::entries::EntryLocation;
use super::layout::Layout;
use super::transfer::transfer;
use super::volume::Volume;
use super::why::FailureNote;
use crate::metrics::Queue;

/// An entry's file, open for reading and locked.
#[derive(Debug)]
pub struct Lease<R = File> {
    file: R,
    place: EntryLocation,
}

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process has moved the entry.
    #[error("it was moved by another process")]
    Moved,
    /// Another process holds the lease.
    #[error("it is being processed")]
    Held,
    /// The file system returned an error.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<R> Lease<R> {
    /// Locks the entry, without waiting.
    ///
    /// # Errors
    /// If another process holds the lease or has moved the entry, or the file cannot be opened.
    pub fn take<V: Volume<Reader = R>>(
        volume: &V,
        layout: &Layout,
        place: &EntryLocation,
    ) -> Result<Self, LeaseError> {
        match volume.read_locked(&place.path(layout)).map_err(moved)? {
            Some(file) => Ok(Self { file, place: place.clone() }),
            None => Err(LeaseError::Held),
        }
    }

    /// Moves the entry to another queue and keeps the lease.
    ///
    /// # Errors
    /// As [`transfer`]; [`LeaseError::Moved`] if a consumer without a lease has moved the entry first.
    pub fn transfer<V: Volume>(&mut self, volume: &V, layout: &Layout, to: Queue) -> Result<(), LeaseError> {
        self.place = transfer(volume, layout, &self.place, to).map_err(moved)?;
        Ok(())
    }

    /// Moves the entry to `failed`, with a note of the reason beside it, and keeps the lease. If the note cannot be
    /// written, for example because the disk is full, the entry is moved nevertheless.
    ///
    /// # Errors
    /// As [`Lease::transfer`].
    pub fn give_up<V: Volume>(
        &mut self,
        volume: &V,
        layout: &Layout,
        note: &FailureNote,
    ) -> Result<(), LeaseError> {
        if let Err(error) = note.write(volume, layout, &self.place) {
            tracing::warn!(id = %self.place.id, endpoint = %self.place.endpoint, %error, "reason of a failure not written");
        }
        let failed = EntryLocation { queue: Queue::Failed, ..self.place.clone() };
        volume.rename(&self.place.path(layout), &failed.path(layout)).map_err(moved)?;
        self.place = failed;
        Ok(())
    }

    /// Where the entry is.
    pub fn place(&self) -> &EntryLocation {
        &self.place
    }

    /// The locked file. A copy of it ([`File::try_clone`]) also keeps the lease.
    pub fn file(&self) -> &R {
        &self.file
    }
}

fn moved(error: io::Error) -> LeaseError {
    if error.kind() == io::ErrorKind::NotFound { LeaseError::Moved } else { LeaseError::Io(error) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock::Timestamp;
    use crate::envelope::EntryId;
    use crate::spool::disk::{Disk, is_named};
    use crate::spool::folders::make_queues;
    use crate::spool::layout::Access;
    use crate::spool::sim::{Fault, Sim};

    #[test]
    fn entry_that_is_given_up_is_in_failed_with_its_note_or_in_taken_after_any_fault() {
        let layout = Layout::new("/spool".into());
        let place = EntryLocation {
            id: EntryId::fresh(),
            endpoint: "pix".parse().expect("a name"),
            queue: Queue::Taken,
        };
        let note = FailureNote::new(Timestamp::UNIX_EPOCH, &place.endpoint, 7, "410 Gone");
        let (mut noted, mut moves) = (0, 0);
        for first in 0..8 {
            let sim = Sim::default();
            sim.create(&place.path(&layout), Access::Shared).expect("created");
            let mut lease = Lease::take(&sim, &layout, &place).expect("a lease");
            let calls = sim.state().calls.len();
            sim.state().faults = vec![(Fault::Numbered(calls + first, 1), 28)];
            let outcome = lease.give_up(&sim, &layout, &note);
            sim.state().faults.clear();
            let failed = EntryLocation { queue: Queue::Failed, ..place.clone() };
            assert_eq!(lease.place(), if outcome.is_ok() { &failed } else { &place });
            let is_at = |place: &EntryLocation| sim.state().now.names.contains_key(&place.path(&layout));
            assert_eq!((is_at(&failed), is_at(&place)), (outcome.is_ok(), outcome.is_err()));
            let found = FailureNote::read(&sim, &layout, &failed);
            assert!(found.is_none() || found == Some(note.clone()));
            (noted, moves) = (noted + u32::from(found.is_some()), moves + u32::from(outcome.is_ok()));
            // A note does not outlive the stay in `failed`.
            lease.place = failed.clone();
            if outcome.is_ok() {
                lease.transfer(&sim, &layout, Queue::New).expect("requeued");
                assert_eq!(FailureNote::read(&sim, &layout, &failed), None);
            }
        }
        // Of the calls remove, create, write, sync and rename, only a failed rename leaves the entry in `taken`, and a
        // failed create, write or sync no note.
        assert_eq!((noted, moves), (5, 7));
    }

    #[test]
    fn lease_lasts_until_the_last_copy_of_its_descriptor_is_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (disk, layout) =
            (Disk::open(folder.path(), None).expect("a spool"), Layout::new(folder.path().into()));
        let place = EntryLocation {
            id: EntryId::fresh(),
            endpoint: "pix".parse().expect("a name"),
            queue: Queue::New,
        };
        make_queues(&disk, &layout, std::slice::from_ref(&place.endpoint)).expect("queues");
        fs::write(place.path(&layout), "entry").expect("an entry");

        let mut lease = Lease::take(&disk, &layout, &place).expect("a lease");
        assert!(matches!(Lease::take(&disk, &layout, &place), Err(LeaseError::Held)));
        lease.transfer(&disk, &layout, Queue::Taken).expect("a claim");
        assert!(matches!(Lease::take(&disk, &layout, &place), Err(LeaseError::Moved)));
        let (taken, copy) = (lease.place().clone(), lease.file().try_clone().expect("a copy"));
        drop(lease);
        assert!(matches!(Lease::take(&disk, &layout, &taken), Err(LeaseError::Held)));
        drop(copy);
        assert!(Lease::take(&disk, &layout, &taken).is_ok());

        // Another file with the same name is not the leased entry.
        let file = disk.read(&taken.path(&layout)).expect("a file");
        fs::remove_file(taken.path(&layout)).expect("removed");
        fs::write(taken.path(&layout), "other").expect("another");
        let directory = disk.open_dir(&layout.queue(&taken.endpoint, Queue::Taken)).expect("opened");
        let path = taken.path(&layout);
        assert!(!is_named(directory, path.file_name().expect("a name"), &file).expect("names"));
    }
}
