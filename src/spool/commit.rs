//! Group commit: why a 200 can be trusted.
//!
//! One thread owns all writing. It takes what has gathered, writes every draft into `tmp`, syncs
//! the data, renames each into its `new`, syncs each directory once, and only then hands out the
//! receipts. It batches because it is busy, not because it waits: the first delivery of an idle
//! moment never waits for a second.
//!
//! What could still break the promise: a disk that says "synced" and lies, and a file system that
//! does not keep a rename whose directory was synced. `docs/durability.md` says more.
//!
//! After a failed sync nothing is promised of that file again: the kernel may have dropped the
//! pages, and a second sync would succeed without them. The draft is removed, the sender gets its
//! 503 and comes back, and the spool takes nothing until a probe file has gone through it all.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::io::Errno;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::draft::Draft;
use super::health::Health;
use super::layout::{Layout, Queue};
use super::volume::Volume;
use crate::envelope::EntryId;
use crate::metrics::Metrics;

/// Entries that are made durable together. More would make the first of them wait for too long.
const BATCH_ENTRIES_MAX: usize = 256;
/// Drafts that wait for the committer; their bytes are bounded where bodies are read.
const WAITING_ENTRIES_MAX: usize = 4096;
/// How often free space is looked at, and a failing spool is probed, when nothing is delivered.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const RENAME: &str = "rename";
const SYNC_DIRECTORY: &str = "sync the directory";

/// Proof that an entry stands in `new/`, whole, and would survive a power cut. Made only here.
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

/// The entry is not in the spool, and its sender has to come back.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    /// The committer has more to do than it may hold.
    #[error("{WAITING_ENTRIES_MAX} deliveries are waiting to be written")]
    Busy,
    /// The committer has stopped.
    #[error("the spool is closed")]
    Closed,
    /// The spool is failing, and a probe has just failed as well.
    #[error("the spool is failing")]
    Failing,
    /// A file operation failed.
    #[error("cannot {what} `{}`: {why}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        why: Arc<io::Error>,
    },
}

impl CommitError {
    /// Whether others may still do well: the folder of one endpoint is missing or closed to us, or
    /// there are no descriptors to be had at this moment.
    fn concerns_only_this_entry(&self) -> bool {
        let Self::Io { what, why, .. } = self else { return false };
        let in_its_own_folder = matches!(*what, RENAME | SYNC_DIRECTORY);
        let is_missing = matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied);
        in_its_own_folder && is_missing
            || matches!(Errno::from_io_error(why), Some(Errno::MFILE | Errno::NFILE))
    }
}

/// The way into the spool: cheap to clone, never blocks.
#[derive(Clone, Debug)]
pub struct Spool {
    work: SyncSender<Work>,
    health: Arc<Health>,
}

impl Spool {
    /// Makes a draft durable.
    ///
    /// The draft belongs to the committer from here on: if this future is dropped, the entry may
    /// stand in `new/` all the same.
    ///
    /// # Errors
    /// When the entry is not in the spool.
    pub async fn commit(&self, draft: Draft) -> Result<Receipt, CommitError> {
        let (answer, answered) = oneshot::channel();
        self.work.try_send(Work::Commit(Job { draft, answer })).map_err(|error| match error {
            TrySendError::Full(_) => CommitError::Busy,
            TrySendError::Disconnected(_) => CommitError::Closed,
        })?;
        answered.await.unwrap_or(Err(CommitError::Closed))
    }

    /// How the spool is.
    pub fn health(&self) -> &Health {
        &self.health
    }
}

enum Work {
    Commit(Job),
    Stop,
}

#[derive(Debug)]
struct Job {
    draft: Draft,
    answer: oneshot::Sender<Result<Receipt, CommitError>>,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Committer {
    spool: Spool,
    thread: JoinHandle<()>,
}

impl Committer {
    /// Starts the thread on an opened spool.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start<V: Volume>(
        volume: V,
        layout: Layout,
        min_free: u64,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let health = Arc::new(Health::new(min_free));
        let (work, incoming) = sync_channel(WAITING_ENTRIES_MAX);
        let mut writer =
            Writer { volume, layout, health: Arc::clone(&health), metrics, suspects: BTreeSet::new() };
        writer.look_at_space();
        let thread = thread::Builder::new().name("committer".into()).spawn(move || writer.run(&incoming))?;
        Ok(Self { spool: Spool { work, health }, thread })
    }

    /// The way in.
    pub fn spool(&self) -> Spool {
        self.spool.clone()
    }

    /// Commits what is waiting, then ends the thread. What comes later is [`CommitError::Closed`].
    pub fn stop(self) {
        // The thread is gone already only if it panicked, which ends the process.
        let _ = self.spool.work.send(Work::Stop);
        let _ = self.thread.join();
    }
}

struct Writer<V: Volume> {
    volume: V,
    layout: Layout,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    /// Directories whose sync failed, until it succeeds.
    suspects: BTreeSet<PathBuf>,
}

impl<V: Volume> Writer<V> {
    fn run(&mut self, incoming: &Receiver<Work>) {
        loop {
            let first = match incoming.recv_timeout(LOOK_EVERY) {
                Ok(Work::Commit(job)) => job,
                Ok(Work::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    self.probe_if_failing();
                    self.look_at_space();
                    continue;
                }
            };
            let mut batch = vec![first];
            let mut stop = false;
            while batch.len() < BATCH_ENTRIES_MAX && !stop {
                match incoming.try_recv() {
                    Ok(Work::Commit(job)) => batch.push(job),
                    Ok(Work::Stop) => stop = true,
                    Err(_) => break,
                }
            }
            self.commit(batch);
            if stop {
                return;
            }
        }
    }

    fn commit(&mut self, batch: Vec<Job>) {
        let started = Instant::now();
        self.health.set_writing_since(Some(started));
        self.write_batch(batch, started);
        self.health.set_writing_since(None);
    }

    fn write_batch(&mut self, batch: Vec<Job>, started: Instant) {
        self.probe_if_failing();
        if self.health.is_failing() {
            for job in batch {
                let _ = job.answer.send(Err(CommitError::Failing));
            }
            return;
        }
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "at most BATCH_ENTRIES_MAX")]
        self.metrics.commit_batch_entries.observe(batch.len() as f64);

        let written = self.each(batch, |writer, draft| writer.write(draft));
        let synced = self.each(written, |writer, (draft, file)| writer.sync(draft, &file));
        let named = self.each(synced, |writer, draft| writer.name(draft));
        self.finish(named);
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
        self.look_at_space();
    }

    /// Takes every entry one step further; one that fails is answered and drops out.
    fn each<A, B>(
        &mut self,
        items: Vec<impl Into<Step<A>>>,
        mut step: impl FnMut(&mut Self, A) -> Result<B, CommitError>,
    ) -> Vec<Step<B>> {
        let mut onward = Vec::with_capacity(items.len());
        for item in items {
            let Step { item, answer } = item.into();
            match step(self, item) {
                Ok(item) => onward.push(Step { item, answer }),
                Err(error) => self.fail(answer, error),
            }
        }
        onward
    }

    fn write(&mut self, draft: Draft) -> Result<(Draft, V::File), CommitError> {
        let path = self.layout.draft(draft.id());
        let file = self.volume.create(&path).map_err(io_error("create", &path))?;
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
    fn finish(&mut self, named: Vec<Step<Named>>) {
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
                "an entry whose sender was told to come back could not be removed: it may be there twice"
            ),
        }
    }

    fn discard(&self, what: &'static str, path: &Path, error: io::Error) -> CommitError {
        // If even this fails, the next start sweeps it: nothing in tmp is ever acknowledged.
        let _ = self.volume.remove(path);
        io_error(what, path)(error)
    }

    fn fail(&self, answer: oneshot::Sender<Result<Receipt, CommitError>>, error: CommitError) {
        if error.concerns_only_this_entry() {
            tracing::error!(%error, "a delivery was not stored");
        } else if !self.health.is_failing() {
            tracing::error!(%error, "the spool is failing: deliveries get 503 until a probe file goes through");
            self.health.set_failing(true);
        }
        let _ = answer.send(Err(error));
    }

    /// Puts a file through everything an entry goes through, and syncs the directories that failed.
    fn probe_if_failing(&mut self) {
        if !self.health.is_failing() {
            return;
        }
        let (path, renamed) = (self.layout.draft(EntryId::fresh()), self.layout.draft(EntryId::fresh()));
        let passed = self.volume.create(&path).and_then(|file| {
            self.volume.write(&file, 0, &[b"probe"])?;
            self.volume.sync(&file)?;
            self.volume.rename(&path, &renamed)?;
            self.volume.sync_dir(&self.layout.tmp())
        });
        // Whichever of the two stands; what is left is swept at the next start.
        let _ = self.volume.remove(&renamed).or_else(|_| self.volume.remove(&path));
        let volume = &self.volume;
        self.suspects.retain(|directory| volume.sync_dir(directory).is_err());
        if passed.is_ok() && self.suspects.is_empty() {
            tracing::info!("the spool is well again: a probe file went through");
            self.health.set_failing(false);
        }
    }

    fn look_at_space(&self) {
        if let Ok(free) = self.volume.free_bytes(self.layout.root()) {
            self.health.set_free(free);
            self.metrics.spool_free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        }
    }
}

/// An entry on its way, with the one who waits for it.
struct Step<T> {
    item: T,
    answer: oneshot::Sender<Result<Receipt, CommitError>>,
}

impl From<Job> for Step<Draft> {
    fn from(job: Job) -> Self {
        Self { item: job.draft, answer: job.answer }
    }
}

/// An entry that has its name, which is not durable yet.
struct Named {
    id: EntryId,
    directory: PathBuf,
    path: PathBuf,
}

fn io_error<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> CommitError + 'a {
    move |source| CommitError::Io { what, path: path.to_owned(), why: Arc::new(source) }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
