//! A disk is full, and then has free space again.

use std::time::{Duration, Instant};

use super::disk::{Image, Kind, MIB};
use super::ledger::Ledger;
use super::load::{Outcome, deliver, deliver_one};
use super::{Fixture, logged_errors};
use crate::world::eventually;

/// More than enough, because a failing spool is probed every second.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(10);

#[test]
fn full_disk_gives_503_until_space_is_free() {
    // No blocks are reserved for root, so that all of them are used.
    fill(&["-m", "0"], &[4_000, 15_000, 40_000]);
}

#[test]
fn disk_without_free_inodes_gives_503_until_some_are_free() {
    // Space remains free, so only a failing write reports the problem.
    fill(&["-m", "0", "-N", "1024"], &[80]);
}

fn fill(options: &[&str], sizes: &[usize]) {
    let fixture = Fixture::new("disk/spool");
    let mut ledger = Ledger::default();
    let image = Image::make(Kind::Ext4, fixture.world.path("image"), 32 * MIB, options);
    let disk = image.mount(fixture.world.path("disk"));
    let daemon = fixture.world.start();

    let deliveries = deliver(&fixture, daemon.port, 0, sizes, |progress| {
        progress.refused(300);
        let body = eventually("`/readyz` is 503", || {
            let (status, body) = daemon.admin("/readyz");
            (status == 503).then_some(body)
        });
        assert!(body.contains("spool_low_space") || body.contains("spool_failing"), "{body}");
    });
    let counts = ledger.record(deliveries);
    assert_eq!(counts.broken, 0, "{}", logged_errors(&daemon));
    assert!(counts.stored > 300, "{counts:?}");
    ledger.check(&fixture, "while the disk is full");

    let consumed = ledger.consume(&fixture, 2);
    let freed = Instant::now();
    eventually("a delivery is stored again", || {
        let outcome = deliver_one(&fixture, &daemon, &vec![b'x'; sizes[0]]);
        matches!(outcome, Outcome::Stored(_)).then_some(())
    });
    let took = freed.elapsed();
    assert!(took < RECOVERY_TIMEOUT, "{took:?}");
    eventually("`/readyz` is 200", || (daemon.admin("/readyz").0 == 200).then_some(()));
    let deliveries = deliver(&fixture, daemon.port, 1, sizes, |progress| progress.stored(100));
    let again = ledger.record(deliveries);
    assert_eq!((again.refused, again.broken), (0, 0), "{}", logged_errors(&daemon));
    eprintln!("full disk: {counts:?}, {consumed} consumed, served again after {took:?}");

    drop(daemon);
    let daemon = fixture.world.start();
    ledger.check(&fixture, "after a restart");
    drop(daemon);
    disk.unmount();
}
