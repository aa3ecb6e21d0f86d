//! A queue is on another file system or mount: deliveries to its endpoint get 503, and others are stored.

use std::fs;
use std::path::Path;
use std::thread;

use super::Fixture;
use super::disk::{Image, Kind, MIB, Mount, tool};
use super::load::{Outcome, deliver_to};
use crate::faults::Injection;
use crate::world::{Daemon, eventually};

/// The mount over a queue, or over all queues of an endpoint.
#[derive(Clone, Copy, Debug)]
enum MountKind {
    Tmpfs,
    Ext4,
    /// Another directory of the same file system.
    Bind,
}

impl MountKind {
    fn mount(self, fixture: &Fixture, at: &Path) -> Mount {
        match self {
            Self::Tmpfs => Mount::tmpfs(64 * MIB, at.to_owned()),
            Self::Ext4 => {
                let file = fixture.world.path(&format!("image-{}", fixture.world.count()));
                Image::make(Kind::Ext4, file, 64 * MIB, &[]).mount(at.to_owned())
            }
            Self::Bind => {
                let other = fixture.spool.with_file_name("other");
                fs::create_dir_all(&other).unwrap();
                Mount::bind(&other, at.to_owned())
            }
        }
    }
}

fn status(daemon: &Daemon) -> String {
    daemon.admin("/status").1
}

fn is_faulty(daemon: &Daemon) -> bool {
    daemon.metric("hookspool_endpoint_faulty{endpoint=\"second\"} ") == 1.0
}

/// Checks that deliveries to `second` get 503 with a reported reason, and that others are stored.
fn assert_only_second_is_unavailable(fixture: &Fixture, daemon: &Daemon, case: &str) {
    for size in [100, 70_000] {
        assert_eq!(deliver_to(fixture, daemon, 1, &vec![b'x'; size]), Outcome::Unavailable, "{case}");
        assert!(matches!(deliver_to(fixture, daemon, 0, &vec![b'x'; size]), Outcome::Stored(_)), "{case}");
    }
    eventually(case, || is_faulty(daemon).then_some(()));
    assert_eq!(daemon.admin("/readyz").0, 200, "{case}");
    let degraded = status(daemon);
    assert!(degraded.contains("endpoint `second`: `") && degraded.contains("/spool/second/"), "{degraded}");
    assert_eq!(daemon.metric("hookspool_endpoint_faulty{endpoint=\"pix\"} "), 0.0, "{case}");
}

fn assert_second_is_available(fixture: &Fixture, daemon: &Daemon, case: &str) {
    eventually(case, || (!is_faulty(daemon)).then_some(()));
    assert!(matches!(deliver_to(fixture, daemon, 1, b"{}"), Outcome::Stored(_)), "{case}");
    assert!(!status(daemon).contains("endpoint `second`: `"), "{case}");
}

#[test]
fn mount_over_a_queue_affects_only_its_endpoint() {
    for kind in [MountKind::Tmpfs, MountKind::Ext4, MountKind::Bind] {
        for queue in ["new", "done"] {
            let case = format!("{kind:?} over {queue}");
            let fixture = Fixture::on_disk(Kind::Ext4);
            let daemon = fixture.world.start();
            assert!(matches!(deliver_to(&fixture, &daemon, 1, b"{}"), Outcome::Stored(_)), "{case}");
            let mounted = kind.mount(&fixture, &fixture.spool.join("second").join(queue));
            if queue == "done" {
                // No delivery writes to `done`, so only the periodic check detects it.
                eventually(&case, || is_faulty(&daemon).then_some(()));
            }
            assert_only_second_is_unavailable(&fixture, &daemon, &case);
            assert!(fixture.world.run(&["reload"]).status.success(), "{case}");
            assert_only_second_is_unavailable(&fixture, &daemon, &case);
            mounted.unmount();
            assert_second_is_available(&fixture, &daemon, &case);
        }
    }
}

#[test]
fn entry_acknowledged_before_a_mount_survives_a_kill_and_a_power_failure() {
    for kind in [MountKind::Tmpfs, MountKind::Bind] {
        let fixture = Fixture::on_disk(Kind::Ext4);
        let mut daemon = fixture.world.start();
        let id = match deliver_to(&fixture, &daemon, 1, b"before") {
            Outcome::Stored(id) => id,
            other => panic!("{kind:?}: {other:?}"),
        };
        let mounted = kind.mount(&fixture, &fixture.spool.join("second"));
        daemon.signal("-KILL");
        daemon.wait();
        // The log still contains the entry, and its queue is in another mount.
        let mut daemon = fixture.world.start();
        eventually("it is ready", || (daemon.admin("/readyz").0 == 200).then_some(()));
        assert_only_second_is_unavailable(&fixture, &daemon, &format!("{kind:?}"));
        let entry = fixture.spool.join(format!("second/new/{id}.hook"));
        assert!(entry.exists(), "{kind:?}: it is not in its queue");
        fixture.cut();
        daemon.signal("-KILL");
        daemon.wait();
        mounted.unmount();
        let fixture = fixture.after_power_failure();
        let daemon = fixture.world.start();
        assert!(entry.exists(), "{kind:?}: lost");
        assert_second_is_available(&fixture, &daemon, &format!("{kind:?}, without it"));
    }
}

#[test]
fn check_reports_a_queue_in_another_mount() {
    let fixture = Fixture::on_disk(Kind::Ext4);
    drop(fixture.world.start());
    let mounted = MountKind::Tmpfs.mount(&fixture, &fixture.spool.join("second/taken"));
    let checked = fixture.world.run(&["check"]);
    let message = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(78), "{message}");
    assert!(message.contains("endpoint `second`") && message.contains("second/taken"), "{message}");
    mounted.unmount();
    assert_eq!(fixture.world.run(&["check"]).status.code(), Some(0));
    tool("sync", &["-f".as_ref(), fixture.spool.as_os_str()]);
}

/// The mount appears after the daemon has checked its directories and while it syncs.
#[test]
fn mount_during_a_batch_loses_no_acknowledged_entry() {
    // A small entry, which is published after the sync of the log, and a large one, which is renamed after its own
    // sync.
    for length in [300, 70_000] {
        let payload = vec![b'm'; length];
        let fixture = Fixture::on_disk(Kind::Ext4);
        let mut daemon = fixture.world.start();
        let slow = Injection::with(&daemon, "committer", "fdatasync", 1, "delay_enter=3s");
        let (outcome, mounted) = thread::scope(|scope| {
            let delivery = scope.spawn(|| deliver_to(&fixture, &daemon, 1, &payload));
            eventually("the entry is written and waits for its sync", || {
                let places = ["tmp", "."].map(|place| fs::read_dir(fixture.spool.join(place)).unwrap());
                let mut files = places.into_iter().flatten().map(|file| file.unwrap().path());
                let is_there = |bytes: &[u8]| bytes.windows(300).any(|window| window == &payload[..300]);
                files.any(|file| fs::read(file).is_ok_and(|bytes| is_there(&bytes))).then_some(())
            });
            let mounted = Mount::tmpfs(64 * MIB, fixture.spool.join("second/new"));
            (delivery.join().unwrap(), mounted)
        });
        drop(slow);
        eventually("the mount is detected", || is_faulty(&daemon).then_some(()));
        // A clean stop makes the logs void.
        daemon.signal("-TERM");
        daemon.wait();
        mounted.unmount();
        let daemon = fixture.world.start();
        if let Outcome::Stored(id) = outcome {
            let entry = fixture.spool.join(format!("second/new/{id}.hook"));
            assert!(entry.exists(), "{length} bytes: acknowledged and lost\n{}", daemon.log_text());
        }
        assert_second_is_available(&fixture, &daemon, &format!("{length} bytes"));
    }
}
