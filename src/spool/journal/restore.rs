//! Writes anew what a journal holds: after a crash, and where the disk lost the files themselves.
//!
//! Nothing is believed of a file that stands there: what a reader sees may be memory that never
//! came to the disk. So each file is written once more and swapped in where it stands.

use std::io;
use std::path::Path;

use super::record::{Record, records};
use super::segment::contents;
use crate::spool::folders::make_queues;
use crate::spool::layout::{Layout, Queue};
use crate::spool::volume::Volume;

/// How often an entry that consumers move about meanwhile is looked for.
const LOOKS_MAX: usize = 3;
/// The way an entry goes: one that moves on while we look is met further on.
const WAY: [Queue; 4] = [Queue::New, Queue::Taken, Queue::Done, Queue::Failed];

/// What to do with an entry that stands nowhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Absent {
    /// A consumer has finished it, or its sender was told to come back.
    LeaveOut,
    /// The crash may have taken its name: put it into `new`. If a consumer had removed it just
    /// before the crash, it gets it once more.
    PutBack,
}

/// Makes all that journal `number` holds durable without it, and says how many entries that were.
pub(super) fn restore<V: Volume>(
    volume: &V,
    layout: &Layout,
    number: usize,
    absent: Absent,
) -> io::Result<usize> {
    let journal = contents(volume, &layout.journal(number))?;
    // Held from before the first write, so that it hears of every loss.
    let held = volume.open_dir(layout.root())?;
    let is_told = volume.tells_every_loss(layout.root())?;
    let mut count = 0;
    for record in records(&journal) {
        write_anew(volume, layout, &record, absent, is_told)?;
        count += 1;
    }
    if count > 0 {
        volume.sync_everything(&held)?;
    }
    Ok(count)
}

fn write_anew<V: Volume>(
    volume: &V,
    layout: &Layout,
    record: &Record<'_>,
    absent: Absent,
    is_told: bool,
) -> io::Result<()> {
    let draft = layout.draft(record.id);
    match volume.remove(&draft) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = volume.create(&draft)?;
    let written = volume.write(&file, 0, &[record.entry]);
    // Where losses are not told all at once, each file is asked.
    let written = written.and_then(|()| if is_told { Ok(()) } else { volume.sync(&file) });
    let placed = written.and_then(|()| place(volume, layout, record, absent, &draft));
    if placed.is_err() {
        let _ = volume.remove(&draft);
    }
    placed
}

fn place<V: Volume>(
    volume: &V,
    layout: &Layout,
    record: &Record<'_>,
    absent: Absent,
    draft: &Path,
) -> io::Result<()> {
    for queue in WAY.into_iter().cycle().take(WAY.len() * LOOKS_MAX) {
        match volume.exchange(draft, &layout.entry(&record.endpoint, queue, record.id)) {
            Ok(()) => return volume.remove(draft),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    let was_found_broken = || volume.facts(&layout.corrupted(record.id)).is_ok();
    if absent == Absent::LeaveOut && !was_found_broken() {
        return volume.remove(draft);
    }
    let to = layout.entry(&record.endpoint, Queue::New, record.id);
    match volume.rename(draft, &to) {
        // The endpoint is not in the configuration any more.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_queues(volume, layout, std::slice::from_ref(&record.endpoint)).map_err(io::Error::other)?;
            volume.rename(draft, &to)
        }
        renamed => renamed,
    }
}
