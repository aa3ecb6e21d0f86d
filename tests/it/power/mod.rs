//! What a 200 is worth once the process was killed, the power was cut or the disk has lied or is full.
//!
//! Judged from outside: after a new start on what is left, every acknowledged entry stands in `new/`,
//! whole and with the bytes that were sent, and nothing that is not whole stands there.

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

/// What is delivered to. Each answers 200 with the entry's id.
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

/// A world whose spool lies where a test wants it. One at a time: each of these tests keeps all cores busy.
struct Ground {
    /// Its own disk, unmounted before the world's folder is removed.
    disk: Option<(Image, Option<Mount>)>,
    world: World,
    spool: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Ground {
    /// `spool` is relative to the world's folder. Almost nothing is kept free: these disks are small.
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

    /// With a disk for the spool.
    fn on_disk(kind: Kind) -> Self {
        Self::on_disk_of(kind, 1024 * MIB)
    }

    fn on_disk_of(kind: Kind, bytes: u64) -> Self {
        let mut ground = Self::new("disk/spool");
        let image = Image::make(kind, ground.world.path("image"), bytes, &[]);
        let mount = image.mount(ground.world.path("disk"));
        ground.disk = Some((image, Some(mount)));
        ground
    }

    /// From here on nothing reaches the disk.
    fn cut(&self) {
        self.disk.as_ref().and_then(|(_, mount)| mount.as_ref()).unwrap().cut();
    }

    /// The power is back, and the disk is mounted again.
    fn after_the_cut(mut self) -> Self {
        let (image, mount) = self.disk.take().unwrap();
        mount.unwrap().unmount();
        image.repair();
        let mount = image.mount(self.world.path("disk"));
        self.disk = Some((image, Some(mount)));
        self
    }
}

/// What the daemon said is wrong, for the message of a test that fails.
fn complaints(daemon: &Daemon) -> String {
    let log = daemon.log_text();
    let bad = log.lines().filter(|line| line.contains("\"ERROR\""));
    bad.take(10).collect::<Vec<_>>().join("\n")
}

/// A number from a range, another one each time.
fn any_of(range: std::ops::Range<usize>) -> usize {
    let random = usize::try_from(RandomState::new().build_hasher().finish() >> 1).unwrap();
    range.start + random % range.len()
}
