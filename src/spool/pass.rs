//! A pass over entries in steps, each of which examines a limited number.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::entries::EntryLocation;

/// Entries, one at a time, `None` for one that needs nothing, or the error of listing them.
pub(super) type Places<'a> = Box<dyn Iterator<Item = io::Result<Option<EntryLocation>>> + 'a>;

/// One pass over entries, in steps.
pub(super) struct Pass<'a> {
    places: Places<'a>,
    begun: Instant,
    is_complete: bool,
}

impl<'a> Pass<'a> {
    pub(super) fn new(places: Places<'a>) -> Self {
        Self { places, begun: Instant::now(), is_complete: false }
    }

    /// Examines at most `most` entries, and returns those that need something.
    pub(super) fn step(&mut self, most: usize) -> Vec<io::Result<EntryLocation>> {
        let examined: Vec<_> = self.places.by_ref().take(most).collect();
        self.is_complete = examined.len() < most;
        examined.into_iter().filter_map(Result::transpose).collect()
    }

    /// Whether the next pass begins, if passes begin at this interval.
    pub(super) fn is_over(&self, interval: Duration) -> bool {
        self.is_complete && self.begun.elapsed() >= interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::EntryId;
    use crate::metrics::Queue;

    #[test]
    fn step_examines_no_more_entries_than_its_limit() {
        let due =
            EntryLocation { id: EntryId::fresh(), endpoint: "pix".parse().unwrap(), queue: Queue::Done };
        let places = [None, None, None, Some(due), None];
        let mut pass = Pass::new(Box::new(places.into_iter().map(Ok)));
        assert!(pass.step(3).is_empty() && !pass.is_complete);
        assert_eq!(pass.step(1).len(), 1);
        assert!(!pass.is_over(Duration::ZERO), "one is left");
        assert!(pass.step(2).is_empty() && pass.is_over(Duration::ZERO));
    }
}
