//! A disk accepts writes and fails later, during write-back.
//!
//! The image of the file system is in a tmpfs that is smaller than the nominal size of the image. When the tmpfs is
//! full, the loop device returns real I/O errors, for data, metadata or the journal, whichever is written first.

use super::disk::{Image, Kind, MIB, Mount, tool};
use super::ledger::Ledger;
use super::load::{MIXED, deliver};
use super::{Fixture, logged_errors, random_in};
use crate::world::rounds;

/// A size of the tmpfs that is sufficient for mkfs and all deliveries.
pub(super) const AMPLE: u64 = 1024 * MIB;
/// The nominal size of the file systems.
const NOMINAL: u64 = 512 * MIB;
/// The size of the journal in MiB and its location in blocks of 4 KiB; then the location in bytes.
const JOURNAL: [&str; 2] = ["size=8,location=4096", "16777216"];
/// Makes mkfs write all inode tables, so that their blocks are allocated too.
const INODES: &str = "lazy_itable_init=0";

/// Enough deliveries that the daemon probes the failing disk more than once.
const REFUSED: usize = 5_000;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Setup {
    Plain,
    /// The blocks of the journal are allocated, so that only other writes fail.
    Reserved,
    Overlay,
}

#[test]
fn failing_data_writes_on_ext4_lose_no_acknowledged_entry() {
    fail_to_write_back(Kind::Ext4, Setup::Reserved);
}

#[test]
fn failing_journal_writes_on_ext4_lose_no_acknowledged_entry() {
    fail_to_write_back(Kind::Ext4, Setup::Plain);
}

#[test]
fn failing_writes_on_xfs_lose_no_acknowledged_entry() {
    fail_to_write_back(Kind::Xfs, Setup::Plain);
}

#[test]
fn failing_ext4_below_an_overlay_loses_no_acknowledged_entry() {
    fail_to_write_back(Kind::Ext4, Setup::Overlay);
}

#[test]
fn failing_xfs_below_an_overlay_loses_no_acknowledged_entry() {
    fail_to_write_back(Kind::Xfs, Setup::Overlay);
}

fn fail_to_write_back(kind: Kind, setup: Setup) {
    for round in 0..rounds(2) {
        fail_once(kind, setup, round);
    }
}

fn fail_once(kind: Kind, setup: Setup, round: usize) {
    let fixture = Fixture::new("top/spool");
    let (world, mut ledger) = (&fixture.world, Ledger::default());
    let memory = Mount::tmpfs(AMPLE, world.path("memory"));
    let image = image(kind, setup, &fixture);
    let mounts = || match setup {
        Setup::Plain | Setup::Reserved => vec![image.mount(world.path("top"))],
        Setup::Overlay => {
            let disk = image.mount(world.path("disk"));
            vec![Mount::overlay(&world.path("lower"), &world.path("disk"), world.path("top")), disk]
        }
    };
    let mounted = mounts();
    let mut daemon = world.start();

    let free_bytes = u64::try_from(random_in(2..10)).unwrap() * MIB;
    let limited_tmpfs = LimitedTmpfs::new(&memory, free_bytes);
    let deliveries = deliver(&fixture, daemon.port, round, MIXED, |progress| progress.refused(REFUSED));
    let counts = ledger.record(deliveries);
    let logged_errors = logged_errors(&daemon);
    let is_failure = |line: &&str| line.contains("\"spool failing");
    let failures = daemon.log_text().lines().filter(is_failure).count();
    eprintln!("{kind:?} {setup:?}, {free_bytes} bytes free: {counts:?}, failing {failures} times");
    assert_eq!(
        daemon.log_text().contains("overlayfs, which is removed"),
        setup == Setup::Overlay,
        "{logged_errors}"
    );
    assert_eq!(counts.broken, 0, "{logged_errors}");
    assert!(counts.stored > 0, "{logged_errors}");

    // The daemon also ends cleanly on such a disk.
    daemon.signal("-TERM");
    daemon.wait();
    drop(daemon);
    // The overlay is unmounted first, because it uses the other mount.
    mounted.into_iter().for_each(Mount::unmount);
    drop(limited_tmpfs);
    image.repair();
    let mounted = mounts();
    let daemon = world.start();
    ledger.check(
        &fixture,
        &format!("{kind:?} {setup:?}, {free_bytes} bytes free, {counts:?}\n{logged_errors}"),
    );
    drop(daemon);
    mounted.into_iter().for_each(Mount::unmount);
}

/// Limits a tmpfs to little free space until it is dropped. It is dropped before the daemon if a test fails, because
/// XFS may block a process, which then cannot be killed until metadata has been written.
pub(super) struct LimitedTmpfs<'a>(&'a Mount);

impl<'a> LimitedTmpfs<'a> {
    pub(super) fn new(memory: &'a Mount, free_bytes: u64) -> Self {
        memory.resize(memory.used() + free_bytes);
        Self(memory)
    }
}

impl Drop for LimitedTmpfs<'_> {
    fn drop(&mut self) {
        self.0.resize(AMPLE);
    }
}

pub(super) fn image(kind: Kind, setup: Setup, fixture: &Fixture) -> Image {
    let file = fixture.world.path("memory/image");
    let [options, offset] = JOURNAL;
    let options = match kind {
        Kind::Ext4 => &["-J", options, "-E", INODES][..],
        // mkfs.xfs writes its whole log.
        Kind::Xfs | Kind::Unjournaled | Kind::Ext2 => &[],
    };
    let image = Image::make(kind, file, NOMINAL, options);
    if setup == Setup::Reserved {
        let length = (8 * MIB).to_string();
        tool(
            "fallocate",
            &["-o".as_ref(), offset.as_ref(), "-l".as_ref(), length.as_ref(), image.file.as_os_str()],
        );
    }
    image
}
