//! Reports the names of files that appear in directories, in the order in which they appeared.
//!
//! notify registers for every kind of event. In a queue whose entries are opened and renamed constantly, that would be
//! several events for each entry; this watch, with the library that notify uses, receives one.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use futures_util::{FutureExt as _, StreamExt as _};
use inotify::{Event, EventMask, EventStream, Inotify, WatchDescriptor, WatchMask};

/// The bytes of events that are read at the same time.
const BUFFER_BYTES: usize = 16 << 10;
/// The most reports that one call returns.
const REPORTS_MAX: usize = 4096;

/// Watches directories until it is dropped.
#[derive(Debug)]
pub struct Arrivals {
    events: EventStream<Vec<u8>>,
    /// The kernel's watch of each directory, in the order of the directories.
    watches: Vec<WatchDescriptor>,
}

/// A report about one of the directories, which is identified by its position.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// A file with this name appeared, completely written.
    File(usize, OsString),
    /// The kernel dropped events; files may have appeared in any of the directories.
    Overflow,
    /// The directory was removed or replaced, and is no longer watched.
    Gone(usize),
}

impl Arrivals {
    /// Watches directories. Must be called in a runtime.
    ///
    /// # Errors
    /// As `inotify_init(2)` and `inotify_add_watch(2)`, for example if the user's limit of watches is reached.
    pub fn watch<'p>(directories: impl Iterator<Item = &'p Path>) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let mask = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::MOVE_SELF | WatchMask::ONLYDIR;
        let watches = directories.map(|directory| inotify.watches().add(directory, mask));
        let watches = watches.collect::<io::Result<_>>()?;
        Ok(Self { events: inotify.into_event_stream(vec![0; BUFFER_BYTES])?, watches })
    }

    /// Waits for the next reports. Cancel safe.
    ///
    /// # Errors
    /// As `read(2)`.
    pub async fn next(&mut self) -> io::Result<Vec<Arrival>> {
        loop {
            let first = self.events.next().await.ok_or(io::ErrorKind::UnexpectedEof)??;
            let mut reports: Vec<_> = self.report(first).into_iter().collect();
            while reports.len() < REPORTS_MAX
                && let Some(Some(event)) = self.events.next().now_or_never()
            {
                reports.extend(self.report(event?));
            }
            if !reports.is_empty() {
                return Ok(reports);
            }
        }
    }

    fn report(&self, event: Event<OsString>) -> Option<Arrival> {
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            return Some(Arrival::Overflow);
        }
        let directory = self.watches.iter().position(|watch| *watch == event.wd)?;
        if event.mask.intersects(EventMask::IGNORED | EventMask::UNMOUNT | EventMask::MOVE_SELF) {
            return Some(Arrival::Gone(directory));
        }
        event.name.map(|name| Arrival::File(directory, name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn files_are_reported_in_order_of_appearance_and_nothing_else() {
        let [one, two, other] = [(); 3].map(|()| tempfile::tempdir().expect("a directory"));
        let mut arrivals = Arrivals::watch([one.path(), two.path()].into_iter()).expect("watches");
        let name = |number: u32| OsString::from(format!("{number}.hook"));
        for number in 0..3 {
            fs::write(other.path().join(name(number)), "entry").expect("a file");
        }
        fs::rename(other.path().join(name(2)), two.path().join(name(2))).expect("renamed");
        fs::rename(other.path().join(name(0)), one.path().join(name(0))).expect("renamed");
        fs::hard_link(other.path().join(name(1)), one.path().join(name(1))).expect("linked");
        // Neither of these is an arrival.
        fs::read(one.path().join(name(0))).expect("read");
        fs::rename(one.path().join(name(0)), other.path().join("away")).expect("renamed");
        fs::remove_dir_all(two.path()).expect("removed");

        let mut found = Vec::new();
        while found.last() != Some(&Arrival::Gone(1)) {
            found.extend(arrivals.next().await.expect("reports"));
        }
        let files = [(1, 2), (0, 0), (0, 1)].map(|(folder, number)| Arrival::File(folder, name(number)));
        assert_eq!(found, [files.to_vec(), vec![Arrival::Gone(1)]].concat());
    }
}
