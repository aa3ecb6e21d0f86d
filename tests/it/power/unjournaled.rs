//! ext4 without a journal, and ext2: the daemon warns of possible losses, and syncs each entry by itself.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::disk::{Image, Kind, MIB};
use super::ledger::Ledger;
use super::load::{MIXED, deliver};
use super::{Fixture, random_in};
use crate::world::{Daemon, rounds};

/// Part of the warning in `check`, the log and `degraded`.
const RISK: &str = "ext4 without a journal";

#[test]
fn missing_journal_is_reported_by_check_log_and_status() {
    for landlock in [true, false] {
        for kind in [Kind::Unjournaled, Kind::Ext2] {
            let fixture = Fixture::on_disk(kind);
            let file = fixture.world.path("webhooks.toml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, format!("{text}\n[sandbox]\nlandlock = {landlock}\n")).unwrap();
            let checked = fixture.world.run(&["check"]);
            assert!(String::from_utf8_lossy(&checked.stderr).contains(RISK), "{kind:?}: {checked:?}");
            let daemon = fixture.world.start();
            daemon.logged("the spool's file system can lose acknowledged entries", |line| {
                line["level"] == "WARN"
            });
            daemon.logged("spool ready", |line| line["write_ahead_log"] == false);
            assert!(daemon.admin("/status").1.contains(RISK), "{kind:?}, landlock = {landlock}");
        }
        for kind in [Kind::Ext4, Kind::Xfs] {
            let fixture = Fixture::on_disk(kind);
            let daemon = fixture.world.start();
            daemon.logged("spool ready", |line| line["write_ahead_log"] == true);
            assert!(!daemon.admin("/status").1.contains("[spool] directory"), "{kind:?}");
            assert!(
                !String::from_utf8_lossy(&fixture.world.run(&["check"]).stderr).contains("journal"),
                "{kind:?}"
            );
        }
    }
}

/// A directory that is being changed can be damaged, which no order of writes prevents; the daemon warns of it. Without
/// a write cache, the content of a disk at any moment is its content after a power failure. Therefore the daemon is
/// stopped, the image is copied, and the copy is repaired, as a machine does at boot.
#[test]
fn disk_without_a_journal_may_lose_entries_but_damages_none() {
    for round in 0..rounds(3) {
        let mut fixture = Fixture::on_disk_of(Kind::Unjournaled, 256 * MIB);
        let copy = fixture.world.path("copy");
        let mut daemon = fixture.world.start();
        let mut ledger = Ledger::default();
        let deliveries = deliver(&fixture, daemon.port, round, MIXED, |progress| {
            progress.stored(random_in(1..400));
            daemon.signal("-STOP");
            let original = fixture.world.path("image");
            assert!(
                Command::new("cp")
                    .arg("--sparse=always")
                    .args([&original, &copy])
                    .status()
                    .unwrap()
                    .success()
            );
            kill(&daemon);
        });
        daemon.wait();
        let counts = ledger.record(deliveries);
        let (image, mount) = fixture.disk.take().unwrap();
        mount.unwrap().unmount();
        let copy = Image { kind: Kind::Unjournaled, file: copy };
        copy.repair();
        let mount = copy.mount(fixture.world.path("disk"));
        fixture.disk = Some((copy, Some(mount)));
        let daemon = fixture.world.start();
        let lost = ledger.check_contents(&fixture, &BTreeSet::new(), &format!("round {round}, {counts:?}"));
        eprintln!("without a journal, round {round}: {counts:?}, lost: {}", lost.len());
        drop(daemon);
        drop(image);
    }
}

/// Kills the daemon. SIGKILL also ends a stopped process.
fn kill(daemon: &Daemon) {
    daemon.signal("-KILL");
}
