//! Decides which entry of a consumer is attempted next. No I/O.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::Candidate;
use super::backlog::{Backlog, Listed};
use super::schedule::{REMEMBERED_MAX, Remembered, Retries};
use super::settings::Order;
use crate::envelope::EntryId;

/// The entries of a consumer that are neither done nor failed, as far as they are in memory.
#[derive(Debug)]
pub(super) struct Waiting {
    order: Order,
    lanes: Vec<Lane>,
    retries: Retries,
    in_flight: BTreeSet<EntryId>,
    /// Whether entries are attempted more than once.
    retries_entries: bool,
    /// Whether an entry that is retried is preferred to a new one. They alternate, so that neither delays the other.
    prefers_retry: bool,
}

/// The entries of one endpoint.
#[derive(Debug)]
struct Lane {
    backlog: Backlog,
    /// Whether an entry is being attempted or is retried. In order of arrival, all others wait for it.
    is_busy: bool,
}

impl Waiting {
    pub(super) fn new(lanes: usize, order: Order, retries_entries: bool) -> Self {
        let lanes = (0..lanes).map(|_| Lane { backlog: Backlog::new(), is_busy: false }).collect();
        Self {
            order,
            lanes,
            retries: Retries::default(),
            in_flight: BTreeSet::new(),
            retries_entries,
            prefers_retry: true,
        }
    }

    /// An entry has become visible. Those that return for a retry are known.
    pub(super) fn arrived(&mut self, lane: usize, id: EntryId) {
        if !self.retries.contains(&id) && !self.in_flight.contains(&id) {
            self.lanes[lane].backlog.arrived(id);
        }
    }

    /// Events were lost.
    pub(super) fn missed(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.backlog.missed());
    }

    /// The endpoints that are to be listed now.
    pub(super) fn begin_listings(&mut self, now: Instant, has_events: bool) -> Vec<usize> {
        let mut begun = Vec::new();
        for (number, lane) in self.lanes.iter_mut().enumerate() {
            if lane.backlog.listing_due(now, has_events).is_some_and(|due| due <= now) {
                lane.backlog.begin_listing();
                begun.push(number);
            }
        }
        begun
    }

    /// When the next endpoint is to be listed.
    pub(super) fn next_listing(&self, now: Instant, has_events: bool) -> Option<Instant> {
        self.lanes.iter().filter_map(|lane| lane.backlog.listing_due(now, has_events)).min()
    }

    pub(super) fn end_listing(
        &mut self,
        lane: usize,
        listed: io::Result<Listed>,
        now: Instant,
    ) -> io::Result<()> {
        let Self { retries, in_flight, .. } = self;
        let is_known = |id: &EntryId| retries.contains(id) || in_flight.contains(id);
        self.lanes[lane].backlog.end_listing(listed, now, is_known)
    }

    /// Takes the entry to attempt next. `down_time` is how long the target has been down so far. `is_probe` is whether it
    /// is down: any entry can then show that it has recovered, also a new one while no more can be remembered.
    pub(super) fn next(&mut self, now: Instant, down_time: Duration, is_probe: bool) -> Option<Candidate> {
        let is_due = self.retries_entries && self.retries.next_due().is_some_and(|due| due <= now);
        let takes_retry = is_due && (self.prefers_retry || self.oldest_new(is_probe).is_none());
        let candidate = if takes_retry {
            let (id, Remembered { lane, attempts, first, down_before, .. }) = self.retries.take_due(now)?;
            Candidate { id, lane, attempt: attempts.saturating_add(1), first, down_before, gives_up_at: None }
        } else {
            let lane = self.oldest_new(is_probe)?;
            let id = self.lanes[lane].backlog.pop()?;
            Candidate { id, lane, attempt: 1, first: now, down_before: down_time, gives_up_at: None }
        };
        self.prefers_retry = !takes_retry;
        self.lanes[candidate.lane].is_busy = true;
        self.in_flight.insert(candidate.id);
        Some(candidate)
    }

    /// The endpoint whose next new entry has the lowest ID, if one may be attempted.
    fn oldest_new(&mut self, is_probe: bool) -> Option<usize> {
        if self.is_full() && !is_probe {
            return None;
        }
        let Self { order, lanes, retries, in_flight, .. } = self;
        let may = |lane: &Lane| *order == Order::None || !(lane.is_busy || lane.backlog.is_listing());
        let free = lanes.iter_mut().enumerate().filter(|(_, lane)| may(lane));
        let first = free.filter_map(|(number, lane)| {
            // A listing can contain an entry that was attempted while the directory was read.
            while let Some(id) = lane.backlog.first() {
                if !retries.contains(&id) && !in_flight.contains(&id) {
                    return Some((id, number));
                }
                lane.backlog.pop();
            }
            None
        });
        first.min().map(|(_, number)| number)
    }

    /// Removes an entry that is done, failed, or no longer here.
    pub(super) fn finished(&mut self, candidate: &Candidate) {
        self.in_flight.remove(&candidate.id);
        self.lanes[candidate.lane].is_busy = false;
    }

    /// Remembers an entry until its next attempt. `is_asked` is whether the target named the time.
    pub(super) fn retry_at(&mut self, candidate: &Candidate, due: Instant, is_asked: bool) {
        self.in_flight.remove(&candidate.id);
        let Candidate { id, lane, attempt, first, down_before, .. } = *candidate;
        self.retries.insert(id, Remembered { lane, attempts: attempt, first, down_before, due, is_asked });
        if self.retries.len() > REMEMBERED_MAX
            && let Some(lane) = self.retries.forget_last()
        {
            self.lanes[lane].backlog.forgotten();
        }
    }

    /// Whether no more entries can be remembered, so that no new one is attempted.
    pub(super) fn is_full(&self) -> bool {
        self.retries.len() + self.in_flight.len() >= REMEMBERED_MAX
    }

    /// Returns an entry that was not attempted.
    pub(super) fn put_back(&mut self, candidate: &Candidate, now: Instant) {
        if candidate.attempt > 1 {
            self.retry_at(&Candidate { attempt: candidate.attempt - 1, ..*candidate }, now, false);
        } else {
            self.finished(candidate);
            self.lanes[candidate.lane].backlog.put_back(candidate.id);
        }
    }

    /// The target has recovered: entries that are retried are due within this time.
    pub(super) fn advance(&mut self, now: Instant, within: Duration, spread: impl FnMut() -> f64) {
        self.retries.advance(now, within, spread);
    }

    /// When the next entry that is retried is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.retries.next_due().filter(|_| self.retries_entries)
    }

    /// The lowest ID.
    pub(super) fn oldest(&self) -> Option<EntryId> {
        let waiting = self.lanes.iter().filter_map(|lane| lane.backlog.first());
        waiting.chain(self.retries.first()).chain(self.in_flight.first().copied()).min()
    }

    /// The entries that have not been attempted, as far as known.
    pub(super) fn waiting(&self) -> usize {
        self.lanes.iter().map(|lane| lane.backlog.len()).sum()
    }

    /// Whether every queue has been listed, and nothing is missing.
    pub(super) fn is_listed(&self) -> bool {
        self.lanes.iter().all(|lane| lane.backlog.is_listed())
    }

    pub(super) fn retrying(&self) -> usize {
        self.retries.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }
}
