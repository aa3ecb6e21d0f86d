//! A disk that is full, and has room again.

use std::time::{Duration, Instant};

use super::disk::{Image, Kind, MIB};
use super::ledger::Ledger;
use super::load::{Outcome, deliver, deliver_one};
use super::{Ground, complaints};
use crate::world::eventually;

/// A failing spool is probed every second.
const WELL_AGAIN_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn a_full_disk_refuses_and_serves_again_once_there_is_room() {
    // Nothing reserved for root, so that the very last block is met.
    fill(&["-m", "0"], &[4_000, 15_000, 40_000]);
}

#[test]
fn a_disk_without_inodes_refuses_and_serves_again_once_there_is_room() {
    // Space is left all the time: only the writing itself can tell.
    fill(&["-m", "0", "-N", "1024"], &[80]);
}

fn fill(options: &[&str], sizes: &[usize]) {
    let ground = Ground::new("disk/spool");
    let mut ledger = Ledger::default();
    let image = Image::make(Kind::Ext4, ground.world.path("image"), 32 * MIB, options);
    let disk = image.mount(ground.world.path("disk"));
    let daemon = ground.world.start();

    let told = deliver(&ground, daemon.port, 0, sizes, |progress| {
        progress.refused(300);
        let said = eventually("it says that it is not ready", || {
            let (status, body) = daemon.admin("/readyz");
            (status == 503).then_some(body)
        });
        assert!(said.contains("spool_low_space") || said.contains("spool_failing"), "{said}");
    });
    let tally = ledger.enter(told);
    assert_eq!(tally.broken, 0, "{}", complaints(&daemon));
    assert!(tally.stored > 300, "{tally:?}");
    ledger.check(&ground, "while the disk is full");

    let consumed = ledger.consume(&ground, 2);
    let freed = Instant::now();
    eventually("it serves again", || {
        let outcome = deliver_one(&ground, &daemon, &vec![b'x'; sizes[0]]);
        matches!(outcome, Outcome::Stored(_)).then_some(())
    });
    let took = freed.elapsed();
    assert!(took < WELL_AGAIN_WITHIN, "{took:?}");
    eventually("it says that it is ready", || (daemon.admin("/readyz").0 == 200).then_some(()));
    let told = deliver(&ground, daemon.port, 1, sizes, |progress| progress.stored(100));
    let again = ledger.enter(told);
    assert_eq!((again.refused, again.broken), (0, 0), "{}", complaints(&daemon));
    eprintln!("full disk: {tally:?}, {consumed} consumed, served again after {took:?}");

    drop(daemon);
    let daemon = ground.world.start();
    ledger.check(&ground, "after a new start");
    drop(daemon);
    disk.unmount();
}
