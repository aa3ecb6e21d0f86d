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
    serve_while(settings, logging, clock, async |_, signals| {
        let signal = signals.stop().await;
        tracing::info!(signal, "stopping");
    })
}

/// Serves while `meanwhile` runs, then drains, and returns what came of it.
///
/// # Errors
/// When the daemon cannot start.
pub fn serve_while<T>(
    settings: Settings,
    logging: Logging,
    clock: Clock,
    meanwhile: impl AsyncFnOnce(&Daemon, &mut Signals) -> T,
) -> Result<T, StartError> {
    // Whatever is made from here on is nobody's but ours and our group's.
    rustix::process::umask(Mode::RWXO);
    let logging = Arc::new(logging);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let daemon = Daemon::start(settings, Arc::clone(&logging), clock)?;
        daemon.announce();
        let outcome = meanwhile(&daemon, &mut signals).await;
        daemon.stop(&mut signals).await;
        Ok(outcome)
    })
}

impl Daemon {
    fn announce(&self) {
        let snapshot = self.live.current();
        for why in &snapshot.degraded {
            tracing::error!(why, "degraded");
        }
        let soonest = snapshot.certificates.iter().min_by_key(|fact| fact.not_after);
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            generation = snapshot.generation,
            endpoints = snapshot.policy.endpoints().len(),
            senders = snapshot.policy.senders().len(),
            first_expiry = soonest.map(|fact| tracing::field::display(fact.not_after)),
            first_to_expire = soonest.map(|fact| tracing::field::display(fact.file.display())),
            "serving"
        );
        for address in self.addresses() {
            tracing::info!(%address, "listening");
        }
    }

    /// Takes no more connections, finishes what is in flight, and lets go of everything. A second
    /// signal ends the wait.
    async fn stop(self, signals: &mut Signals) {
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
        tracing::info!(seconds = started.elapsed().as_secs_f64(), "stopped");
    }
}
