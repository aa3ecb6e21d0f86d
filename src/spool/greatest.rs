//! Finds the greatest ID among the entries in `new` and `taken`. New IDs continue from it.
//!
//! An ID begins with the time. If the clock was ahead when an entry arrived, or is behind now, an ID from the clock
//! alone would sort before entries that arrived earlier. Only names are listed; no entry is opened.

use std::ffi::OsString;
use std::path::Path;

use super::entries::{EntryLocation, endpoints};
use super::layout::Layout;
use super::volume::Volume;
use crate::clock::Timestamp;
use crate::metrics::Queue;

/// The result of the search.
#[derive(Debug, Default)]
pub struct Greatest {
    /// The entry with the greatest ID that is not beyond the limit.
    pub entry: Option<EntryLocation>,
    /// The first entry found whose ID is beyond the limit, and how many there are.
    pub beyond: Option<(EntryLocation, u64)>,
}

/// Lists `new` and `taken` of every endpoint. IDs with a time after `limit` are only counted: a forged file name must
/// not exhaust the IDs. A queue that cannot be listed is logged and skipped.
pub fn greatest<V: Volume>(volume: &V, layout: &Layout, limit: Timestamp) -> Greatest {
    let mut search = Search { limit, name: OsString::new(), found: Greatest::default() };
    let endpoints = endpoints(volume, layout).unwrap_or_else(|error| {
        tracing::warn!(%error, spool = %layout.root().display(), "cannot list the spool; new IDs may sort before older ones");
        Vec::new()
    });
    for endpoint in endpoints {
        for queue in [Queue::New, Queue::Taken] {
            let path = layout.queue(&endpoint, queue);
            let listed = volume.list(&path).and_then(|mut names| {
                names.try_for_each(|name| {
                    search.add(name?, |id| EntryLocation { id, endpoint: endpoint.clone(), queue });
                    Ok(())
                })
            });
            if let Err(error) = listed {
                tracing::warn!(%error, queue = %path.display(), "cannot list the queue; new IDs may sort before older ones");
            }
        }
    }
    search.found
}

struct Search {
    limit: Timestamp,
    /// The file name of the greatest entry so far. Names sort like the IDs in them.
    name: OsString,
    found: Greatest,
}

impl Search {
    fn add(&mut self, name: OsString, place: impl Fn(crate::envelope::EntryId) -> EntryLocation) {
        // Most names are skipped before they are parsed, because there may be millions.
        if name <= self.name {
            return;
        }
        let Some(id) = Layout::id_of(Path::new(&name)) else { return };
        if id.made_at() <= self.limit {
            (self.name, self.found.entry) = (name, Some(place(id)));
        } else if let Some((_, count)) = &mut self.found.beyond {
            *count += 1;
        } else {
            self.found.beyond = Some((place(id), 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::envelope::EntryId;
    use crate::spool::sim::{Contents, Sim};

    fn id(month: u8) -> EntryId {
        let at: Timestamp = format!("2027-{month:02}-01T00:00:00Z").parse().expect("a timestamp");
        let [_, _, a, b, c, d, e, f] = at.as_millisecond().to_be_bytes();
        EntryId::from_bytes([a, b, c, d, e, f, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0])
    }

    fn found(entries: &[(&str, Queue, EntryId)], others: &[&str]) -> Greatest {
        let layout = Layout::new("/spool".into());
        let mut contents = Contents::default();
        let paths = entries
            .iter()
            .map(|(endpoint, queue, id)| layout.entry(&endpoint.parse().expect("a name"), *queue, *id));
        let folders = ["pix", "cob"].map(|name| PathBuf::from(format!("/spool/{name}")));
        for (inode, path) in paths.chain(others.iter().map(PathBuf::from)).chain(folders).enumerate() {
            contents.names.insert(path, inode);
        }
        greatest(
            &Sim::with_contents(contents, true),
            &layout,
            "2027-06-15T00:00:00Z".parse().expect("a timestamp"),
        )
    }

    #[test]
    fn greatest_id_in_new_and_taken_of_all_endpoints_is_found() {
        let entries = [
            ("pix", Queue::New, id(2)),
            ("pix", Queue::Taken, id(1)),
            ("cob", Queue::Taken, id(4)),
            ("cob", Queue::New, id(3)),
            ("cob", Queue::Done, id(5)),
            ("pix", Queue::Failed, id(6)),
        ];
        let found = found(&entries, &[]);
        assert_eq!(found.entry.map(|place| place.id), Some(id(4)));
        assert!(found.beyond.is_none());
    }

    #[test]
    fn ids_beyond_the_limit_and_invalid_names_are_ignored() {
        let last = EntryId::from_bytes([0xFF; 16]);
        let entries = [("pix", Queue::New, last), ("pix", Queue::New, id(2)), ("cob", Queue::New, id(7))];
        let others = ["/spool/pix/new/z.hook", "/spool/pix/new/zzzz", "/spool/pix/new/\u{e9}.hook"];
        let found = found(&entries, &others);
        assert_eq!(found.entry.map(|place| place.id), Some(id(2)));
        assert_eq!(found.beyond.map(|(_, count)| count), Some(2));
    }

    #[test]
    fn empty_spool_has_no_greatest_id() {
        let found = found(&[], &[]);
        assert!(found.entry.is_none() && found.beyond.is_none());
    }
}
