//! Group commit: one thread owns all writing.
//!
//! It takes what has gathered and has it written as one batch. It batches because it is busy, not
//! because it waits: the first delivery of an idle moment never waits for a second.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::commit_error::CommitError;
use super::draft::Draft;
use super::health::Health;
use super::layout::Layout;
use super::open::OpenError;
use super::volume::Volume;
use super::wal::CheckpointThread;
use super::writer::{Receipt, Step, Writer};
use crate::metrics::Metrics;
use crate::policy::Name;

/// Entries that are made durable together. More would make the first of them wait for too long.
const BATCH_ENTRIES_MAX: usize = 256;
/// Their bytes, the last one's aside.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Drafts that wait for the committer; their bytes are bounded where bodies are read.
const WAITING_ENTRIES_MAX: usize = 4096;
/// How often free space and the places of the queues are checked, a failing spool is probed, and the log
/// gets its checkpoint.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
        let job = Work::Commit(Step { item: draft, answer });
        self.work.try_send(job).map_err(|error| match error {
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
    Commit(Step<Draft>),
    Stop,
}

/// The thread that writes.
#[derive(Debug)]
pub struct Committer {
    spool: Spool,
    thread: JoinHandle<()>,
}

impl Committer {
    /// Starts the thread on an opened spool, once what an earlier run left in its write-ahead log is
    /// restored. While it cannot be restored, deliveries get 503. The queues of `endpoints` are checked from now on.
    ///
    /// # Errors
    /// When a log cannot be used, or the system cannot start a thread.
    pub fn start<V: Volume>(
        volume: V,
        layout: Layout,
        min_free: u64,
        endpoints: Vec<Name>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, OpenError> {
        let health = Arc::new(Health::new(min_free));
        health.set_endpoints(endpoints);
        let (work, incoming) = sync_channel(WAITING_ENTRIES_MAX);
        let root = layout.root().to_owned();
        let writer: Writer<V> = Writer::start(volume, layout, Arc::clone(&health), CheckpointThread::start)?;
        let desk = CommitThread { writer, health: Arc::clone(&health), metrics };
        desk.show();
        let thread = thread::Builder::new()
            .name("committer".into())
            .spawn(move || desk.run(&incoming))
            .map_err(|source| OpenError::Io { what: "start a thread for", path: root, source })?;
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

/// What the thread has before it.
struct CommitThread<V: Volume> {
    writer: Writer<V>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

impl<V: Volume> CommitThread<V> {
    fn run(mut self, incoming: &Receiver<Work>) {
        let mut looked = Instant::now();
        loop {
            self.health.step();
            let mut stop = false;
            match incoming.recv_timeout(LOOK_EVERY) {
                Ok(Work::Commit(first)) => {
                    let mut batch = vec![first];
                    stop = gather(&mut batch, incoming);
                    self.commit(batch);
                }
                Ok(Work::Stop) | Err(RecvTimeoutError::Disconnected) => stop = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if stop {
                return self.writer.close();
            }
            if looked.elapsed() >= LOOK_EVERY {
                self.writer.tidy();
                self.show();
                looked = Instant::now();
            }
        }
    }

    fn commit(&mut self, batch: Vec<Step<Draft>>) {
        let started = Instant::now();
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "at most BATCH_ENTRIES_MAX")]
        self.metrics.commit_batch_entries.observe(batch.len() as f64);
        self.health.set_writing_since(Some(started));
        self.writer.write_batch(batch);
        self.health.set_writing_since(None);
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
    }

    fn show(&self) {
        self.metrics.spool_free_bytes.set(i64::try_from(self.health.free()).unwrap_or(i64::MAX));
        let faults = self.health.endpoint_faults();
        for endpoint in self.health.endpoints() {
            self.metrics.endpoint_faulty(endpoint.as_str(), faults.contains_key(&endpoint));
        }
    }
}

/// Adds what is waiting to a batch; true if it is to be the last.
fn gather(batch: &mut Vec<Step<Draft>>, incoming: &Receiver<Work>) -> bool {
    let mut bytes: usize = batch.iter().map(|step| step.item.len()).sum();
    while batch.len() < BATCH_ENTRIES_MAX && bytes < BATCH_BYTES_MAX {
        match incoming.try_recv() {
            Ok(Work::Commit(step)) => {
                bytes = bytes.saturating_add(step.item.len());
                batch.push(step);
            }
            Ok(Work::Stop) => return true,
            Err(_) => return false,
        }
    }
    false
}
