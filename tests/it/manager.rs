//! What a service manager hears, which is here a socket of the test.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::faults::Meddled;
use crate::wire::Wire;
use crate::world::{Daemon, PATIENCE, World, eventually};

/// Listens as systemd does on `$NOTIFY_SOCKET`.
struct Manager(UnixDatagram);

impl Manager {
    fn start(world: &World, watchdog: Option<Duration>) -> (Self, Daemon) {
        let path = world.path("trace/notify");
        let manager = Self(UnixDatagram::bind(&path).unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookspool"));
        command.env("NOTIFY_SOCKET", &path);
        if let Some(patience) = watchdog {
            command.env("WATCHDOG_USEC", patience.as_micros().to_string());
        }
        let daemon = world.start_by(command);
        (manager, daemon)
    }

    /// Waits for a message with this line.
    fn hears(&self, line: &str) -> String {
        eventually(line, || self.next(PATIENCE).filter(|said| said.lines().any(|said| said == line)))
    }

    fn next(&self, patience: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(patience)).unwrap();
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
    }

    /// All that was said by now, signs of life aside.
    fn said_by_now(&self) -> Vec<String> {
        let all = std::iter::from_fn(|| self.next(Duration::from_millis(1)));
        all.filter(|said| said.trim() != "WATCHDOG=1").collect()
    }
}

#[test]
fn a_start_is_over_once_senders_are_served() {
    let world = World::new();
    let (manager, daemon) = Manager::start(&world, None);
    let said = manager.hears("READY=1");
    assert!(said.contains("STATUS=generation 1, first to expire "), "{said}");
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    let counted = |said: &String| said.contains("1 deliveries stored");
    eventually("the delivery in the status", || manager.next(PATIENCE).filter(counted));
}

#[test]
fn a_reload_is_over_before_it_is_answered_and_says_what_is_wrong() {
    let world = World::new();
    let (manager, _daemon) = Manager::start(&world, None);
    manager.hears("READY=1");
    manager.said_by_now();
    assert_eq!(world.run(&["reload"]).status.code(), Some(0));
    let said = manager.said_by_now();
    let (begin, end) = (said.first().unwrap(), said.get(1).unwrap());
    assert!(begin.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{said:?}");
    assert!(begin.trim().rsplit('=').next().unwrap().parse::<u64>().unwrap() > 0);
    assert!(end.starts_with("READY=1\nSTATUS=generation 1, "), "{said:?}");

    fs::write(world.cert("server"), "nonsense").unwrap();
    assert_eq!(world.run(&["reload"]).status.code(), Some(78));
    let said = manager.said_by_now().concat();
    assert!(said.contains("READY=1\nSTATUS=generation 1, degraded: "), "{said}");
    assert!(said.contains("webhooks.toml:") && said.contains("server.pem"), "{said}");
}

#[test]
fn a_stop_asks_for_time_while_it_lasts() {
    let world = World::new();
    let (manager, mut daemon) = Manager::start(&world, None);
    manager.hears("READY=1");
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send(
        "POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n",
    )
    .unwrap();
    assert_eq!(wire.answer().unwrap().status, 100);
    daemon.signal("-TERM");
    let said = manager.hears("STOPPING=1");
    assert!(said.contains("EXTEND_TIMEOUT_USEC=10000000"), "{said}");
    // Once more, since it lasts.
    manager.hears("EXTEND_TIMEOUT_USEC=10000000");
    wire.send("{}").unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn signs_of_life_come_from_a_failing_disk_too_and_not_from_a_stuck_committer() {
    let world = World::new();
    // A sign each second.
    let (manager, daemon) = Manager::start(&world, Some(Duration::from_secs(3)));
    let signs = |count: usize| (0..count).for_each(|_| drop(manager.hears("WATCHDOG=1")));
    signs(3);

    let failing = Meddled::with(&daemon, "committer", "pwritev", 1, "error=EIO");
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 503);
    failing.wait("a failing write");
    signs(2);
    drop(failing);
    eventually("well again", || (daemon.admin("/readyz").0 == 200).then_some(()));

    let stuck = Meddled::with(&daemon, "committer", "fdatasync", 1, "delay_enter=60s");
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send("POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    daemon.logged("commit thread stuck; watchdog pings stopped", |_| true);
    manager.said_by_now();
    let alive = |said: &String| said.trim() == "WATCHDOG=1";
    assert_eq!(manager.next(Duration::from_secs(2)).filter(alive), None);
    drop(stuck);
    signs(2);
    assert_eq!(wire.answer().unwrap().status, 200);
}
