//! Starts, serves and stops.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::assemble::{Daemon, StartError};
use super::reload::Trigger;
use super::resources::{Capacity, Memory};
use crate::clock::Clock;
use crate::config::Settings;
use crate::logging::Logging;
use crate::sandbox::{self, Sandbox};
use crate::signals::{Received, Signals};
use crate::systemd::activation::Inherited;
use crate::systemd::environment::number;

/// The environment variable with which tokio's number of threads is configured.
const WORKER_THREADS: &str = "TOKIO_WORKER_THREADS";
/// More threads would only use memory and process IDs of the service (`TasksMax=`).
const WORKER_THREADS_MAX: usize = 512;
/// The timeout of the last commit after the drain.
const CLOSE_MAX: Duration = Duration::from_secs(10);

/// Serves until a signal stops the daemon, then drains.
///
/// # Errors
/// If the daemon cannot start.
pub fn run(
    settings: Settings,
    confined: (Sandbox, Option<Memory>),
    logging: Logging,
    clock: Clock,
    signals: Signals,
) -> Result<(), StartError> {
    serve_while(settings, confined, Arc::new(logging), clock, signals, async |daemon, signals| {
        serve(daemon, signals).await;
    })
}

/// Serves until `meanwhile` returns, then drains, and returns its result. The limits are lowered to what fits into the
/// memory.
///
/// # Errors
/// If the daemon cannot start.
pub fn serve_while<T>(
    settings: Settings,
    (sandbox, memory): (Sandbox, Option<Memory>),
    logging: Arc<Logging>,
    clock: Clock,
    mut signals: Signals,
    meanwhile: impl AsyncFnOnce(&Daemon, &mut Signals) -> T,
) -> Result<T, StartError> {
    sandbox.log();
    let capacity = Capacity { memory, descriptors: raise_descriptor_limit() };
    let inherited = Inherited::from_environment()?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(worker_threads()).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let (readable, logging) = (sandbox.readable.clone(), Arc::clone(&logging));
        let daemon = Daemon::start(settings, inherited, readable, logging, clock, capacity)?;
        announce(&daemon).await;
        let outcome = meanwhile(&daemon, &mut signals).await;
        stop(daemon, &mut signals).await;
        Ok(outcome)
    });
    // All tasks have ended, or their timeout has expired.
    runtime.shutdown_background();
    outcome
}

/// The number of threads that serve: the value of the environment, or else one for each processor. tokio would panic if
/// the variable is 0 or not a number.
fn worker_threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let Some(requested) = number(WORKER_THREADS) else { return processors };
    match usize::try_from(requested) {
        Ok(threads @ 1..=WORKER_THREADS_MAX) => threads,
        Ok(_) | Err(_) => {
            tracing::warn!(
                variable = WORKER_THREADS,
                value = requested,
                maximum = WORKER_THREADS_MAX,
                used = processors,
                "environment variable ignored: out of range"
            );
            processors
        }
    }
}

/// Raises the limit of descriptors, and returns it; `None` if there is none.
fn raise_descriptor_limit() -> Option<u64> {
    let raised = sandbox::raise_descriptor_limit();
    raised.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot raise the open file limit");
        sandbox::descriptor_limit()
    })
}

/// Serves until a signal stops the daemon; reloads on SIGHUP.
pub async fn serve(daemon: &Daemon, signals: &mut Signals) {
    loop {
        match signals.next().await {
            Received::Stop(signal) => return tracing::info!(signal, "stopping"),
            Received::Reload => reload(daemon).await,
        }
    }
}

/// Requests a reload of certificates and configuration.
async fn reload(daemon: &Daemon) {
    // The receiver exists as long as the daemon.
    let _ = daemon.triggers.send(Trigger::Hangup).await;
}

async fn announce(daemon: &Daemon) {
    let snapshot = daemon.shared.live.current();
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
    for address in daemon.addresses() {
        tracing::info!(%address, "listening");
    }
    daemon.reporter.manager.ready(&daemon.reporter.status()).await;
}

/// Accepts no more connections, finishes the requests in flight, and releases all resources. A second signal ends the
/// wait.
async fn stop(daemon: Daemon, signals: &mut Signals) {
    let started = Instant::now();
    daemon.shared.live.begin_draining();
    daemon.drain.cancel();
    daemon.tasks.close();
    let reporter = daemon.reporter;
    let finished = tokio::select! {
        never = reporter.extend_stop_timeout() => match never {},
        finished = timeout(daemon.shared.live.current().limits.drain_timeout, daemon.tasks.wait()) => finished.is_ok(),
        _ = signals.stop() => false,
    };
    if !finished {
        let in_flight = daemon.tasks.len();
        tracing::warn!(in_flight, waited = ?started.elapsed(), "drain timeout exceeded");
    }
    // Queued drafts are committed; later deliveries get 503.
    let (committer, maintenance, admin) = (daemon.committer, daemon.maintenance, daemon.admin);
    let closing = tokio::task::spawn_blocking(move || {
        committer.stop();
        maintenance.stop();
        admin.close();
    });
    let closed = tokio::select! {
        never = reporter.extend_stop_timeout() => match never {},
        closed = timeout(CLOSE_MAX, closing) => Some(closed.is_ok()),
        _ = signals.stop() => None,
    };
    match closed {
        Some(true) => {}
        Some(false) => {
            tracing::warn!("spool disk not responding; pending deliveries were not acknowledged");
        }
        None => tracing::warn!("stopped by a second signal; pending deliveries were not acknowledged"),
    }
    drop(daemon.lock);
    tracing::info!(seconds = started.elapsed().as_secs_f64(), "stopped");
}
