//! Steps that many tests share.

use std::fs;
use std::process::{Command, Output};

use crate::world::{Daemon, World, program};

/// Runs a script in the world's directory, with the tested program as `$PROGRAM`.
pub fn try_bash(world: &World, script: &str) -> Output {
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).current_dir(world.path("")).env("PROGRAM", program());
    bash.env_remove("HOOKSPOOL_CONFIG").env_remove("RUST_LOG").output().unwrap()
}

/// As [`try_bash`], for a script that succeeds; its standard output.
pub fn bash(world: &World, script: &str) -> String {
    let output = try_bash(world, &format!("set -eu\n{script}"));
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Replaces a text in webhooks.toml once.
pub fn edit(world: &World, old: &str, new: &str) {
    let path = world.path("webhooks.toml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{old}");
    fs::write(path, text.replacen(old, new, 1)).unwrap();
}

/// The status that curl gets for a delivery of `{}` with these arguments; `000` without a response.
pub fn curl(world: &World, daemon: &Daemon, more: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args([
        "-s",
        "--noproxy",
        "*",
        "--max-time",
        "20",
        "-d",
        "{}",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
    ]);
    curl.args(more).arg(daemon.url("/webhooks/pix")).current_dir(world.path(""));
    String::from_utf8(curl.output().unwrap().stdout).unwrap()
}

/// Stops the daemon, which has to exit with 0.
pub fn stop(mut daemon: Daemon) {
    daemon.signal("-TERM");
    assert_eq!(daemon.wait().code(), Some(0), "{}", daemon.log_text());
}
