//! The process is killed, or the power is cut, at any moment.

use super::disk::{Image, Kind, MIB};
use super::ledger::Ledger;
use super::load::{CLIENTS, MIXED, deliver};
use super::{Ground, any_of, complaints};
use crate::world::rounds;

/// The moment lies within so many answers: while the first of them connect, or in the midst of it.
const MOMENTS: std::ops::Range<usize> = 1..600;

#[test]
fn kill_9_at_any_moment_loses_nothing() {
    let ground = Ground::new("spool");
    let mut ledger = Ledger::default();
    let mut daemon = ground.world.start();
    for round in 0..rounds(10) {
        let told = deliver(&ground, daemon.port, round, MIXED, |progress| {
            progress.stored(any_of(MOMENTS));
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
    cut_the_power(Kind::Ext4);
}

#[test]
fn a_power_cut_on_xfs_loses_nothing() {
    cut_the_power(Kind::Xfs);
}

fn cut_the_power(kind: Kind) {
    let ground = Ground::new("disk/spool");
    let mut ledger = Ledger::default();
    let image = Image::make(kind, ground.world.path("image"), 2048 * MIB, &[]);
    let mount = || image.mount(ground.world.path("disk"));
    // The daemon is declared after its disk: it goes first where the test fails.
    let mut disk = mount();
    let mut daemon = ground.world.start();
    for round in 0..rounds(5) {
        let told = deliver(&ground, daemon.port, round, MIXED, |progress| {
            progress.stored(any_of(MOMENTS));
            disk.cut();
            // Whatever is still answered 200 was durable before, or is a lie.
            progress.refused(1);
            daemon.signal("-KILL");
        });
        daemon.wait();
        ledger.enter(told);
        disk.unmount();
        disk = mount();
        daemon = ground.world.start();
        ledger.check_new(&ground, &format!("{kind:?}, after power cut {round}"));
    }
    ledger.check(&ground, "at the end");
    eprintln!("power cut, {kind:?}: {:?}", ledger.tally);
    drop(daemon);
    disk.unmount();
}
