//! The running consumers: starts, replaces and stops their engines.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::ForwardStartError;
use crate::clock::Clock;
use crate::forward::{
    Consumer, ConsumerStatus, Engine, EngineContext, ForwardSpool, Observer, SharedStatus, Target,
    TargetFault, open_target,
};
use crate::metrics::ForwardMetrics;
use crate::policy::Name;

/// The consumers that run.
#[derive(Debug)]
pub struct Consumers {
    spool: ForwardSpool,
    observer: Observer,
    clock: Clock,
    metrics: Arc<ForwardMetrics>,
    running: BTreeMap<Name, RunningConsumer>,
    /// Those whose endpoints could not be locked.
    unstarted: Vec<PreparedConsumer>,
    tasks: TaskTracker,
    statuses: ConsumerStatuses,
}

/// The status of each consumer, for the admin listener.
#[derive(Clone, Debug, Default)]
pub struct ConsumerStatuses(Arc<Mutex<BTreeMap<Name, SharedStatus>>>);

impl ConsumerStatuses {
    /// The latest status of each consumer.
    pub fn current(&self) -> Vec<ConsumerStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(SharedStatus::current).collect()
    }
}

#[derive(Debug)]
struct RunningConsumer {
    consumer: Arc<Consumer>,
    stop: CancellationToken,
    /// Closed when the engine has ended.
    ended: oneshot::Receiver<()>,
}

/// A consumer whose target is ready.
#[derive(Clone, Debug)]
pub struct PreparedConsumer {
    consumer: Arc<Consumer>,
    target: Arc<dyn Target>,
}

/// A consumer that can start.
#[derive(Debug)]
pub struct LockedConsumer {
    status: SharedStatus,
    /// Lets the engine begin. If it is dropped, the engine ends.
    begin: oneshot::Sender<()>,
    running: RunningConsumer,
}

impl PreparedConsumer {
    /// Opens the target of a consumer. No connection is made yet.
    ///
    /// # Errors
    /// If the settings of the target cannot be used.
    pub fn new(consumer: Consumer) -> Result<Self, TargetFault> {
        let target = open_target(&consumer)?;
        Ok(Self { consumer: Arc::new(consumer), target })
    }
}

impl Consumers {
    /// No consumers yet.
    pub fn new(spool: ForwardSpool, observer: Observer, clock: Clock, metrics: Arc<ForwardMetrics>) -> Self {
        Self {
            spool,
            observer,
            clock,
            metrics,
            running: BTreeMap::new(),
            unstarted: Vec::new(),
            tasks: TaskTracker::new(),
            statuses: ConsumerStatuses::default(),
        }
    }

    /// The status of each consumer.
    pub fn statuses(&self) -> ConsumerStatuses {
        self.statuses.clone()
    }

    /// Whether this consumer runs with the same settings, or will when its endpoints can be locked.
    pub fn is_running(&self, consumer: &Consumer) -> bool {
        let running = self.running.get(&consumer.name).map(|running| &running.consumer);
        let mut all = running.into_iter().chain(self.unstarted.iter().map(|prepared| &prepared.consumer));
        all.any(|known| **known == *consumer)
    }

    /// Stops the consumers that are not in `names`, or in `prepared` because their settings have changed, and starts those
    /// in `prepared`. The others continue unchanged. Returns the reasons why consumers could not be started.
    pub async fn apply(
        &mut self,
        names: impl Fn(&Name) -> bool,
        prepared: Vec<PreparedConsumer>,
    ) -> Vec<ForwardStartError> {
        let is_replaced = |name: &Name| prepared.iter().any(|it| it.consumer.name == *name);
        let ending: Vec<_> =
            self.running.keys().filter(|name| !names(name) || is_replaced(name)).cloned().collect();
        let ending = ending.iter().filter_map(|name| self.running.remove(name)).collect();
        self.end(ending).await;
        // Those that are still configured are also in `prepared`, because they do not run.
        self.unstarted = prepared;
        self.start_again()
    }

    /// Whether a consumer could not be started.
    pub fn has_unstarted(&self) -> bool {
        !self.unstarted.is_empty()
    }

    /// Starts the consumers that could not be started, for example because the daemon has not created the lock file of a
    /// new endpoint yet. Returns the reasons why some still cannot.
    pub fn start_again(&mut self) -> Vec<ForwardStartError> {
        let mut faults = Vec::new();
        for prepared in std::mem::take(&mut self.unstarted) {
            match self.lock(prepared.clone(), false) {
                Ok(locked) => self.start(locked),
                Err(fault) => {
                    self.unstarted.push(prepared);
                    faults.push(fault);
                }
            }
        }
        faults
    }

    /// Locks the endpoints of a consumer, and starts its thread.
    ///
    /// # Errors
    /// If another process has locked one of the endpoints, or the thread cannot be started.
    pub fn lock(
        &self,
        PreparedConsumer { consumer, target }: PreparedConsumer,
        is_single_pass: bool,
    ) -> Result<LockedConsumer, ForwardStartError> {
        let stop = CancellationToken::new();
        let status = SharedStatus::default();
        let context = EngineContext {
            spool: self.spool.clone(),
            observer: self.observer.clone(),
            clock: self.clock.clone(),
            status: status.clone(),
            stop: stop.clone(),
            is_single_pass,
        };
        let metrics = self.metrics.consumer(consumer.name.as_str());
        let engine = Engine::new(Arc::clone(&consumer), target, metrics, context)?;
        let (begin, begun) = oneshot::channel();
        let (end, ended) = oneshot::channel::<()>();
        let (built, is_built) = mpsc::sync_channel(1);
        let token = self.tasks.token();
        thread::Builder::new().name("consumer".into()).spawn(move || {
            // A runtime must not be dropped in this one, so it is built in its thread.
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(built.send(Err(error))),
            };
            drop(built.send(Ok(())));
            runtime.block_on(async {
                if begun.await.is_ok() {
                    engine.run().await;
                }
            });
            // Without waiting for a host name that is being resolved.
            runtime.shutdown_background();
            drop((end, token));
        })?;
        is_built.recv().map_err(io::Error::other)??;
        Ok(LockedConsumer { status, begin, running: RunningConsumer { consumer, stop, ended } })
    }

    /// Starts a consumer.
    pub fn start(&mut self, LockedConsumer { status, begin, running }: LockedConsumer) {
        let (name, kind) = (running.consumer.name.clone(), running.consumer.target.kind());
        tracing::info!(consumer = %name, kind, "consumer started");
        self.statuses.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), status);
        // Only fails if the thread has ended, which nothing but a panic can cause.
        let _ = begin.send(());
        self.running.insert(name, running);
    }

    /// Waits until all consumers have ended by themselves.
    pub async fn ended(&mut self) {
        for running in self.running.values_mut() {
            // Nothing is sent; the channel is closed.
            let _ = (&mut running.ended).await;
        }
    }

    /// Stops all consumers, and waits for their attempts in progress.
    pub async fn stop(&mut self) {
        let all = std::mem::take(&mut self.running).into_values().collect();
        self.end(all).await;
        // Also those that an interrupted reload was stopping.
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn end(&self, ending: Vec<RunningConsumer>) {
        for running in &ending {
            running.stop.cancel();
        }
        for RunningConsumer { consumer, ended, .. } in ending {
            let _ = ended.await;
            self.statuses.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&consumer.name);
            self.metrics.remove_consumer(consumer.name.as_str());
            tracing::info!(consumer = %consumer.name, "consumer stopped");
        }
    }
}
