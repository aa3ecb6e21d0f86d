//! Moves entries between queues. If two processes move the same entry, one rename succeeds.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::corrupt::move_to_corrupt;
use super::entries::{EntryLocation, entries};
use super::layout::Layout;
use super::volume::Volume;
use super::why::remove_note;
use crate::clock::Timestamp;
use crate::metrics::Queue;
use crate::policy::Name;

/// Moves an entry to another queue of its endpoint. A note of why it was given up does not apply afterwards and is
/// removed, also one that a crash left in `failed` earlier.
///
/// # Errors
/// `NotFound` if another process has moved the entry; otherwise as `rename(2)`.
pub fn transfer<V: Volume>(
    volume: &V,
    layout: &Layout,
    place: &EntryLocation,
    to: Queue,
) -> io::Result<EntryLocation> {
    let moved = EntryLocation { queue: to, ..place.clone() };
    if place.queue == Queue::Failed || to == Queue::Failed {
        remove_note(volume, layout, place);
    }
    volume.rename(&place.path(layout), &moved.path(layout))?;
    Ok(moved)
}

/// Removes an entry, and the note of why it was given up.
///
/// # Errors
/// As `unlink(2)`.
pub fn remove_entry<V: Volume>(volume: &V, layout: &Layout, place: &EntryLocation) -> io::Result<()> {
    if place.queue == Queue::Failed {
        remove_note(volume, layout, place);
    }
    volume.remove(&place.path(layout))
}

/// Makes moves between two queues of an endpoint durable. The new names are synced first, so that no entry loses both.
///
/// # Errors
/// As `fsync(2)`.
pub fn sync_moves<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    (from, to): (Queue, Queue),
) -> io::Result<()> {
    volume.sync_dir(&layout.queue(endpoint, to))?;
    volume.sync_dir(&layout.queue(endpoint, from))
}

/// Moves an entry that is not intact to `corrupt/`.
///
/// # Errors
/// As `rename(2)`.
pub fn set_aside<V: Volume>(volume: &V, layout: &Layout, place: &EntryLocation) -> io::Result<PathBuf> {
    move_to_corrupt(volume, layout, &place.path(layout), place.id)
}

/// Lists the entries that have been in a queue for at least `age`.
///
/// # Errors
/// As [`entries`]. An entry that is moved in the meantime is skipped.
pub fn older<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    queue: Queue,
    age: (Duration, Timestamp),
) -> io::Result<impl Iterator<Item = io::Result<EntryLocation>> + use<V>> {
    Ok(examined(volume, layout, endpoint, queue, age)?.filter_map(Result::transpose))
}

/// As [`older`], with `None` for each entry that is younger, so that a caller can limit how many are examined.
pub(super) fn examined<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    queue: Queue,
    (age, now): (Duration, Timestamp),
) -> io::Result<impl Iterator<Item = io::Result<Option<EntryLocation>>> + use<V>> {
    let (own_volume, layout) = (volume.clone(), layout.clone());
    let since = now.checked_sub(age).unwrap_or(Timestamp::MIN);
    Ok(entries(volume, &layout, endpoint, queue)?.map(move |place| {
        let place = place?;
        match own_volume.facts(&place.path(&layout)) {
            Ok(facts) => Ok((facts.changed <= since).then_some(place)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }))
}
