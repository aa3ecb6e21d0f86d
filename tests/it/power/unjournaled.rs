//! ext4 without a journal, and ext2: the daemon says what they can lose, and syncs each entry by itself.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use super::disk::{Image, Kind, MIB};
use super::ledger::Ledger;
use super::load::{MIXED, deliver};
use super::{Ground, any_of};
use crate::world::{Daemon, rounds};

/// What `check`, the log and `degraded` say of such a disk.
const RISK: &str = "ext4 without a journal";

#[test]
fn a_disk_without_a_journal_is_named_in_check_log_and_status() {
    for landlock in [true, false] {
        for kind in [Kind::Unjournaled, Kind::Ext2] {
            let ground = Ground::on_disk(kind);
            let file = ground.world.path("webhooks.toml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(&file, format!("{text}\n[sandbox]\nlandlock = {landlock}\n")).unwrap();
            let checked = ground.world.run(&["check"]);
            assert!(String::from_utf8_lossy(&checked.stderr).contains(RISK), "{kind:?}: {checked:?}");
            let daemon = ground.world.start();
            daemon.logged("the spool's file system can lose acknowledged entries", |line| {
                line["level"] == "WARN"
            });
            daemon.logged("spool ready", |line| line["write_ahead_log"] == false);
            assert!(daemon.admin("/status").1.contains(RISK), "{kind:?}, landlock = {landlock}");
        }
        for kind in [Kind::Ext4, Kind::Xfs] {
            let ground = Ground::on_disk(kind);
            let daemon = ground.world.start();
            daemon.logged("spool ready", |line| line["write_ahead_log"] == true);
            assert!(!daemon.admin("/status").1.contains("[spool] directory"), "{kind:?}");
            assert!(
                !String::from_utf8_lossy(&ground.world.run(&["check"]).stderr).contains("journal"),
                "{kind:?}"
            );
        }
    }
}

/// A directory that is changed at that moment can be damaged, which no order of writes prevents; the daemon warns of it. What a
/// disk holds at some moment is what it holds after a power cut, if nothing is in its own cache. So
/// the daemon is stopped, the image copied, and the copy repaired, as a machine does when it boots.
#[test]
fn a_disk_without_a_journal_may_lose_entries_and_never_yields_a_wrong_one() {
    for round in 0..rounds(3) {
        let mut ground = Ground::on_disk_of(Kind::Unjournaled, 256 * MIB);
        let copy = ground.world.path("copy");
        let mut daemon = ground.world.start();
        let mut ledger = Ledger::default();
        let told = deliver(&ground, daemon.port, round, MIXED, |progress| {
            progress.stored(any_of(1..400));
            daemon.signal("-STOP");
            let original = ground.world.path("image");
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
        let tally = ledger.enter(told);
        let (image, mount) = ground.disk.take().unwrap();
        mount.unwrap().unmount();
        let copy = Image { kind: Kind::Unjournaled, file: copy };
        copy.repair();
        let mount = copy.mount(ground.world.path("disk"));
        ground.disk = Some((copy, Some(mount)));
        let daemon = ground.world.start();
        let lost = ledger.check_contents(&ground, &BTreeSet::new(), &format!("round {round}, {tally:?}"));
        eprintln!("without a journal, round {round}: {tally:?}, lost: {}", lost.len());
        drop(daemon);
        drop(image);
    }
}

/// A process that is stopped dies of this all the same.
fn kill(daemon: &Daemon) {
    daemon.signal("-KILL");
}
