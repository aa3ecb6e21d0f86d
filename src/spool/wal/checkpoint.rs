//! Checkpoints: everything that a full log holds is made durable without it, and then the log is void.
//!
//! `syncfs` reports a lost write once per descriptor and does not say of which file. So once it has
//! failed, no log is declared void, neither the one it was called for nor any that waits, until
//! [`super::Wal::repair`] has rewritten what either of them holds.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::segment::Segment;
use crate::spool::volume::Volume;

/// Set while something may have been lost that only the logs hold. Shared by the commit thread and the
/// checkpoint thread: whichever notices sets it, and only a complete repair clears it.
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

/// A log that is to become void.
#[derive(Debug)]
pub(in crate::spool) struct Job<V: Volume>(pub(super) Segment<V>);

/// What became of it: void, or still needed.
#[derive(Debug)]
pub(in crate::spool) struct Finished<V: Volume> {
    pub(super) segment: Segment<V>,
    pub(super) outcome: io::Result<()>,
}

/// Where checkpoints are made beside the commit thread.
pub(in crate::spool) trait Checkpoints<V: Volume>: Debug {
    /// Hands over a log.
    fn submit(&mut self, job: Job<V>);

    /// What has finished, without waiting for it.
    fn finished(&mut self) -> Option<Finished<V>>;

    /// Waits for what finishes next; none if nothing does in time.
    fn wait(&mut self, within: Duration) -> Option<Finished<V>>;

    /// Ends after the job that is running.
    fn close(self);
}

/// The steps of a checkpoint, one job after the other.
#[derive(Debug)]
pub(in crate::spool) struct Checkpointer<V: Volume> {
    volume: V,
    /// Open since before the first write, so that it learns of every loss.
    held: V::File,
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
    pub(super) fn new(volume: V, held: V::File, damage: Damage) -> Self {
        Self { volume, held, damage, running: None }
    }

    /// Whether a job is running.
    #[cfg(test)]
    pub(in crate::spool) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Begins a job; the one before has finished.
    pub(in crate::spool) fn begin(&mut self, Job(segment): Job<V>) {
        self.running = Some((segment, Step::SyncEverything));
    }

    /// Takes the job one step further, and returns it once it has finished.
    pub(in crate::spool) fn step(&mut self) -> Option<Finished<V>> {
        let (mut segment, step) = self.running.take()?;
        let outcome = match step {
            // Asked before each step that leads to a void log: the other thread may have met an error.
            Step::SyncEverything | Step::WriteVoid if self.damage.is_set() => Err(needed()),
            Step::SyncEverything => self.volume.sync_everything(&self.held).map(|()| Some(Step::WriteVoid)),
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

fn needed() -> io::Error {
    io::Error::other("an earlier write was lost; the log is kept until its entries are rewritten")
}

/// The checkpoint thread.
#[derive(Debug)]
pub(in crate::spool) struct CheckpointThread<V: Volume> {
    jobs: Sender<Job<V>>,
    finished: Receiver<Finished<V>>,
    thread: JoinHandle<()>,
}

impl<V: Volume> CheckpointThread<V> {
    /// Starts it. At most as many jobs wait as there are logs.
    ///
    /// # Errors
    /// When the system cannot start a thread.
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
        // The thread lives as long as this sender.
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
