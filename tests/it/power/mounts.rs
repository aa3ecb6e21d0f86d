//! A queue on another file system or mount: its endpoint gets 503, and all others are served.

use std::fs;
use std::path::Path;
use std::thread;

use super::Ground;
use super::disk::{Image, Kind, MIB, Mount, tool};
use super::load::{Outcome, deliver_to};
use crate::faults::Meddled;
use crate::world::{Daemon, eventually};

/// What is mounted over a queue, or over all queues of an endpoint.
#[derive(Clone, Copy, Debug)]
enum Over {
    Tmpfs,
    Ext4,
    /// Another directory of the same file system.
    Bind,
}

impl Over {
    fn mount(self, ground: &Ground, at: &Path) -> Mount {
        match self {
            Self::Tmpfs => Mount::tmpfs(64 * MIB, at.to_owned()),
            Self::Ext4 => {
                let file = ground.world.path(&format!("image-{}", ground.world.count()));
                Image::make(Kind::Ext4, file, 64 * MIB, &[]).mount(at.to_owned())
            }
            Self::Bind => {
                let beside = ground.spool.with_file_name("beside");
                fs::create_dir_all(&beside).unwrap();
                Mount::bind(&beside, at.to_owned())
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

/// The endpoint gets 503 and says why; the others do not notice.
fn assert_only_second_is_refused(ground: &Ground, daemon: &Daemon, case: &str) {
    for size in [100, 70_000] {
        assert_eq!(deliver_to(ground, daemon, 1, &vec![b'x'; size]), Outcome::Unavailable, "{case}");
        assert!(matches!(deliver_to(ground, daemon, 0, &vec![b'x'; size]), Outcome::Stored(_)), "{case}");
    }
    eventually(case, || is_faulty(daemon).then_some(()));
    assert_eq!(daemon.admin("/readyz").0, 200, "{case}");
    let degraded = status(daemon);
    assert!(degraded.contains("endpoint `second`: `") && degraded.contains("/spool/second/"), "{degraded}");
    assert_eq!(daemon.metric("hookspool_endpoint_faulty{endpoint=\"pix\"} "), 0.0, "{case}");
}

fn assert_serves_again(ground: &Ground, daemon: &Daemon, case: &str) {
    eventually(case, || (!is_faulty(daemon)).then_some(()));
    assert!(matches!(deliver_to(ground, daemon, 1, b"{}"), Outcome::Stored(_)), "{case}");
    assert!(!status(daemon).contains("endpoint `second`: `"), "{case}");
}

#[test]
fn a_queue_that_is_mounted_over_costs_its_endpoint_alone() {
    for over in [Over::Tmpfs, Over::Ext4, Over::Bind] {
        for queue in ["new", "done"] {
            let case = format!("{over:?} over {queue}");
            let ground = Ground::on_disk(Kind::Ext4);
            let daemon = ground.world.start();
            assert!(matches!(deliver_to(&ground, &daemon, 1, b"{}"), Outcome::Stored(_)), "{case}");
            let mounted = over.mount(&ground, &ground.spool.join("second").join(queue));
            if queue == "done" {
                // Nothing is written there before the next check.
                eventually(&case, || is_faulty(&daemon).then_some(()));
            }
            assert_only_second_is_refused(&ground, &daemon, &case);
            assert!(ground.world.run(&["reload"]).status.success(), "{case}");
            assert_only_second_is_refused(&ground, &daemon, &case);
            mounted.unmount();
            assert_serves_again(&ground, &daemon, &case);
        }
    }
}

#[test]
fn what_was_acknowledged_before_a_mount_survives_a_kill_and_a_power_cut() {
    for over in [Over::Tmpfs, Over::Bind] {
        let ground = Ground::on_disk(Kind::Ext4);
        let mut daemon = ground.world.start();
        let id = match deliver_to(&ground, &daemon, 1, b"before") {
            Outcome::Stored(id) => id,
            other => panic!("{over:?}: {other:?}"),
        };
        let mounted = over.mount(&ground, &ground.spool.join("second"));
        daemon.signal("-KILL");
        daemon.wait();
        // The log still holds the entry, and its queue is elsewhere now.
        let mut daemon = ground.world.start();
        eventually("it is ready", || (daemon.admin("/readyz").0 == 200).then_some(()));
        assert_only_second_is_refused(&ground, &daemon, &format!("{over:?}"));
        let here = ground.spool.join(format!("second/new/{id}.hook"));
        assert!(here.exists(), "{over:?}: it is where consumers look");
        ground.cut();
        daemon.signal("-KILL");
        daemon.wait();
        mounted.unmount();
        let ground = ground.after_the_cut();
        let daemon = ground.world.start();
        assert!(here.exists(), "{over:?}: lost");
        assert_serves_again(&ground, &daemon, &format!("{over:?}, without it"));
    }
}

#[test]
fn check_names_a_queue_that_is_elsewhere() {
    let ground = Ground::on_disk(Kind::Ext4);
    drop(ground.world.start());
    let mounted = Over::Tmpfs.mount(&ground, &ground.spool.join("second/taken"));
    let checked = ground.world.run(&["check"]);
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(78), "{told}");
    assert!(told.contains("endpoint `second`") && told.contains("second/taken"), "{told}");
    mounted.unmount();
    assert_eq!(ground.world.run(&["check"]).status.code(), Some(0));
    tool("sync", &["-f".as_ref(), ground.spool.as_os_str()]);
}

/// The daemon has compared its directories, and is writing the log: what it writes next goes to the mount.
#[test]
fn a_mount_that_appears_within_a_batch_loses_nothing() {
    // A small entry, which is published after the log's sync, and a large one, which is renamed after its own.
    for length in [300, 70_000] {
        let payload = vec![b'm'; length];
        let ground = Ground::on_disk(Kind::Ext4);
        let mut daemon = ground.world.start();
        let slow = Meddled::with(&daemon, "committer", "fdatasync", 1, "delay_enter=3s");
        let (outcome, mounted) = thread::scope(|scope| {
            let delivery = scope.spawn(|| deliver_to(&ground, &daemon, 1, &payload));
            eventually("it is written and waits for its sync", || {
                let places = ["tmp", "."].map(|place| fs::read_dir(ground.spool.join(place)).unwrap());
                let mut files = places.into_iter().flatten().map(|file| file.unwrap().path());
                let is_there = |bytes: &[u8]| bytes.windows(300).any(|window| window == &payload[..300]);
                files.any(|file| fs::read(file).is_ok_and(|bytes| is_there(&bytes))).then_some(())
            });
            let mounted = Mount::tmpfs(64 * MIB, ground.spool.join("second/new"));
            (delivery.join().unwrap(), mounted)
        });
        drop(slow);
        eventually("it is noticed", || is_faulty(&daemon).then_some(()));
        // A clean stop makes the logs void.
        daemon.signal("-TERM");
        daemon.wait();
        mounted.unmount();
        let daemon = ground.world.start();
        if let Outcome::Stored(id) = outcome {
            let entry = ground.spool.join(format!("second/new/{id}.hook"));
            assert!(entry.exists(), "{length} bytes: acknowledged and lost\n{}", daemon.log_text());
        }
        assert_serves_again(&ground, &daemon, &format!("{length} bytes"));
    }
}
