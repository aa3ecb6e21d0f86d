//! Rewrites the entries of logs, after a crash or after the disk lost writes to the files of entries.
//!
//! An existing file is not relied on. A read may return cached pages that never reached the disk, and ext4 may have
//! lost the change that makes the file's blocks readable, so that later writes to it are lost too. Each entry is
//! therefore written to a new file, which is exchanged for the old one. If a consumer holds a lease, it also covers the
//! new file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::record::Record;
use super::segment::{LogError, SegmentContents};
use crate::metrics::Queue;
use crate::spool::corrupt::move_to_corrupt;
use crate::spool::folders::make_queues;
use crate::spool::layout::{Access, Layout};
use crate::spool::volume::{Volume, is_unexpected_file};

/// How many times all queues are searched for an entry that consumers may be moving.
const SEARCHES_MAX: usize = 3;
/// The order in which entries move: an entry that is moved during the search is found in a later queue.
const SEARCH_ORDER: [Queue; 4] = [Queue::New, Queue::Taken, Queue::Done, Queue::Failed];

/// What to do with an entry of a log that is in no queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum IfAbsent {
    /// Skip it: a consumer has deleted it, or its sender got 503.
    Skip,
    /// Restore it to `new`, because a crash may have lost its name. If a consumer deleted it just before the crash, the
    /// consumer gets it again.
    Restore,
}

/// A log that still contains needed entries and must not be appended to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unrestored {
    pub(super) number: usize,
    pub(super) if_absent: IfAbsent,
}

/// The lock on a new file that replaced one with a consumer's lease. It is kept for as long as that lease: the old
/// file no longer has a name.
#[derive(Debug)]
pub(super) struct Handover<V: Volume> {
    old: V::File,
    _new: V::File,
}

impl<V: Volume> Handover<V> {
    /// Whether the consumer has released its lease.
    pub(super) fn is_over(&self, volume: &V) -> bool {
        volume.try_lock(&self.old).unwrap_or(true)
    }
}

/// The result of a restore.
#[derive(Debug)]
pub(super) struct Restored<V: Volume> {
    pub(super) entries: usize,
    pub(super) handovers: Vec<Handover<V>>,
}

/// Makes the files of all entries in these logs durable.
///
/// # Errors
/// If a log cannot be read, or an entry cannot be written or synced. All logs are needed until this succeeds.
pub(super) fn restore<V: Volume>(
    volume: &V,
    layout: &Layout,
    logs: &[Unrestored],
) -> io::Result<Restored<V>> {
    // Opened before the first write, so that `syncfs` reports every lost write.
    let root = volume.open_dir(layout.root())?;
    let syncs_everything = volume.reports_every_loss()?;
    let mut rewriter =
        Rewriter { volume, layout, syncs_everything, other_mounts: BTreeMap::new(), handovers: Vec::new() };
    let mut entries = 0;
    for log in logs {
        let contents = SegmentContents::read(volume, layout, log.number).map_err(LogError::into_io)?;
        let records = contents.records();
        for record in &records.intact {
            rewriter.rewrite(record, log.if_absent)?;
        }
        entries += records.intact.len();
        report(&layout.wal(log.number), records.damaged, records.incomplete);
    }
    if entries > 0 && syncs_everything {
        volume.sync_everything(&root)?;
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
    /// Whether one `syncfs` at the end is sufficient for files on the spool's file system.
    syncs_everything: bool,
    /// Caches whether a queue is on another file system or mount.
    other_mounts: BTreeMap<PathBuf, bool>,
    handovers: Vec<Handover<V>>,
}

impl<V: Volume> Rewriter<'_, V> {
    fn rewrite(&mut self, record: &Record<'_>, if_absent: IfAbsent) -> io::Result<()> {
        for queue in SEARCH_ORDER.into_iter().cycle().take(SEARCH_ORDER.len() * SEARCHES_MAX) {
            let path = self.layout.entry(&record.endpoint, queue, record.id);
            let directory = self.layout.queue(&record.endpoint, queue);
            let replaced = match self.volume.open(&path, Access::Shared) {
                Ok(old) => self.replace(&directory, &path, Some(old), record),
                // A member of the group can put any file there. It must not prevent the restore of other entries.
                Err(error)
                    if is_unexpected_file(&error) || error.kind() == io::ErrorKind::PermissionDenied =>
                {
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
        if if_absent == IfAbsent::Skip && !was_moved_to_corrupt() {
            return Ok(());
        }
        match self.restore_to_new(record) {
            // The endpoint is no longer configured, and its queues do not exist.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let endpoint = std::slice::from_ref(&record.endpoint);
                make_queues(self.volume, self.layout, endpoint).map_err(io::Error::other)?;
                self.restore_to_new(record)
            }
            restored => restored,
        }
    }

    /// Exchanges a new file for the old one. `NotFound` if the old one was moved in the meantime.
    fn replace(
        &mut self,
        queue: &Path,
        path: &Path,
        old: Option<V::File>,
        record: &Record<'_>,
    ) -> io::Result<()> {
        if let (true, Some(old)) = (self.is_other_mount(queue)?, &old) {
            return self.overwrite(queue, old, record);
        }
        let Some(old) = old else { return self.replace_unexpected(queue, path, record) };
        let (draft, new) = self.write_draft(record)?;
        // The lock is kept until after the exchange, so that no consumer leases a file that is about to lose its name.
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

    /// Restores an entry whose path is not a file of the daemon. A file of another user is moved to `corrupt/`. A link
    /// or a FIFO, which Landlock does not permit the daemon to move, is removed.
    fn replace_unexpected(&self, queue: &Path, path: &Path, record: &Record<'_>) -> io::Result<()> {
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

    /// Overwrites a file in another mount, where files cannot be exchanged.
    fn overwrite(&self, queue: &Path, file: &V::File, record: &Record<'_>) -> io::Result<()> {
        self.volume.write(file, 0, &[record.entry])?;
        self.volume.truncate(file, u64::try_from(record.entry.len()).map_err(io::Error::other)?)?;
        self.volume.sync(file)?;
        self.volume.sync_dir(queue)
    }

    fn write_draft(&self, record: &Record<'_>) -> io::Result<(PathBuf, V::File)> {
        let draft = self.layout.temporary(record.id);
        match self.volume.remove(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let file = self.volume.create(&draft, Access::Shared)?;
        let written = self.volume.write(&file, 0, &[record.entry]);
        // Without a `syncfs` that reports every lost write, each file is synced.
        written.and_then(|()| if self.syncs_everything { Ok(()) } else { self.volume.sync(&file) })?;
        Ok((draft, file))
    }

    fn restore_to_new(&mut self, record: &Record<'_>) -> io::Result<()> {
        let queue = self.layout.queue(&record.endpoint, Queue::New);
        let path = self.layout.entry(&record.endpoint, Queue::New, record.id);
        if self.is_other_mount(&queue)? {
            let file = self.volume.create(&path, Access::Shared)?;
            return self.overwrite(&queue, &file, record);
        }
        let (draft, _) = self.write_draft(record)?;
        self.volume.rename(&draft, &path)?;
        if self.syncs_everything { Ok(()) } else { self.volume.sync_dir(&queue) }
    }

    /// Whether a queue is on another file system or mount. Then each of its files is synced by itself.
    fn is_other_mount(&mut self, queue: &Path) -> io::Result<bool> {
        if let Some(known) = self.other_mounts.get(queue) {
            return Ok(*known);
        }
        let other_mounts = !self.volume.is_in_mount(queue)?;
        self.other_mounts.insert(queue.to_owned(), other_mounts);
        Ok(other_mounts)
    }
}
