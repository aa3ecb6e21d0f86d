//! Shows an entry, and moves it when a button is pressed.

use std::io;

use http::StatusCode;

use super::pages::{EntryPage, LastDelivery, Move};
use super::state::ViewState;
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::spool::{
    EntryFault, EntryLocation, FailureNote, IdRange, LeaseError, MoveError, OpenEntry, QUEUES_IN_ORDER,
    Volume as _, find, move_entry_durably, newest, open_entry, read_file,
};

/// How many of the latest entries of each endpoint are read to find the last delivery of each sender.
const LATEST_READ: usize = 200;

/// Why an entry was not moved.
#[derive(Debug)]
pub(super) enum MoveFault {
    /// It is not in the queue that the page showed.
    Moved,
    /// A consumer holds its lease.
    Held,
    /// The file system returned an error.
    Io(io::Error),
    /// It was moved, but the directories could not be synced.
    NotSynced(io::Error),
}

impl MoveFault {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Moved | Self::Held => StatusCode::CONFLICT,
            Self::Io(_) | Self::NotSynced(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<MoveError> for MoveFault {
    fn from(error: MoveError) -> Self {
        match error {
            MoveError::NotMoved(LeaseError::Moved) => Self::Moved,
            MoveError::NotMoved(LeaseError::Held) => Self::Held,
            MoveError::NotMoved(LeaseError::Io(error)) => Self::Io(error),
            MoveError::NotSynced(error) => Self::NotSynced(error),
        }
    }
}

/// Where an entry is; none if it is in no queue.
pub(super) fn place(state: &ViewState, id: EntryId) -> io::Result<Option<EntryLocation>> {
    Ok(find(&state.disk, &state.layout, id)?.into_iter().next())
}

/// Reads an entry for its page, intact or not.
pub(super) fn read(state: &ViewState, place: EntryLocation) -> Result<EntryPage, EntryFault> {
    let ViewState { disk, layout, .. } = state;
    let path = place.path(layout);
    let note = FailureNote::read(disk, layout, &place);
    match read_file(disk.read(&path)?, &path) {
        Ok(entry) => Ok(EntryPage {
            place,
            facts: Some(entry.facts),
            envelope: entry.line,
            payload: entry.payload,
            fault: None,
            note,
        }),
        Err(EntryFault::Io(error)) => Err(error.into()),
        Err(EntryFault::NotIntact(fault)) => {
            let (facts, envelope) = match open_entry(disk, &path) {
                Ok(OpenEntry { facts, line, .. }) => (Some(facts), line),
                Err(_) => (None, Vec::new()),
            };
            Ok(EntryPage {
                place,
                facts,
                envelope,
                payload: Vec::new(),
                fault: Some(fault.to_string()),
                note,
            })
        }
    }
}

/// Moves an entry that is in `from`, and syncs its queues.
///
/// # Errors
/// If it is not there, is being processed, or the file system returns an error.
pub(super) fn carry_out(state: &ViewState, id: EntryId, from: Queue, it: Move) -> Result<(), MoveFault> {
    let ViewState { disk, layout, .. } = state;
    let places = find(disk, layout, id).map_err(MoveFault::Io)?;
    let place =
        places.into_iter().find(|place| place.queue == from && it.is_from(from)).ok_or(MoveFault::Moved)?;
    Ok(move_entry_durably(disk, layout, &place, it.target(), false)?)
}

/// The last delivery of each sender, among the latest entries of each endpoint.
pub(super) fn last_deliveries(state: &ViewState) -> io::Result<LastDelivery> {
    let ViewState { disk, layout, .. } = state;
    let mut last = LastDelivery::new();
    for endpoint in crate::spool::endpoints(disk, layout)? {
        let queues = QUEUES_IN_ORDER.map(|queue| (endpoint.clone(), queue));
        for place in newest(disk, layout, &queues, IdRange::default(), LATEST_READ)?.0 {
            let Ok(entry) = open_entry(disk, &place.path(layout)) else { continue };
            let is_later = last.get(&entry.facts.sender).is_none_or(|known| known.id < place.id);
            if is_later {
                last.insert(entry.facts.sender, place);
            }
        }
    }
    Ok(last)
}
