//! Group commit: one thread writes the entries of all deliveries.
//!
//! It writes the drafts that are waiting in batches, in which the senders take turns. Batches form while it is busy: if
//! it is idle, a draft is written at once and does not wait for a second one.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::commit_error::CommitError;
use super::commit_queue::CommitQueue;
use super::draft::Draft;
use super::health::Health;
use super::layout::Layout;
use super::open::OpenError;
use super::space_use::SpaceUse;
use super::volume::Volume;
use super::wal::CheckpointThread;
use super::writer::{Pending, Receipt, Writer};
use crate::metrics::Metrics;
use crate::policy::Name;

/// The interval at which free space and the queues are checked, a failing spool is probed, and checkpoints start.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A handle that submits drafts to the commit thread. It is cheap to clone and never blocks.
#[derive(Clone, Debug)]
pub struct Spool {
    queue: CommitQueue,
    health: Arc<Health>,
    space: SpaceUse,
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
        let (endpoint, bytes) = (draft.endpoint().clone(), draft.len());
        self.queue.push(Pending { item: draft, reply });
        let receipt = receiver.await.unwrap_or(Err(CommitError::Closed))?;
        self.space.add(&endpoint, bytes);
        Ok(receipt)
    }

    /// The health of the spool.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The bytes of the endpoints that have a limit.
    pub fn space(&self) -> &SpaceUse {
        &self.space
    }
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
        let queue = CommitQueue::default();
        let root = layout.root().to_owned();
        let writer: Writer<V> = Writer::start(volume, layout, Arc::clone(&health), CheckpointThread::start)?;
        let commit_thread = CommitThread { writer, health: Arc::clone(&health), metrics };
        commit_thread.update_metrics();
        let thread = thread::Builder::new()
            .name("committer".into())
            .spawn({
                let queue = queue.clone();
                move || commit_thread.run(&queue)
            })
            .map_err(|source| OpenError::Io { what: "start a thread for", path: root, source })?;
        Ok(Self { spool: Spool { queue, health, space: SpaceUse::default() }, thread })
    }

    /// A handle that submits drafts.
    pub fn spool(&self) -> Spool {
        self.spool.clone()
    }

    /// Commits the drafts that are waiting, then ends the thread. Later drafts get [`CommitError::Closed`].
    pub fn stop(self) {
        self.spool.queue.close();
        // The thread can have ended only by a panic, which ends the process.
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
    fn run(mut self, queue: &CommitQueue) {
        let mut checked = Instant::now();
        self.health.step();
        while let Some(batch) = queue.next_batch(CHECK_INTERVAL) {
            if !batch.is_empty() {
                self.commit(batch);
            }
            if checked.elapsed() >= CHECK_INTERVAL {
                self.writer.check();
                self.update_metrics();
                checked = Instant::now();
            }
            self.health.step();
        }
        self.writer.close();
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
