//! Rewrites what logs hold: after a crash, and where the disk lost writes of the files themselves.
//!
//! The content of a file that exists is not trusted: what a reader sees may be memory that never
//! reached the disk. Nor is the file: ext4 may have lost the change that makes its blocks readable, and then what is
//! written to it later is lost as well. So each entry is written to a new file, which is exchanged
//! for the old one; a consumer's lease is handed over.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::record::Record;
use super::segment::{LogError, SegmentContents};
use crate::spool::corrupt::move_to_corrupt;
use crate::spool::folders::make_queues;
use crate::spool::layout::{Access, Layout, Queue};
use crate::spool::volume::{Volume, is_not_ours};

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

/// The lease on a file that was replaced: held on the new one for as long as a consumer holds it on the old one, which
/// has no name any longer.
#[derive(Debug)]
pub(super) struct Handover<V: Volume> {
    old: V::File,
    _new: V::File,
}

impl<V: Volume> Handover<V> {
    /// Whether the consumer has finished.
    pub(super) fn is_over(&self, volume: &V) -> bool {
        volume.try_lock(&self.old).unwrap_or(true)
    }
}

/// What was restored.
#[derive(Debug)]
pub(super) struct Restored<V: Volume> {
    pub(super) entries: usize,
    pub(super) handovers: Vec<Handover<V>>,
}

/// Makes all that these logs hold durable without them.
///
/// # Errors
/// When a log cannot be read, or an entry cannot be written or synced. All logs are needed until this succeeds.
pub(super) fn restore<V: Volume>(volume: &V, layout: &Layout, logs: &[Damaged]) -> io::Result<Restored<V>> {
    // Open from before the first write, so that it reports every loss.
    let held = volume.open_dir(layout.root())?;
    let syncs_everything = volume.reports_every_loss()?;
    let mut rewriter =
        Rewriter { volume, layout, syncs_everything, elsewhere: BTreeMap::new(), handovers: Vec::new() };
    let mut entries = 0;
    for log in logs {
        let contents = SegmentContents::read(volume, layout, log.number).map_err(LogError::into_io)?;
        let records = contents.records();
        for record in &records.intact {
            rewriter.rewrite(record, log.absent)?;
        }
        entries += records.intact.len();
        report(&layout.wal(log.number), records.damaged, records.incomplete);
    }
    if entries > 0 && syncs_everything {
        volume.sync_everything(&held)?;
    }
    Ok(Restored { entries, handovers: rewriter.handovers })
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

struct Rewriter<'a, V: Volume> {
    volume: &'a V,
    layout: &'a Layout,
    /// Whether one sync at the end is enough for files on the spool's file system.
    syncs_everything: bool,
    /// Whether a queue is on another file system or mount.
    elsewhere: BTreeMap<PathBuf, bool>,
    handovers: Vec<Handover<V>>,
}

impl<V: Volume> Rewriter<'_, V> {
    fn rewrite(&mut self, record: &Record<'_>, absent: Absent) -> io::Result<()> {
        for queue in ORDER.into_iter().cycle().take(ORDER.len() * SEARCHES_MAX) {
            let path = self.layout.entry(&record.endpoint, queue, record.id);
            let directory = self.layout.queue(&record.endpoint, queue);
            let replaced = match self.volume.open(&path, Access::Shared) {
                Ok(old) => self.replace(&directory, &path, Some(old), record),
                // A member of the group can put anything there; it must not stop the others.
                Err(error) if is_not_ours(&error) || error.kind() == io::ErrorKind::PermissionDenied => {
                    self.replace(&directory, &path, None, record)
                }
                Err(error) => Err(error),
            };
            match replaced {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                replaced => return replaced,
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

    /// Exchanges a new file for the old one, or for whatever has its name. `NotFound` if it was moved in the meantime.
    fn replace(
        &mut self,
        queue: &Path,
        path: &Path,
        old: Option<V::File>,
        record: &Record<'_>,
    ) -> io::Result<()> {
        if let (true, Some(old)) = (self.is_elsewhere(queue)?, &old) {
            return self.overwrite(queue, old, record);
        }
        let Some(old) = old else { return self.take_name(queue, path, record) };
        let (draft, new) = self.write_draft(record)?;
        // Held until the exchange is done: no consumer takes a lease on a file that is about to lose its name.
        let has_consumer = !self.volume.try_lock(&old)?;
        let locked = if has_consumer { self.volume.try_lock(&new).map(drop) } else { Ok(()) };
        if let Err(error) = locked.and_then(|()| self.volume.exchange(&draft, path)) {
            let _ = self.volume.remove(&draft);
            return Err(error);
        }
        if has_consumer {
            self.handovers.push(Handover { old, _new: new });
        }
        self.volume.remove(&draft)?;
        if self.syncs_everything { Ok(()) } else { self.volume.sync_dir(queue) }
    }

    /// Gives an entry its name although something else has it. A file of another user is kept in `corrupt/`; a link or a
    /// FIFO, which holds nothing, is removed: Landlock lets the daemon move neither.
    fn take_name(&self, queue: &Path, path: &Path, record: &Record<'_>) -> io::Result<()> {
        let (draft, _) = self.write_draft(record)?;
        let moved_to = match move_to_corrupt(self.volume, self.layout, path, record.id) {
            Ok(moved_to) => Some(moved_to),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.volume.remove(path)?;
                None
            }
            Err(error) => return Err(error),
        };
        let (path_shown, moved_to) =
            (path.display(), moved_to.as_deref().map(|to| tracing::field::display(to.display())));
        tracing::error!(path = %path_shown, moved_to, "file with the name of an entry moved aside; entry restored");
        self.volume.rename(&draft, path)?;
        if self.syncs_everything { Ok(()) } else { self.volume.sync_dir(queue) }
    }

    /// In another mount nothing can be exchanged.
    fn overwrite(&self, queue: &Path, file: &V::File, record: &Record<'_>) -> io::Result<()> {
        self.volume.write(file, 0, &[record.entry])?;
        self.volume.truncate(file, u64::try_from(record.entry.len()).map_err(io::Error::other)?)?;
        self.volume.sync(file)?;
        self.volume.sync_dir(queue)
    }

    fn write_draft(&self, record: &Record<'_>) -> io::Result<(PathBuf, V::File)> {
        let draft = self.layout.draft(record.id);
        match self.volume.remove(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = self.volume.create(&draft, Access::Shared)?;
        let written = self.volume.write(&file, 0, &[record.entry]);
        // Where losses are not reported all at once, each file is asked.
        written.and_then(|()| if self.syncs_everything { Ok(()) } else { self.volume.sync(&file) })?;
        Ok((draft, file))
    }

    fn put_back(&mut self, record: &Record<'_>) -> io::Result<()> {
        let queue = self.layout.queue(&record.endpoint, Queue::New);
        let path = self.layout.entry(&record.endpoint, Queue::New, record.id);
        if self.is_elsewhere(&queue)? {
            let file = self.volume.create(&path, Access::Shared)?;
            return self.overwrite(&queue, &file, record);
        }
        let (draft, _) = self.write_draft(record)?;
        self.volume.rename(&draft, &path)?;
        if self.syncs_everything { Ok(()) } else { self.volume.sync_dir(&queue) }
    }

    /// Whether a queue is on another file system or mount: each of its files is synced by itself.
    fn is_elsewhere(&mut self, queue: &Path) -> io::Result<bool> {
        if let Some(known) = self.elsewhere.get(queue) {
            return Ok(*known);
        }
        let elsewhere = !self.volume.is_in_mount(queue)?;
        self.elsewhere.insert(queue.to_owned(), elsewhere);
        Ok(elsewhere)
    }
}
