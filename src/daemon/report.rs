//! What the service manager hears of the daemon while it serves: a line of status, signs of life.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::live::Live;
use crate::metrics::Metrics;
use crate::spool::Spool;
use crate::systemd::manager::Manager;

/// How often the line of status is looked at; it is sent where it has changed.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// A sign of life comes this often within the time that the manager waits for one.
const SIGNS_IN_TIME: u32 = 3;
/// The committer comes a step further every second; it is not called stuck before this.
const STUCK_AFTER_MIN: Duration = Duration::from_secs(3);

/// How often a stop says that it goes on, and how long the manager is to wait for the next word.
const STOP_SIGN_EVERY: Duration = Duration::from_secs(2);
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What the line of status is made from.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    pub(super) manager: Manager,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    spool: Spool,
}

impl Reporter {
    /// Tells the manager that the environment names, if it names one.
    pub(super) fn new(live: Arc<Live>, metrics: Arc<Metrics>, spool: Spool) -> Self {
        Self { manager: Manager::from_environment(), live, metrics, spool }
    }

    /// Updates the status line of the service manager.
    pub(super) async fn keep_status(self) {
        if !self.manager.is_present() {
            return;
        }
        let mut said = String::new();
        let mut tick = interval(STATUS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut changes = self.live.subscribe();
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
            let status = self.status();
            if status != said {
                self.manager.status(&status).await;
                said = status;
            }
        }
    }

    /// Gives signs of life for as long as the runtime that this runs on and the committer come
    /// further, for ever. A disk that fails is no reason to stop: who is started anew has the same
    /// disk, and could not even say 503.
    pub(super) async fn keep_alive(self) {
        let Some(patience) = self.manager.watchdog() else { return };
        let mut tick = interval(patience / SIGNS_IN_TIME);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut committer = Heartbeat::new(self.spool.health().steps(), patience.max(STUCK_AFTER_MIN));
        let mut silent = false;
        loop {
            tick.tick().await;
            let alive = committer.is_felt(self.spool.health().steps());
            if alive {
                self.manager.ping_watchdog().await;
            } else if !silent {
                tracing::error!(
                    patience = ?patience,
                    "commit thread stuck; watchdog pings stopped"
                );
            }
            silent = !alive;
        }
    }

    /// Asks for more time while a stop goes on, and for no longer than it does; for ever.
    pub(super) async fn keep_stopping(&self) -> Infallible {
        self.manager.stopping(STOP_PATIENCE).await;
        loop {
            sleep(STOP_SIGN_EVERY).await;
            self.manager.extend_stopping(STOP_PATIENCE).await;
        }
    }

    /// What is wrong, or else what is served.
    pub(super) fn status(&self) -> String {
        let faults: Vec<_> =
            self.spool.health().faults().map(|fault| format!("{}: {fault}", fault.code())).collect();
        if !faults.is_empty() {
            return format!("every delivery gets 503: {}", faults.join("; "));
        }
        let snapshot = self.live.current();
        let faults = self
            .spool
            .health()
            .endpoint_faults()
            .into_iter()
            .map(|(name, why)| format!("endpoint `{name}`: {why}"));
        if let Some(why) = faults.chain(self.live.degraded()).next() {
            return format!("generation {}, degraded: {why}", snapshot.generation);
        }
        let stored: u64 =
            snapshot.policy.endpoints().iter().map(|e| self.metrics.stored(e.name.as_str())).sum();
        let soonest = snapshot.certificates.iter().min_by_key(|fact| fact.not_after);
        let until = soonest.map_or_else(String::new, |fact| {
            format!(", first to expire {} at {}", fact.file.display(), fact.not_after)
        });
        format!("generation {}{until}, {stored} deliveries stored", snapshot.generation)
    }
}

/// Whether a count goes on.
#[derive(Debug)]
struct Heartbeat {
    count: u64,
    since: Instant,
    patience: Duration,
}

impl Heartbeat {
    fn new(count: u64, patience: Duration) -> Self {
        Self { count, since: Instant::now(), patience }
    }

    fn is_felt(&mut self, count: u64) -> bool {
        if self.count != count {
            (self.count, self.since) = (count, Instant::now());
        }
        self.since.elapsed() < self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pulse_is_felt_while_the_count_goes_on_and_for_as_long_as_patience_lasts() {
        let mut heartbeat = Heartbeat::new(0, Duration::from_secs(10));
        for count in 1..5 {
            tokio::time::advance(Duration::from_secs(9)).await;
            assert!(heartbeat.is_felt(count));
        }
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(heartbeat.is_felt(4));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!heartbeat.is_felt(4));
        // It was slow, not dead.
        assert!(heartbeat.is_felt(5));
    }
}
