//! Rewrites what logs hold: after a crash, and where the disk lost writes of the files themselves.
//!
//! The content of a file that exists is not trusted: what a reader sees may be memory that never
//! reached the disk. So each file is written again, in place: a consumer's lock on it stays valid.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::record::Record;
use super::segment::{Contents, LogError};
use crate::spool::folders::make_queues;
use crate::spool::layout::{Access, Layout, Queue};
use crate::spool::volume::Volume;

/// How often an entry that consumers are moving is looked for.
const SEARCHES_MAX: usize = 3;
/// In the order in which entries move: one that moves during the search is met in a later queue.
const ORDER: [Queue; 4] = [Queue::New, Queue::Taken, Queue::Done, Queue::Failed];

/// What to do with an entry that is in no queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Absent {
    /// A consumer has finished and deleted it, or its sender got 503: leave it out.
    LeaveOut,
    /// The crash may have lost its name: put it into `new`. If a consumer had deleted it just
    /// before the crash, the consumer gets it again.
    PutBack,
}

/// A log whose entries are not durable without it, and that cannot be filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Damaged {
    pub(super) number: usize,
    pub(super) absent: Absent,
}

/// Makes all that these logs hold durable without them, and returns how many entries that were.
///
/// # Errors
/// When a log cannot be read, or an entry cannot be written or synced. All logs are needed until this succeeds.
pub(super) fn restore<V: Volume>(volume: &V, layout: &Layout, logs: &[Damaged]) -> io::Result<usize> {
    // Open from before the first write, so that it reports every loss.
    let held = volume.open_dir(layout.root())?;
    let syncs_everything = volume.reports_every_loss()?;
    let mut rewriter = Rewriter { volume, layout, syncs_everything, needs_own_sync: BTreeMap::new() };
    let mut count = 0;
    for log in logs {
        let contents = Contents::read(volume, layout, log.number).map_err(LogError::into_io)?;
        let records = contents.records();
        for record in &records.intact {
            rewriter.rewrite(record, log.absent)?;
        }
        count += records.intact.len();
        report(&layout.wal(log.number), records.damaged, records.incomplete);
    }
    if count > 0 && syncs_everything {
        volume.sync_everything(&held)?;
    }
    Ok(count)
}

fn report(log: &Path, damaged: u32, incomplete: u32) {
    let log = log.display();
    if damaged > 0 {
        tracing::error!(%log, damaged, "write-ahead log damaged; these entries were acknowledged and may be lost");
    }
    if incomplete > 0 {
        tracing::warn!(%log, incomplete, "last batch of the write-ahead log incomplete; it was most likely not acknowledged");
    }
}

struct Rewriter<'a, V> {
    volume: &'a V,
    layout: &'a Layout,
    /// Whether one sync at the end is enough for files on the spool's file system.
    syncs_everything: bool,
    /// Queues whose files are synced one by one.
    needs_own_sync: BTreeMap<PathBuf, bool>,
}

impl<V: Volume> Rewriter<'_, V> {
    fn rewrite(&mut self, record: &Record<'_>, absent: Absent) -> io::Result<()> {
        for queue in ORDER.into_iter().cycle().take(ORDER.len() * SEARCHES_MAX) {
            let path = self.layout.entry(&record.endpoint, queue, record.id);
            match self.volume.open(&path, Access::Shared) {
                Ok(file) => {
                    return self.overwrite(&self.layout.queue(&record.endpoint, queue), &file, record);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let was_moved_to_corrupt = || self.volume.facts(&self.layout.corrupted(record.id)).is_ok();
        if absent == Absent::LeaveOut && !was_moved_to_corrupt() {
            return Ok(());
        }
        match self.put_back(record) {
            // The configuration no longer has the endpoint.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let endpoint = std::slice::from_ref(&record.endpoint);
                make_queues(self.volume, self.layout, endpoint).map_err(io::Error::other)?;
                self.put_back(record)
            }
            put => put,
        }
    }

    fn overwrite(&mut self, queue: &Path, file: &V::File, record: &Record<'_>) -> io::Result<()> {
        self.volume.write(file, 0, &[record.entry])?;
        self.volume.truncate(file, u64::try_from(record.entry.len()).map_err(io::Error::other)?)?;
        if self.needs_own_sync(queue)? {
            self.volume.sync(file)?;
            self.volume.sync_dir(queue)?;
        }
        Ok(())
    }

    fn put_back(&mut self, record: &Record<'_>) -> io::Result<()> {
        let queue = self.layout.queue(&record.endpoint, Queue::New);
        let path = self.layout.entry(&record.endpoint, Queue::New, record.id);
        if self.syncs_everything {
            self.volume.publish(&path, &[record.entry])?;
            if self.needs_own_sync(&queue)? {
                self.volume.sync(&self.volume.open(&path, Access::Shared)?)?;
                self.volume.sync_dir(&queue)?;
            }
            return Ok(());
        }
        let draft = self.layout.draft(record.id);
        match self.volume.remove(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = self.volume.create(&draft, Access::Shared)?;
        self.volume.write(&file, 0, &[record.entry])?;
        self.volume.sync(&file)?;
        self.volume.rename(&draft, &path)?;
        self.volume.sync_dir(&queue)
    }

    /// Whether a sync of everything would not reach the files of a queue.
    fn needs_own_sync(&mut self, queue: &Path) -> io::Result<bool> {
        if !self.syncs_everything {
            return Ok(true);
        }
        if let Some(known) = self.needs_own_sync.get(queue) {
            return Ok(*known);
        }
        let elsewhere = !self.volume.is_in_mount(queue)?;
        self.needs_own_sync.insert(queue.to_owned(), elsewhere);
        Ok(elsewhere)
    }
}
