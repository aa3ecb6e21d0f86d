//! A clock that is wrong for a while: the daemon starts, refuses, and serves as soon as the clock is right.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};

use hookspool::clock::Timestamp;

use crate::tools::{bash, stop};
use crate::wire::Wire;
use crate::world::{Daemon, World, program};

/// Adds the number in the file `$OFFSET` to the time of day, in seconds.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile long long *offset;
__attribute__((constructor)) static void start(void) {
    int file = open(getenv("OFFSET"), O_RDONLY | O_CLOEXEC);
    offset = mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    close(file);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return failed;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}
"#;

const DAY: i64 = 86_400;

/// A world whose daemons read a clock that the test sets.
struct Clocked {
    world: World,
}

impl Clocked {
    fn new() -> Self {
        let world = World::new();
        fs::write(world.path("shim.c"), SHIM).unwrap();
        bash(&world, "cc -shared -fPIC -O1 -o shim.so shim.c");
        fs::write(world.path("offset"), [0; 8]).unwrap();
        Self { world }
    }

    /// Sets the clock to this many seconds from now.
    fn set(&self, offset: i64) {
        let file = fs::File::options().write(true).open(self.world.path("offset")).unwrap();
        file.write_all_at(&offset.to_ne_bytes(), 0).unwrap();
    }

    fn start(&self) -> Daemon {
        let mut command = Command::new(program());
        command.env("LD_PRELOAD", self.world.path("shim.so")).env("OFFSET", self.world.path("offset"));
        command.stdin(Stdio::null());
        self.world.start_by(command)
    }

    /// The status of a delivery; `None` if the sender is refused.
    fn deliver(&self, daemon: &Daemon, payload: &str) -> Option<u16> {
        let answer =
            Wire::connect(&self.world, daemon, "client").post("/webhooks/pix", payload.as_bytes()).ok()?;
        Some(answer.status)
    }
}

/// When the daemon believed to log a line.
fn logged_at(line: &serde_json::Value) -> Timestamp {
    line["timestamp"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_daemon_that_starts_in_1970_serves_once_the_clock_is_set() {
    let clocked = Clocked::new();
    clocked.set(60 - Timestamp::now().as_second());
    let daemon = clocked.start();
    assert!(logged_at(&daemon.logged("listening", |_| true)).as_second() < DAY);
    assert_eq!(clocked.deliver(&daemon, "{}"), None);
    daemon.logged("peer refused", |line| line["reason"] == "not_yet_valid");
    clocked.set(0);
    assert_eq!(clocked.deliver(&daemon, "{}"), Some(200));
    stop(daemon);
    assert_eq!(clocked.world.entries("pix").len(), 1);
}

#[test]
fn a_clock_that_is_years_ahead_for_a_moment_costs_no_restart() {
    let clocked = Clocked::new();
    let daemon = clocked.start();
    assert_eq!(clocked.deliver(&daemon, "1"), Some(200));
    clocked.set(11 * 365 * DAY);
    assert_eq!(clocked.deliver(&daemon, "2"), None);
    daemon.logged("peer refused", |line| line["reason"] == "expired");
    clocked.set(0);
    assert_eq!(clocked.deliver(&daemon, "3"), Some(200));
    assert_eq!(daemon.admin("/readyz").0, 200);
    assert_eq!(daemon.metric("hookspool_generation "), 1.0);
    stop(daemon);
}

#[test]
fn a_delivery_while_the_clock_is_ahead_keeps_its_place() {
    let clocked = Clocked::new();
    let daemon = clocked.start();
    for (payload, offset) in [("1", 0), ("2", 200 * DAY), ("3", 0)] {
        clocked.set(offset);
        assert_eq!(clocked.deliver(&daemon, payload), Some(200), "{payload}");
    }
    stop(daemon);
    let daemon = clocked.start();
    assert_eq!(clocked.deliver(&daemon, "4"), Some(200));
    stop(daemon);
    let taken: String = (0..4)
        .map(|_| {
            let output = clocked.world.run(&["spool", "take", "--endpoint", "pix", "--exec", "cat"]);
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    assert_eq!(taken, "1234");
}

/// A server certificate of the world's CA for this many days from now.
fn issue_server(world: &World, days: u32) {
    let script = format!(
        "openssl req -new -key certs/server.key -subj /CN=localhost 2>/dev/null |
         openssl x509 -req -CA certs/root-ca.pem -CAkey certs/root-ca.key -set_serial $RANDOM -days {days} \
             -extfile <(echo subjectAltName=DNS:localhost) -out server.next 2>/dev/null && mv server.next certs/server.pem"
    );
    bash(world, &script);
}

#[test]
fn a_short_certificate_is_reported_only_when_its_renewal_is_due() {
    const HOUR: i64 = 3_600;
    let clocked = Clocked::new();
    for (days, hours, level) in [
        (6, 0, None),
        (6, 95, None),
        (6, 97, Some("WARN")),
        (6, 121, Some("ERROR")),
        (45, 0, None),
        (45, 29 * 24, None),
        (45, 31 * 24, Some("WARN")),
        (45, 38 * 24, Some("ERROR")),
        (90, 59 * 24, None),
        (90, 61 * 24, Some("WARN")),
    ] {
        issue_server(&clocked.world, days);
        clocked.set(hours * HOUR);
        let daemon = clocked.start();
        daemon.logged("serving", |_| true);
        if let Some(level) = level {
            daemon.logged("certificate expires soon", |line| line["level"] == level);
        }
        daemon.signal("-TERM");
        daemon.logged("stopped", |_| true);
        let lines = daemon.log_text().matches("certificate expires soon").count();
        assert_eq!(
            lines,
            usize::from(level.is_some()),
            "{days} days after {hours} hours: {}",
            daemon.log_text()
        );
        let mut check = Command::new(program());
        check.env("LD_PRELOAD", clocked.world.path("shim.so")).env("OFFSET", clocked.world.path("offset"));
        let checked = check.arg("check").current_dir(clocked.world.path("")).output().unwrap();
        let said = String::from_utf8_lossy(&checked.stderr);
        assert_eq!(
            said.contains("the server certificate expires"),
            level.is_some(),
            "{days}, {hours}: {said}"
        );
    }
}
