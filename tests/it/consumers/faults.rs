//! Consumers that cannot book for now: they exit with 75, and no entry leaves `new/`.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{NODE, PYTHON, SHELL, TAKE, command, ledgers, names, needed, payloads, queues, run, world};
use crate::world::{World, eventually, program};

/// Runs a consumer that cannot book: it exits with 75 and leaves every entry in `new/`. Then the cause is removed.
fn try_later(line: &str, ledger: impl Fn(&World) -> ledgers::Ledger, prepare: &str, remove: &str) {
    let payloads = payloads::usable_samples();
    let world = world(&payloads);
    let before = queues(&world);
    let output = run(&world, prepare, line);
    assert_eq!(output.status.code(), Some(75), "{line}: {output:?}");
    assert!(!output.stderr.is_empty(), "{line}");
    assert_eq!(queues(&world), before, "{line}: {output:?}");
    let output = run(&world, remove, line);
    assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
    assert_eq!(names(&world, "spool/pix/done").len(), payloads.len(), "{line}");
    assert_eq!(ledger(&world), payloads::items(&payloads).0, "{line}");
}

/// No file can grow, as on a full disk.
const FULL: &str = "ulimit -f 0; trap '' XFSZ";

#[test]
fn full_disk_returns_every_entry() {
    for line in [TAKE, SHELL, NODE] {
        try_later(line, ledgers::files, FULL, "");
    }
    try_later(PYTHON, ledgers::database, &format!("python3 work_off.py no-spool ledger.db; {FULL}"), "");
}

#[test]
fn unusable_ledger_moves_nothing() {
    for line in [TAKE, SHELL, NODE] {
        try_later(line, ledgers::files, "echo >ledger", "rm ledger");
    }
    try_later(PYTHON, ledgers::database, "mkdir ledger.db", "rmdir ledger.db");
}

/// Holds the write lock of the database until it is dropped.
const LOCK: &str = "import sqlite3, sys
ledger = sqlite3.connect('ledger.db', isolation_level=None)
ledger.execute('BEGIN IMMEDIATE')
print('locked', flush=True)
sys.stdin.read()";

#[test]
fn busy_database_is_waited_for() {
    let payloads = payloads::usable_samples();
    let world = world(&payloads);
    let before = queues(&world);
    let create = "python3 work_off.py no-spool ledger.db";
    assert_eq!(run(&world, &format!("{create} && exit 0"), PYTHON).status.code(), Some(0));
    let mut lock = Command::new("python3");
    lock.args(["-c", LOCK]).current_dir(world.path("")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut lock = lock.spawn().unwrap();
    lock.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    // Longer than the consumer waits.
    let output = run(&world, "", PYTHON);
    assert_eq!(output.status.code(), Some(75), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("locked"), "{output:?}");
    assert_eq!(queues(&world), before);
    // Not as long as the consumer waits.
    let consumer = command(&world, "", PYTHON).spawn().unwrap();
    eventually("the consumer claims", || (!names(&world, "spool/pix/taken").is_empty()).then_some(()));
    assert!(names(&world, "spool/pix/done").is_empty());
    drop(lock.stdin.take());
    lock.wait().unwrap();
    let output = consumer.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(names(&world, "spool/pix/done").len(), payloads.len());
    assert_eq!(ledgers::database(&world), payloads::items(&payloads).0);
}

/// Creates a directory with these programs only.
fn tools(directory: &Path, names: &BTreeSet<String>) {
    fs::create_dir(directory).unwrap();
    for name in names {
        let found = Command::new("sh").args(["-c", "command -v \"$0\"", name]).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        symlink(fs::canonicalize(found.trim()).unwrap(), directory.join(name)).unwrap();
    }
    symlink("/bin/sh", directory.join("sh")).unwrap();
    symlink(fs::canonicalize(program()).unwrap(), directory.join("hookspool")).unwrap();
}

#[test]
fn missing_tool_moves_nothing() {
    let book = needed("book-the-payment");
    for (line, own) in [(TAKE, BTreeSet::new()), (SHELL, needed("work-off.sh"))] {
        let world = world(&payloads::usable_samples());
        let before = queues(&world);
        let all: BTreeSet<String> = book.union(&own).cloned().collect();
        for missing in &all {
            let (directory, rest) = (format!("without-{missing}"), &all - &BTreeSet::from([missing.clone()]));
            tools(&world.path(&directory), &rest);
            let output = run(&world, &format!("PATH=$PWD/{directory}"), line);
            assert_eq!(output.status.code(), Some(75), "{line} without {missing}: {output:?}");
            let printed = String::from_utf8_lossy(&output.stderr);
            assert!(
                printed.contains(&format!("missing: {missing}\n")),
                "{line} without {missing}: {printed}"
            );
            assert_eq!(queues(&world), before, "{line} without {missing}");
        }
        // No other tool is needed.
        tools(&world.path("complete"), &all);
        let output = run(&world, "PATH=$PWD/complete", line);
        assert!(output.status.success() && output.stderr.is_empty(), "{line}: {output:?}");
        assert_eq!(names(&world, "spool/pix/done"), before[0], "{line}");
    }
}
