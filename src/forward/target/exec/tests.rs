//! Tests of the `exec` kind.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{FlockOperation, flock};
use tokio::time::timeout;

use super::super::cloud_events::tests::facts;
use super::*;

/// A claimed entry in a folder of its own, in which commands may leave files.
struct Claimed {
    delivery: Delivery,
    folder: tempfile::TempDir,
}

fn claimed(payload: &[u8]) -> Claimed {
    let folder = tempfile::tempdir().expect("a folder");
    let facts = facts(Some("rec"));
    let taken = folder.path().join("pix/taken");
    fs::create_dir_all(&taken).expect("a folder");
    let path = taken.join(format!("{}.hook", facts.id));
    let envelope = Bytes::from(serde_json::to_vec(&facts).expect("JSON"));
    fs::write(&path, [&envelope[..], b"\n", payload].concat()).expect("an entry");
    let file = File::open(&path).expect("a file");
    flock(&file, FlockOperation::NonBlockingLockExclusive).expect("a lease");
    let payload = Bytes::copy_from_slice(payload);
    Claimed { delivery: Delivery { facts, envelope, payload, attempt: 1, path, file: Some(file) }, folder }
}

impl Claimed {
    /// A target that runs a script of the shell, in which `$1` is the folder.
    fn shell(&self, script: &str) -> ExecTarget {
        let folder = self.folder.path().display().to_string();
        let command = ["/bin/sh", "-c", script, "sh", &folder].map(str::to_owned).into();
        ExecTarget::new(&ExecSettings { command })
    }

    async fn run(&self, script: &str) -> Verdict {
        self.attempt(&self.shell(script)).await
    }

    async fn attempt(&self, target: &ExecTarget) -> Verdict {
        let mut verdicts = target.deliver(std::slice::from_ref(&self.delivery)).await;
        assert_eq!(verdicts.len(), 1);
        verdicts.remove(0)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn done() -> Verdict {
    Verdict::Done { detail: "exit status: 0".into() }
}

fn retry(reason: &str) -> Verdict {
    Verdict::Retry { after: None, reason: reason.to_owned() }
}

fn failed(reason: &str) -> Verdict {
    Verdict::Failed { reason: reason.to_owned() }
}

#[tokio::test]
async fn command_receives_the_payload_and_the_environment() {
    let entry = claimed(b"{\xff\0}\r\n");
    let script = "cat >\"$1/payload\"; env >\"$1/env\"";
    // The second attempt begins at the payload again.
    for _ in 0..2 {
        assert_eq!(entry.run(script).await, done());
        assert_eq!(fs::read(entry.file("payload")).expect("a file"), b"{\xff\0}\r\n");
    }
    let environment = fs::read_to_string(entry.file("env")).expect("a file");
    let facts = &entry.delivery.facts;
    for (name, value) in [
        ("ID", &*facts.id),
        ("ENDPOINT", "pix"),
        ("SENDER", "efi"),
        ("EVENT", "rec"),
        ("RECEIVED_AT", &facts.received_at),
        ("CONTENT_TYPE", "application/json"),
        ("SHA256", &facts.payload.sha256),
        ("PATH", &entry.delivery.path.display().to_string()),
    ] {
        assert!(environment.lines().any(|line| line == format!("HOOKSPOOL_{name}={value}")), "{name}");
    }
}

#[tokio::test]
async fn exit_code_is_the_verdict_and_standard_error_the_reason() {
    let entry = claimed(b"{}");
    assert_eq!(entry.run("echo fine >&2; exit 0").await, done());
    assert_eq!(entry.run("exit 75").await, retry("`/bin/sh` ended with exit status: 75"));
    assert_eq!(entry.run("exit 1").await, failed("`/bin/sh` ended with exit status: 1"));
    let script = r"printf 'first\nno \033[2Jtxid\n\n' >&2; exit 3";
    assert_eq!(entry.run(script).await, failed(r"`/bin/sh` ended with exit status: 3: no \u{1b}[2Jtxid"));
    let script = r"printf '%2000s' x | tr ' ' y >&2; exit 3";
    let Verdict::Failed { reason } = entry.run(script).await else { panic!("not failed") };
    assert!(reason.ends_with("yyy") && reason.len() < 300, "{reason}");
}

#[tokio::test]
async fn third_signal_for_an_entry_is_its_failure() {
    let entry = claimed(b"{}");
    let target = entry.shell("[ -e \"$1/later\" ] && exit 75; kill -9 $$");
    let reason = "`/bin/sh` ended with signal: 9 (SIGKILL)";
    assert_eq!(entry.attempt(&target).await, retry(reason));
    assert_eq!(entry.attempt(&target).await, retry(reason));
    // Another result begins the count again.
    fs::write(entry.file("later"), "").expect("a file");
    assert_eq!(entry.attempt(&target).await, retry("`/bin/sh` ended with exit status: 75"));
    fs::remove_file(entry.file("later")).expect("removed");
    for expected in [retry(reason), retry(reason), failed(reason), retry(reason)] {
        assert_eq!(entry.attempt(&target).await, expected);
    }
}

#[tokio::test]
async fn output_of_any_length_does_not_stop_a_command() {
    let entry = claimed(b"{}");
    let script = "head -c 1G /dev/zero; head -c 256M /dev/zero >&2; echo >&2; echo the end >&2; exit 9";
    assert_eq!(entry.run(script).await, failed("`/bin/sh` ended with exit status: 9: the end"));
}

#[tokio::test]
async fn process_that_keeps_the_output_open_does_not_delay_the_verdict() {
    let entry = claimed(b"{}");
    // The process left behind lives until its FIFO is opened for writing, so it outlives the handler.
    let script = "mkfifo \"$1/end\"; (read -r line <\"$1/end\"; : >\"$1/ended\") & echo left >&2; exit 4";
    let verdict = timeout(Duration::from_secs(60), entry.run(script)).await.expect("a verdict");
    assert_eq!(verdict, failed("`/bin/sh` ended with exit status: 4: left"));
    assert!(!entry.file("ended").exists());
    let mut end = fs::OpenOptions::new().write(true).open(entry.file("end")).expect("a FIFO");
    end.write_all(b"\n").expect("a line");
    until(|| entry.file("ended").exists()).await;
}

async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(60), waiting).await.expect("the condition");
}

#[tokio::test]
async fn dropped_attempt_kills_the_command_and_its_children_and_ends_the_lease() {
    let entry = claimed(b"{}");
    // A shell gives its children another standard input, but not another descriptor 3.
    let script = "exec 3<&0; sleep 1000 & sleep 1000 & : >\"$1/started\"; wait";
    let target = entry.shell(script);
    tokio::select! {
        verdict = entry.attempt(&target) => panic!("{verdict:?}"),
        () = until(|| entry.file("started").exists()) => {}
    }
    let Claimed { delivery, folder: _folder } = entry;
    let file = File::open(&delivery.path).expect("a file");
    drop(delivery);
    // No process that has a copy of the locked descriptor is left.
    until(|| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()).await;
}

#[tokio::test]
async fn command_holds_the_lease_as_long_as_it_runs() {
    let entry = claimed(b"{}");
    let target = entry.shell("mkfifo \"$1/end.new\"; mv \"$1/end.new\" \"$1/end\"; read -r line <\"$1/end\"");
    let Claimed { delivery, folder } = entry;
    let mut child = target.start(&delivery).expect("a command");
    let path = delivery.path.clone();
    drop(delivery);
    let end = folder.path().join("end");
    until(|| end.exists()).await;
    let file = File::open(path).expect("a file");
    assert!(flock(&file, FlockOperation::NonBlockingLockExclusive).is_err());
    fs::OpenOptions::new().write(true).open(end).expect("a FIFO").write_all(b"\n").expect("a line");
    assert!(child.wait().await.expect("a status").success());
    flock(&file, FlockOperation::NonBlockingLockExclusive).expect("the lease has ended");
}

#[tokio::test]
async fn command_that_cannot_run_is_named_with_the_cause() {
    let mut entry = claimed(b"{}");
    let locked = entry.file("locked");
    fs::write(&locked, "#!/bin/sh\n").expect("a file");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o600)).expect("a mode");
    let missing = entry.file("missing");
    for (program, why) in
        [(&missing, "No such file or directory (os error 2)"), (&locked, "Permission denied (os error 13)")]
    {
        let command = vec![program.display().to_string()];
        let verdict = entry.attempt(&ExecTarget::new(&ExecSettings { command })).await;
        let reason = format!("cannot run `{}`: {why}", program.display());
        assert_eq!(verdict, Verdict::Unreachable { reason });
    }
    // A fault of the entry, not of the target.
    entry.delivery.facts.payload.content_type = Some("a\0b".to_owned());
    assert!(matches!(entry.run("exit 0").await, Verdict::Retry { .. }));
    entry.delivery.facts.payload.content_type = Some("x".repeat(1 << 20));
    assert!(matches!(entry.run("exit 0").await, Verdict::Retry { .. }));
}

#[test]
fn counts_of_killed_handlers_are_bounded() {
    let target = ExecTarget::new(&ExecSettings { command: Vec::new() });
    for id in 0..KILLED_ENTRIES_MAX * 2 {
        target.times_killed(&id.to_string(), true);
    }
    assert!(target.killed.lock().expect("no panic").len() <= KILLED_ENTRIES_MAX);
}
