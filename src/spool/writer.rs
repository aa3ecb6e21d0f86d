//! Makes a batch of drafts durable and creates a receipt for each. The guarantee behind a 200 is implemented here.
//!
//! A small draft is written to the write-ahead log, which is synced once for the whole batch, and then gets its file in
//! `new`. A large draft, and every draft if there is no log, is written to a file, which is synced and renamed into
//! `new`; then `new` is synced. Receipts are created only at the end of these two paths.
//!
//! After a failed sync, the file is never relied on again: the kernel may have dropped the pages, and a second sync
//! would succeed without them. The file is removed (a log is rewritten), the sender gets 503 and delivers again, and the spool accepts
//! nothing until the same operations succeed for a probe file.
//!
//! The guarantee does not hold on a disk that reports a sync as complete although it is not: see `docs/durability.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::commit_error::{CommitError, PUBLISH, RENAME, SYNC_DIRECTORY, io_error};
use super::draft::Draft;
use super::health::Health;
use super::layout::{Access, Layout};
use super::queue_faults::{fault, faults};
use super::volume::Volume;
use super::wal::{CheckpointThread, Checkpointer, Checkpoints, LogError, Wal};
use crate::envelope::EntryId;
use crate::metrics::Queue;
use crate::policy::Name;

/// Proof that a complete entry was placed in `new/` and would survive a power failure. Only this module creates one.
#[derive(Debug)]
#[must_use = "only a receipt permits a successful response"]
pub struct Receipt {
    id: EntryId,
}

impl Receipt {
    /// The ID of the durable entry.
    pub fn id(&self) -> EntryId {
        self.id
    }
}

/// The channel on which the delivery that waits for an entry receives the result.
pub(super) type CommitReply = oneshot::Sender<Result<Receipt, CommitError>>;

/// An item of a batch, with the channel to the delivery that waits for it.
#[derive(Debug)]
pub(super) struct Pending<T> {
    pub(super) item: T,
    pub(super) reply: CommitReply,
}

/// The open queues that the entries of a batch are created in, or why they cannot be used.
type Queues<V> = BTreeMap<Name, Result<<V as Volume>::Dir, String>>;

/// Writes batches. It does not depend on the thread that runs it.
#[derive(Debug)]
pub(super) struct Writer<V: Volume, C = CheckpointThread<V>> {
    volume: V,
    layout: Layout,
    health: Arc<Health>,
    /// `None` if every entry is synced by itself.
    wal: Option<Wal<V, C>>,
    /// Directories whose sync failed and has not succeeded since.
    unsynced_directories: BTreeSet<PathBuf>,
}

impl<V: Volume, C: Checkpoints<V>> Writer<V, C> {
    /// Restores the entries in the logs of an earlier run.
    pub(super) fn start(
        volume: V,
        layout: Layout,
        health: Arc<Health>,
        checkpoints: impl FnOnce(Checkpointer<V>) -> io::Result<C>,
    ) -> Result<Self, LogError> {
        let wal = Wal::start(&volume, &layout, checkpoints)?;
        let mut writer = Self { volume, layout, health, wal, unsynced_directories: BTreeSet::new() };
        match writer.wal.as_mut().map(Wal::repair).transpose() {
            Ok(restored) => {
                let (restored, write_ahead_log) = (restored.unwrap_or(0), restored.is_some());
                tracing::info!(restored, write_ahead_log, "spool ready");
            }
            Err(error) => {
                writer.set_failing(&io_error("prepare the write-ahead log in", writer.layout.root())(error))
            }
        }
        writer.check_directories();
        writer.update_free_space();
        Ok(writer)
    }

    /// Makes drafts durable and replies to each.
    pub(super) fn write_batch(&mut self, batch: Vec<Pending<Draft>>) {
        self.probe_if_failing();
        self.check_root();
        if let Some(error) = self.blocking_error() {
            for Pending { reply, .. } in batch {
                let _ = reply.send(Err(error.clone()));
            }
            return;
        }
        let (batch, queues) = self.open_queues(batch);
        let has_wal = self.wal.is_some();
        let (small, large): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|pending| has_wal && Wal::<V, C>::fits(&pending.item));
        self.write_logged(small, &queues);
        self.write_synced(large);
        self.update_free_space();
    }

    /// Why no entry can be written; `None` if entries can be written.
    fn blocking_error(&self) -> Option<CommitError> {
        if self.health.displaced().is_some() {
            Some(CommitError::Displaced)
        } else {
            self.health.is_failing().then_some(CommitError::Failing)
        }
    }

    /// Opens the queues of a batch and fails the drafts whose queue cannot be used; returns the others.
    fn open_queues(&self, batch: Vec<Pending<Draft>>) -> (Vec<Pending<Draft>>, Queues<V>) {
        let mut queues = Queues::<V>::new();
        let mut usable = Vec::with_capacity(batch.len());
        for Pending { item, reply } in batch {
            let endpoint = item.endpoint();
            if !queues.contains_key(endpoint) {
                let path = self.layout.queue(endpoint, Queue::New);
                let opened = self.volume.open_queue(&path).map_err(|error| fault(&path, &error));
                queues.insert(endpoint.clone(), opened);
            }
            match queues.get(endpoint) {
                Some(Err(fault)) => drop(reply.send(Err(CommitError::Endpoint(fault.clone())))),
                Some(Ok(_)) | None => usable.push(Pending { item, reply }),
            }
        }
        (usable, queues)
    }

    /// Writes the drafts to the log, syncs it, and creates their files.
    fn write_logged(&mut self, batch: Vec<Pending<Draft>>, queues: &Queues<V>) {
        let Some(wal) = self.wal.as_mut().filter(|_| !batch.is_empty()) else { return };
        if let Err(error) = wal.append(batch.iter().map(|pending| &pending.item)) {
            let error = io_error("write the write-ahead log in", self.layout.root())(error);
            batch.into_iter().for_each(|pending| self.fail(pending.reply, error.clone()));
            return;
        }
        for Pending { item, reply } in self.each(batch, |writer, draft| writer.create_linked(&draft, queues))
        {
            let _ = reply.send(Ok(Receipt { id: item }));
        }
    }

    /// Writes a file for each draft, syncs it, renames it into `new`, and syncs the directories.
    fn write_synced(&mut self, batch: Vec<Pending<Draft>>) {
        let written = self.each(batch, |writer, draft| writer.write(draft));
        let synced = self.each(written, |writer, (draft, file)| writer.sync(draft, &file));
        let renamed = self.each(synced, |writer, draft| writer.rename_into_queue(draft));
        self.sync_directories(renamed);
    }

    /// Applies an operation to each item. Items that fail get their reply and are dropped.
    fn each<A, B>(
        &mut self,
        items: Vec<Pending<A>>,
        mut operation: impl FnMut(&mut Self, A) -> Result<B, CommitError>,
    ) -> Vec<Pending<B>> {
        let mut succeeded = Vec::with_capacity(items.len());
        for Pending { item, reply } in items {
            self.health.step();
            match operation(self, item) {
                Ok(item) => succeeded.push(Pending { item, reply }),
                Err(error) => self.fail(reply, error),
            }
        }
        succeeded
    }

    fn create_linked(&mut self, draft: &Draft, queues: &Queues<V>) -> Result<EntryId, CommitError> {
        let path = self.layout.entry(draft.endpoint(), Queue::New, draft.id());
        let queue = queues.get(draft.endpoint()).and_then(|opened| opened.as_ref().ok());
        let queue = queue.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        let published = queue.and_then(|queue| self.volume.create_linked(queue, &path, &draft.pieces()));
        published.map_err(io_error(PUBLISH, &path))?;
        Ok(draft.id())
    }

    fn write(&mut self, draft: Draft) -> Result<(Draft, V::File), CommitError> {
        let path = self.layout.temporary(draft.id());
        let file = self.volume.create(&path, Access::Shared).map_err(io_error("create", &path))?;
        match self.volume.write(&file, 0, &draft.pieces()) {
            Ok(()) => Ok((draft, file)),
            Err(error) => Err(self.discard("write", &path, error)),
        }
    }

    fn sync(&mut self, draft: Draft, file: &V::File) -> Result<Draft, CommitError> {
        match self.volume.sync(file) {
            Ok(()) => Ok(draft),
            Err(error) => Err(self.discard("sync", &self.layout.temporary(draft.id()), error)),
        }
    }

    fn rename_into_queue(&mut self, draft: Draft) -> Result<Renamed, CommitError> {
        let from = self.layout.temporary(draft.id());
        let to = self.layout.entry(draft.endpoint(), Queue::New, draft.id());
        match self.volume.rename(&from, &to) {
            Ok(()) => Ok(Renamed {
                id: draft.id(),
                directory: self.layout.queue(draft.endpoint(), Queue::New),
                path: to,
            }),
            Err(error) => Err(self.discard(RENAME, &from, error)),
        }
    }

    /// Syncs each directory once, then sends the receipts of the entries in it.
    fn sync_directories(&mut self, renamed: Vec<Pending<Renamed>>) {
        let mut by_directory: BTreeMap<PathBuf, Vec<Pending<Renamed>>> = BTreeMap::new();
        for entry in renamed {
            by_directory.entry(entry.item.directory.clone()).or_default().push(entry);
        }
        for (directory, entries) in by_directory {
            let synced = self.volume.sync_dir(&directory).map_err(io_error(SYNC_DIRECTORY, &directory));
            for Pending { item, reply } in entries {
                match &synced {
                    Ok(()) => {
                        let _ = reply.send(Ok(Receipt { id: item.id }));
                    }
                    Err(error) => {
                        self.remove_unsynced(&item);
                        self.fail(reply, error.clone());
                    }
                }
            }
            if synced.is_err() {
                self.unsynced_directories.insert(directory);
            }
        }
    }

    /// Removes an entry whose name is not durable. If a consumer has taken it in the meantime, it stays, and the entry
    /// is processed at least once.
    fn remove_unsynced(&self, entry: &Renamed) {
        match self.volume.remove(&entry.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::error!(
                id = %entry.id,
                path = %entry.path.display(),
                %error,
                "entry of a failed delivery not removed; it may be stored twice"
            ),
        }
    }

    fn discard(&self, what: &'static str, path: &Path, error: io::Error) -> CommitError {
        // If this fails too, the next start removes the file: files in tmp are never acknowledged.
        let _ = self.volume.remove(path);
        io_error(what, path)(error)
    }

    fn fail(&self, reply: CommitReply, error: CommitError) {
        if error.concerns_only_this_entry() {
            tracing::error!(%error, "delivery not stored");
        } else {
            self.set_failing(&error);
        }
        let _ = reply.send(Err(error));
    }

    fn set_failing(&self, error: &CommitError) {
        if !self.health.is_failing() {
            tracing::error!(%error, "spool failing; deliveries get 503");
            self.health.set_failing(true);
        }
    }

    /// Runs once each second, also without deliveries.
    pub(super) fn check(&mut self) {
        self.probe_if_failing();
        self.check_directories();
        self.update_free_space();
        if let Err(error) = self.wal.as_mut().map_or(Ok(()), Wal::checkpoint_if_due) {
            self.set_failing(&io_error("make entries durable in", self.layout.root())(error));
        }
    }

    fn check_directories(&self) {
        self.check_root();
        let faults = faults(&self.volume, &self.layout, &self.health.endpoints());
        let before = self.health.set_faults(faults.clone());
        for (endpoint, fault) in faults.iter().filter(|(endpoint, _)| !before.contains_key(*endpoint)) {
            tracing::error!(%endpoint, fault, "endpoint unavailable; its deliveries get 503");
        }
        for endpoint in before.keys().filter(|endpoint| !faults.contains_key(*endpoint)) {
            tracing::info!(%endpoint, "endpoint available again");
        }
    }

    /// Checks that the configured path still leads to the root that is open.
    fn check_root(&self) {
        let displaced = self.volume.displaced();
        match (self.health.set_displaced(displaced.clone()), displaced) {
            (None, Some(displaced)) => {
                let (configured, held) = (displaced.configured, displaced.held);
                tracing::error!(configured, held, "spool directory replaced; deliveries get 503");
            }
            (Some(_), None) => tracing::info!("spool directory restored"),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

    /// Rewrites the entries of unrestored logs, retries the directory syncs that failed, and probes the operations that
    /// an entry that is synced by itself needs.
    fn probe_if_failing(&mut self) {
        if !self.health.is_failing() {
            return;
        }
        let repaired = self.wal.as_mut().map_or(Ok(0), Wal::repair);
        let volume = &self.volume;
        self.unsynced_directories.retain(|directory| volume.sync_dir(directory).is_err());
        let passed = repaired.and_then(|restored| self.probe().map(|()| restored));
        match passed {
            Ok(restored) if self.unsynced_directories.is_empty() => {
                tracing::info!(restored, "spool recovered");
                self.health.set_failing(false);
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "spool still failing"),
        }
    }

    fn probe(&self) -> io::Result<()> {
        let (path, renamed) =
            (self.layout.temporary(EntryId::fresh()), self.layout.temporary(EntryId::fresh()));
        let passed = self.volume.create(&path, Access::Private).and_then(|file| {
            self.volume.write(&file, 0, &[b"probe"])?;
            self.volume.sync(&file)?;
            self.volume.rename(&path, &renamed)?;
            self.volume.sync_dir(&self.layout.tmp())
        });
        // Either name may exist. The next start removes a file that remains.
        let _ = self.volume.remove(&renamed).or_else(|_| self.volume.remove(&path));
        passed
    }

    fn update_free_space(&self) {
        if let Ok(free) = self.volume.free_bytes() {
            self.health.set_free(free);
        }
    }

    /// Makes all entries durable outside the logs.
    pub(super) fn close(self) {
        if let Some(wal) = self.wal {
            wal.close();
        }
    }
}

/// An entry that was renamed into `new`, whose directory is not synced yet.
struct Renamed {
    id: EntryId,
    directory: PathBuf,
    path: PathBuf,
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
