//! Standard error that cannot be written to: a full disk, a closed descriptor, a reader that has exited, a file at
//! its size limit. The daemon serves and exits with 0.

use std::fs;
use std::process::{Child, Command, Stdio};

use crate::tools::curl;
use crate::wire::{Wire, client_config};
use crate::world::{World, eventually, program};

/// How the shell starts the daemon, and what it may do to files.
const SINKS: [(&str, &str); 5] = [
    ("a full disk", "exec \"$PROGRAM\" run 2>/dev/full"),
    ("a closed descriptor", "exec \"$PROGRAM\" run 2>&-"),
    ("all descriptors closed", "exec \"$PROGRAM\" run 0<&- >&- 2>&-"),
    ("a pipe without a reader", "exec \"$PROGRAM\" run"),
    // In blocks of 1 KiB. The log is at the limit from the beginning; the files of the spool are smaller.
    ("a file at its size limit", "truncate -s 300M log; ulimit -f 307200; exec \"$PROGRAM\" run 2>>log"),
];

fn start(world: &World, name: &str, script: &str) -> Child {
    let mut bash = Command::new("bash");
    bash.args(["-c", script]).current_dir(world.path("")).env("PROGRAM", program());
    bash.env_remove("HOOKSPOOL_CONFIG").env_remove("RUST_LOG").stdin(Stdio::null());
    if name == "a pipe without a reader" {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        bash.stderr(writer);
    }
    bash.spawn().unwrap()
}

/// The TCP port that the process listens on, from proc(5): there is no log to read it from.
fn port(pid: u32) -> Option<u16> {
    let mut sockets = Vec::new();
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd")).ok()? {
        let Ok(target) = fs::read_link(descriptor.ok()?.path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        sockets
            .extend(target.strip_prefix("socket:[").and_then(|it| it.strip_suffix(']')).map(str::to_owned));
    }
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    table.lines().find_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let listens =
            fields.get(3) == Some(&"0A") && sockets.iter().any(|it| Some(&it.as_str()) == fields.get(9));
        let port = fields.get(1)?.split_once(':')?.1;
        listens.then(|| u16::from_str_radix(port, 16).unwrap())
    })
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    for (name, script) in SINKS {
        let world = World::new();
        let mut daemon = start(&world, name, script);
        let port = eventually(name, || {
            assert_eq!(daemon.try_wait().unwrap(), None, "{name}: it serves");
            port(daemon.id())
        });
        for _ in 0..20 {
            let mut wire = Wire::with_config(client_config(&world, "client"), port).unwrap();
            assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200, "{name}");
            let refused = Wire::with_config(client_config(&world, "nobody"), port);
            assert!(refused.and_then(|mut wire| wire.post("/webhooks/pix", b"{}")).is_err(), "{name}");
        }
        assert_eq!(world.entries("pix").len(), 20, "{name}");
        assert!(Command::new("kill").arg(daemon.id().to_string()).status().unwrap().success());
        let status = eventually("it stops", || daemon.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{name}");
    }
}

#[test]
fn a_reader_that_exits_while_the_daemon_runs_stops_nothing() {
    let world = World::new();
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "exec 3>&2; mkfifo log; cat log >&3 & echo $! >reader; exec \"$PROGRAM\" \"$@\" 2>log",
        "sh",
    ]);
    shell.env("PROGRAM", program()).current_dir(world.path("")).stdin(Stdio::null());
    let mut daemon = world.start_by(shell);
    let client = ["--cacert", "certs/root-ca.pem", "--cert", "certs/client.pem", "--key", "certs/client.key"];
    assert_eq!(curl(&world, &daemon, &client), "200");
    let reader = fs::read_to_string(world.path("reader")).unwrap();
    assert!(Command::new("kill").args(["-KILL", reader.trim()]).status().unwrap().success());
    for _ in 0..5 {
        assert_eq!(curl(&world, &daemon, &client), "200");
    }
    let own = daemon.child.id().to_string();
    assert!(Command::new("kill").arg(own).status().unwrap().success());
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!(world.entries("pix").len(), 6);
}
