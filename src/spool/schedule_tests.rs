//! Runs the commit thread and the checkpoint thread on one thread, in any order.
//!
//! Before each call of the commit thread, the schedule decides whether the checkpoint executes a step first. The first
//! choices come from a list, so that all orders can be tried; later ones come from a generator.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::sim::Sim;
use super::wal::{Checkpointer, Checkpoints, Finished, Job};

/// Decides which of the threads runs next.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// The first choices: whether the checkpoint executes a step.
    first: Vec<bool>,
    generator: u64,
    /// The number of choices so far.
    choices: usize,
}

impl Schedule {
    /// The first `depth` choices are the lowest bits of `order`; later ones come from the generator.
    pub(super) fn new(order: u64, depth: usize) -> Self {
        let first = (0..depth).map(|bit| order >> bit & 1 == 1).collect();
        Self { first, generator: order.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1, choices: 0 }
    }

    fn choose(&mut self) -> bool {
        let index = self.choices;
        self.choices += 1;
        self.first.get(index).copied().unwrap_or_else(|| {
            self.generator ^= self.generator << 13;
            self.generator ^= self.generator >> 7;
            self.generator ^= self.generator << 17;
            // A disk is usually slower than the commit thread.
            self.generator.is_multiple_of(4)
        })
    }
}

/// Checkpoints that execute steps according to the schedule.
#[derive(Clone, Debug)]
pub(super) struct Scheduled(Arc<Mutex<Background>>);

#[derive(Debug)]
struct Background {
    checkpointer: Checkpointer<Sim>,
    schedule: Schedule,
    jobs: VecDeque<Job<Sim>>,
    finished: VecDeque<Finished<Sim>>,
}

impl Background {
    /// Executes one step; false if there is nothing to do.
    fn step(&mut self) -> bool {
        if !self.checkpointer.is_busy() {
            let Some(job) = self.jobs.pop_front() else { return false };
            self.checkpointer.begin(job);
        }
        self.finished.extend(self.checkpointer.step());
        true
    }

    fn is_idle(&self) -> bool {
        !self.checkpointer.is_busy() && self.jobs.is_empty()
    }
}

impl Scheduled {
    /// Starts the simulated checkpoint thread of a simulated spool.
    pub(super) fn on(
        sim: &Sim,
        schedule: Schedule,
    ) -> impl FnOnce(Checkpointer<Sim>) -> io::Result<Self> + use<> {
        let sim = sim.clone();
        move |checkpointer| {
            let background =
                Background { checkpointer, schedule, jobs: VecDeque::new(), finished: VecDeque::new() };
            let scheduled = Self(Arc::new(Mutex::new(background)));
            // A weak reference, because the simulator holds the hook and the background holds the simulator.
            let background = Arc::downgrade(&scheduled.0);
            sim.set_hook(move || {
                // The checkpoint's own calls run the hook too; then the lock is already held.
                let Some(background) = background.upgrade() else { return };
                let Ok(mut background) = background.try_lock() else { return };
                while !background.is_idle() && background.schedule.choose() {
                    background.step();
                }
            });
            Ok(scheduled)
        }
    }
}

impl Checkpoints<Sim> for Scheduled {
    fn submit(&mut self, job: Job<Sim>) {
        self.0.lock().unwrap().jobs.push_back(job);
    }

    fn finished(&mut self) -> Option<Finished<Sim>> {
        self.0.lock().unwrap().finished.pop_front()
    }

    fn wait(&mut self, _: Duration) -> Option<Finished<Sim>> {
        let mut background = self.0.lock().unwrap();
        while background.finished.is_empty() && background.step() {}
        background.finished.pop_front()
    }

    fn close(self) {
        let mut background = self.0.lock().unwrap();
        while background.step() {}
    }
}
