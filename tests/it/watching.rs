//! The file watcher beside a log that it could see, and without inotify instances.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::tools::edit;
use crate::world::{Daemon, World, eventually, program};

/// Two rounds of the watcher, if it triggered itself: an event, the settling time, a look at all files.
const QUIET: Duration = Duration::from_secs(1);

#[test]
fn a_log_beside_the_configuration_does_not_trigger_the_watcher() {
    let world = World::new();
    edit(&world, "format = \"json\"", "format = \"json\"\nlevel = \"trace\"");
    // Standard error goes to a file in the directory that is watched, and to the test.
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$PROGRAM\" \"$@\" 2>&1 | tee \"$LOG\" >&2", "sh"]);
    shell.env("PROGRAM", program()).env("LOG", world.path("log"));
    shell.stdin(Stdio::null());
    let daemon = world.start_by(shell);
    eventually("it watches", || (daemon.metric("hookspool_watcher_alive") == 1.0).then_some(()));
    let length = || fs::metadata(world.path("log")).unwrap().len();
    assert!(length() > 0);
    let mut last = (length(), Instant::now());
    eventually("the log is silent", || {
        if length() != last.0 {
            last = (length(), Instant::now());
        }
        (last.1.elapsed() > QUIET).then_some(())
    });
    // It has not stopped watching.
    edit(&world, "cn = [\"second\"]", "cn = [\"third\"]");
    daemon.logged("reloaded", |line| line["generation"] == 2);
}

/// A daemon in a user namespace, where only it counts against the limit of inotify instances.
fn start_without_instances(world: &World) -> Daemon {
    let mut unshare = Command::new("unshare");
    unshare.args(["-Ur", "sh", "-c"]);
    unshare.arg("echo 0 >/proc/sys/user/max_inotify_instances && exec \"$PROGRAM\" \"$@\"").arg("sh");
    unshare.env("PROGRAM", program()).stdin(Stdio::null());
    world.start_by(unshare)
}

fn permit_instances(daemon: &Daemon) {
    let pid = daemon.pid().to_string();
    let mut nsenter = Command::new("nsenter");
    nsenter.args(["-t", &pid, "-U", "-r", "--preserve-credentials", "sh", "-c"]);
    let set = nsenter.arg("echo 100 >/proc/sys/user/max_inotify_instances").output().unwrap();
    assert!(set.status.success(), "{set:?}");
}

#[test]
fn without_inotify_instances_files_are_polled_until_there_are_some() {
    let world = World::new();
    edit(&world, "settle = \"200ms\"", "settle = \"20ms\"\npoll = \"1s\"");
    let daemon = start_without_instances(&world);
    daemon.logged("inotify unavailable; polling files instead", |line| line["level"] == "WARN");
    // Found by its contents: size and modification time stay as they were.
    let path = world.path("webhooks.toml");
    let before = fs::metadata(&path).unwrap();
    edit(&world, "cn = [\"second\"]", "cn = [\"secund\"]");
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
    daemon.logged("reloaded", |line| line["generation"] == 2);
    edit(&world, "cn = [\"secund\"]", "cn = [\"third\"]");
    daemon.logged("reloaded", |line| line["generation"] == 3);
    assert_eq!(daemon.metric("hookspool_watcher_alive"), 0.0);

    permit_instances(&daemon);
    eventually("inotify resumes", || (daemon.metric("hookspool_watcher_alive") == 1.0).then_some(()));
    let warnings = daemon.log_text().matches("inotify unavailable").count();
    assert_eq!(warnings, 1, "{}", daemon.log_text());
}
