//! A disk that fails in the background while both write-ahead logs are full, recovers, and then loses its power.
//!
//! The kernel reports the loss once, to the sync for the first log. What the second log holds may be
//! lost with it.

use std::fs::{self, File};

use super::disk::{Kind, MIB, Mount, tool};
use super::ledger::Ledger;
use super::load::{MIXED, deliver};
use super::writeback::{AMPLE, Cramped, Form, image};
use super::{ENDPOINTS, Endpoint, Ground, any_of, complaints};
use crate::world::{eventually, rounds};

/// Makes each sync of everything so slow that the other log is full as well before it ends.
const SLOW_SYNCS: [&str; 5] =
    ["--seccomp-bpf", "-e", "trace=syncfs", "-e", "inject=syncfs:delay_enter=1500000"];
/// What the disk writes while it is slow.
const BYTES_PER_SECOND: u64 = 25 * MIB;
/// Deliveries that are refused before the disk has room again.
const REFUSED: usize = 200;
/// Names that a directory has room for, more than one round makes.
const NAMES: usize = 8_000;
/// Deliveries after that.
const STORED: usize = 200;

#[test]
fn a_loss_behind_two_full_logs_on_ext4_is_repaired() {
    (0..rounds(2)).for_each(|round| fail_and_recover(Kind::Ext4, &SLOW_SYNCS, round));
}

#[test]
fn a_loss_behind_two_full_logs_on_xfs_is_repaired() {
    (0..rounds(2)).for_each(|round| fail_and_recover(Kind::Xfs, &SLOW_SYNCS, round));
}

#[test]
fn a_disk_that_fails_and_recovers_on_ext4_loses_nothing() {
    (0..rounds(3)).for_each(|round| fail_and_recover(Kind::Ext4, &[], round));
}

#[test]
fn a_disk_that_fails_and_recovers_on_xfs_loses_nothing() {
    (0..rounds(1)).for_each(|round| fail_and_recover(Kind::Xfs, &[], round));
}

/// Gives the directories all the blocks that they will need, so that only the data of files has none: a file system
/// whose metadata is lost does not recover.
fn grow_directories(ground: &Ground) {
    for Endpoint { name, .. } in &ENDPOINTS {
        let queue = ground.spool.join(name).join("new");
        let names = || (0..NAMES).map(|number| queue.join(format!("{number:036}.hook")));
        names().for_each(|name| drop(File::create(name).unwrap()));
        names().for_each(|name| fs::remove_file(name).unwrap());
    }
    tool("sync", &["-f".as_ref(), ground.spool.as_os_str()]);
}

fn fail_and_recover(kind: Kind, strace: &[&str], round: usize) {
    let ground = Ground::new("top/spool");
    let (world, mut ledger) = (&ground.world, Ledger::default());
    let memory = Mount::tmpfs(AMPLE, world.path("memory"));
    let form = if kind == Kind::Ext4 { Form::Reserved } else { Form::Plain };
    let image = image(kind, form, &ground);
    let disk = image.mount(world.path("top"));
    let mut daemon = world.start();
    daemon.signal("-TERM");
    daemon.wait();
    grow_directories(&ground);
    let mut daemon = match strace {
        [] => world.start(),
        strace => {
            let trace = world.path("trace/calls").display().to_string();
            world.start_traced(&[&["-f", "-o", &trace], strace].concat())
        }
    };
    disk.limit_writes(BYTES_PER_SECOND);
    let left = u64::try_from(any_of(6..24)).unwrap() * MIB;
    let cramped = Cramped::new(&memory, left);
    let mut recovered = false;
    let told = deliver(&ground, daemon.port, round, MIXED, |progress| {
        progress.refused(REFUSED);
        drop(cramped);
        disk.limit_writes(0);
        let is_ready = || daemon.admin("/readyz").0 == 200;
        // A file system that lost its own data is read-only from then on, and nothing is acknowledged again.
        let is_shut_down = || File::create(world.path("top/probe")).is_err();
        eventually("it is ready again, or never will be", || (is_ready() || is_shut_down()).then_some(()));
        recovered = is_ready();
        if recovered {
            progress.stored(STORED);
        }
        disk.cut();
    });
    let tally = ledger.enter(told);
    let complaints = complaints(&daemon);
    daemon.signal("-KILL");
    daemon.wait();
    drop(daemon);
    disk.unmount();
    image.repair();
    let disk = image.mount(world.path("top"));
    let daemon = world.start();
    let what =
        format!("{kind:?} {strace:?}, round {round}, {left} bytes left, {tally:?}, recovered: {recovered}");
    eprintln!("{what}");
    ledger.check(&ground, &format!("{what}\n{complaints}"));
    drop(daemon);
    disk.unmount();
}
