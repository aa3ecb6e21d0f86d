//! A container with a booted systemd.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::CURL;
use crate::world::eventually;

/// Held by the machine that exists: several that boot at the same time exceed the deadlines of the tests.
static ONLY: Mutex<()> = Mutex::new(());
/// The package. `systemd/deb/build` always writes to `target/package`, so it must not run twice at the same time.
static PACKAGE: OnceLock<Vec<u8>> = OnceLock::new();

fn build() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let package = directory.path().join("hookspool.deb");
    let built = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/deb/build"))
        .args(["dev", "--output"])
        .arg(&package)
        .env("PROGRAM", env!("CARGO_BIN_EXE_hookspool"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    fs::read(&package).unwrap()
}

/// Whether a process is in another PID namespace than this test. For a short time, the child of systemd-nspawn is not.
fn in_a_machine(pid: &str) -> bool {
    let namespace = |pid| fs::read_link(format!("/proc/{pid}/ns/pid"));
    namespace(pid).is_ok_and(|found| found != namespace("self").unwrap())
}

/// The descendants of a process, down to the first process of a machine.
fn descendants(pid: &str) -> Vec<String> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let mut found = Vec::new();
    for child in children.split_whitespace() {
        found.push(child.to_owned());
        if !in_a_machine(child) {
            found.extend(descendants(child));
        }
    }
    found
}

fn signal(signal: &str, pids: &[String]) {
    // A process may have ended.
    let _ = Command::new("kill").arg(signal).args(pids).stderr(Stdio::null()).status();
}

/// A container with systemd and the package in `/var/hookspool.deb`.
pub struct Machine {
    script: Child,
    leader: String,
    console: tempfile::TempDir,
    _only: MutexGuard<'static, ()>,
}

impl Machine {
    pub fn boot() -> Self {
        let mut machine = Self::start();
        machine.await_up();
        machine
    }

    fn start() -> Self {
        let only = ONLY.lock().unwrap_or_else(PoisonError::into_inner);
        let console = tempfile::tempdir().unwrap();
        let (package, root) = (console.path().join("hookspool.deb"), console.path().join("machine"));
        fs::write(&package, PACKAGE.get_or_init(build)).unwrap();
        fs::create_dir(&root).unwrap();
        let log = File::create(console.path().join("console")).unwrap();
        let script = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/booted.sh"))
            .args([&root, &package])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { script, leader: String::new(), console, _only: only }
    }

    /// Reboots, and waits until the machine is up again.
    pub fn reboot(&mut self) {
        let before = self.leader.clone();
        let _ = self.run("systemctl reboot");
        eventually("the machine ends", || (self.leader()? != before).then_some(()));
        self.await_up();
    }

    fn await_up(&mut self) {
        eventually("the machine is up", || {
            self.leader = self.leader()?;
            let (_, state) = self.run("systemctl is-system-running");
            ["running", "degraded"].contains(&state.trim()).then_some(())
        });
    }

    /// The first process of the machine, once it is in its own PID namespace.
    fn leader(&mut self) -> Option<String> {
        if let Some(status) = self.script.try_wait().unwrap() {
            panic!("{status}: {}", fs::read_to_string(self.console.path().join("console")).unwrap());
        }
        descendants(&self.script.id().to_string()).into_iter().find(|pid| in_a_machine(pid))
    }

    pub fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.leader, "--all", "sh", "-c", script]).stdin(Stdio::null());
        command
    }

    /// Runs a script; returns whether it succeeded, and its output.
    pub fn run(&self, script: &str) -> (bool, String) {
        let out = self.shell(&format!("exec 2>&1; cd /; {script}")).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
    }

    pub fn run_ok(&self, script: &str) -> String {
        let (succeeded, output) = self.run(script);
        assert!(succeeded, "{script}: {output}\n{}", self.run("journalctl --no-pager -n 50").1);
        output
    }

    pub fn deliver(&self) {
        assert_eq!(self.run_ok(&format!("{CURL} -d '{{}}'")), "200");
    }

    pub fn waiting(&self) -> usize {
        self.run_ok("ls /var/lib/hookspool/spool/pix/new").lines().count()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let script = self.script.id().to_string();
        // A stopped script starts no other systemd-nspawn after a reboot.
        signal("-STOP", std::slice::from_ref(&script));
        // The processes would outlive the script. The mounts end with their namespace.
        signal("-KILL", &descendants(&script));
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

#[test]
fn a_machine_that_is_dropped_while_it_starts_leaves_no_process() {
    let machine = Machine::start();
    let script = machine.script.id().to_string();
    let processes = eventually("the first process of the machine", || {
        let found = descendants(&script);
        found.iter().any(|pid| in_a_machine(pid)).then_some(found)
    });
    drop(machine);
    // A process that has ended and was not waited for has no program.
    let ended = |pid: &String| fs::read_link(format!("/proc/{pid}/exe")).is_err();
    eventually(&format!("{processes:?} end"), || processes.iter().all(ended).then_some(()));
}
