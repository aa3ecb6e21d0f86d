//! Runs the examples of docs/consumers.md unchanged, two processes at a time.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::wire::Wire;
use crate::world::World;

/// Returns the code block in this language from the documentation.
fn example(language: &str) -> String {
    let text = include_str!("../../docs/consumers.md");
    let begin = format!("\n```{language}\n");
    let start = text.find(&begin).unwrap_or_else(|| panic!("no {language}")) + begin.len();
    let length = text[start..].find("\n```").unwrap();
    text[start..start + length + 1].to_owned()
}

fn names(world: &World, folder: &str) -> Vec<String> {
    let files = fs::read_dir(world.path(folder)).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// Delivers forty payloads, each twice, and adds one entry that is not intact. Two consumers process them concurrently.
/// Then the queues are checked. `booked` counts what the consumers booked.
fn check_example(start: impl Fn(&World) -> Child, booked: impl Fn(&World) -> usize) {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for number in 0..40 {
        let payload = format!("{{\n  \"number\": {}\n}}", number / 2);
        assert_eq!(wire.post("/webhooks/pix", payload.as_bytes()).unwrap().status, 200);
    }
    let intact: BTreeSet<_> = names(&world, "spool/pix/new").into_iter().collect();
    let victim = world.path("spool/pix/new").join(intact.first().unwrap());
    let torn = "01890a5d-ac96-774b-bcce-b302099a8057.hook";
    let bytes = fs::read(&victim).unwrap();
    fs::write(world.path("spool/pix/new").join(torn), &bytes[..bytes.len() - 1]).unwrap();

    let consumers = [start(&world), start(&world)];
    for consumer in consumers {
        let output = consumer.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    for folder in ["spool/pix/new", "spool/pix/taken", "spool/pix/failed"] {
        assert!(names(&world, folder).is_empty(), "{folder}");
    }
    assert_eq!(names(&world, "spool/pix/done").into_iter().collect::<BTreeSet<_>>(), intact);
    assert_eq!(names(&world, "spool/corrupt"), [torn]);
    assert_eq!(booked(&world), 20);
}

fn consumer(world: &World, program: &str, file: &str, text: &str, args: [PathBuf; 2]) -> Child {
    let script = world.path(file);
    fs::write(&script, text).unwrap();
    let mut command = Command::new(program);
    command.arg(script).args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn shell_example_processes_each_entry() {
    let start = |world: &World| {
        let book = world.path("book-the-payment");
        fs::write(&book, "#!/bin/sh\nsha256sum >>\"$(dirname \"$0\")/ledger\"\n").unwrap();
        fs::set_permissions(&book, fs::Permissions::from_mode(0o755)).unwrap();
        consumer(world, "sh", "work-off.sh", &example("sh"), [world.path("spool/pix"), book])
    };
    check_example(start, |world| {
        let ledger = fs::read_to_string(world.path("ledger")).unwrap();
        assert_eq!(ledger.lines().count(), 40);
        ledger.lines().collect::<BTreeSet<_>>().len()
    });
}

#[test]
fn python_example_processes_each_entry() {
    let start = |world: &World| {
        let args = [world.path("spool/pix"), world.path("ledger.db")];
        consumer(world, "python3", "work_off.py", &example("python"), args)
    };
    check_example(start, |world| {
        let count = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM booked').fetchone()[0])";
        let output =
            Command::new("python3").args(["-c", count]).arg(world.path("ledger.db")).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    });
}

#[test]
fn node_example_processes_each_entry() {
    let start = |world: &World| {
        let args = [world.path("spool/pix"), world.path("ledger")];
        consumer(world, "node", "work-off.js", &example("js"), args)
    };
    check_example(start, |world| names(world, "ledger").len());
}
