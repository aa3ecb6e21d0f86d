//! Reports the entries that arrive, to programs that show or copy them and claim none.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;
use crate::spool::Layout;
use crate::watch::{Arrival, Arrivals};

/// The entries that are remembered so that none is reported twice, the oldest first to be forgotten.
const SEEN_MAX: usize = 10_000;

/// Watches the queues `new` of endpoints until it is dropped.
#[derive(Debug)]
pub struct EntryArrivals {
    endpoints: Vec<Name>,
    files: Arrivals,
    seen: BTreeSet<EntryId>,
}

/// A report about the queues.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum EntryArrival {
    /// An entry arrived. A consumer may already have moved it: [`crate::spool::open_in_any_queue`].
    Entry(Name, EntryId),
    /// The kernel dropped events; more entries may have arrived in any of the queues.
    Overflow,
}

impl EntryArrivals {
    /// Watches the queues of these endpoints. Must be called in a runtime.
    ///
    /// # Errors
    /// As [`Arrivals::watch`].
    pub fn watch(layout: &Layout, endpoints: Vec<Name>) -> io::Result<Self> {
        let queues: Vec<_> = endpoints.iter().map(|endpoint| layout.queue(endpoint, Queue::New)).collect();
        let files = Arrivals::watch(queues.iter().map(|queue| queue.as_path()))?;
        Ok(Self { endpoints, files, seen: BTreeSet::new() })
    }

    /// Waits for the next reports. An entry that returns to `new` is not reported again. Cancel safe.
    ///
    /// # Errors
    /// `NotFound` if a queue was removed; otherwise as `read(2)`.
    pub async fn next(&mut self) -> io::Result<Vec<EntryArrival>> {
        let arrivals = self.files.next().await?;
        arrivals.into_iter().filter_map(|arrival| self.report(arrival).transpose()).collect()
    }

    fn report(&mut self, arrival: Arrival) -> io::Result<Option<EntryArrival>> {
        let (number, name) = match arrival {
            Arrival::File(number, name) => (number, name),
            Arrival::Overflow => return Ok(Some(EntryArrival::Overflow)),
            Arrival::Gone(_) => {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the queue was removed"));
            }
        };
        let Some(id) = Layout::id_of(Path::new(&name)).filter(|id| self.seen.insert(*id)) else {
            return Ok(None);
        };
        if self.seen.len() > SEEN_MAX {
            self.seen.pop_first();
        }
        Ok(self.endpoints.get(number).map(|endpoint| EntryArrival::Entry(endpoint.clone(), id)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn each_entry_is_reported_once_with_its_endpoint_until_a_queue_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(folder.path().into());
        let [cob, pix]: [Name; 2] = ["cob", "pix"].map(|name| name.parse().expect("a name"));
        for endpoint in [&cob, &pix] {
            fs::create_dir_all(layout.queue(endpoint, Queue::New)).expect("a queue");
        }
        let mut arrivals = EntryArrivals::watch(&layout, vec![cob.clone(), pix.clone()]).expect("watches");
        let [first, second] = [(); 2].map(|()| EntryId::fresh());
        let (new, away) = (layout.entry(&pix, Queue::New, first), folder.path().join("away"));
        fs::write(&new, "entry").expect("an entry");
        fs::write(new.with_extension("tmp"), "not an entry").expect("a file");
        fs::rename(&new, &away).expect("taken");
        fs::rename(&away, &new).expect("returned");
        fs::write(layout.entry(&cob, Queue::New, second), "entry").expect("an entry");

        let mut found = Vec::new();
        while found.len() < 2 {
            found.extend(arrivals.next().await.expect("reports"));
        }
        assert_eq!(found, [EntryArrival::Entry(pix, first), EntryArrival::Entry(cob.clone(), second)]);
        fs::remove_dir_all(layout.queue(&cob, Queue::New)).expect("removed");
        let gone = arrivals.next().await.map_err(|error| error.kind());
        assert_eq!(gone, Err(io::ErrorKind::NotFound));
    }
}
