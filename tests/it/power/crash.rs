//! The process is killed, or the power is cut, at any moment.

use std::thread;
use std::time::Duration;

use super::disk::{Image, Kind, MIB};
use super::ledger::Ledger;
use super::load::{CLIENTS, MIXED, Progress, deliver};
use super::{Ground, any_of, complaints};
use crate::world::{Daemon, rounds};

/// The moment lies within so many answers: while the first of them connect, or in the midst of it.
const MOMENTS: std::ops::Range<usize> = 1..600;
const SLOW_MOMENTS: std::ops::Range<usize> = 1..150;

/// The time between two of the daemon's answers, and more: it is not always the same thing that is cut.
const PAUSE_MICROSECONDS: std::ops::Range<usize> = 0..150_000;

/// Makes the cut fall between the last thing that was done and the sync that is to keep it. XFS (seen in
/// Linux 6.18) then says of a directory that was opened before that it is synced, and has lost its names.
const SLOW_SYNCS: [&str; 6] = [
    "-e",
    "trace=fsync,fdatasync",
    "-e",
    "inject=fsync:delay_enter=50000",
    "-e",
    "inject=fdatasync:delay_enter=1000",
];

#[test]
fn kill_9_at_any_moment_loses_nothing() {
    let ground = Ground::new("spool");
    let mut ledger = Ledger::default();
    let mut daemon = ground.world.start();
    for round in 0..rounds(10) {
        let told = deliver(&ground, daemon.port, round, MIXED, |progress| {
            at_some_moment(progress, MOMENTS);
            daemon.signal("-KILL");
        });
        daemon.wait();
        let tally = ledger.enter(told);
        // One that was just told 200 may see the end of the test before that of its connection.
        assert!(tally.refused == 0 && tally.broken <= CLIENTS, "{tally:?}\n{}", complaints(&daemon));
        daemon = ground.world.start();
        ledger.check_new(&ground, &format!("after kill {round}"));
    }
    ledger.check(&ground, "at the end");
    eprintln!("kill -9: {:?}", ledger.tally);
}

#[test]
fn a_power_cut_on_ext4_loses_nothing() {
    cut_the_power(Kind::Ext4, &[]);
}

#[test]
fn a_power_cut_on_xfs_loses_nothing() {
    cut_the_power(Kind::Xfs, &[]);
}

#[test]
fn a_power_cut_in_the_midst_of_a_sync_on_ext4_loses_nothing() {
    cut_the_power(Kind::Ext4, &SLOW_SYNCS);
}

#[test]
fn a_power_cut_in_the_midst_of_a_sync_on_xfs_loses_nothing() {
    cut_the_power(Kind::Xfs, &SLOW_SYNCS);
}

fn cut_the_power(kind: Kind, strace: &[&str]) {
    let ground = Ground::new("disk/spool");
    let mut ledger = Ledger::default();
    let image = Image::make(kind, ground.world.path("image"), 2048 * MIB, &[]);
    let mount = || image.mount(ground.world.path("disk"));
    // The daemon is declared after its disk: it goes first where the test fails.
    let mut disk = mount();
    let mut daemon = start(&ground, strace);
    for round in 0..rounds(5) {
        let told = deliver(&ground, daemon.port, round, MIXED, |progress| {
            at_some_moment(progress, if strace.is_empty() { MOMENTS } else { SLOW_MOMENTS });
            disk.cut();
            // Whatever is still answered 200 was durable before, or is a lie.
            progress.refused(1);
            daemon.signal("-KILL");
        });
        daemon.wait();
        ledger.enter(told);
        disk.unmount();
        disk = mount();
        daemon = start(&ground, strace);
        ledger.check_new(&ground, &format!("{kind:?}, after power cut {round}"));
    }
    ledger.check(&ground, "at the end");
    eprintln!("power cut, {kind:?} {strace:?}: {:?}", ledger.tally);
    drop(daemon);
    disk.unmount();
}

fn start(ground: &Ground, strace: &[&str]) -> Daemon {
    match strace {
        [] => ground.world.start(),
        strace => {
            let trace = ground.world.path("trace/calls").display().to_string();
            ground.world.start_traced(&[&["-f", "-o", &trace], strace].concat())
        }
    }
}

/// No condition is waited for here: the moment is to be any.
fn at_some_moment(progress: &Progress, answers: std::ops::Range<usize>) {
    progress.stored(any_of(answers));
    thread::sleep(Duration::from_micros(any_of(PAUSE_MICROSECONDS).try_into().unwrap()));
}
