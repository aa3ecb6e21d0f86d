//! Start, serve, stop.

use std::sync::Arc;

use rustix::fs::Mode;
use tokio::time::{Instant, timeout};

use super::assemble::{Daemon, StartError};
use super::signals::Signals;
use crate::clock::Clock;
use crate::config::Settings;
use crate::logging::Logging;

/// Serves until a signal says to stop, then drains.
///
/// # Errors
/// When the daemon cannot start.
pub fn run(settings: Settings, logging: Logging, clock: Clock) -> Result<(), StartError> {
    let logging = Arc::new(logging);
    keep_from_others();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let daemon = Daemon::start(settings, Arc::clone(&logging), clock)?;
        for address in daemon.addresses() {
            tracing::info!(%address, "listening");
        }
        let signal = signals.stop().await;
        tracing::info!(signal, "stopping");
        daemon.stop(&mut signals).await;
        Ok(())
    })
}

/// Whatever is made from here on is nobody's but ours and our group's.
pub(super) fn keep_from_others() {
    rustix::process::umask(Mode::RWXO);
}

impl Daemon {
    /// Takes no more connections, finishes what is in flight, and lets go of everything. A second
    /// signal ends the wait.
    pub async fn stop(self, signals: &mut Signals) {
        let started = Instant::now();
        self.live.begin_draining();
        self.drain.cancel();
        self.connections.close();
        let finished = tokio::select! {
            finished = timeout(self.drain_timeout, self.connections.wait()) => finished.is_ok(),
            _ = signals.stop() => false,
        };
        if !finished {
            let cut = self.connections.len();
            tracing::warn!(cut, waited = ?started.elapsed(), "not everything was finished in time");
        }
        // What the committer holds is committed; whoever comes later is told 503.
        let (committer, door, watch) = (self.committer, self.door, self.watch);
        let _ = tokio::task::spawn_blocking(move || {
            committer.stop();
            door.close();
            drop(watch);
        })
        .await;
        drop(self.lock);
        tracing::info!(milliseconds = started.elapsed().as_millis(), "stopped");
    }
}
