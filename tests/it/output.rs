//! Closed or full standard output is a failure only for commands that changed something.

use std::fs;
use std::process::{Command, Output, Stdio};

use crate::wire::Wire;
use crate::world::{World, program};

/// Outputs that cannot be written to: a pipe without a reader, a closed descriptor, a full disk.
const BROKEN: [&str; 3] = ["pipe", ">&-", ">/dev/full"];

/// Runs the program with broken standard output.
fn run(world: &World, broken: &str, args: &str) -> Output {
    let redirection = if broken == "pipe" { "" } else { broken };
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec \"$PROGRAM\" {args} {redirection}")]);
    shell.env("PROGRAM", program()).env_remove("HOOKSPOOL_CONFIG").env_remove("RUST_LOG");
    shell.current_dir(world.path("")).stdin(Stdio::null()).stderr(Stdio::piped());
    if broken == "pipe" {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        shell.stdout(writer);
    }
    shell.output().unwrap()
}

fn spool_of(count: usize) -> (World, Vec<String>) {
    let world = World::new();
    let mut daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for _ in 0..count {
        assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    }
    daemon.signal("-TERM");
    daemon.wait();
    let ids = world.entries("pix").into_keys().collect();
    (world, ids)
}

fn files(world: &World, queue: &str) -> usize {
    fs::read_dir(world.path(&format!("spool/pix/{queue}"))).unwrap().count()
}

#[test]
fn an_entry_whose_path_could_not_be_printed_returns_to_new() {
    let (world, ids) = spool_of(3);
    for broken in BROKEN {
        for args in ["--endpoint pix".to_owned(), "--endpoint pix --all".to_owned(), ids.join(" ")] {
            let named = !args.contains("--endpoint");
            let output = run(&world, broken, &format!("spool take {args}"));
            if named && broken == ">&-" {
                // The caller gave the IDs, so it knows which entries were taken.
                assert_eq!((output.status.code(), files(&world, "taken")), (Some(0), 3), "{output:?}");
                world.run(&["spool", "requeue", "--queue", "taken"]);
                continue;
            }
            let printed = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(74), "{broken} {args}: {printed}");
            assert_eq!((files(&world, "new"), files(&world, "taken")), (3, 0), "{broken} {args}");
            let expected = if broken == ">&-" {
                "cannot write to standard output: it is closed"
            } else {
                "returned to `new`"
            };
            assert!(printed.contains(expected), "{broken} {args}: {printed}");
        }
    }
    // A handler does not need standard output.
    for broken in BROKEN {
        let output = run(&world, broken, "spool take --endpoint pix --exec true");
        assert_eq!(output.status.code(), Some(0), "{broken}: {output:?}");
    }
    assert_eq!(files(&world, "done"), 3);
}

#[test]
fn take_accepts_dev_null_as_standard_output() {
    let (world, _) = spool_of(1);
    let output = run(&world, ">/dev/null", "spool take --endpoint pix");
    assert_eq!((output.status.code(), files(&world, "taken")), (Some(0), 1), "{output:?}");
}

#[test]
fn commands_without_required_output_accept_dev_null_opened_for_both() {
    let (world, ids) = spool_of(1);
    for args in [&["spool", "show", ids[0].as_str()][..], &["spool", "verify"], &["check"]] {
        let null = fs::File::options().read(true).write(true).open("/dev/null").unwrap();
        let mut command = Command::new(program());
        command.args(args).current_dir(world.path("")).stdout(null).stderr(Stdio::piped());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    }
}

#[test]
fn commands_that_change_something_fail_and_those_that_print_do_not() {
    let (world, _) = spool_of(1);
    let daemon = world.start();
    let send = format!(
        "send {} webhooks.toml --cert certs/client.pem --key certs/client.key --ca certs/root-ca.pem",
        daemon.url("/webhooks/pix")
    );
    let many = format!("{send} --repeat 2");
    for (args, code) in [
        ("spool requeue --queue failed", 74),
        ("spool purge --queue done --older 1d", 74),
        ("certs init --dir made", 74),
        ("reload", 74),
        (&send, 74),
        (&many, 74),
        ("spool list", 0),
        ("spool verify", 0),
        ("certs show certs/root-ca.pem", 0),
        ("check", 0),
        ("status", 0),
    ] {
        let output = run(&world, "pipe", args);
        assert_eq!(output.status.code(), Some(code), "{args}: {output:?}");
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(printed.contains("cannot write to standard output"), code == 74, "{args}: {printed}");
        assert_eq!(
            run(&world, ">/dev/full", args).status.code(),
            Some(74).filter(|_| args != "certs init --dir made").or(Some(73)),
            "{args}"
        );
    }
    // `verify` has changed something if it has moved an entry.
    let (_, entry) = (daemon, world.spool_files().into_iter().next().unwrap());
    fs::write(&entry, "damaged").unwrap();
    assert_eq!(run(&world, "pipe", "spool verify").status.code(), Some(74));
}

#[test]
fn the_daemon_opens_no_file_as_a_closed_standard_descriptor() {
    let world = World::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$PROGRAM\" \"$@\" <&- >&-", "sh"]).env("PROGRAM", program());
    let daemon = world.start_by(shell);
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    for descriptor in [0, 1] {
        let target = fs::read_link(format!("/proc/{}/fd/{descriptor}", daemon.pid())).unwrap();
        assert_eq!(target.to_str(), Some("/dev/null"), "{descriptor}");
    }
}
