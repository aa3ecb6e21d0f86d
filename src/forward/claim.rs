//! Claims: an entry that this process has moved to `taken` and locked.

use std::io;
use std::path::PathBuf;

use super::delivery::Delivery;
use crate::metrics::Queue;
use crate::spool::{
    Disk, EntryFault, EntryLocation, FailureNote, Layout, Lease, LeaseError, NotIntact, read_file, set_aside,
};

/// The spool that is forwarded.
#[derive(Clone, Debug)]
pub struct ForwardSpool {
    /// Its file system.
    pub disk: Disk,
    /// Its paths.
    pub layout: Layout,
}

/// An entry in `taken`, with the lease on its file. If it is dropped, the entry returns to `new`.
#[derive(Debug)]
pub(super) struct Claim {
    spool: ForwardSpool,
    /// None after the entry has been moved on.
    lease: Option<Lease>,
}

/// Why an entry was not claimed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimFault {
    /// Another process has moved it.
    #[error("another process has moved it")]
    Gone,
    /// Another process has locked it, for example one that has just moved it to `new`.
    #[error("another process has locked it")]
    Held,
    /// It is not intact, and was moved to `corrupt`.
    #[error("the entry is not intact: {fault}; moved to `{}`", to.display())]
    NotIntact { fault: NotIntact, to: PathBuf },
    /// The file system returned an error.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Claim {
    /// Locks an entry and moves it to `taken`.
    pub(super) fn take(spool: &ForwardSpool, place: &EntryLocation) -> Result<Self, ClaimFault> {
        let ForwardSpool { disk, layout } = spool;
        let lease = Lease::take(disk, layout, place).and_then(|mut lease| {
            lease.transfer(disk, layout, Queue::Taken)?;
            Ok(lease)
        });
        match lease {
            Ok(lease) => Ok(Self { spool: spool.clone(), lease: Some(lease) }),
            Err(LeaseError::Moved) => Err(ClaimFault::Gone),
            Err(LeaseError::Held) => Err(ClaimFault::Held),
            Err(LeaseError::Io(error)) => Err(error.into()),
        }
    }

    /// The length of the entry's file in bytes.
    pub(super) fn length(&self) -> io::Result<u64> {
        self.lease.as_ref().map_or(Ok(0), |lease| Ok(lease.file().metadata()?.len()))
    }

    /// Reads the entry and checks that it is intact. `keeps_file` is whether the target needs the file.
    pub(super) fn into_delivery(
        self,
        attempt: u32,
        keeps_file: bool,
    ) -> Result<(Self, Delivery), ClaimFault> {
        match self.read(attempt, keeps_file) {
            Ok(delivery) => Ok((self, delivery)),
            Err(EntryFault::Io(error)) => Err(error.into()),
            Err(EntryFault::NotIntact(fault)) => Err(self.set_aside(fault)),
        }
    }

    fn read(&self, attempt: u32, keeps_file: bool) -> Result<Delivery, EntryFault> {
        let Some(lease) = &self.lease else { return Err(io::Error::from(io::ErrorKind::NotFound).into()) };
        let path = lease.place().path(&self.spool.layout);
        let file = lease.file();
        let entry = read_file(file, &path)?;
        let file = keeps_file.then(|| file.try_clone()).transpose()?;
        Ok(Delivery::of(entry, attempt, std::path::absolute(&path).unwrap_or(path), file))
    }

    fn set_aside(mut self, fault: NotIntact) -> ClaimFault {
        let Some(lease) = self.lease.take() else { return ClaimFault::Gone };
        match set_aside(&self.spool.disk, &self.spool.layout, lease.place()) {
            Ok(to) => ClaimFault::NotIntact { fault, to },
            Err(error) => error.into(),
        }
    }

    /// Moves the entry to a queue and ends the lease.
    pub(super) fn finish(mut self, to: Queue) -> Result<(), LeaseError> {
        let Some(lease) = &mut self.lease else { return Ok(()) };
        // After an error the entry returns to `new`.
        lease.transfer(&self.spool.disk, &self.spool.layout, to)?;
        self.lease = None;
        Ok(())
    }

    /// Moves the entry to `failed`, with a note of the reason beside it, and ends the lease.
    pub(super) fn give_up(mut self, note: &FailureNote) -> Result<(), LeaseError> {
        let Some(lease) = &mut self.lease else { return Ok(()) };
        lease.give_up(&self.spool.disk, &self.spool.layout, note)?;
        self.lease = None;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(lease) = &mut self.lease else { return };
        match lease.transfer(&self.spool.disk, &self.spool.layout, Queue::New) {
            // Another process may have moved it.
            Ok(()) | Err(LeaseError::Moved | LeaseError::Held) => {}
            Err(LeaseError::Io(error)) => {
                // The next pass over `taken` returns it.
                let id = lease.place().id;
                tracing::warn!(%id, %error, "claimed entry not returned to new");
            }
        }
    }
}

/// Returns entries of an endpoint from `taken` to `new` whose file is not locked: a process that had claimed them has
/// ended. Returns their number.
///
/// # Errors
/// If the queue cannot be listed.
pub(super) fn recover(spool: &ForwardSpool, endpoint: &crate::policy::Name) -> io::Result<usize> {
    let ForwardSpool { disk, layout } = spool;
    let mut recovered = 0;
    for place in crate::spool::entries(disk, layout, endpoint, Queue::Taken)? {
        let place = place?;
        let moved =
            Lease::take(disk, layout, &place).and_then(|mut lease| lease.transfer(disk, layout, Queue::New));
        match moved {
            Ok(()) => recovered += 1,
            Err(LeaseError::Moved | LeaseError::Held) => {}
            Err(LeaseError::Io(error)) => {
                tracing::warn!(id = %place.id, %error, "claimed entry not returned to new");
            }
        }
    }
    Ok(recovered)
}
