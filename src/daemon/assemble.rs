//! Creates all parts of the daemon from its settings and starts them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::notice;
use super::reload::{LoadedState, ReloadTargets, Reloader, Trigger};
use super::report::Reporter;
use super::resources::Capacity;
use super::snapshot::{SnapshotDraft, update_certificate_metrics};
use super::sockets::{SocketError, bind};
use crate::admin::{AdminContext, AdminListener, AdminListenerError};
use crate::clock::{Clock, Timestamp, distance};
use crate::config::Settings;
use crate::envelope::EntryIds;
use crate::live::Live;
use crate::logging::Logging;
use crate::metrics::Metrics;
use crate::policy::Name;
use crate::quantity::HumanDuration;
use crate::receive::intake::Intake;
use crate::receive::memory::DeliveryMemory;
use crate::receive::recent::Recent;
use crate::sandbox::{Readable, RestrictError};
use crate::server::Server;
use crate::shared::Shared;
use crate::spool::{
    self, Committer, Disk, FileSystem, Greatest, Layout, Maintenance, OpenError, Opened, RetentionSetting,
    SpoolLock, greatest, keep_lists,
};
use crate::systemd::activation::{ActivationError, Inherited};
use crate::watch::{FileWatch, WatchError, WatchEvent};

/// The number of reload requests that can wait.
const TRIGGERS_WAITING_MAX: usize = 8;

/// IDs further in the future than this are ignored. With a clock that is ahead by more than the lifetime of a
/// certificate (398 days), no sender is accepted, so such an ID does not belong to a delivery.
const ID_AHEAD_MAX: Duration = Duration::from_secs(400 * 86_400);
/// Smaller differences are usual corrections of the clock and not reported.
const ID_AHEAD_REPORTED: Duration = Duration::from_secs(1);

/// The running daemon.
#[derive(Debug)]
pub struct Daemon {
    pub(super) shared: Arc<Shared>,
    pub(super) drain: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) triggers: mpsc::Sender<Trigger>,
    pub(super) admin: AdminListener,
    pub(super) committer: Committer,
    pub(super) maintenance: Maintenance,
    pub(super) lock: SpoolLock,
    pub(super) reporter: Reporter,
    addresses: Vec<SocketAddr>,
}

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket that systemd passed cannot be used.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// The admin listener cannot be started.
    #[error(transparent)]
    AdminListener(#[from] AdminListenerError),
    /// A socket cannot be opened.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The directory of a Unix socket cannot be created.
    #[error("cannot create the directory of a socket of the admin listener")]
    Folder(#[source] io::Error),
    /// The process cannot be restricted.
    #[error(transparent)]
    Restrict(#[from] RestrictError),
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] OpenError),
    /// A thread, descriptor or signal handler cannot be created.
    #[error("cannot start")]
    System(#[from] io::Error),
    /// Files cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl Daemon {
    /// Starts the daemon. Must be called within a runtime. All sockets are bound and the spool is locked before the
    /// first connection is accepted.
    ///
    /// # Errors
    /// If a resource is not available; the first one is returned.
    pub fn start(
        mut settings: Settings,
        inherited: Inherited,
        readable: Readable,
        logging: Arc<Logging>,
        clock: Clock,
        capacity: Capacity,
    ) -> Result<Self, StartError> {
        capacity.log_bodies(settings.limits.max_connections);
        settings.limits = capacity.fit(settings.limits);
        let accepted = std::mem::take(&mut settings.accepted_lists);
        let Settings { server, spool, admin, .. } = &settings;
        let endpoints: Vec<_> = settings.policy.endpoints().iter().map(|e| e.name.clone()).collect();
        let metrics = Arc::new(Metrics::new(endpoints.iter().map(|name| name.as_str())));
        let (opened, file_system) = open_spool(spool, &endpoints)?;
        let Opened { disk, layout, lock, .. } = opened;
        let (listeners, admin_sockets) = bind(server, admin, inherited)?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;

        let (committer, ids, maintenance) =
            start_writing(&settings, &disk, &layout, endpoints, &clock, &metrics)?;
        let (triggers, triggered) = mpsc::channel(TRIGGERS_WAITING_MAX);
        let (reload_sender, reload_receiver) = mpsc::channel(TRIGGERS_WAITING_MAX);
        let watch = watch(&settings, triggers.clone(), Arc::clone(&metrics))?;
        let spool_directory = spool.directory.clone();
        let not_stored = notice::unkept_lists(&keep_lists(&disk, &layout, &accepted));
        drop(accepted);
        let loaded = LoadedState::of(&settings, readable, not_stored.is_none());
        settings.degraded.extend(not_stored);
        let snapshot = SnapshotDraft::from(settings).into_snapshot(None, &clock);
        update_certificate_metrics(&snapshot, None, &metrics);
        metrics.loaded(clock.now().as_second());
        let shared = Arc::new(Shared::new(Live::new(snapshot), metrics, committer.spool(), clock));
        let context = AdminContext {
            shared: Arc::clone(&shared),
            entry_counts: maintenance.entry_counts(),
            spool_directory,
            file_system,
            listen: addresses.clone(),
            reload: reload_sender,
        };
        let admin = AdminListener::start(admin_sockets, context)?;

        let reporter = Reporter::new(Arc::clone(&shared));
        let (tasks, drain) = (TaskTracker::new(), CancellationToken::new());
        let body_bytes = capacity.body_bytes();
        let targets = ReloadTargets {
            shared: Arc::clone(&shared),
            logging: Arc::clone(&logging),
            retention: maintenance.retention(),
            disk,
            layout,
            reporter: reporter.clone(),
            capacity,
        };
        let intake = Arc::new(Intake {
            shared: Arc::clone(&shared),
            ids,
            memory: DeliveryMemory::new(body_bytes),
            recent: Recent::default(),
            tasks: tasks.clone(),
        });
        let accepting = Server::new(intake, tasks.clone(), drain.clone())?;
        for listener in listeners {
            tasks.spawn(accepting.clone().accept(listener));
        }
        // These tasks are canceled when the stop begins.
        let spawn_until_drain = |task: Pin<Box<dyn Future<Output = ()> + Send>>| {
            tasks.spawn(drain.clone().run_until_cancelled_owned(task));
        };
        spawn_until_drain(Box::pin(accepting.follow_limits()));
        spawn_until_drain(Box::pin(notice::unlogged(logging, Arc::clone(&shared))));
        spawn_until_drain(Box::pin(notice::expiries(Arc::clone(&shared))));
        spawn_until_drain(Box::pin(reporter.clone().keep_status()));
        spawn_until_drain(Box::pin(reporter.clone().ping_watchdog()));
        spawn_until_drain(Box::pin(Reloader::new(loaded, targets, watch).run(triggered, reload_receiver)));
        Ok(Self { shared, drain, tasks, triggers, admin, committer, maintenance, lock, reporter, addresses })
    }

    /// The addresses that senders can connect to, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Opens the spool, and logs its directory and the risks of its file system.
fn open_spool(settings: &spool::Settings, endpoints: &[Name]) -> Result<(Opened, FileSystem), StartError> {
    let opened = spool::open(settings.directory.clone(), settings.group, endpoints)?;
    tracing::info!(directory = %settings.directory.display(), swept = opened.swept, "spool opened");
    let file_system = opened.disk.file_system()?;
    notice::risky_file_system(file_system, &settings.directory);
    Ok((opened, file_system))
}

/// Creates an ID generator whose IDs sort after those of existing entries, even if the clock was set back.
fn continue_ids(disk: &Disk, layout: &Layout, clock: &Clock) -> EntryIds {
    let now = clock.now();
    let ahead = |by: Duration| now.checked_add(by).unwrap_or(Timestamp::MAX);
    let Greatest { entry, beyond } = greatest(disk, layout, ahead(ID_AHEAD_MAX));
    if let Some((place, count)) = beyond {
        let (endpoint, id) = (&place.endpoint, place.id);
        let ahead = distance(now, id.made_at());
        tracing::warn!(%endpoint, %id, ahead, count, maximum = %HumanDuration(ID_AHEAD_MAX), "entry ID too far in the future ignored");
    }
    if let Some(place) = &entry
        && place.id.made_at() >= ahead(ID_AHEAD_REPORTED)
    {
        let (endpoint, id) = (&place.endpoint, place.id);
        let ahead = distance(now, id.made_at());
        tracing::warn!(%endpoint, %id, ahead, "entry ID in the future; new IDs continue after it");
    }
    EntryIds::after(entry.map(|place| place.id))
}

/// Starts the threads that write to the spool.
fn start_writing(
    settings: &Settings,
    disk: &Disk,
    layout: &Layout,
    endpoints: Vec<Name>,
    clock: &Clock,
    metrics: &Arc<Metrics>,
) -> Result<(Committer, EntryIds, Maintenance), StartError> {
    let spool::Settings { min_free, retention, .. } = settings.spool;
    let retention = RetentionSetting::new(retention, settings.forwarded.clone());
    let committer =
        Committer::start(disk.clone(), layout.clone(), min_free.0, endpoints, Arc::clone(metrics))?;
    // After the entries of the logs have been restored to `new`, and before maintenance moves damaged ones.
    let ids = continue_ids(disk, layout, clock);
    let space = committer.spool().space().clone();
    space.set_endpoints(settings.policy.endpoints());
    let (disk, layout) = (disk.clone(), layout.clone());
    let maintenance = Maintenance::start(disk, layout, retention, space, clock.clone(), Arc::clone(metrics))?;
    Ok((committer, ids, maintenance))
}

/// Watches the files of a configuration, and triggers a reload when they change.
fn watch(
    settings: &Settings,
    triggers: mpsc::Sender<Trigger>,
    metrics: Arc<Metrics>,
) -> Result<FileWatch, WatchError> {
    FileWatch::start(settings.files.clone(), settings.reload, move |event| match event {
        // If triggers are waiting already, another one is not needed.
        WatchEvent::MayHaveChanged => drop(triggers.try_send(Trigger::Files)),
        WatchEvent::InotifyWorks(works) => metrics.watcher_alive.set(u64::from(works)),
    })
}
