//! A disk that fails in the background while both write-ahead logs are full, recovers, and then loses its power.
//!
//! The kernel reports the loss once, to the sync for the first log. What the second log holds may be
//! lost with it.

use super::disk::{Kind, MIB, Mount};
use super::ledger::Ledger;
use super::load::{MIXED, deliver};
use super::writeback::{AMPLE, Cramped, Form, image};
use super::{Ground, any_of, complaints};
use crate::world::{eventually, rounds};

/// Makes each sync of everything so slow that the other log is full as well before it ends.
const SLOW_SYNCS: [&str; 5] =
    ["--seccomp-bpf", "-e", "trace=syncfs", "-e", "inject=syncfs:delay_enter=700000"];
/// Deliveries that are refused before the disk has room again.
const REFUSED: usize = 200;
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

fn fail_and_recover(kind: Kind, strace: &[&str], round: usize) {
    let ground = Ground::new("top/spool");
    let (world, mut ledger) = (&ground.world, Ledger::default());
    let memory = Mount::tmpfs(AMPLE, world.path("memory"));
    let form = if kind == Kind::Ext4 { Form::Reserved } else { Form::Plain };
    let image = image(kind, form, &ground);
    let disk = image.mount(world.path("top"));
    let mut daemon = match strace {
        [] => world.start(),
        strace => {
            let trace = world.path("trace/calls").display().to_string();
            world.start_traced(&[&["-f", "-o", &trace], strace].concat())
        }
    };
    let left = u64::try_from(any_of(6..24)).unwrap() * MIB;
    let cramped = Cramped::new(&memory, left);
    let told = deliver(&ground, daemon.port, round, MIXED, |progress| {
        progress.refused(REFUSED);
        drop(cramped);
        // XFS may have shut down for good, and then nothing is acknowledged again.
        if kind == Kind::Ext4 {
            eventually("it is ready again", || (daemon.admin("/readyz").0 == 200).then_some(()));
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
    let what = format!("{kind:?} {strace:?}, round {round}, {left} bytes left, {tally:?}");
    eprintln!("{what}");
    ledger.check(&ground, &format!("{what}\n{complaints}"));
    drop(daemon);
    disk.unmount();
}
