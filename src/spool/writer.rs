//! Why a 200 can be trusted: how a batch of drafts becomes entries.
//!
//! A small draft is made durable in the write-ahead log, which is synced once for the whole batch, and
//! then gets its file and its name in `new`. A large one, and every one where there is no log, is
//! written, synced, renamed into `new`, and its directory synced. Receipts are made at the end of
//! these two paths and nowhere else.
//!
//! After a failed sync nothing is promised of that file again: the kernel may have dropped the
//! pages, and a second sync would succeed without them. The draft is removed, the sender gets its
//! 503 and comes back, and the spool takes nothing until a probe file has gone through it all.
//!
//! What could still break the promise: a disk that says "synced" and lies. `docs/durability.md`
//! says more.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::commit_error::{CommitError, PUBLISH, RENAME, SYNC_DIRECTORY, io_error};
use super::draft::Draft;
use super::health::Health;
use super::layout::{Access, Layout, Queue};
use super::places::{fault, faults};
use super::volume::Volume;
use super::wal::{CheckpointThread, Checkpointer, Checkpoints, LogError, Wal};
use crate::envelope::EntryId;
use crate::policy::Name;

/// Proof that a complete entry is in `new/` and would survive a power cut. Created only here.
#[derive(Debug)]
#[must_use = "a receipt is what entitles to an answer of success"]
pub struct Receipt {
    id: EntryId,
}

impl Receipt {
    /// The entry that is safe.
    pub fn id(&self) -> EntryId {
        self.id
    }
}

/// Where the one who waits for an entry hears of it.
pub(super) type CommitReply = oneshot::Sender<Result<Receipt, CommitError>>;

/// An entry on its way, with the one who waits for it.
#[derive(Debug)]
pub(super) struct Step<T> {
    pub(super) item: T,
    pub(super) answer: CommitReply,
}

/// The queues that a batch goes to, open, or why they cannot be used.
type Queues<V> = BTreeMap<Name, Result<<V as Volume>::Dir, String>>;

/// Writes batches. Knows nothing of threads and queues.
#[derive(Debug)]
pub(super) struct Writer<V: Volume, C = CheckpointThread<V>> {
    volume: V,
    layout: Layout,
    health: Arc<Health>,
    /// None where every entry is synced by itself.
    wal: Option<Wal<V, C>>,
    /// Directories whose sync failed, until it succeeds.
    suspects: BTreeSet<PathBuf>,
}

impl<V: Volume, C: Checkpoints<V>> Writer<V, C> {
    /// Restores what only the logs of an earlier run hold.
    pub(super) fn start(
        volume: V,
        layout: Layout,
        health: Arc<Health>,
        checkpoints: impl FnOnce(Checkpointer<V>) -> io::Result<C>,
    ) -> Result<Self, LogError> {
        let wal = Wal::start(&volume, &layout, checkpoints)?;
        let mut writer = Self { volume, layout, health, wal, suspects: BTreeSet::new() };
        match writer.wal.as_mut().map(Wal::repair).transpose() {
            Ok(restored) => {
                let (restored, write_ahead_log) = (restored.unwrap_or(0), restored.is_some());
                tracing::info!(restored, write_ahead_log, "spool ready");
            }
            Err(error) => {
                writer.is_failing(&io_error("prepare the write-ahead log in", writer.layout.root())(error))
            }
        }
        writer.check_places();
        writer.look_at_space();
        Ok(writer)
    }

    /// Makes entries of drafts, and answers each.
    pub(super) fn write_batch(&mut self, batch: Vec<Step<Draft>>) {
        self.probe_if_failing();
        self.check_root();
        if let Some(error) = self.refusal() {
            for Step { answer, .. } in batch {
                let _ = answer.send(Err(error.clone()));
            }
            return;
        }
        let (batch, queues) = self.with_queues(batch);
        let has_wal = self.wal.is_some();
        let (small, large): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|step| has_wal && Wal::<V, C>::takes(&step.item));
        self.write_logged(small, &queues);
        self.write_synced(large);
        self.look_at_space();
    }

    /// Why nothing can be written, if nothing can.
    fn refusal(&self) -> Option<CommitError> {
        if self.health.displaced().is_some() {
            Some(CommitError::Displaced)
        } else {
            self.health.is_failing().then_some(CommitError::Failing)
        }
    }

    /// Opens the queues of a batch, and answers the drafts whose queue was replaced; returns the others.
    fn with_queues(&self, batch: Vec<Step<Draft>>) -> (Vec<Step<Draft>>, Queues<V>) {
        let mut queues = Queues::<V>::new();
        let mut good = Vec::with_capacity(batch.len());
        for Step { item, answer } in batch {
            let endpoint = item.endpoint();
            if !queues.contains_key(endpoint) {
                let path = self.layout.queue(endpoint, Queue::New);
                let opened = self.volume.open_queue(&path).map_err(|error| fault(&path, &error));
                queues.insert(endpoint.clone(), opened);
            }
            match queues.get(endpoint) {
                Some(Err(fault)) => drop(answer.send(Err(CommitError::Endpoint(fault.clone())))),
                Some(Ok(_)) | None => good.push(Step { item, answer }),
            }
        }
        (good, queues)
    }

    /// Log, its sync, files with their names.
    fn write_logged(&mut self, batch: Vec<Step<Draft>>, queues: &Queues<V>) {
        let Some(wal) = self.wal.as_mut().filter(|_| !batch.is_empty()) else { return };
        if let Err(error) = wal.append(batch.iter().map(|step| &step.item)) {
            let error = io_error("write the write-ahead log in", self.layout.root())(error);
            batch.into_iter().for_each(|step| self.fail(step.answer, error.clone()));
            return;
        }
        for Step { item, answer } in self.each(batch, |writer, draft| writer.publish(&draft, queues)) {
            let _ = answer.send(Ok(Receipt { id: item }));
        }
    }

    /// File, its sync, name, its directory's sync.
    fn write_synced(&mut self, batch: Vec<Step<Draft>>) {
        let written = self.each(batch, |writer, draft| writer.write(draft));
        let synced = self.each(written, |writer, (draft, file)| writer.sync(draft, &file));
        let named = self.each(synced, |writer, draft| writer.name(draft));
        self.sync_directories(named);
    }

    /// Takes every entry one step further; one that fails is answered and drops out.
    fn each<A, B>(
        &mut self,
        items: Vec<Step<A>>,
        mut step: impl FnMut(&mut Self, A) -> Result<B, CommitError>,
    ) -> Vec<Step<B>> {
        let mut onward = Vec::with_capacity(items.len());
        for Step { item, answer } in items {
            self.health.step();
            match step(self, item) {
                Ok(item) => onward.push(Step { item, answer }),
                Err(error) => self.fail(answer, error),
            }
        }
        onward
    }

    fn publish(&mut self, draft: &Draft, queues: &Queues<V>) -> Result<EntryId, CommitError> {
        let path = self.layout.entry(draft.endpoint(), Queue::New, draft.id());
        let queue = queues.get(draft.endpoint()).and_then(|opened| opened.as_ref().ok());
        let queue = queue.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
        let published = queue.and_then(|queue| self.volume.publish(queue, &path, &draft.pieces()));
        published.map_err(io_error(PUBLISH, &path))?;
        Ok(draft.id())
    }

    fn write(&mut self, draft: Draft) -> Result<(Draft, V::File), CommitError> {
        let path = self.layout.draft(draft.id());
        let file = self.volume.create(&path, Access::Shared).map_err(io_error("create", &path))?;
        match self.volume.write(&file, 0, &draft.pieces()) {
            Ok(()) => Ok((draft, file)),
            Err(error) => Err(self.discard("write", &path, error)),
        }
    }

    fn sync(&mut self, draft: Draft, file: &V::File) -> Result<Draft, CommitError> {
        match self.volume.sync(file) {
            Ok(()) => Ok(draft),
            Err(error) => Err(self.discard("sync", &self.layout.draft(draft.id()), error)),
        }
    }

    fn name(&mut self, draft: Draft) -> Result<Named, CommitError> {
        let from = self.layout.draft(draft.id());
        let to = self.layout.entry(draft.endpoint(), Queue::New, draft.id());
        match self.volume.rename(&from, &to) {
            Ok(()) => Ok(Named {
                id: draft.id(),
                directory: self.layout.queue(draft.endpoint(), Queue::New),
                path: to,
            }),
            Err(error) => Err(self.discard(RENAME, &from, error)),
        }
    }

    /// Syncs each directory once and hands out the receipts of what is in it.
    fn sync_directories(&mut self, named: Vec<Step<Named>>) {
        let mut by_directory: BTreeMap<PathBuf, Vec<Step<Named>>> = BTreeMap::new();
        for entry in named {
            by_directory.entry(entry.item.directory.clone()).or_default().push(entry);
        }
        for (directory, entries) in by_directory {
            let synced = self.volume.sync_dir(&directory).map_err(io_error(SYNC_DIRECTORY, &directory));
            for Step { item, answer } in entries {
                match &synced {
                    Ok(()) => {
                        let _ = answer.send(Ok(Receipt { id: item.id }));
                    }
                    Err(error) => {
                        self.take_back(&item);
                        self.fail(answer, error.clone());
                    }
                }
            }
            if synced.is_err() {
                self.suspects.insert(directory);
            }
        }
    }

    /// Removes an entry whose name is not durable. A consumer may have taken it meanwhile; then it
    /// stays: at least once.
    fn take_back(&self, entry: &Named) {
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
        // If even this fails, the next start sweeps it: nothing in tmp is ever acknowledged.
        let _ = self.volume.remove(path);
        io_error(what, path)(error)
    }

    fn fail(&self, answer: CommitReply, error: CommitError) {
        if error.concerns_only_this_entry() {
            tracing::error!(%error, "delivery not stored");
        } else {
            self.is_failing(&error);
        }
        let _ = answer.send(Err(error));
    }

    fn is_failing(&self, error: &CommitError) {
        if !self.health.is_failing() {
            tracing::error!(%error, "spool failing; deliveries get 503");
            self.health.set_failing(true);
        }
    }

    /// Runs once a second, whether or not there are deliveries.
    pub(super) fn tidy(&mut self) {
        self.probe_if_failing();
        self.check_places();
        self.look_at_space();
        if let Err(error) = self.wal.as_mut().map_or(Ok(()), Wal::tidy) {
            self.is_failing(&io_error("make durable what is in", self.layout.root())(error));
        }
    }

    fn check_places(&self) {
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

    /// Compares the configured path with the root that is held.
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

    /// Rewrites what a damaged log holds, puts a file through every operation that an entry needs,
    /// and syncs the directories that failed.
    fn probe_if_failing(&mut self) {
        if !self.health.is_failing() {
            return;
        }
        let repaired = self.wal.as_mut().map_or(Ok(0), Wal::repair);
        let volume = &self.volume;
        self.suspects.retain(|directory| volume.sync_dir(directory).is_err());
        let passed = repaired.and_then(|restored| self.probe().map(|()| restored));
        match passed {
            Ok(restored) if self.suspects.is_empty() => {
                tracing::info!(restored, "spool recovered");
                self.health.set_failing(false);
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "spool still failing"),
        }
    }

    fn probe(&self) -> io::Result<()> {
        let (path, renamed) = (self.layout.draft(EntryId::fresh()), self.layout.draft(EntryId::fresh()));
        let passed = self.volume.create(&path, Access::Private).and_then(|file| {
            self.volume.write(&file, 0, &[b"probe"])?;
            self.volume.sync(&file)?;
            self.volume.rename(&path, &renamed)?;
            self.volume.sync_dir(&self.layout.tmp())
        });
        // Whichever of the two stands; what is left is swept at the next start.
        let _ = self.volume.remove(&renamed).or_else(|_| self.volume.remove(&path));
        passed
    }

    fn look_at_space(&self) {
        if let Ok(free) = self.volume.free_bytes() {
            self.health.set_free(free);
        }
    }

    /// Makes everything durable without the logs.
    pub(super) fn close(self) {
        if let Some(wal) = self.wal {
            wal.close();
        }
    }
}

/// An entry that has its name.
struct Named {
    id: EntryId,
    directory: PathBuf,
    path: PathBuf,
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
