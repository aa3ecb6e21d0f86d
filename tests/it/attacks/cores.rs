//! The daemon and the attackers run on processors of their own, and the honest senders have priority over the attackers.

use std::ffi::OsString;
use std::fs;
use std::process::{Command, Stdio};

/// The nice value of attackers. To lower their priority needs no privilege.
const ATTACKERS_NICE: &str = "10";

/// The processors that this process may use.
fn allowed() -> Vec<usize> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    let number = |text: &str| text.parse::<usize>().unwrap();
    let ranges = list.split(',').map(|range| range.split_once('-').unwrap_or((range, range)));
    ranges.flat_map(|(first, last)| number(first)..=number(last)).collect()
}

/// The command that starts the daemon on the first processor.
pub fn daemon(open_files: Option<u32>) -> Command {
    let mut words: Vec<OsString> = vec!["prlimit".into()];
    if let Some(limit) = open_files {
        words.push(format!("--nofile={limit}:{limit}").into());
    }
    let first = allowed()[0].to_string();
    words.extend(["taskset", "-c", &first].map(OsString::from));
    words.push(crate::world::program());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// Moves this thread to the last processor; the threads that it starts follow it.
pub fn leave_the_daemon_alone() {
    let last = allowed().last().unwrap().to_string();
    on_this_thread("taskset", &["-p", "-c", &last]);
}

/// Gives this thread a lower priority than that of the honest senders.
pub fn give_priority_to_others() {
    on_this_thread("renice", &["-n", ATTACKERS_NICE, "-p"]);
}

fn on_this_thread(program: &str, args: &[&str]) {
    let thread = fs::read_link("/proc/thread-self").unwrap();
    let done = Command::new(program).args(args).arg(thread.file_name().unwrap()).output().unwrap();
    assert!(done.status.success(), "{program}: {done:?}");
}
