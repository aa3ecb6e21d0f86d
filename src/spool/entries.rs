//! Where entries are. Folders may hold millions: what can be is looked at one by one.

use std::io;
use std::path::{Path, PathBuf};

use super::layout::{Layout, Queue};
use super::volume::Volume;
use crate::envelope::EntryId;
use crate::policy::Name;

/// Where an entry stands.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct EntryLocation {
    /// Its name, which puts the oldest first.
    pub id: EntryId,
    /// Whose it is.
    pub endpoint: Name,
    /// In which state.
    pub queue: Queue,
}

impl EntryLocation {
    /// The entry's file.
    pub fn path(&self, layout: &Layout) -> PathBuf {
        layout.entry(&self.endpoint, self.queue, self.id)
    }

    /// What a path that ends like that of an entry says.
    pub fn of(path: &Path) -> Option<Self> {
        let id = Layout::id_of(path)?;
        let mut folders = path.parent()?.iter().rev().map(|folder| folder.to_str());
        let queue = folders.next()?.and_then(Queue::named)?;
        let endpoint = folders.next()?.and_then(|name| name.parse().ok())?;
        Some(Self { id, endpoint, queue })
    }
}

/// The endpoints that have a folder, whether or not the configuration has them now.
///
/// # Errors
/// When the spool cannot be listed.
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

/// The entries of a queue, in no order. What is not named like an entry is none.
///
/// # Errors
/// When the folder cannot be listed, at once or on the way.
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

/// Where the entry with this id stands: all places, if a crash left it at more than one.
///
/// # Errors
/// When the spool cannot be listed.
pub fn find<V: Volume>(volume: &V, layout: &Layout, id: EntryId) -> io::Result<Vec<EntryLocation>> {
    let mut found = Vec::new();
    for endpoint in endpoints(volume, layout)? {
        let places = Queue::ALL.map(|queue| EntryLocation { id, endpoint: endpoint.clone(), queue });
        found.extend(places.into_iter().filter(|place| volume.facts(&place.path(layout)).is_ok()));
    }
    Ok(found)
}
