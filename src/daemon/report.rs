//! Notifies the service manager of the status line and pings its watchdog (sd_notify(3)).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::shared::Shared;
use crate::systemd::manager::Manager;

/// The interval at which the status line is computed; it is sent if it has changed.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);
/// The number of pings within the watchdog's timeout.
const PINGS_PER_TIMEOUT: u32 = 3;
/// The commit thread counts a step every second; it is not considered stuck before this time.
const STUCK_AFTER_MIN: Duration = Duration::from_secs(3);

/// During a stop, the timeout is extended by `STOP_EXTENSION` at this interval.
const STOP_INTERVAL: Duration = Duration::from_secs(2);
const STOP_EXTENSION: Duration = Duration::from_secs(10);

/// Sends notifications to the service manager.
#[derive(Clone, Debug)]
pub(super) struct Reporter {
    pub(super) manager: Manager,
    shared: Arc<Shared>,
}

impl Reporter {
    /// Creates a reporter for the service manager in the environment; without one, it does nothing.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { manager: Manager::from_environment(), shared }
    }

    /// Keeps the status line up to date. Runs until it is canceled.
    pub(super) async fn keep_status(self) {
        if !self.manager.is_present() {
            return;
        }
        let mut sent = String::new();
        let mut tick = interval(STATUS_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut changes = self.shared.live.subscribe();
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                changed = changes.changed() => if changed.is_err() { return },
            }
            let status = self.status();
            if status != sent {
                self.manager.status(&status).await;
                sent = status;
            }
        }
    }

    /// Pings the watchdog as long as this runtime and the commit thread make progress. A failing disk does not stop the
    /// pings, because a restarted daemon would have the same disk. Runs until it is canceled.
    pub(super) async fn ping_watchdog(self) {
        let Some(timeout) = self.manager.watchdog() else { return };
        let mut tick = interval(timeout / PINGS_PER_TIMEOUT);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut commit_thread =
            Heartbeat::new(self.shared.spool.health().steps(), timeout.max(STUCK_AFTER_MIN));
        let mut was_reported = false;
        loop {
            tick.tick().await;
            let is_alive = commit_thread.is_alive(self.shared.spool.health().steps());
            if is_alive {
                self.manager.ping_watchdog().await;
            } else if !was_reported {
                tracing::error!(
                    patience = ?timeout,
                    "commit thread stuck; watchdog pings stopped"
                );
            }
            was_reported = !is_alive;
        }
    }

    /// Extends the timeout of a stop until it is canceled.
    pub(super) async fn extend_stop_timeout(&self) -> Infallible {
        self.manager.stopping(STOP_EXTENSION).await;
        loop {
            sleep(STOP_INTERVAL).await;
            self.manager.extend_stopping(STOP_EXTENSION).await;
        }
    }

    /// The status line: the faults, or else the generation, the next expiry and the number of deliveries.
    pub(super) fn status(&self) -> String {
        let faults: Vec<_> =
            self.shared.spool.health().faults().map(|fault| format!("{}: {fault}", fault.code())).collect();
        if !faults.is_empty() {
            return format!("every delivery gets 503: {}", faults.join("; "));
        }
        let snapshot = self.shared.live.current();
        if let Some(why) = self.shared.endpoint_faults().into_iter().chain(self.shared.live.degraded()).next()
        {
            return format!("generation {}, degraded: {why}", snapshot.generation);
        }
        let stored = self.shared.stored.load(Ordering::Relaxed);
        let soonest = snapshot.certificates.iter().min_by_key(|fact| fact.not_after);
        let until = soonest.map_or_else(String::new, |fact| {
            format!(", first to expire {} at {}", fact.file.display(), fact.not_after)
        });
        format!("generation {}{until}, {stored} deliveries stored", snapshot.generation)
    }
}

/// Detects whether a counter increases within a timeout.
#[derive(Debug)]
struct Heartbeat {
    count: u64,
    changed_at: Instant,
    timeout: Duration,
}

impl Heartbeat {
    fn new(count: u64, timeout: Duration) -> Self {
        Self { count, changed_at: Instant::now(), timeout }
    }

    fn is_alive(&mut self, count: u64) -> bool {
        if self.count != count {
            (self.count, self.changed_at) = (count, Instant::now());
        }
        self.changed_at.elapsed() < self.timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_is_alive_while_the_count_changes_within_the_timeout() {
        let mut heartbeat = Heartbeat::new(0, Duration::from_secs(10));
        for count in 1..5 {
            tokio::time::advance(Duration::from_secs(9)).await;
            assert!(heartbeat.is_alive(count));
        }
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(heartbeat.is_alive(4));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!heartbeat.is_alive(4));
        // A later change makes it alive again.
        assert!(heartbeat.is_alive(5));
    }
}
