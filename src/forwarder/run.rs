//! Starts the consumers, reloads them, and stops.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::admin::{ForwardAdmin, ForwardState};
use super::consumers::{Consumers, PreparedConsumer};
use super::error::ForwardStartError;
use super::reload::ForwardReloader;
use crate::admin::{AdminListener, bind, socket_folders};
use crate::clock::Clock;
use crate::config::ForwardSettings;
use crate::forward::{ForwardSpool, Observer, TargetSettings};
use crate::live::{Reload, ReloadRequest};
use crate::logging::Logging;
use crate::metrics::ForwardMetrics;
use crate::sandbox::{AccessPaths, Sandbox, SpoolAccess, raise_descriptor_limit, restrict, unrestricted};
use crate::signals::{Received, Signals};
use crate::spool::{Disk, Layout};
use crate::systemd::activation::Inherited;
use crate::systemd::credentials;
use crate::systemd::manager::Manager;
use crate::watch::{FileWatch, WatchEvent};

/// The number of reload requests that can wait.
const REQUESTS_WAITING_MAX: usize = 8;
/// How often it tries to start consumers whose endpoints could not be locked.
const START_INTERVAL: Duration = Duration::from_secs(1);
/// What libraries read to find a host and to verify its certificate: the resolver's configuration and plug-ins, and the
/// system's CAs. The files in /etc are replaced by rename, so access to the directory is needed; their permissions still
/// apply.
const NETWORK_FILES: &[&str] =
    &["/etc", "/usr/share/ca-certificates", "/usr/lib", "/lib", "/lib64", "/run/systemd/resolve"];

/// Restricts this thread and all later ones to the files that these consumers need. Commands would
/// inherit the restrictions, so a process that runs commands is not restricted.
///
/// # Errors
/// If a directory cannot be created, or the process cannot be restricted.
pub fn confine(settings: &ForwardSettings) -> Result<Sandbox, ForwardStartError> {
    rustix::process::umask(rustix::fs::Mode::RWXO);
    socket_folders(&settings.listen).try_for_each(fs::create_dir_all).map_err(ForwardStartError::Folder)?;
    let runs_commands =
        settings.consumers.iter().any(|consumer| matches!(consumer.target, TargetSettings::Exec(_)));
    if runs_commands {
        return Ok(unrestricted());
    }
    let system = NETWORK_FILES.iter().map(PathBuf::from);
    let places = AccessPaths {
        files: settings.files.clone(),
        read: credentials::directory().into_iter().chain(system).collect(),
        spool: settings.spool.directory.clone(),
        spool_access: SpoolAccess::Write,
        sockets: socket_folders(&settings.listen).map(Path::to_owned).collect(),
    };
    Ok(restrict(&settings.sandbox, &places)?)
}

/// Forwards until a signal stops the process, then waits for the attempts in progress.
///
/// # Errors
/// If the process cannot start.
pub fn run(
    settings: ForwardSettings,
    sandbox: Sandbox,
    logging: Logging,
    clock: Clock,
    signals: Signals,
) -> Result<(), ForwardStartError> {
    sandbox.log();
    let inherited = Inherited::from_environment()?;
    if let Err(error) = raise_descriptor_limit() {
        tracing::warn!(%error, "cannot raise the open file limit");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(settings, sandbox, logging, clock, signals, inherited));
    runtime.shutdown_background();
    outcome
}

/// Opens the spool of a consumer.
///
/// # Errors
/// If it does not exist, or cannot be opened.
pub fn open_spool(settings: crate::spool::Settings) -> Result<ForwardSpool, ForwardStartError> {
    let path = settings.directory;
    match Disk::open(&path, settings.group) {
        Ok(disk) => Ok(ForwardSpool { disk, layout: Layout::new(path) }),
        Err(source) => Err(ForwardStartError::Spool { path, source }),
    }
}

async fn serve(
    settings: ForwardSettings,
    sandbox: Sandbox,
    logging: Logging,
    clock: Clock,
    signals: Signals,
    mut inherited: Inherited,
) -> Result<(), ForwardStartError> {
    let sockets = bind(&settings.listen, &mut inherited)?;
    let metrics = Arc::new(ForwardMetrics::default());
    let spool = open_spool(settings.spool.clone())?;
    let mut consumers = Consumers::new(spool, Observer::log(), clock.clone(), Arc::clone(&metrics));
    let prepared = settings.consumers.iter().cloned().map(|consumer| {
        let name = consumer.name.to_string();
        PreparedConsumer::new(consumer).map_err(|source| ForwardStartError::Target { consumer: name, source })
    });
    let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
    let locked = prepared.into_iter().map(|prepared| consumers.lock(prepared, false));
    let locked = locked.collect::<Result<Vec<_>, _>>()?;

    let state = Arc::new(ForwardState::default());
    state.loaded(1, settings.degraded.clone());
    let (requests, requested) = mpsc::channel(REQUESTS_WAITING_MAX);
    let admin =
        ForwardAdmin { state: Arc::clone(&state), statuses: consumers.statuses(), metrics, reload: requests };
    let admin = AdminListener::start(sockets, admin)?;
    // One queued event is enough, because all files are read after it.
    let (changed, changes) = mpsc::channel(1);
    let watch = FileWatch::start(settings.files.clone(), settings.reload, move |event| {
        if event == WatchEvent::MayHaveChanged {
            let _ = changed.try_send(());
        }
    })?;
    // Nothing after this can fail, so no attempt is interrupted.
    locked.into_iter().for_each(|locked| consumers.start(locked));
    let manager = Manager::from_environment();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), consumers = settings.consumers.len(), "forwarding");
    let mut reloader = ForwardReloader::new(settings, &sandbox, state.clone(), logging, watch, clock);
    manager.ready("forwarding").await;

    let mut inputs = Inputs { signals, changes, requested };
    inputs.handle(&mut reloader, &mut consumers, manager).await;
    let Inputs { mut signals, .. } = inputs;
    let started = Instant::now();
    state.begin_draining();
    tokio::select! {
        () = consumers.stop() => {}
        _ = signals.stop() => tracing::warn!("stopped by a second signal; attempts in progress will be repeated"),
    }
    admin.close();
    tracing::info!(seconds = started.elapsed().as_secs_f64(), "stopped");
    Ok(())
}

/// What the process reacts to.
struct Inputs {
    signals: Signals,
    changes: mpsc::Receiver<()>,
    requested: mpsc::Receiver<ReloadRequest>,
}

impl Inputs {
    /// Reloads until a signal stops the process.
    async fn handle(&mut self, reloader: &mut ForwardReloader, consumers: &mut Consumers, manager: Manager) {
        let mut hangup = false;
        loop {
            let (is_requested, reply) = tokio::select! {
                biased;
                () = std::future::ready(()), if hangup => (true, None),
                signal = self.signals.next() => match signal {
                    Received::Stop(signal) => return tracing::info!(signal, "stopping"),
                    Received::Reload => (true, None),
                },
                Some(reply) = self.requested.recv() => (true, Some(reply)),
                Some(()) = self.changes.recv() => (false, None),
                () = sleep(START_INTERVAL), if consumers.has_unstarted() => {
                    reloader.start_again(consumers);
                    continue;
                }
            };
            if is_requested && reply.is_none() {
                tracing::info!("SIGHUP received; reloading");
            }
            if is_requested {
                manager.reloading().await;
            }
            let reload = reloader.reload(consumers, is_requested);
            let Some((reload, signaled)) = self.unless_stopped(reload).await else { return };
            hangup = signaled;
            if is_requested {
                manager.ready("forwarding").await;
            }
            if let Some(reply) = reply {
                // The requester may have disconnected.
                let _ = reply.reply.send(reload);
            }
        }
    }

    /// Waits for the end of a reload, which may wait for attempts in progress, unless a signal stops the process. Also
    /// returns whether SIGHUP was received meanwhile.
    async fn unless_stopped(&mut self, reload: impl Future<Output = Reload>) -> Option<(Reload, bool)> {
        let mut reload = std::pin::pin!(reload);
        let mut hangup = false;
        loop {
            tokio::select! {
                reload = &mut reload => return Some((reload, hangup)),
                signal = self.signals.next() => match signal {
                    Received::Stop(signal) => {
                        tracing::info!(signal, "stopping");
                        return None;
                    }
                    Received::Reload => hangup = true,
                },
            }
        }
    }
}
