//! `failed/<id>.why`: why `forward` gave up an entry, as one line of JSON beside the entry.
//!
//! The file is written before the entry is moved to `failed` and removed before the entry leaves. A crash in between
//! leaves an entry without a note, or a note without an entry, which maintenance removes. A note is only shown:
//! members of the group can forge it, so nothing depends on it.

use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::entries::EntryLocation;
use super::layout::{Access, Layout};
use super::volume::Volume;
use crate::clock::{Timestamp, rfc3339_micros};
use crate::escape::{Escaped, SHOWN_CHARS_MAX};
use crate::metrics::Queue;
use crate::policy::Name;

/// The most characters of a reason; a longer one ends with an ellipsis. No more are shown.
const REASON_CHARS_MAX: usize = SHOWN_CHARS_MAX;
/// The longest note that is read. The longest one that is written has half of this: a control character takes six bytes.
const NOTE_BYTES_MAX: u64 = 8192;
/// The age from which a note without an entry is removed. A younger one may be that of an entry that is being moved.
const ORPHAN_AGE: Duration = Duration::from_secs(3600);

/// Why a consumer gave up an entry. The names of the keys must not change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FailureNote {
    /// When it gave up, as in RFC 3339.
    pub at: String,
    /// The name of the consumer.
    pub consumer: String,
    /// The number of attempts.
    pub attempts: u64,
    /// Why the last attempt failed. It may contain text from the consumer's target.
    pub reason: String,
}

impl FailureNote {
    /// The note for an entry that is given up at `at`. A longer reason is truncated to `REASON_CHARS_MAX` characters.
    pub fn new(at: Timestamp, consumer: &Name, attempts: u64, reason: &str) -> Self {
        let reason = match reason.char_indices().nth(REASON_CHARS_MAX) {
            None => reason.to_owned(),
            Some(_) => reason.chars().take(REASON_CHARS_MAX - 1).chain(['…']).collect(),
        };
        Self { at: rfc3339_micros(at), consumer: consumer.to_string(), attempts, reason }
    }

    /// Writes the note of an entry that is about to be moved to `failed`, in place of an older one, and syncs the file.
    /// Its name is durable after a sync of `failed`.
    ///
    /// # Errors
    /// As `open(2)`, `pwritev(2)` and `fdatasync(2)`; there is then no note.
    pub(super) fn write<V: Volume>(
        &self,
        volume: &V,
        layout: &Layout,
        place: &EntryLocation,
    ) -> io::Result<()> {
        let path = layout.failure_note(&place.endpoint, place.id);
        let line = serde_json::to_vec(self)?;
        remove_note(volume, layout, place);
        let file = volume.create(&path, Access::Shared)?;
        let written = volume.write(&file, 0, &[&line, b"\n"]).and_then(|()| volume.sync(&file));
        written.inspect_err(|_| remove_note(volume, layout, place))
    }

    /// Reads the note of an entry in `failed`; none if it is missing or is not a note.
    pub fn read<V: Volume>(volume: &V, layout: &Layout, place: &EntryLocation) -> Option<Self> {
        if place.queue != Queue::Failed {
            return None;
        }
        let file = volume.read(&layout.failure_note(&place.endpoint, place.id)).ok()?;
        let mut line = Vec::new();
        file.take(NOTE_BYTES_MAX).read_to_end(&mut line).ok()?;
        serde_json::from_slice(&line).ok()
    }
}

/// For a line of a list or a page: escaped and, if it is forged and too long, truncated.
impl fmt::Display for FailureNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, consumer, attempts, reason } = self;
        let attempts = if *attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        let (at, consumer, reason) = (Escaped(at), Escaped(consumer), Escaped(reason));
        write!(f, "given up by {consumer} at {at} after {attempts}: {reason}")
    }
}

/// Removes the note of an entry, if there is one. The note matters less than the entry, so an error is ignored:
/// maintenance removes a note that is left.
pub(super) fn remove_note<V: Volume>(volume: &V, layout: &Layout, place: &EntryLocation) {
    let _ = volume.remove(&layout.failure_note(&place.endpoint, place.id));
}

/// Lists the notes in `failed` that have been without an entry for [`ORPHAN_AGE`], as the locations of their entries,
/// with `None` for each other name, so that a caller can limit how many are examined.
///
/// # Errors
/// If the directory cannot be opened; the iterator returns an error if a name cannot be read.
pub(super) fn orphaned_notes<V: Volume>(
    volume: &V,
    layout: &Layout,
    endpoint: &Name,
    now: Timestamp,
) -> io::Result<impl Iterator<Item = io::Result<Option<EntryLocation>>> + use<V>> {
    let (volume, layout, endpoint) = (volume.clone(), layout.clone(), endpoint.clone());
    let since = now.checked_sub(ORPHAN_AGE).unwrap_or(Timestamp::MIN);
    let names = volume.list(&layout.queue(&endpoint, Queue::Failed))?;
    Ok(names.map(move |name| {
        let Some(id) = Layout::id_of_note(Path::new(&name?)) else { return Ok(None) };
        let place = EntryLocation { id, endpoint: endpoint.clone(), queue: Queue::Failed };
        // Anything but a regular file is kept, because hookspool did not create it.
        let is_old = volume.facts(&layout.failure_note(&endpoint, id)).is_ok_and(|it| it.changed <= since);
        let is_gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        Ok((is_old && volume.facts(&place.path(&layout)).is_err_and(is_gone)).then_some(place))
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::envelope::EntryId;
    use crate::spool::sim::{Contents, Fault, Sim};

    fn at() -> Timestamp {
        "2026-11-23T14:01:00.5Z".parse().expect("a time")
    }

    fn place() -> EntryLocation {
        let endpoint = "pix".parse().expect("a name");
        EntryLocation { id: EntryId::fresh(), endpoint, queue: Queue::Failed }
    }

    fn note(reason: &str) -> FailureNote {
        FailureNote::new(at(), &"ledger".parse().expect("a name"), 7, reason)
    }

    fn layout() -> Layout {
        Layout::new("/spool".into())
    }

    proptest! {
        #[test]
        fn written_note_is_read_unchanged_and_has_one_bounded_line(
            reason in proptest::collection::vec(any::<char>(), 0..2 * REASON_CHARS_MAX)
        ) {
            let (sim, place, reason) = (Sim::default(), place(), reason.into_iter().collect::<String>());
            let note = note(&reason);
            note.write(&sim, &layout(), &place).expect("written");
            prop_assert_eq!(FailureNote::read(&sim, &layout(), &place), Some(note.clone()));
            let state = sim.state();
            let bytes = state.now.get(&layout().failure_note(&place.endpoint, place.id)).expect("a file");
            let limit = usize::try_from(NOTE_BYTES_MAX / 2).expect("a size");
            prop_assert!(bytes.len() <= limit && bytes.iter().filter(|byte| **byte == b'\n').count() == 1);
            let begin: String = reason.chars().take(REASON_CHARS_MAX - 1).collect();
            prop_assert!(note.reason.starts_with(&begin) && note.reason.chars().count() <= REASON_CHARS_MAX);
        }

        #[test]
        fn any_bytes_are_a_note_or_none_and_shown_without_control_characters(
            bytes in proptest::collection::vec(any::<u8>(), 0..300), reason in any::<String>()
        ) {
            let (place, mut contents) = (place(), Contents::default());
            contents.names.insert(layout().failure_note(&place.endpoint, place.id), 1);
            contents.write(1, 0, &bytes);
            FailureNote::read(&Sim::with_contents(contents, true), &layout(), &place);
            let forged = FailureNote { at: reason.clone(), consumer: reason.clone(), ..note(&reason) };
            prop_assert!(!forged.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn note_is_one_line_with_the_documented_keys() {
        let (sim, place) = (Sim::default(), place());
        note("422 Unprocessable Entity: \u{1b}[31m\n").write(&sim, &layout(), &place).expect("written");
        let state = sim.state();
        let bytes = state.now.get(&layout().failure_note(&place.endpoint, place.id)).expect("a file");
        assert_eq!(
            String::from_utf8_lossy(bytes),
            "{\"at\":\"2026-11-23T14:01:00.500000Z\",\"consumer\":\"ledger\",\"attempts\":7,\
            \"reason\":\"422 Unprocessable Entity: \\u001b[31m\\n\"}\n"
        );
    }

    #[test]
    fn failed_write_leaves_no_note_and_an_older_one_is_replaced() {
        let (sim, place) = (Sim::default(), place());
        note("first").write(&sim, &layout(), &place).expect("written");
        note("second").write(&sim, &layout(), &place).expect("written");
        let read = || FailureNote::read(&sim, &layout(), &place);
        assert_eq!(read(), Some(note("second")));
        for call in ["create", "write", "sync"] {
            let before = sim.state().calls.iter().filter(|(name, _)| *name == call).count();
            sim.state().faults = vec![(Fault::Named(call, before), 28)];
            assert!(note("third").write(&sim, &layout(), &place).is_err(), "{call}");
            assert_eq!(read(), None, "{call}");
        }
    }

    #[test]
    fn only_an_old_note_without_its_entry_is_orphaned() {
        let (sim, with_entry, without) = (Sim::default(), place(), place());
        for place in [&with_entry, &without] {
            note("x").write(&sim, &layout(), place).expect("written");
        }
        sim.create(&with_entry.path(&layout()), Access::Shared).expect("created");
        let orphans = |now: &str| -> Vec<_> {
            let now = now.parse().expect("a time");
            let found = orphaned_notes(&sim, &layout(), &without.endpoint, now).expect("listed");
            found.map(|place| place.expect("examined")).collect()
        };
        // The files of a simulated disk are as old as the epoch.
        assert_eq!(orphans("1970-01-01T00:59:59Z"), [None, None, None]);
        assert_eq!(
            orphans("1970-01-01T01:00:00Z").into_iter().flatten().collect::<Vec<_>>(),
            std::slice::from_ref(&without)
        );
    }
}
