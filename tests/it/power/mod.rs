//! Checks that acknowledged entries survive a killed process, a power failure, and a failing or full disk.
//!
//! After the daemon is started again on the remaining files, every acknowledged entry must be in `new/`, intact and
//! with the bytes that were sent, and every file in `new/` must be intact.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::disk::{Image, Kind, MIB, Mount};
use crate::world::{Daemon, World};

pub mod disk;
mod ledger;
mod load;

mod crash;
mod damaged;
mod full;
mod late;
mod mounts;
mod replaced;
mod unjournaled;
mod writeback;

/// The endpoints of the deliveries. Each answers 200 with the ID of the entry.
const ENDPOINTS: [Endpoint; 3] = [
    Endpoint { name: "pix", path: "/webhooks/pix", certificate: "client" },
    Endpoint { name: "second", path: "/second", certificate: "second" },
    Endpoint { name: "third", path: "/third", certificate: "client" },
];

struct Endpoint {
    name: &'static str,
    path: &'static str,
    certificate: &'static str,
}

static POWER: Mutex<()> = Mutex::new(());

/// A world with a configurable spool. Only one exists at a time, because each of these tests uses all cores.
struct Fixture {
    /// The disk of the spool, unmounted before the directory of the world is removed.
    disk: Option<(Image, Option<Mount>)>,
    world: World,
    spool: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Fixture {
    /// `spool` is relative to the directory of the world. `min_free` is low, because these disks are small.
    fn new(spool: &str) -> Self {
        let _alone = POWER.lock().unwrap_or_else(PoisonError::into_inner);
        let world = World::new();
        world.configure_all("", &format!("directory = \"{spool}\"\nmin_free = \"1 KiB\""));
        let file = world.path("webhooks.toml");
        let third = "\n[[endpoint]]\nname = \"third\"\npath = \"/third\"\nsenders = [\"bank\"]\n";
        fs::write(&file, fs::read_to_string(&file).unwrap() + third).unwrap();
        let spool = world.path(spool);
        Self { disk: None, world, spool, _alone }
    }

    /// Creates a world whose spool has its own disk.
    fn on_disk(kind: Kind) -> Self {
        Self::on_disk_of(kind, 1024 * MIB)
    }

    fn on_disk_of(kind: Kind, bytes: u64) -> Self {
        let mut fixture = Self::new("disk/spool");
        let image = Image::make(kind, fixture.world.path("image"), bytes, &[]);
        let mount = image.mount(fixture.world.path("disk"));
        fixture.disk = Some((image, Some(mount)));
        fixture
    }

    /// Simulates a power failure: no later write reaches the disk.
    fn cut(&self) {
        self.disk.as_ref().and_then(|(_, mount)| mount.as_ref()).unwrap().cut();
    }

    /// Repairs the disk and mounts it again.
    fn after_power_failure(mut self) -> Self {
        let (image, mount) = self.disk.take().unwrap();
        mount.unwrap().unmount();
        image.repair();
        let mount = image.mount(self.world.path("disk"));
        self.disk = Some((image, Some(mount)));
        self
    }
}

/// The first errors in the log, for the message of a failed test.
fn logged_errors(daemon: &Daemon) -> String {
    let log = daemon.log_text();
    let bad = log.lines().filter(|line| line.contains("\"ERROR\""));
    bad.take(10).collect::<Vec<_>>().join("\n")
}

/// Returns a random number in a range.
fn random_in(range: std::ops::Range<usize>) -> usize {
    let random = usize::try_from(RandomState::new().build_hasher().finish() >> 1).unwrap();
    range.start + random % range.len()
}
