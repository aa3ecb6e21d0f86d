//! The process is killed, or the power fails, at a random moment.

use std::thread;
use std::time::Duration;

use super::disk::{Image, Kind, MIB};
use super::ledger::Ledger;
use super::load::{CLIENTS, MIXED, Progress, deliver};
use super::{Fixture, logged_errors, random_in};
use crate::world::{Daemon, rounds};

/// The number of answers before the moment, from the first connections to full load.
const ANSWERS_BEFORE: std::ops::Range<usize> = 1..600;
const SLOW_ANSWERS_BEFORE: std::ops::Range<usize> = 1..150;

/// An additional delay, longer than the time between two answers, so that different operations are interrupted.
const PAUSE_MICROSECONDS: std::ops::Range<usize> = 0..150_000;

/// Delays syncs, so that the power fails between a write and its sync. XFS (seen in Linux 6.18) then reports success
/// for the sync of an open directory, although its names are lost.
const SLOW_SYNCS: [&str; 6] = [
    "-e",
    "trace=fsync,fdatasync",
    "-e",
    "inject=fsync:delay_enter=50000",
    "-e",
    "inject=fdatasync:delay_enter=1000",
];

#[test]
fn kill_at_a_random_moment_loses_no_acknowledged_entry() {
    let fixture = Fixture::new("spool");
    let mut ledger = Ledger::default();
    let mut daemon = fixture.world.start();
    for round in 0..rounds(10) {
        let deliveries = deliver(&fixture, daemon.port, round, MIXED, |progress| {
            wait_for_a_random_moment(progress, ANSWERS_BEFORE);
            daemon.signal("-KILL");
        });
        daemon.wait();
        let counts = ledger.record(deliveries);
        // A client that has just received 200 may detect the end of the test before that of its connection.
        assert!(counts.refused == 0 && counts.broken <= CLIENTS, "{counts:?}\n{}", logged_errors(&daemon));
        daemon = fixture.world.start();
        ledger.check_new(&fixture, &format!("after kill {round}"));
    }
    ledger.check(&fixture, "at the end");
    eprintln!("kill -9: {:?}", ledger.counts);
}

#[test]
fn power_failure_on_ext4_loses_no_acknowledged_entry() {
    fail_power(Kind::Ext4, &[]);
}

#[test]
fn power_failure_on_xfs_loses_no_acknowledged_entry() {
    fail_power(Kind::Xfs, &[]);
}

#[test]
fn power_failure_during_a_sync_on_ext4_loses_no_acknowledged_entry() {
    fail_power(Kind::Ext4, &SLOW_SYNCS);
}

#[test]
fn power_failure_during_a_sync_on_xfs_loses_no_acknowledged_entry() {
    fail_power(Kind::Xfs, &SLOW_SYNCS);
}

fn fail_power(kind: Kind, strace: &[&str]) {
    let fixture = Fixture::new("disk/spool");
    let mut ledger = Ledger::default();
    let image = Image::make(kind, fixture.world.path("image"), 2048 * MIB, &[]);
    let mount = || image.mount(fixture.world.path("disk"));
    // Declared after its disk, so that the daemon is dropped first if the test fails.
    let mut disk = mount();
    let mut daemon = start(&fixture, strace);
    for round in 0..rounds(5) {
        let deliveries = deliver(&fixture, daemon.port, round, MIXED, |progress| {
            wait_for_a_random_moment(
                progress,
                if strace.is_empty() { ANSWERS_BEFORE } else { SLOW_ANSWERS_BEFORE },
            );
            disk.cut();
            // An entry that is acknowledged after the power failure must have been durable before it.
            progress.refused(1);
            daemon.signal("-KILL");
        });
        daemon.wait();
        ledger.record(deliveries);
        disk.unmount();
        disk = mount();
        daemon = start(&fixture, strace);
        ledger.check_new(&fixture, &format!("{kind:?}, after power failure {round}"));
    }
    ledger.check(&fixture, "at the end");
    eprintln!("power failure, {kind:?} {strace:?}: {:?}", ledger.counts);
    drop(daemon);
    disk.unmount();
}

fn start(fixture: &Fixture, strace: &[&str]) -> Daemon {
    match strace {
        [] => fixture.world.start(),
        strace => {
            let trace = fixture.world.path("trace/calls").display().to_string();
            fixture.world.start_traced(&[&["-f", "-o", &trace], strace].concat())
        }
    }
}

/// Waits for a number of answers and a delay, both random.
fn wait_for_a_random_moment(progress: &Progress, answers: std::ops::Range<usize>) {
    progress.stored(random_in(answers));
    thread::sleep(Duration::from_micros(random_in(PAUSE_MICROSECONDS).try_into().unwrap()));
}
