//! Notifications to a service manager, which is simulated with a socket.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use crate::faults::Injection;
use crate::wire::Wire;
use crate::world::{Daemon, TIMEOUT, World, eventually};

/// Receives messages on `$NOTIFY_SOCKET`, as systemd does.
struct Manager(UnixDatagram);

impl Manager {
    fn start(world: &World, watchdog: Option<Duration>) -> (Self, Daemon) {
        let path = world.path("trace/notify");
        let manager = Self(UnixDatagram::bind(&path).unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookspool"));
        command.env("NOTIFY_SOCKET", &path);
        if let Some(timeout) = watchdog {
            command.env("WATCHDOG_USEC", timeout.as_micros().to_string());
        }
        let daemon = world.start_by(command);
        (manager, daemon)
    }

    /// Waits for a message with this line.
    fn wait_for(&self, line: &str) -> String {
        eventually(line, || {
            self.next(TIMEOUT).filter(|message| message.lines().any(|message| message == line))
        })
    }

    fn next(&self, timeout: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(timeout)).unwrap();
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..length].to_vec()).unwrap())
    }

    /// The messages that have arrived, without watchdog pings.
    fn received_messages(&self) -> Vec<String> {
        let all = std::iter::from_fn(|| self.next(Duration::from_millis(1)));
        all.filter(|message| message.trim() != "WATCHDOG=1").collect()
    }
}

#[test]
fn readiness_is_reported_when_deliveries_are_accepted() {
    let world = World::new();
    let (manager, daemon) = Manager::start(&world, None);
    let message = manager.wait_for("READY=1");
    assert!(message.contains("STATUS=generation 1, first to expire "), "{message}");
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    let counted = |message: &String| message.contains("1 deliveries stored");
    eventually("the delivery in the status", || manager.next(TIMEOUT).filter(counted));
}

#[test]
fn reload_reports_its_end_and_errors_before_it_is_answered() {
    let world = World::new();
    let (manager, _daemon) = Manager::start(&world, None);
    manager.wait_for("READY=1");
    manager.received_messages();
    assert_eq!(world.run(&["reload"]).status.code(), Some(0));
    // The status line is sent at the start and whenever it changes, also in between.
    let message = manager.received_messages().into_iter().filter(|message| !message.starts_with("STATUS="));
    let message: Vec<_> = message.collect();
    let (begin, end) = (message.first().unwrap(), message.get(1).unwrap());
    assert!(begin.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{message:?}");
    assert!(begin.trim().rsplit('=').next().unwrap().parse::<u64>().unwrap() > 0);
    assert!(end.starts_with("READY=1\nSTATUS=generation 1, "), "{message:?}");

    fs::write(world.cert("server"), "nonsense").unwrap();
    assert_eq!(world.run(&["reload"]).status.code(), Some(78));
    let message = manager.received_messages().concat();
    assert!(message.contains("READY=1\nSTATUS=generation 1, degraded: "), "{message}");
    assert!(message.contains("webhooks.toml:") && message.contains("server.pem"), "{message}");
}

#[test]
fn shutdown_extends_its_timeout_while_it_drains() {
    let world = World::new();
    let (manager, mut daemon) = Manager::start(&world, None);
    manager.wait_for("READY=1");
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send(
        "POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n",
    )
    .unwrap();
    assert_eq!(wire.answer().unwrap().status, 100);
    daemon.signal("-TERM");
    let message = manager.wait_for("STOPPING=1");
    assert!(message.contains("EXTEND_TIMEOUT_USEC=10000000"), "{message}");
    // Sent again, because the drain continues.
    manager.wait_for("EXTEND_TIMEOUT_USEC=10000000");
    wire.send("{}").unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn watchdog_pings_continue_on_a_failing_disk_and_stop_for_a_stuck_commit_thread() {
    let world = World::new();
    // One ping per second.
    let (manager, daemon) = Manager::start(&world, Some(Duration::from_secs(3)));
    let pings = |count: usize| (0..count).for_each(|_| drop(manager.wait_for("WATCHDOG=1")));
    pings(3);

    let failing = Injection::with(&daemon, "committer", "pwritev", 1, "error=EIO");
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 503);
    failing.wait("a failing write");
    pings(2);
    drop(failing);
    eventually("the spool recovers", || (daemon.admin("/readyz").0 == 200).then_some(()));

    let stuck = Injection::with(&daemon, "committer", "fdatasync", 1, "delay_enter=60s");
    let mut wire = Wire::connect(&world, &daemon, "client");
    wire.send("POST /webhooks/pix HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    daemon.logged("commit thread stuck; watchdog pings stopped", |_| true);
    manager.received_messages();
    let is_ping = |message: &String| message.trim() == "WATCHDOG=1";
    assert_eq!(manager.next(Duration::from_secs(2)).filter(is_ping), None);
    drop(stuck);
    pings(2);
    assert_eq!(wire.answer().unwrap().status, 200);
}
