//! Checkpoints: the files of all entries in a full log are made durable, and then the log is void.
//!
//! `syncfs` reports a lost write once per descriptor, without the name of the file. After a failure, no log is declared
//! void, neither the one of the failed checkpoint nor any other, until [`super::Wal::repair`] has rewritten the entries
//! of both.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::segment::Segment;
use crate::spool::volume::Volume;

/// Set while files may have been lost whose entries only the logs contain. The commit thread and the checkpoint thread
/// both set it; only a complete repair clears it.
#[derive(Clone, Debug, Default)]
pub(in crate::spool) struct Damage(Arc<AtomicBool>);

impl Damage {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A log that needs a checkpoint.
#[derive(Debug)]
pub(in crate::spool) struct Job<V: Volume>(pub(super) Segment<V>);

/// The result of a checkpoint: the log is void, or still needed after an error.
#[derive(Debug)]
pub(in crate::spool) struct Finished<V: Volume> {
    pub(super) segment: Segment<V>,
    pub(super) outcome: io::Result<()>,
}

/// Runs checkpoints while the commit thread continues.
pub(in crate::spool) trait Checkpoints<V: Volume>: Debug {
    /// Submits a log.
    fn submit(&mut self, job: Job<V>);

    /// Returns a finished checkpoint, without waiting.
    fn finished(&mut self) -> Option<Finished<V>>;

    /// Waits for the next checkpoint to finish; none if it does not finish in time.
    fn wait(&mut self, within: Duration) -> Option<Finished<V>>;

    /// Waits for the submitted jobs and ends.
    fn close(self);
}

/// Executes checkpoints step by step, one job after the other.
#[derive(Debug)]
pub(in crate::spool) struct Checkpointer<V: Volume> {
    volume: V,
    /// The root, opened before the first write, so that `syncfs` on it reports every lost write.
    root: V::File,
    damage: Damage,
    running: Option<(Segment<V>, Step)>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    SyncEverything,
    WriteVoid,
    SyncVoid,
}

impl<V: Volume> Checkpointer<V> {
    pub(super) fn new(volume: V, root: V::File, damage: Damage) -> Self {
        Self { volume, root, damage, running: None }
    }

    /// Whether a job is running.
    #[cfg(test)]
    pub(in crate::spool) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Begins a job. The previous one must have finished.
    pub(in crate::spool) fn begin(&mut self, Job(segment): Job<V>) {
        self.running = Some((segment, Step::SyncEverything));
    }

    /// Executes the next step of the job. Returns the job when it has finished.
    pub(in crate::spool) fn step(&mut self) -> Option<Finished<V>> {
        let (mut segment, step) = self.running.take()?;
        let outcome = match step {
            // Checked before each step that makes the log void: the other thread may have encountered an error.
            Step::SyncEverything | Step::WriteVoid if self.damage.is_set() => Err(log_still_needed()),
            Step::SyncEverything => self.volume.sync_everything(&self.root).map(|()| Some(Step::WriteVoid)),
            Step::WriteVoid => segment.write_void().map(|()| Some(Step::SyncVoid)),
            Step::SyncVoid => segment.sync_void().map(|()| None),
        };
        match outcome {
            Ok(Some(next)) => {
                self.running = Some((segment, next));
                None
            }
            Ok(None) => Some(Finished { segment, outcome: Ok(()) }),
            Err(error) => {
                self.damage.set();
                Some(Finished { segment, outcome: Err(error) })
            }
        }
    }
}

fn log_still_needed() -> io::Error {
    io::Error::other("an earlier write was lost; the log is kept until its entries are rewritten")
}

/// The checkpoint thread, running.
#[derive(Debug)]
pub(in crate::spool) struct CheckpointThread<V: Volume> {
    jobs: Sender<Job<V>>,
    finished: Receiver<Finished<V>>,
    thread: JoinHandle<()>,
}

impl<V: Volume> CheckpointThread<V> {
    /// Starts the thread. The channel is bounded by the number of logs.
    ///
    /// # Errors
    /// If the system cannot start a thread.
    pub(in crate::spool) fn start(mut checkpointer: Checkpointer<V>) -> io::Result<Self> {
        let (jobs, incoming) = channel();
        let (outgoing, finished) = channel();
        let run = move || {
            while let Ok(job) = incoming.recv() {
                checkpointer.begin(job);
                let done = loop {
                    if let Some(done) = checkpointer.step() {
                        break done;
                    }
                };
                if outgoing.send(done).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("checkpoint".into()).spawn(run)?;
        Ok(Self { jobs, finished, thread })
    }
}

impl<V: Volume> Checkpoints<V> for CheckpointThread<V> {
    fn submit(&mut self, job: Job<V>) {
        // This cannot fail: the thread runs until this sender is dropped.
        let _ = self.jobs.send(job);
    }

    fn finished(&mut self) -> Option<Finished<V>> {
        self.finished.try_recv().ok()
    }

    fn wait(&mut self, within: Duration) -> Option<Finished<V>> {
        self.finished.recv_timeout(within).ok()
    }

    fn close(self) {
        drop(self.jobs);
        let _ = self.thread.join();
    }
}
