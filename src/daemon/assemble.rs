//! The composition root: settings in, a daemon that listens out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::notice;
use super::snapshot::{Judgement, publish};
use crate::admin::{self, AdminBindError, Door, DoorError, Facts};
use crate::clock::Clock;
use crate::config::Settings;
use crate::live::{Changed, Live};
use crate::logging::Logging;
use crate::metrics::Metrics;
use crate::receive::body::Budget;
use crate::receive::intake::Intake;
use crate::refusals::Refusals;
use crate::server::{self, BindError, Server};
use crate::spool::{self, Committer, Disk, OpenError, SpoolLock};
use crate::watch::{FileWatch, WatchError};

/// Everything that runs, in the order in which it is stopped.
#[derive(Debug)]
pub struct Daemon {
    pub(super) live: Arc<Live>,
    pub(super) drain: CancellationToken,
    pub(super) drain_timeout: Duration,
    pub(super) connections: TaskTracker,
    pub(super) watch: FileWatch,
    pub(super) door: Door,
    pub(super) committer: Committer,
    pub(super) lock: SpoolLock,
    addresses: Vec<SocketAddr>,
}

/// Why the daemon cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address of the admin door cannot be had.
    #[error(transparent)]
    AdminBind(#[from] AdminBindError),
    /// An address for senders cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The admin door cannot be opened.
    #[error(transparent)]
    Door(#[from] DoorError),
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
    /// Puts everything together and begins to listen. Needs a runtime. Every socket is bound and
    /// the spool is ours before anybody is served.
    ///
    /// # Errors
    /// With the first thing that cannot be had.
    pub fn start(settings: Settings, logging: Arc<Logging>, clock: Clock) -> Result<Self, StartError> {
        let Settings { server, spool, admin, files, .. } = &settings;
        let (server, files) = (server.clone(), files.clone());
        let endpoints: Vec<_> = settings.policy.endpoints().iter().map(|e| e.name.clone()).collect();
        let metrics = Arc::new(Metrics::new(endpoints.iter().map(|name| name.as_str())));
        let disk = Disk::new(spool.group);
        let opened = spool::open(&disk, spool.directory.clone(), &endpoints)?;
        tracing::info!(directory = %spool.directory.display(), swept = opened.swept, "spool opened");
        let listeners = server::bind(&server.listen)?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
        let admin_sockets = admin::bind(admin)?;

        let committer = Committer::start(disk, opened.layout, spool.min_free.0, Arc::clone(&metrics))?;
        let spool_directory = spool.directory.clone();
        let snapshot = judgement(settings).into_snapshot(1, &clock);
        publish(&snapshot, &metrics);
        let live = Arc::new(Live::new(snapshot));
        let refusals = Arc::new(Refusals::default());
        let changed = Arc::new(Changed::default());
        let watch = notice::changed_files(files, Arc::clone(&changed), &metrics)?;
        let facts = Facts {
            live: Arc::clone(&live),
            metrics: Arc::clone(&metrics),
            refusals: Arc::clone(&refusals),
            spool: committer.spool(),
            spool_directory,
            listen: addresses.clone(),
            changed,
        };
        let door = Door::open(admin_sockets, facts)?;

        let (connections, drain) = (TaskTracker::new(), CancellationToken::new());
        let intake = Arc::new(Intake {
            spool: committer.spool(),
            live: Arc::clone(&live),
            metrics: Arc::clone(&metrics),
            clock,
            body_timeout: server.body_timeout,
            budget: Budget::default(),
            tasks: connections.clone(),
        });
        let drain_timeout = server.drain_timeout;
        let unlogged = notice::unlogged(logging, metrics, Arc::clone(&refusals));
        let accepting = Server::new(server, intake, refusals, connections.clone(), drain.clone());
        for listener in listeners {
            connections.spawn(accepting.clone().accept(listener));
        }
        connections.spawn(drain.clone().run_until_cancelled_owned(unlogged));
        Ok(Self {
            live,
            drain,
            drain_timeout,
            connections,
            watch,
            door,
            committer,
            lock: opened.lock,
            addresses,
        })
    }

    /// Where senders can connect to, with the ports that the system chose.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

fn judgement(settings: Settings) -> Judgement {
    Judgement {
        key_pair: settings.tls.key_pair,
        min_version: settings.tls.min_version,
        senders: settings.senders,
        policy: settings.policy,
        certificates: settings.certificates,
        degraded: settings.degraded,
    }
}
