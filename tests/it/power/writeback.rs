//! A disk that takes what is written to it and fails later, when it is to keep it.
//!
//! The image of the file system lies in a tmpfs that is smaller than the image says: where the tmpfs is
//! full, the loop device has real I/O errors, for data, metadata or journal, whichever comes first.

use super::disk::{Image, Kind, MIB, Mount, tool};
use super::ledger::Ledger;
use super::load::{MIXED, deliver};
use super::{Ground, any_of, complaints};
use crate::world::rounds;

/// Large enough for all that mkfs writes, and for all that is delivered.
pub(super) const AMPLE: u64 = 1024 * MIB;
/// What the file systems believe to have.
const BELIEVED: u64 = 512 * MIB;
/// Where the journal is put, in blocks of 4 KiB, and what it measures.
const JOURNAL: [&str; 2] = ["size=8,location=4096", "16777216"];
/// Makes mkfs write all inode tables, so that they have their room as well.
const INODES: &str = "lazy_itable_init=0";

/// So many that the daemon tries again in between, more than once, on the disk as it is.
const REFUSED: usize = 5_000;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Plain,
    /// The room that the journal needs is there; only the rest fails.
    Reserved,
    Overlay,
}

#[test]
fn failing_data_on_ext4_loses_nothing() {
    fail_to_write_back(Kind::Ext4, Form::Reserved);
}

#[test]
fn a_failing_journal_on_ext4_loses_nothing() {
    fail_to_write_back(Kind::Ext4, Form::Plain);
}

#[test]
fn failing_data_on_xfs_loses_nothing() {
    fail_to_write_back(Kind::Xfs, Form::Plain);
}

#[test]
fn a_failing_ext4_beneath_an_overlay_loses_nothing() {
    fail_to_write_back(Kind::Ext4, Form::Overlay);
}

#[test]
fn a_failing_xfs_beneath_an_overlay_loses_nothing() {
    fail_to_write_back(Kind::Xfs, Form::Overlay);
}

fn fail_to_write_back(kind: Kind, form: Form) {
    for round in 0..rounds(2) {
        fail_once(kind, form, round);
    }
}

fn fail_once(kind: Kind, form: Form, round: usize) {
    let ground = Ground::new("top/spool");
    let (world, mut ledger) = (&ground.world, Ledger::default());
    let memory = Mount::tmpfs(AMPLE, world.path("memory"));
    let image = image(kind, form, &ground);
    let mounts = || match form {
        Form::Plain | Form::Reserved => vec![image.mount(world.path("top"))],
        Form::Overlay => {
            let disk = image.mount(world.path("disk"));
            vec![Mount::overlay(&world.path("lower"), &world.path("disk"), world.path("top")), disk]
        }
    };
    let mounted = mounts();
    let mut daemon = world.start();

    let left = u64::try_from(any_of(2..10)).unwrap() * MIB;
    let cramped = Cramped::new(&memory, left);
    let told = deliver(&ground, daemon.port, round, MIXED, |progress| progress.refused(REFUSED));
    let tally = ledger.enter(told);
    let complaints = complaints(&daemon);
    let fits = |line: &&str| line.contains("\"spool failing");
    let failings = daemon.log_text().lines().filter(fits).count();
    eprintln!("{kind:?} {form:?}, {left} bytes left: {tally:?}, failing {failings} times");
    assert_eq!(
        daemon.log_text().contains("overlayfs, which is removed"),
        form == Form::Overlay,
        "{complaints}"
    );
    assert_eq!(tally.broken, 0, "{complaints}");
    assert!(tally.stored > 0, "{complaints}");

    // It comes to its end also on such a disk.
    daemon.signal("-TERM");
    daemon.wait();
    drop(daemon);
    // The overlay first: it lies on the other.
    mounted.into_iter().for_each(Mount::unmount);
    drop(cramped);
    image.repair();
    let mounted = mounts();
    let daemon = world.start();
    ledger.check(&ground, &format!("{kind:?} {form:?}, {left} bytes left, {tally:?}\n{complaints}"));
    drop(daemon);
    mounted.into_iter().for_each(Mount::unmount);
}

/// A tmpfs that is as good as full, until this is dropped: before the daemon is, where a test fails, for
/// XFS may hold a process that cannot even be killed until its metadata has been written.
pub(super) struct Cramped<'a>(&'a Mount);

impl<'a> Cramped<'a> {
    pub(super) fn new(memory: &'a Mount, left: u64) -> Self {
        memory.resize(memory.used() + left);
        Self(memory)
    }
}

impl Drop for Cramped<'_> {
    fn drop(&mut self) {
        self.0.resize(AMPLE);
    }
}

pub(super) fn image(kind: Kind, form: Form, ground: &Ground) -> Image {
    let file = ground.world.path("memory/image");
    let [options, offset] = JOURNAL;
    let options = match kind {
        Kind::Ext4 => &["-J", options, "-E", INODES][..],
        // Its log is written in full when it is made.
        Kind::Xfs | Kind::Unjournaled | Kind::Ext2 => &[],
    };
    let image = Image::make(kind, file, BELIEVED, options);
    if form == Form::Reserved {
        let length = (8 * MIB).to_string();
        tool(
            "fallocate",
            &["-o".as_ref(), offset.as_ref(), "-l".as_ref(), length.as_ref(), image.file.as_os_str()],
        );
    }
    image
}
