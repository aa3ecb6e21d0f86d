//! A disk fails in the background while both write-ahead logs are full, recovers, and then the power fails.
//!
//! The kernel reports the loss once, to the sync for the first log, but entries of the second log may be lost too.

use std::fs::{self, File};

use super::disk::{Kind, MIB, Mount, tool};
use super::ledger::Ledger;
use super::load::{MIXED, deliver};
use super::writeback::{AMPLE, LimitedTmpfs, Setup, image};
use super::{ENDPOINTS, Endpoint, Fixture, logged_errors, random_in};
use crate::world::{eventually, rounds};

/// Delays each syncfs(2) until the other log is full too.
const SLOW_SYNCS: [&str; 5] =
    ["--seccomp-bpf", "-e", "trace=syncfs", "-e", "inject=syncfs:delay_enter=1500000"];
/// The write rate of the disk while it is slow.
const BYTES_PER_SECOND: u64 = 25 * MIB;
/// The deliveries that get 503 before the disk has free space again.
const REFUSED: usize = 200;
/// The names for which directories get blocks, more than one round creates.
const NAMES: usize = 8_000;
/// The deliveries that are stored after that.
const STORED: usize = 200;

#[test]
fn lost_write_with_two_full_logs_on_ext4_is_repaired() {
    (0..rounds(2)).for_each(|round| fail_and_recover(Kind::Ext4, &SLOW_SYNCS, round));
}

#[test]
fn lost_write_with_two_full_logs_on_xfs_is_repaired() {
    (0..rounds(2)).for_each(|round| fail_and_recover(Kind::Xfs, &SLOW_SYNCS, round));
}

#[test]
fn failing_and_recovering_disk_on_ext4_loses_no_acknowledged_entry() {
    (0..rounds(3)).for_each(|round| fail_and_recover(Kind::Ext4, &[], round));
}

#[test]
fn failing_and_recovering_disk_on_xfs_loses_no_acknowledged_entry() {
    (0..rounds(1)).for_each(|round| fail_and_recover(Kind::Xfs, &[], round));
}

/// Allocates all blocks that the directories will need, so that only writes of file data fail: a file system that loses
/// metadata does not recover.
fn grow_directories(fixture: &Fixture) {
    for Endpoint { name, .. } in &ENDPOINTS {
        let queue = fixture.spool.join(name).join("new");
        let names = || (0..NAMES).map(|number| queue.join(format!("{number:036}.hook")));
        names().for_each(|name| drop(File::create(name).unwrap()));
        names().for_each(|name| fs::remove_file(name).unwrap());
    }
    tool("sync", &["-f".as_ref(), fixture.spool.as_os_str()]);
}

fn fail_and_recover(kind: Kind, strace: &[&str], round: usize) {
    let fixture = Fixture::new("top/spool");
    let (world, mut ledger) = (&fixture.world, Ledger::default());
    let memory = Mount::tmpfs(AMPLE, world.path("memory"));
    let setup = if kind == Kind::Ext4 { Setup::Reserved } else { Setup::Plain };
    let image = image(kind, setup, &fixture);
    let disk = image.mount(world.path("top"));
    let mut daemon = world.start();
    daemon.signal("-TERM");
    daemon.wait();
    grow_directories(&fixture);
    let mut daemon = match strace {
        [] => world.start(),
        strace => {
            let trace = world.path("trace/calls").display().to_string();
            world.start_traced(&[&["-f", "-o", &trace], strace].concat())
        }
    };
    disk.limit_writes(BYTES_PER_SECOND);
    let free_bytes = u64::try_from(random_in(6..24)).unwrap() * MIB;
    let limited_tmpfs = LimitedTmpfs::new(&memory, free_bytes);
    let mut recovered = false;
    let deliveries = deliver(&fixture, daemon.port, round, MIXED, |progress| {
        progress.refused(REFUSED);
        drop(limited_tmpfs);
        disk.limit_writes(0);
        let is_ready = || daemon.admin("/readyz").0 == 200;
        // A file system that lost metadata is read-only from then on, and no entry is acknowledged again.
        let is_shut_down = || File::create(world.path("top/probe")).is_err();
        eventually("the daemon is ready, or the file system is shut down", || {
            (is_ready() || is_shut_down()).then_some(())
        });
        recovered = is_ready();
        if recovered {
            progress.stored(STORED);
        }
        disk.cut();
    });
    let counts = ledger.record(deliveries);
    let logged_errors = logged_errors(&daemon);
    daemon.signal("-KILL");
    daemon.wait();
    drop(daemon);
    disk.unmount();
    image.repair();
    let disk = image.mount(world.path("top"));
    let daemon = world.start();
    let what = format!(
        "{kind:?} {strace:?}, round {round}, {free_bytes} bytes free, {counts:?}, recovered: {recovered}"
    );
    eprintln!("{what}");
    ledger.check(&fixture, &format!("{what}\n{logged_errors}"));
    drop(daemon);
    disk.unmount();
}
