//! Each system call of a delivery fails once, or the process is killed in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use crate::power::disk::Journaled;
use crate::wire::Wire;
use crate::world::{Daemon, World, eventually};

/// The calls of the commit thread for [`deliver_some`], with their numbers. If one fails, a delivery fails.
const COMMITTER: [(&str, usize); 5] =
    [("pwritev", 5), ("fdatasync", 3), ("renameat", 1), ("linkat", 2), ("fsync", 1)];
/// Calls that the thread also makes once a second to check the spool, so that a failure need not affect a delivery.
const CHECKS: [(&str, usize); 2] = [("openat", 9), ("statx", 4)];
/// The calls of a checkpoint.
const CHECKPOINT: [(&str, usize); 3] = [("syncfs", 1), ("pwritev", 2), ("fdatasync", 1)];

/// An injection into a system call of one thread, with strace.
pub struct Injection {
    strace: Child,
    done: Receiver<()>,
}

impl Injection {
    /// `how` is an action of strace, such as `error=EIO` or `signal=KILL`.
    pub fn with(daemon: &Daemon, name: &str, call: &str, number: usize, how: &str) -> Self {
        let inject = format!("inject={call}:{how}:when={number}");
        let mut strace = Command::new("strace")
            .args(["-p", &tid(daemon, name), "-e", &format!("trace={call}"), "-e", &inject])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "{line}");
        // strace blocks, and with it the thread, unless its output is read.
        let (injected_call, done) = channel();
        thread::spawn(move || {
            let injected = stderr.lines().map_while(Result::ok).filter(|line| line.contains("(INJECTED)"));
            for _ in injected {
                let _ = injected_call.send(());
            }
        });
        Self { strace, done }
    }

    /// Waits until the call is made.
    pub fn wait(&self, case: &str) {
        let made = self.done.recv_timeout(Duration::from_secs(30));
        made.unwrap_or_else(|_| panic!("{case}: the call was not made"));
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        // On SIGTERM, strace detaches from the thread before it ends.
        let _ = Command::new("kill").arg(self.strace.id().to_string()).status();
        let _ = self.strace.wait();
    }
}

fn tid(daemon: &Daemon, name: &str) -> String {
    // A thread sets its own name, some time after it was started.
    let found = eventually(name, || {
        let mut tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
        tasks.find_map(|task| {
            let task = task.unwrap().path();
            let comm = fs::read_to_string(task.join("comm"));
            comm.is_ok_and(|comm| comm.trim() == name).then_some(task)
        })
    });
    found.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The payloads that were acknowledged, by ID.
type Acknowledged = BTreeMap<String, Vec<u8>>;

/// Delivers two small payloads and a large one between them; false if the connection broke.
fn deliver_some(world: &World, daemon: &Daemon, acknowledged: &mut Acknowledged) -> bool {
    let mut wire = Wire::connect(world, daemon, "client");
    for length in [300, 70_000, 400] {
        let payload = vec![b'x'; length];
        let Ok(answer) = wire.post("/webhooks/pix", &payload) else { return false };
        match answer.status {
            200 => {
                let id = answer.body.split('"').nth(3).unwrap().to_owned();
                assert!(acknowledged.insert(id, payload).is_none());
            }
            503 => assert!(answer.head.contains("retry-after"), "{}", answer.head),
            other => panic!("{other}"),
        }
    }
    true
}

fn assert_kept(world: &World, acknowledged: &Acknowledged, case: &str) {
    let entries = world.entries("pix");
    for (id, payload) in acknowledged {
        let entry = entries.get(id).unwrap_or_else(|| panic!("{case}: {id} is lost"));
        assert_eq!(&entry.payload, payload, "{case}");
    }
    assert!(fs::read_dir(world.path("spool/tmp")).unwrap().next().is_none(), "{case}: a file is left in tmp");
}

/// Whether a failure of this call fails a delivery.
fn fails_a_delivery(call: &str, thread: &str) -> bool {
    thread == "committer" && COMMITTER.iter().any(|(name, _)| *name == call)
}

fn each_call(mut try_it: impl FnMut(&str, &str, usize)) {
    let calls = [("committer", &COMMITTER[..]), ("committer", &CHECKS[..]), ("checkpoint", &CHECKPOINT[..])];
    for (thread, calls) in calls {
        for (call, count) in calls {
            (1..=*count).for_each(|number| try_it(thread, call, number));
        }
    }
}

fn recoveries(daemon: &Daemon) -> usize {
    daemon.log_text().matches("\"spool recovered").count()
}

/// Whether every failure so far was followed by a recovery, and no endpoint is unavailable.
fn recovered(daemon: &Daemon) -> bool {
    let log = daemon.log_text();
    let count = |message: &str| log.matches(message).count();
    count("\"spool failing; deliveries") == recoveries(daemon)
        && count("\"endpoint unavailable") == count("\"endpoint available again")
}

/// Makes each call of both threads fail once with `error`, in one daemon.
fn every_call_fails_with(error: &str) {
    let world = Journaled::world();
    let daemon = world.start();
    let mut acknowledged = Acknowledged::new();
    each_call(|thread, call, number| {
        let case = format!("{error} on {call} {number} of the {thread}");
        let (before, recoveries) = (world.entries("pix").len(), recoveries(&daemon));
        let failed = {
            let injection = Injection::with(&daemon, thread, call, number, &format!("error={error}"));
            let known = acknowledged.len();
            assert!(deliver_some(&world, &daemon, &mut acknowledged), "{case}");
            injection.wait(&case);
            3 - (acknowledged.len() - known)
        };
        assert_eq!(world.entries("pix").len(), before + 3 - failed, "{case}");
        assert!(!fails_a_delivery(call, thread) || failed > 0, "{case}: nothing failed");
        // A failed check may affect only an endpoint, or nothing.
        let least = if CHECKS.iter().any(|(name, _)| *name == call) { recoveries } else { recoveries + 1 };
        eventually(&format!("the spool recovers after {case}"), || {
            let is_ready = daemon.admin("/readyz").0 == 200;
            (is_ready && self::recoveries(&daemon) >= least && recovered(&daemon)).then_some(())
        });
        assert_kept(&world, &acknowledged, &case);
    });
}

#[test]
fn io_error_of_any_call_gives_503_and_loses_no_acknowledged_entry() {
    every_call_fails_with("EIO");
}

#[test]
fn full_disk_at_any_call_gives_503_and_loses_no_acknowledged_entry() {
    every_call_fails_with("ENOSPC");
}

#[test]
fn process_killed_in_any_call_loses_no_acknowledged_entry() {
    let world = Journaled::world();
    let mut acknowledged = Acknowledged::new();
    each_call(|thread, call, number| {
        let case = format!("killed in {call} {number} of the {thread}");
        let mut daemon = world.start();
        let _injection = Injection::with(&daemon, thread, call, number, "signal=KILL");
        let survived = deliver_some(&world, &daemon, &mut acknowledged);
        assert!(!fails_a_delivery(call, thread) || !survived, "{case}: the process was not killed");
        daemon.wait();
        let again = world.start();
        again.logged("spool ready", |_| true);
        assert_kept(&world, &acknowledged, &case);
    });
}
