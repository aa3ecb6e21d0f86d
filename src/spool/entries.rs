//! Finds entries. A queue may hold millions, so they are listed one at a time.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::volume::Volume;
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;

/// The queues in the order in which an entry passes through them. Who lists them in this order sees an entry that is
/// moved meanwhile at least once, unless it returns to `new`.
pub const QUEUES_IN_ORDER: [Queue; 4] = [Queue::New, Queue::Taken, Queue::Done, Queue::Failed];

/// Where an entry is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct EntryLocation {
    /// The entry's ID; the oldest sorts first.
    pub id: EntryId,
    /// The endpoint that the entry was delivered to.
    pub endpoint: Name,
    /// The entry's queue.
    pub queue: Queue,
}

impl EntryLocation {
    /// The path of the entry's file.
    pub fn path(&self, layout: &Layout) -> PathBuf {
        layout.entry(&self.endpoint, self.queue, self.id)
    }

    /// Parses a path that ends in `ENDPOINT/QUEUE/ID.hook`.
    pub fn of(path: &Path) -> Option<Self> {
        let id = Layout::id_of(path)?;
        let mut folders = path.parent()?.iter().rev().map(|folder| folder.to_str());
        let queue = folders.next()?.and_then(Queue::named)?;
        let endpoint = folders.next()?.and_then(|name| name.parse().ok())?;
        Some(Self { id, endpoint, queue })
    }
}

/// Lists the endpoints that have queues, including those that are no longer configured.
///
/// # Errors
/// If the spool cannot be listed.
pub fn endpoints<V: Volume>(volume: &V, layout: &Layout) -> io::Result<Vec<Name>> {
    let mut found = Vec::new();
    for name in volume.list(layout.root())? {
        if let Some(name) = name?.to_str().and_then(|name| name.parse().ok())
            && volume.list(&layout.queue(&name, Queue::New)).is_ok()
        {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// Lists the entries of a queue, in no order. Files that are not named like an entry are skipped.
///
/// # Errors
/// If the directory cannot be opened; the iterator returns an error if a name cannot be read.
pub fn entries<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    queue: Queue,
) -> io::Result<impl Iterator<Item = io::Result<EntryLocation>> + use<V>> {
    let endpoint = endpoint.clone();
    let names = match volume.list(&layout.queue(&endpoint, queue)) {
        Ok(names) => Some(names),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let place = move |name: io::Result<_>| match name {
        Ok(name) => Layout::id_of(Path::new(&name))
            .map(|id| Ok(EntryLocation { id, endpoint: endpoint.clone(), queue })),
        Err(error) => Some(Err(error)),
    };
    Ok(names.into_iter().flatten().filter_map(place))
}

/// Finds the entry with this ID. If a crash left it in more than one queue, all of them are returned.
///
/// # Errors
/// If the spool cannot be listed.
pub fn find<V: Volume>(volume: &V, layout: &Layout, id: EntryId) -> io::Result<Vec<EntryLocation>> {
    let mut found = Vec::new();
    for endpoint in endpoints(volume, layout)? {
        let places =
            QUEUES_IN_ORDER.iter().map(|&queue| EntryLocation { id, endpoint: endpoint.clone(), queue });
        found.extend(places.filter(|place| volume.facts(&place.path(layout)).is_ok()));
    }
    Ok(found)
}

/// Opens an entry that was in `new` and returns where it is: a consumer may move it at any time. The queues are searched
/// in the order in which an entry passes through them, and twice, because an entry can return to `new`.
///
/// # Errors
/// `NotFound` if it was removed; otherwise as `open(2)`.
pub fn open_in_any_queue<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    id: EntryId,
) -> io::Result<(EntryLocation, V::Reader)> {
    for queue in QUEUES_IN_ORDER.into_iter().chain(QUEUES_IN_ORDER) {
        let place = EntryLocation { id, endpoint: endpoint.clone(), queue };
        match volume.read(&place.path(layout)) {
            Ok(file) => return Ok((place, file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::spool::layout::Access;
    use crate::spool::sim::Sim;

    #[test]
    fn entry_is_opened_although_consumers_move_it_during_the_search() {
        let (sim, layout) = (Sim::default(), Layout::new("/spool".into()));
        let place = |queue| EntryLocation {
            id: EntryId::from_bytes([7; 16]),
            endpoint: "pix".parse().expect("a name"),
            queue,
        };
        let open = || open_in_any_queue(&sim, &layout, &place(Queue::New).endpoint, place(Queue::New).id);
        assert_eq!(open().map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));

        sim.create(&place(Queue::Taken).path(&layout), Access::Shared).expect("created");
        // The moves before each access: back to `new` after that was searched, and then to `done`.
        let moves = [None, Some((Queue::Taken, Queue::New)), None, None, Some((Queue::New, Queue::Done))];
        let (moved, paths, moves) = (sim.clone(), layout.clone(), Mutex::new(moves.into_iter()));
        sim.set_hook(move || {
            if let Some(Some((from, to))) = moves.lock().expect("no panic").next() {
                let names = &mut moved.state().now.names;
                let inode = names.remove(&place(from).path(&paths)).expect("the entry");
                names.insert(place(to).path(&paths), inode);
            }
        });
        assert_eq!(open().expect("opened").0, place(Queue::Done));
    }
}
