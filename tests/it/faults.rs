//! Every call of a delivery fails once, or is the last thing the process does.

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

/// Calls of the commit thread for [`deliver_some`], with how many there are of each: a delivery fails with each.
const COMMITTER: [(&str, usize); 5] =
    [("pwritev", 5), ("fdatasync", 3), ("renameat", 1), ("linkat", 2), ("fsync", 1)];
/// Calls that it also makes once a second to check the spool, so that no delivery has to fail.
const CHECKS: [(&str, usize); 2] = [("openat", 9), ("statx", 4)];
/// Calls that make the log's entries durable without it.
const CHECKPOINT: [(&str, usize); 3] = [("syncfs", 1), ("pwritev", 2), ("fdatasync", 1)];

/// A thread one of whose calls strace meddles with.
pub struct Meddled {
    strace: Child,
    done: Receiver<()>,
}

impl Meddled {
    /// `how` is strace's `error=EIO` or `signal=KILL`.
    pub fn with(daemon: &Daemon, name: &str, call: &str, number: usize, how: &str) -> Self {
        let inject = format!("inject={call}:{how}:when={number}");
        let mut strace = Command::new("strace")
            .args(["-p", &tid(daemon, name), "-e", &format!("trace={call}"), "-e", &inject])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "{line}");
        // Whoever does not read what strace says holds it up, and the thread with it.
        let (tell, done) = channel();
        thread::spawn(move || {
            let injected = said.lines().map_while(Result::ok).filter(|line| line.contains("(INJECTED)"));
            for _ in injected {
                let _ = tell.send(());
            }
        });
        Self { strace, done }
    }

    /// Waits for the call.
    pub fn wait(&self, case: &str) {
        let made = self.done.recv_timeout(Duration::from_secs(30));
        made.unwrap_or_else(|_| panic!("{case}: the call is not made"));
    }
}

impl Drop for Meddled {
    fn drop(&mut self) {
        // Told to end, strace lets go of the thread first.
        let _ = Command::new("kill").arg(self.strace.id().to_string()).status();
        let _ = self.strace.wait();
    }
}

fn tid(daemon: &Daemon, name: &str) -> String {
    // A thread gives itself its name, some time after it was started.
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

/// What was answered 200, by its id.
type Promised = BTreeMap<String, Vec<u8>>;

/// Two small entries and a large one between them; false when the connection broke.
fn deliver_some(world: &World, daemon: &Daemon, promised: &mut Promised) -> bool {
    let mut wire = Wire::connect(world, daemon, "client");
    for length in [300, 70_000, 400] {
        let payload = vec![b'x'; length];
        let Ok(answer) = wire.post("/webhooks/pix", &payload) else { return false };
        match answer.status {
            200 => {
                let id = answer.body.split('"').nth(3).unwrap().to_owned();
                assert!(promised.insert(id, payload).is_none());
            }
            503 => assert!(answer.head.contains("retry-after"), "{}", answer.head),
            other => panic!("{other}"),
        }
    }
    true
}

fn assert_kept(world: &World, promised: &Promised, case: &str) {
    let entries = world.entries("pix");
    for (id, payload) in promised {
        let entry = entries.get(id).unwrap_or_else(|| panic!("{case}: {id} is lost"));
        assert_eq!(&entry.payload, payload, "{case}");
    }
    assert!(fs::read_dir(world.path("spool/tmp")).unwrap().next().is_none(), "{case}: something is left");
}

/// Whether a delivery fails where this call does.
fn costs_a_delivery(call: &str, thread: &str) -> bool {
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

/// Each call of both threads fails with `error` once. One daemon sees it all through.
fn every_call_fails_with(error: &str) {
    let world = Journaled::world();
    let daemon = world.start();
    let mut promised = Promised::new();
    each_call(|thread, call, number| {
        let case = format!("{error} on {call} {number} of the {thread}");
        let (before, recoveries) = (world.entries("pix").len(), recoveries(&daemon));
        let failed = {
            let meddled = Meddled::with(&daemon, thread, call, number, &format!("error={error}"));
            let known = promised.len();
            assert!(deliver_some(&world, &daemon, &mut promised), "{case}");
            meddled.wait(&case);
            3 - (promised.len() - known)
        };
        assert_eq!(world.entries("pix").len(), before + 3 - failed, "{case}");
        assert!(!costs_a_delivery(call, thread) || failed > 0, "{case}: nothing failed");
        // A failed check may concern an endpoint alone, or nothing.
        let least = if CHECKS.iter().any(|(name, _)| *name == call) { recoveries } else { recoveries + 1 };
        eventually(&format!("it serves again after {case}"), || {
            let is_ready = daemon.admin("/readyz").0 == 200;
            (is_ready && self::recoveries(&daemon) >= least && recovered(&daemon)).then_some(())
        });
        assert_kept(&world, &promised, &case);
    });
}

#[test]
fn a_failing_disk_costs_503_and_no_entry() {
    every_call_fails_with("EIO");
}

#[test]
fn a_full_disk_costs_503_and_no_entry() {
    every_call_fails_with("ENOSPC");
}

#[test]
fn a_process_that_dies_in_any_call_loses_nothing_it_promised() {
    let world = Journaled::world();
    let mut promised = Promised::new();
    each_call(|thread, call, number| {
        let case = format!("killed in {call} {number} of the {thread}");
        let mut daemon = world.start();
        let _meddled = Meddled::with(&daemon, thread, call, number, "signal=KILL");
        let survived = deliver_some(&world, &daemon, &mut promised);
        assert!(!costs_a_delivery(call, thread) || !survived, "{case}: it lives");
        daemon.wait();
        let again = world.start();
        again.logged("spool ready", |_| true);
        assert_kept(&world, &promised, &case);
    });
}
