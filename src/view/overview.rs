//! What the processes and the disk report, cached so that many open pages cost no more than one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::scan::{Scan, scan};
use super::settings::Settings;
use crate::admin::{Status, ask};
use crate::clock::Clock;
use crate::forwarder::ForwardStatus;
use crate::spool::{Disk, Layout};

/// How long the reports of the processes are used.
const STATUS_TIME: Duration = Duration::from_millis(350);
/// The shortest time between two scans.
const SCAN_PAUSE_MIN: Duration = Duration::from_millis(350);
/// Between two scans, at least this many times the duration of the last one passes: with a million entries, the page must
/// not slow down the daemon.
const SCAN_PAUSE_FACTOR: u32 = 20;

/// The state of the processes and of the spool.
#[derive(Clone, Debug)]
pub(super) struct Overview {
    pub(super) daemon: Result<Arc<Status>, String>,
    /// `None` without a `[[consumer]]`.
    pub(super) forward: Option<Result<Arc<ForwardStatus>, String>>,
    pub(super) scan: Result<Arc<Scan>, String>,
    /// The free space and the size of the spool's file system, in bytes.
    pub(super) disk: Option<(u64, u64)>,
}

/// Produces overviews.
#[derive(Debug)]
pub(super) struct Overviews {
    settings: Arc<Settings>,
    disk: Disk,
    layout: Layout,
    clock: Clock,
    latest: Mutex<Latest>,
}

#[derive(Debug, Default)]
struct Latest {
    overview: Option<(Instant, Arc<Overview>)>,
    scan: Option<(Instant, Result<Arc<Scan>, String>)>,
    /// The scan that has begun. It continues if the request that began it is canceled, and the next one waits for it.
    running: Option<JoinHandle<io::Result<Scan>>>,
}

impl Overviews {
    pub(super) fn new(settings: Arc<Settings>, disk: Disk, layout: Layout, clock: Clock) -> Self {
        Self { settings, disk, layout, clock, latest: Mutex::default() }
    }

    /// The current overview.
    pub(super) async fn current(&self) -> Arc<Overview> {
        let mut latest = self.latest.lock().await;
        if let Some((at, overview)) = &latest.overview
            && at.elapsed() < STATUS_TIME
        {
            return Arc::clone(overview);
        }
        let daemon =
            async { ask::<Status>(&self.settings.daemon, "admin").await.map(|(_, status)| Arc::new(status)) };
        let forward = async {
            let addresses = self.settings.forward.as_ref()?;
            Some(ask::<ForwardStatus>(addresses, "forward").await.map(|(_, status)| Arc::new(status)))
        };
        let Latest { scan, running, .. } = &mut *latest;
        let scan = self.scan(scan, running);
        let (daemon, forward, scan) = tokio::join!(daemon, forward, scan);
        let disk = rustix::fs::statvfs(self.layout.root()).ok().map(|stat| {
            (stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize))
        });
        let overview = Arc::new(Overview { daemon, forward, scan, disk });
        latest.overview = Some((Instant::now(), Arc::clone(&overview)));
        overview
    }

    /// The latest scan, or a new one if it is due.
    async fn scan(
        &self,
        latest: &mut Option<(Instant, Result<Arc<Scan>, String>)>,
        running: &mut Option<JoinHandle<io::Result<Scan>>>,
    ) -> Result<Arc<Scan>, String> {
        if let Some((ended, scan)) = latest {
            let took = scan.as_ref().map_or(Duration::ZERO, |scan| scan.took);
            if ended.elapsed() < SCAN_PAUSE_MIN.max(took * SCAN_PAUSE_FACTOR) {
                return scan.clone();
            }
        }
        let (disk, layout, now) = (self.disk.clone(), self.layout.clone(), self.clock.now());
        let handle = running.get_or_insert_with(|| spawn_blocking(move || scan(&disk, &layout, now)));
        let scanned = handle.await;
        *running = None;
        let result = match scanned {
            Ok(Ok(scan)) => Ok(Arc::new(scan)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        *latest = Some((Instant::now(), result.clone()));
        result
    }
}
