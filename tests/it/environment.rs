//! Numbers in the environment that are 0, out of range or not numbers do not end the daemon.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::wire::Wire;
use crate::world::{Daemon, World, program};

/// Starts a daemon with these variables, and returns it with its notification socket.
fn start(world: &World, variables: &[(&str, &str)]) -> (UnixDatagram, Daemon) {
    let path = world.path(&format!("trace/notify-{}", world.count()));
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = Command::new(program());
    command.stdin(Stdio::null()).env("NOTIFY_SOCKET", &path).envs(variables.iter().copied());
    (socket, world.start_by(command))
}

/// Counts the watchdog pings within a time. Reads continuously, because the socket's buffer is small.
fn watchdog_notifications(socket: &UnixDatagram, time: Duration) -> usize {
    let deadline = Instant::now() + time;
    let mut count = 0;
    let mut buffer = [0; 4096];
    while let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        socket.set_read_timeout(Some(left)).unwrap();
        let Ok(length) = socket.recv(&mut buffer) else { break };
        let message = String::from_utf8_lossy(&buffer[..length]);
        count += usize::from(message.lines().any(|line| line == "WATCHDOG=1"));
    }
    count
}

fn assert_serves(world: &World, daemon: &Daemon, case: &str) {
    let answer = Wire::connect(world, daemon, "client").post("/webhooks/pix", b"{}").unwrap();
    assert_eq!(answer.status, 200, "{case}");
}

/// User and system time of the process so far, in clock ticks of 10 ms.
fn processor_ticks(daemon: &Daemon) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
fn a_watchdog_interval_of_0_and_the_id_of_another_process_disable_the_watchdog() {
    let world = World::new();
    let max = u64::MAX.to_string();
    let cases: [&[(&str, &str)]; 5] = [
        &[("WATCHDOG_USEC", "0")],
        &[("WATCHDOG_USEC", &max)],
        &[("WATCHDOG_USEC", "")],
        &[("WATCHDOG_USEC", "300000"), ("WATCHDOG_PID", "1")],
        &[("WATCHDOG_USEC", "300000"), ("WATCHDOG_PID", &max)],
    ];
    for variables in cases {
        let (socket, daemon) = start(&world, variables);
        assert_eq!(watchdog_notifications(&socket, Duration::from_millis(700)), 0, "{variables:?}");
        assert_serves(&world, &daemon, &format!("{variables:?}"));
        let log = daemon.log_text();
        assert!(!log.contains("environment variable") && !log.contains("panicked"), "{log}");
    }
}

#[test]
fn a_watchdog_interval_that_is_not_a_number_is_reported_and_ignored() {
    let world = World::new();
    for value in ["60s", "-1", "0x10", "18446744073709551616"] {
        let (socket, daemon) = start(&world, &[("WATCHDOG_USEC", value)]);
        daemon.logged("environment variable ignored: not a whole number", |line| {
            line["variable"] == "WATCHDOG_USEC" && line.get("value").is_none()
        });
        assert_eq!(watchdog_notifications(&socket, Duration::from_millis(500)), 0, "{value}");
        assert_serves(&world, &daemon, value);
    }
    // If WATCHDOG_PID is not valid, the watchdog counts as meant for this process.
    let (socket, daemon) = start(&world, &[("WATCHDOG_USEC", "300000"), ("WATCHDOG_PID", "self")]);
    daemon.logged("environment variable ignored: not a whole number", |line| {
        line["variable"] == "WATCHDOG_PID"
    });
    assert!(watchdog_notifications(&socket, Duration::from_millis(700)) > 2);
}

#[test]
fn a_tiny_watchdog_interval_is_raised_and_uses_little_processor_time() {
    let world = World::new();
    for value in ["1", "3"] {
        let (socket, daemon) = start(&world, &[("WATCHDOG_USEC", value)]);
        daemon.logged("watchdog interval raised to the minimum", |line| line["minimum"] == "100ms");
        assert_serves(&world, &daemon, value);
        let before = processor_ticks(&daemon);
        assert!(watchdog_notifications(&socket, Duration::from_secs(2)) > 10, "{value}");
        // A tenth of a core is more than 30 notifications per second need in a debug build.
        let ticks = processor_ticks(&daemon) - before;
        assert!(ticks < 40, "{value}: {ticks} ticks of 10 ms in 2 s");
    }
}

#[test]
fn worker_threads_out_of_range_are_reported_and_ignored() {
    let world = World::new();
    for (value, message) in [
        ("0", "environment variable ignored: out of range"),
        ("1000000000", "environment variable ignored: out of range"),
        ("18446744073709551615", "environment variable ignored: out of range"),
        ("x", "environment variable ignored: not a whole number"),
        ("-1", "environment variable ignored: not a whole number"),
    ] {
        let mut command = Command::new(program());
        command.stdin(Stdio::null()).env("TOKIO_WORKER_THREADS", value);
        let daemon = world.start_by(command);
        daemon.logged(message, |line| line["variable"] == "TOKIO_WORKER_THREADS");
        assert_serves(&world, &daemon, value);
        let sent = Command::new(program())
            .env("TOKIO_WORKER_THREADS", value)
            .args(["status", "--config"])
            .arg(world.path("webhooks.toml"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(sent.status.success(), "{value}: {sent:?}");
    }
    let mut command = Command::new(program());
    command.stdin(Stdio::null()).env("TOKIO_WORKER_THREADS", "9");
    let daemon = world.start_by(command);
    assert_serves(&world, &daemon, "9");
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    // Threads for blocking calls have the same name.
    assert!(names.filter(|name| name.starts_with("tokio-rt-worker")).count() >= 9);
}

#[test]
fn a_number_of_sockets_that_is_out_of_range_is_reported_and_ignored() {
    let world = World::new();
    for (variables, message) in [
        (vec![("LISTEN_FDS", "999999999")], "LISTEN_FDS ignored: out of range"),
        (vec![("LISTEN_FDS", "18446744073709551615")], "LISTEN_FDS ignored: out of range"),
        (
            vec![("LISTEN_FDS", "2"), ("LISTEN_FDS_FIRST_FD", "2147483647")],
            "LISTEN_FDS ignored: out of range",
        ),
        (vec![("LISTEN_FDS", "two")], "environment variable ignored: not a whole number"),
        (vec![("LISTEN_FDS", "1"), ("LISTEN_PID", "x")], "environment variable ignored: not a whole number"),
    ] {
        let mut command = Command::new(program());
        command.stdin(Stdio::null()).envs(variables.iter().copied());
        let daemon = world.start_by(command);
        daemon.logged(message, |_| true);
        assert_serves(&world, &daemon, &format!("{variables:?}"));
    }
}
