//! Runs the examples of docs/consumers.md unchanged: kills them while they run, and runs them without a tool, with a
//! ledger that is busy or on a full disk, and with repetitions and refunds.

mod faults;
mod kills;
mod ledgers;
mod payloads;
mod points;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

use crate::documents::{file, read, write_program};
use crate::wire::Wire;
use crate::world::{World, eventually, program};

const DOCUMENT: &str = "docs/consumers.md";
const FILES: [&str; 4] = ["book-the-payment", "work-off.sh", "work_off.py", "work-off.js"];

/// The commands of the document.
const TAKE: &str = "hookspool spool take --endpoint pix --all --exec ./book-the-payment";
const SHELL: &str = "sh work-off.sh spool/pix ./book-the-payment";
const PYTHON: &str = "python3 work_off.py spool/pix ledger.db";
const NODE: &str = "node work-off.js spool/pix ledger";

/// Creates a world with the examples, and delivers payloads and an entry that is not intact.
fn world(payloads: &[Vec<u8>]) -> World {
    let world = World::new();
    for name in FILES {
        write_program(&world.path(name), &file(DOCUMENT, name));
    }
    fs::create_dir(world.path("bin")).unwrap();
    symlink(fs::canonicalize(program()).unwrap(), world.path("bin/hookspool")).unwrap();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for payload in payloads {
        assert_eq!(wire.post("/webhooks/pix", payload).unwrap().status, 200);
    }
    world
}

fn names(world: &World, directory: &str) -> BTreeSet<String> {
    let files = fs::read_dir(world.path(directory)).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// A command of the document, in its own process group, after `prepare` in the same shell; `$UNDER` runs it.
fn command(world: &World, prepare: &str, line: &str) -> Command {
    assert!(read(DOCUMENT).contains(&format!("\n$ {line}\n")), "{line}");
    let path = format!("{}:{}", world.path("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", &format!("{prepare}\nexec $UNDER {line}")])
        .current_dir(world.path(""))
        .env("PATH", path);
    command.env_remove("HOOKSPOOL_CONFIG").env_remove("RUST_LOG").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(world: &World, prepare: &str, line: &str) -> Output {
    command(world, prepare, line).output().unwrap()
}

fn requeue(world: &World) {
    // A handler of `take` that was killed can hold its lease until its last write to the disk has ended.
    eventually("no entry is in taken", || {
        let output = world.run(&["spool", "requeue", "--queue", "taken"]);
        names(world, "spool/pix/taken").is_empty().then_some(output)
    });
}

/// All queues, to see that nothing was moved.
fn queues(world: &World) -> Vec<BTreeSet<String>> {
    let queues = ["pix/new", "pix/taken", "pix/done", "pix/failed", "corrupt"];
    queues.iter().map(|queue| names(world, &format!("spool/{queue}"))).collect()
}

/// The tools that a shell example lists.
fn needed(example: &str) -> BTreeSet<String> {
    let text = file(DOCUMENT, example);
    let line = text.lines().find_map(|line| line.strip_prefix("for tool in ")).unwrap();
    let words = line.trim_end_matches("; do").split_whitespace();
    words.filter(|word| !word.starts_with('"')).map(str::to_owned).collect()
}
