//! The composition root: settings in, a daemon that listens out.

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
use super::snapshot::{SnapshotDraft, publish};
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
use crate::receive::body::Budget;
use crate::receive::intake::Intake;
use crate::receive::recent::Recent;
use crate::refusals::Refusals;
use crate::sandbox::{Readable, RestrictError};
use crate::server::Server;
use crate::spool::{
    self, Committer, Disk, FileSystem, Greatest, Layout, Maintenance, OpenError, Opened, SpoolLock, greatest,
};
use crate::systemd::activation::{ActivationError, Inherited};
use crate::watch::{FileWatch, WatchError, WatchEvent};

/// How many reloads may be asked for before one of them is done.
const TRIGGERS_WAITING_MAX: usize = 8;

/// How far in the future the ID of an entry is followed. A clock that is further ahead than certificates are valid (398 days)
/// accepts no sender, so an ID beyond this was not made by an entry that arrived.
const ID_AHEAD_MAX: Duration = Duration::from_secs(400 * 86_400);
/// Less than this is how clocks are corrected.
const ID_AHEAD_REPORTED: Duration = Duration::from_secs(1);

/// Everything that runs, in the order in which it is stopped.
#[derive(Debug)]
pub struct Daemon {
    pub(super) live: Arc<Live>,
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
    /// What systemd passed is of no use.
    #[error(transparent)]
    Activation(#[from] ActivationError),
    /// The admin listener cannot be opened.
    #[error(transparent)]
    AdminListener(#[from] AdminListenerError),
    /// Cannot open a socket.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The folders that everything is written to cannot be made.
    #[error("cannot make the folder of a socket of the admin listener")]
    Folder(#[source] io::Error),
    /// The process cannot be restricted.
    #[error(transparent)]
    Restrict(#[from] RestrictError),
    /// The spool cannot be opened.
    #[error(transparent)]
    Spool(#[from] OpenError),
    /// The system has no thread, descriptor or signal handler to give.
    #[error("cannot start")]
    System(#[from] io::Error),
    /// Files cannot be watched.
    #[error(transparent)]
    Watch(#[from] WatchError),
}

impl Daemon {
    /// Puts everything together and begins to listen, on what was inherited, too. Needs a runtime.
    /// Every socket is bound and the spool is ours before anybody is served.
    ///
    /// # Errors
    /// The first resource that is not available.
    pub fn start(
        settings: Settings,
        inherited: Inherited,
        readable: Readable,
        logging: Arc<Logging>,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let Settings { server, spool, admin, .. } = &settings;
        let endpoints: Vec<_> = settings.policy.endpoints().iter().map(|e| e.name.clone()).collect();
        let metrics = Arc::new(Metrics::new(endpoints.iter().map(|name| name.as_str())));
        let (opened, file_system) = open_spool(spool, &endpoints)?;
        let Opened { disk, layout, lock, .. } = opened;
        let (listeners, admin_sockets) = bind(server, admin, inherited)?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;

        let (committer, ids, maintenance) =
            start_writing(spool, &disk, &layout, endpoints, &clock, &metrics)?;
        let loaded = LoadedState::of(&settings, readable);
        let (triggers, triggered) = mpsc::channel(TRIGGERS_WAITING_MAX);
        let (ask, asked) = mpsc::channel(TRIGGERS_WAITING_MAX);
        let watch = watch(&settings, triggers.clone(), Arc::clone(&metrics))?;
        let spool_directory = spool.directory.clone();
        let snapshot = SnapshotDraft::from(settings).into_snapshot(1, &clock);
        publish(&snapshot, None, &metrics);
        metrics.loaded(clock.now().as_second());
        let live = Arc::new(Live::new(snapshot));
        let refusals = Arc::new(Refusals::default());
        let context = AdminContext {
            live: Arc::clone(&live),
            metrics: Arc::clone(&metrics),
            refusals: Arc::clone(&refusals),
            spool: committer.spool(),
            spool_directory,
            file_system,
            listen: addresses.clone(),
            reload: ask,
        };
        let admin = AdminListener::start(admin_sockets, context)?;

        let reporter = Reporter::new(Arc::clone(&live), Arc::clone(&metrics), committer.spool());
        let (tasks, drain) = (TaskTracker::new(), CancellationToken::new());
        let targets = ReloadTargets {
            live: Arc::clone(&live),
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            logging: Arc::clone(&logging),
            spool: committer.spool(),
            retention: maintenance.retention(),
            disk,
            layout,
            reporter: reporter.clone(),
        };
        let intake = Arc::new(Intake {
            spool: committer.spool(),
            live: Arc::clone(&live),
            metrics: Arc::clone(&metrics),
            clock: clock.clone(),
            ids,
            budget: Budget::default(),
            recent: Recent::default(),
            tasks: tasks.clone(),
        });
        let accepting = Server::new(intake, Arc::clone(&refusals), tasks.clone(), drain.clone());
        for listener in listeners {
            tasks.spawn(accepting.clone().accept(listener));
        }
        // Until the stop begins; whatever they do, it waits for nobody.
        let beside = |task: Pin<Box<dyn Future<Output = ()> + Send>>| {
            tasks.spawn(drain.clone().run_until_cancelled_owned(task));
        };
        beside(Box::pin(accepting.follow_limits()));
        beside(Box::pin(notice::unlogged(logging, metrics, refusals)));
        beside(Box::pin(notice::expiries(Arc::clone(&live), clock)));
        beside(Box::pin(reporter.clone().keep_status()));
        beside(Box::pin(reporter.clone().keep_alive()));
        beside(Box::pin(Reloader::new(loaded, targets, watch).run(triggered, asked)));
        Ok(Self { live, drain, tasks, triggers, admin, committer, maintenance, lock, reporter, addresses })
    }

    /// Where senders can connect to, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

/// Opens the spool, and says what it is on.
fn open_spool(settings: &spool::Settings, endpoints: &[Name]) -> Result<(Opened, FileSystem), StartError> {
    let opened = spool::open(settings.directory.clone(), settings.group, endpoints)?;
    tracing::info!(directory = %settings.directory.display(), swept = opened.swept, "spool opened");
    let file_system = opened.disk.file_system()?;
    notice::risky_file_system(file_system, &settings.directory);
    Ok((opened, file_system))
}

/// New IDs sort after those of entries that have arrived earlier, whatever the clock says.
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
    settings: &spool::Settings,
    disk: &Disk,
    layout: &Layout,
    endpoints: Vec<Name>,
    clock: &Clock,
    metrics: &Arc<Metrics>,
) -> Result<(Committer, EntryIds, Maintenance), StartError> {
    let (min_free, retention) = (settings.min_free.0, settings.retention);
    let committer = Committer::start(disk.clone(), layout.clone(), min_free, endpoints, Arc::clone(metrics))?;
    // After the entries of the logs are back in `new`, and before the maintenance moves those that are not intact.
    let ids = continue_ids(disk, layout, clock);
    let maintenance =
        Maintenance::start(disk.clone(), layout.clone(), retention, clock.clone(), Arc::clone(metrics))?;
    Ok((committer, ids, maintenance))
}

/// Watches the files of a configuration, and passes on what is heard of them.
fn watch(
    settings: &Settings,
    triggers: mpsc::Sender<Trigger>,
    metrics: Arc<Metrics>,
) -> Result<FileWatch, WatchError> {
    FileWatch::start(settings.files.clone(), settings.reload, move |tidings| match tidings {
        // Where triggers wait already, one more says nothing new.
        WatchEvent::MayHaveChanged => drop(triggers.try_send(Trigger::Files)),
        WatchEvent::InotifyWorks(works) => metrics.watcher_alive.set(i64::from(works)),
    })
}
