//! Group commit: one thread writes the entries of all deliveries.
//!
//! It writes all drafts that are waiting as one batch. Batches form while it is busy: if it is idle, a draft is
//! written at once and does not wait for a second one.

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
use super::writer::{Pending, Receipt, Writer};
use crate::metrics::Metrics;
use crate::policy::Name;

/// The maximum number of entries in one batch. With more, the first of them would wait too long.
const BATCH_ENTRIES_MAX: usize = 256;
/// No entry is added to a batch that has this many bytes.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// The maximum number of drafts that wait for the commit thread. The limit of body memory bounds the bytes of their
/// payloads.
const WAITING_ENTRIES_MAX: usize = 4096;
/// The interval at which free space and the queues are checked, a failing spool is probed, and checkpoints start.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A handle that submits drafts to the commit thread. It is cheap to clone and never blocks.
#[derive(Clone, Debug)]
pub struct Spool {
    work: SyncSender<Work>,
    health: Arc<Health>,
}

impl Spool {
    /// Makes a draft durable.
    ///
    /// If this future is dropped, the draft may still become an entry.
    ///
    /// # Errors
    /// If there is no proof that the entry is durable. It may be in the spool all the same.
    pub async fn commit(&self, draft: Draft) -> Result<Receipt, CommitError> {
        let (reply, receiver) = oneshot::channel();
        let work = Work::Commit(Pending { item: draft, reply });
        self.work.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => CommitError::Busy,
            TrySendError::Disconnected(_) => CommitError::Closed,
        })?;
        receiver.await.unwrap_or(Err(CommitError::Closed))
    }

    /// The health of the spool.
    pub fn health(&self) -> &Health {
        &self.health
    }
}

enum Work {
    Commit(Pending<Draft>),
    Stop,
}

/// The commit thread, running.
#[derive(Debug)]
pub struct Committer {
    spool: Spool,
    thread: JoinHandle<()>,
}

impl Committer {
    /// Restores the entries in the write-ahead log of an earlier run, then starts the thread. If they cannot be
    /// restored yet, deliveries get 503. The queues of `endpoints` are checked regularly.
    ///
    /// # Errors
    /// If a log cannot be used, or the system cannot start a thread.
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
        let commit_thread = CommitThread { writer, health: Arc::clone(&health), metrics };
        commit_thread.update_metrics();
        let thread = thread::Builder::new()
            .name("committer".into())
            .spawn(move || commit_thread.run(&incoming))
            .map_err(|source| OpenError::Io { what: "start a thread for", path: root, source })?;
        Ok(Self { spool: Spool { work, health }, thread })
    }

    /// A handle that submits drafts.
    pub fn spool(&self) -> Spool {
        self.spool.clone()
    }

    /// Commits the drafts that are waiting, then ends the thread. Later drafts get [`CommitError::Closed`].
    pub fn stop(self) {
        // The thread can have ended only by a panic, which ends the process.
        let _ = self.spool.work.send(Work::Stop);
        let _ = self.thread.join();
    }
}

/// The state of the commit thread.
struct CommitThread<V: Volume> {
    writer: Writer<V>,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
}

impl<V: Volume> CommitThread<V> {
    fn run(mut self, incoming: &Receiver<Work>) {
        let mut checked = Instant::now();
        loop {
            self.health.step();
            let mut stop = false;
            match incoming.recv_timeout(CHECK_INTERVAL) {
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
            if checked.elapsed() >= CHECK_INTERVAL {
                self.writer.check();
                self.update_metrics();
                checked = Instant::now();
            }
        }
    }

    fn commit(&mut self, batch: Vec<Pending<Draft>>) {
        let started = Instant::now();
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "at most BATCH_ENTRIES_MAX")]
        self.metrics.commit_batch_entries.observe(batch.len() as f64);
        self.health.set_writing_since(Some(started));
        self.writer.write_batch(batch);
        self.health.set_writing_since(None);
        self.metrics.commit_seconds.observe(started.elapsed().as_secs_f64());
    }

    fn update_metrics(&self) {
        self.metrics.spool_free_bytes.set(self.health.free());
        let faults = self.health.endpoint_faults();
        for endpoint in self.health.endpoints() {
            self.metrics.endpoint_faulty(endpoint.as_str(), faults.contains_key(&endpoint));
        }
    }
}

/// Adds waiting drafts to a batch. Returns true if the thread must stop after this batch.
fn gather(batch: &mut Vec<Pending<Draft>>, incoming: &Receiver<Work>) -> bool {
    let mut bytes: usize = batch.iter().map(|pending| pending.item.len()).sum();
    while batch.len() < BATCH_ENTRIES_MAX && bytes < BATCH_BYTES_MAX {
        match incoming.try_recv() {
            Ok(Work::Commit(pending)) => {
                bytes = bytes.saturating_add(pending.item.len());
                batch.push(pending);
            }
            Ok(Work::Stop) => return true,
            Err(_) => return false,
        }
    }
    false
}
