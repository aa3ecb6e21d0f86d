//! Moves an entry for a person who asks for it: one that is claimed only under its lease, and durably.

use std::io;

use super::entries::EntryLocation;
use super::layout::Layout;
use super::lease::{Lease, LeaseError};
use super::transfer::{sync_moves, transfer};
use super::volume::Volume;
use crate::metrics::Queue;

/// Why an entry was not moved, or not durably.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It is where it was, or where another process has moved it.
    #[error(transparent)]
    NotMoved(#[from] LeaseError),
    /// It was moved, but the directories cannot be synced, so that a power failure may undo the move.
    #[error("it was moved, but a power failure may undo that: {0}")]
    NotSynced(io::Error),
}

/// Moves an entry to another queue. An entry in `taken` is moved only under its lease, unless forced. The caller syncs
/// the directories ([`sync_moves`]), once for many moves.
///
/// # Errors
/// [`LeaseError::Held`] if a handler runs, [`LeaseError::Moved`] if the entry is no longer in its queue.
pub fn move_entry<V: Volume>(
    volume: &V,
    layout: &Layout,
    place: &EntryLocation,
    to: Queue,
    force: bool,
) -> Result<(), LeaseError> {
    if place.queue == Queue::Taken && !force {
        return Lease::take(volume, layout, place)?.transfer(volume, layout, to);
    }
    match transfer(volume, layout, place, to) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(LeaseError::Moved),
        Err(error) => Err(error.into()),
    }
}

/// Moves an entry as [`move_entry`] does, and syncs the directories.
///
/// # Errors
/// As [`move_entry`], and [`MoveError::NotSynced`].
pub fn move_entry_durably<V: Volume>(
    volume: &V,
    layout: &Layout,
    place: &EntryLocation,
    to: Queue,
    force: bool,
) -> Result<(), MoveError> {
    move_entry(volume, layout, place, to, force)?;
    sync_moves(volume, layout, &place.endpoint, (place.queue, to)).map_err(MoveError::NotSynced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::EntryId;
    use crate::spool::layout::Access;
    use crate::spool::sim::{Fault, Op, Sim};

    #[test]
    fn claimed_entry_is_moved_only_without_a_handler_or_by_force_and_is_then_durable() {
        let (sim, layout) = (Sim::default(), Layout::new("/spool".into()));
        let endpoint = "pix".parse().expect("a name");
        let taken = EntryLocation { id: EntryId::fresh(), endpoint, queue: Queue::Taken };
        let failed = EntryLocation { queue: Queue::Failed, ..taken.clone() };
        sim.create(&taken.path(&layout), Access::Shared).expect("created");
        let lock = |inodes: &[usize]| sim.state().locked = inodes.iter().copied().collect();
        let act = |place: &EntryLocation, to, force| move_entry_durably(&sim, &layout, place, to, force);

        lock(&[0]);
        let held = act(&taken, Queue::Failed, false);
        assert!(matches!(held, Err(MoveError::NotMoved(LeaseError::Held))), "{held:?}");
        act(&taken, Queue::Failed, true).expect("moved");
        // The new name is durable before the old one is gone.
        let synced = |queue| format!("SyncDir({:?})", layout.queue(&taken.endpoint, queue));
        let log: Vec<_> = sim.state().log.iter().map(|op| format!("{op:?}")).collect();
        assert!(log.ends_with(&[synced(Queue::Failed), synced(Queue::Taken)]), "{log:?}");
        assert!(matches!(sim.state().log[log.len() - 3], Op::Rename(..)));

        let moved = act(&taken, Queue::Failed, false);
        assert!(matches!(moved, Err(MoveError::NotMoved(LeaseError::Moved))), "{moved:?}");
        sim.state().faults = vec![(Fault::Named("sync_dir", 2), 5)];
        let unsynced = act(&failed, Queue::New, false);
        assert!(matches!(unsynced, Err(MoveError::NotSynced(_))), "{unsynced:?}");
        let moved = act(&failed, Queue::New, false);
        assert!(matches!(moved, Err(MoveError::NotMoved(LeaseError::Moved))), "{moved:?}");
    }
}
