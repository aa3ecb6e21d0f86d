//! `hookspool spool follow` prints each entry that arrives, claims none, and ends without an error.

use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use serde_json::Value;

use crate::forward::{file, put, queue, world_with};
use crate::spool_commands::run_ok;
use crate::world::{World, eventually, program};

/// A process `hookspool spool follow`, killed when it is dropped.
struct Follow {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Follow {
    fn start(world: &World, args: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.args(["spool", "follow", "--config", "webhooks.toml"]).args(args).current_dir(world.path(""));
        let errors = fs::File::create(world.path("follow.err")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines: Some(lines) }
    }

    /// As [`Follow::start`], and puts entries until one has been printed: only then are the queues watched.
    fn ready(world: &World, args: &[&str]) -> Self {
        let mut follow = Self::start(world, args);
        eventually("a line", || {
            put(world, "pix", b"first");
            (follow.unread() > 0).then_some(())
        });
        let last = put(world, "pix", b"last");
        while !follow.line().contains(&last) {}
        follow
    }

    /// The bytes in the pipe.
    fn unread(&self) -> u64 {
        // The descriptor of this process is inside of `lines`, which does not give access to it.
        let path = format!("/proc/{}/fd/1", self.child.id());
        rustix::io::ioctl_fionread(fs::File::open(path).unwrap()).unwrap()
    }

    /// Whether a thread is blocked in write(2) to standard output (proc(5), syscall).
    fn is_writing(&self) -> bool {
        let write = if cfg!(target_arch = "x86_64") { "1 0x1 " } else { "64 0x1 " };
        let mut tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks.any(|task| {
            let syscall = fs::read_to_string(task.unwrap().path().join("syscall"));
            syscall.is_ok_and(|syscall| syscall.starts_with(write))
        })
    }

    fn line(&mut self) -> String {
        self.lines.as_mut().unwrap().next().unwrap().unwrap()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Stops the process while `act` runs, so that it reads only the result.
    fn after(&self, act: impl FnOnce()) {
        self.signal("-STOP");
        eventually("all threads are stopped", || {
            let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
            let stat =
                |task: std::io::Result<fs::DirEntry>| fs::read_to_string(task.unwrap().path().join("stat"));
            tasks.map(|task| stat(task).unwrap()).all(|stat| stat.contains(") T ")).then_some(())
        });
        act();
        self.signal("-CONT");
    }

    fn ended(&mut self) -> ExitStatus {
        eventually("follow ends", || self.child.try_wait().unwrap())
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_entry_is_printed_once_wherever_a_consumer_has_moved_it() {
    let world = world_with("");
    let mut follow = Follow::ready(&world, &["--endpoint", "pix"]);
    put(&world, "second", b"another endpoint");
    let id = put(&world, "pix", b"{}");
    let line = follow.line();
    assert!(line.starts_with(&id) && line.ends_with("  pix/new  bank  rec  2 bytes"), "{line}");
    assert_eq!(run_ok(&world, &["list"]).lines().filter(|listed| *listed == line).count(), 1);

    for (to, state) in
        [("taken", "pix/taken  bank"), ("done", "pix/done  bank"), ("failed", "pix/failed  bank")]
    {
        let mut id = String::new();
        follow.after(|| {
            id = put(&world, "pix", b"{}");
            fs::rename(file(&world, "pix", "new", &id), file(&world, "pix", to, &id)).unwrap();
        });
        let line = follow.line();
        assert!(line.starts_with(&id) && line.contains(state), "{line}");
        // It arrived earlier.
        fs::rename(file(&world, "pix", to, &id), file(&world, "pix", "new", &id)).unwrap();
    }
    let mut id = String::new();
    follow.after(|| {
        id = put(&world, "pix", b"{}");
        fs::remove_file(file(&world, "pix", "new", &id)).unwrap();
    });
    let line = follow.line();
    assert!(line.starts_with(&id) && line.ends_with("it was removed"), "{line}");
    let (new, taken) = (queue(&world, "pix", "new"), queue(&world, "pix", "taken"));
    assert!(new.len() > 4 && taken.is_empty(), "something was claimed: {taken:?}");
    follow.signal("-TERM");
    assert_eq!(follow.ended().code(), Some(0));
    assert_eq!(fs::read_to_string(world.path("follow.err")).unwrap(), "");
}

#[test]
fn json_objects_have_the_keys_of_the_list() {
    let world = world_with("");
    let mut follow = Follow::ready(&world, &["--json"]);
    let id = put(&world, "second", b"{}");
    let printed: Value = serde_json::from_str(&follow.line()).unwrap();
    assert_eq!(printed["id"], *id);
    let listed: Value = serde_json::from_str(&run_ok(&world, &["list", "--json"])).unwrap();
    assert!(listed["entries"].as_array().unwrap().contains(&printed), "{printed}\n{listed}");
    follow.signal("-INT");
    assert_eq!(follow.ended().code(), Some(0));
}

#[test]
fn closed_output_ends_the_command_before_another_entry_arrives() {
    let world = world_with("");
    let mut follow = Follow::start(&world, &[]);
    follow.lines = None;
    assert_eq!(follow.ended().code(), Some(0));
}

#[test]
fn signal_ends_the_command_while_the_reader_of_its_output_is_slow() {
    let world = world_with("");
    let mut follow = Follow::ready(&world, &[]);
    eventually("the pipe is full", || {
        (0..100).for_each(|_| drop(put(&world, "pix", b"{}")));
        follow.is_writing().then_some(())
    });
    follow.signal("-TERM");
    assert_eq!(follow.ended().code(), Some(0));
}

#[test]
fn lost_events_are_reported_and_later_entries_are_printed() {
    let world = world_with("");
    let mut follow = Follow::ready(&world, &[]);
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let names = ["a", "b"].map(|name| world.path(&format!("spool/pix/new/{name}")));
    fs::write(&names[0], "not an entry").unwrap();
    follow.after(|| {
        for _ in 0..limit.trim().parse::<usize>().unwrap() {
            fs::rename(&names[0], &names[1]).unwrap();
            fs::rename(&names[1], &names[0]).unwrap();
        }
        put(&world, "pix", b"lost");
    });
    let errors = || fs::read_to_string(world.path("follow.err")).unwrap();
    eventually("the report", || errors().contains("some entries are not printed").then_some(()));
    let id = put(&world, "pix", b"{}");
    assert!(follow.line().starts_with(&id), "the entry after the lost one");
    assert_eq!(errors().lines().count(), 1, "{}", errors());
}
