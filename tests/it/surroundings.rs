//! What surrounds the daemon: /proc, variables of the environment, mounts of containers, and numbers at both ends of
//! their ranges.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::power::disk::{Image, Kind, MIB};
use crate::tools::{edit, stop, try_bash};
use crate::wire::Wire;
use crate::world::{Daemon, World, program};

fn deliver(world: &World, daemon: &Daemon, case: &str) {
    let answer = Wire::connect(world, daemon, "client").post("/webhooks/pix", b"{}").unwrap();
    assert_eq!(answer.status, 200, "{case}: {}", daemon.log_text());
}

/// Starts the daemon where /proc is empty, and delivers before and after a reload.
fn serve_without_proc(world: &World) {
    let mut unshare = Command::new("unshare");
    let hidden = "mount -t tmpfs none /proc && exec \"$PROGRAM\" \"$@\"";
    unshare.args(["--mount", "--propagation", "private", "sh", "-c", hidden, "sh"]);
    unshare.env("PROGRAM", program()).stdin(Stdio::null());
    let daemon = world.start_by(unshare);
    daemon.logged("spool ready", |line| line["write_ahead_log"] == false);
    for _ in 0..3 {
        deliver(world, &daemon, "without /proc");
    }
    edit(world, "cn = [\"second\"]", "cn = [\"third\"]");
    daemon.logged("reloaded", |line| line["generation"] == 2);
    deliver(world, &daemon, "without /proc");
    stop(daemon);
    let listed = world.run(&["spool", "list", "--endpoint", "pix"]);
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 4, "{listed:?}");
}

/// Turns the sandbox off, and puts the spool there.
fn without_sandbox(world: &World, spool: Option<&Path>) {
    if let Some(spool) = spool {
        world.configure_all("", &format!("directory = \"{}/spool\"\nmin_free = \"1 MiB\"", spool.display()));
    }
    edit(world, "[log]", "[sandbox]\nlandlock = false\n\n[log]");
}

#[test]
fn without_proc_and_sandbox_it_serves() {
    let spool = tempfile::tempdir_in("/dev/shm").unwrap();
    let world = World::new();
    without_sandbox(&world, Some(spool.path()));
    serve_without_proc(&world);
}

/// The files of the write-ahead log's entries get their names through /proc: without it, there is no log, also on XFS.
#[test]
fn without_proc_and_sandbox_it_serves_on_xfs() {
    let world = World::new();
    let image = Image::make(Kind::Xfs, world.path("image"), 512 * MIB, &[]);
    let _mount = image.mount(world.path("spool"));
    without_sandbox(&world, None);
    serve_without_proc(&world);
}

#[test]
#[ignore = "Landlock needs /proc/self for its rules, so that the start fails and names `landlock = false`"]
fn without_proc_it_serves() {
    serve_without_proc(&World::new());
}

#[test]
fn without_proc_the_sandbox_fails_the_start_and_names_the_way_out() {
    let world = World::new();
    let hidden = "mount -t tmpfs none /proc && exec \"$PROGRAM\" run";
    let failed =
        try_bash(&world, &format!("timeout 20 unshare --mount --propagation private sh -c '{hidden}'"));
    let said = String::from_utf8_lossy(&failed.stderr);
    assert!(said.contains("cannot restrict the process with Landlock"), "{said}");
    assert!(said.contains("`landlock = false` in [sandbox]") && !said.contains("panicked"), "{said}");
}

#[test]
fn variables_that_make_no_sense_do_not_keep_it_from_serving() {
    let world = World::new();
    let long = format!("/{}", "x".repeat(300));
    let cases: [&[(&str, &str)]; 15] = [
        &[("NOTIFY_SOCKET", "relative")],
        &[("NOTIFY_SOCKET", "/nowhere/socket")],
        &[("NOTIFY_SOCKET", "@nobody-listens")],
        &[("NOTIFY_SOCKET", "@")],
        &[("NOTIFY_SOCKET", "vsock:2:1")],
        &[("NOTIFY_SOCKET", &long)],
        &[("NOTIFY_SOCKET", "/dev/null"), ("WATCHDOG_USEC", "1000000")],
        &[("LISTEN_FDS", "1"), ("LISTEN_PID", "1")],
        &[("CREDENTIALS_DIRECTORY", "/nowhere")],
        &[("CREDENTIALS_DIRECTORY", "relative")],
        &[("JOURNAL_STREAM", "8:12345")],
        &[("JOURNAL_STREAM", "x:y:z")],
        &[("PATH", ""), ("HOME", "")],
        &[
            ("PATH", "/nowhere"),
            ("HOME", "/nowhere"),
            ("TMPDIR", "/nowhere"),
            ("LANG", "xx_YY"),
            ("TZ", "Mars/Base"),
        ],
        &[("RUNTIME_DIRECTORY", "/nowhere"), ("INVOCATION_ID", "x"), ("NO_COLOR", "\u{1b}")],
    ];
    for variables in cases {
        let mut command = Command::new(program());
        command.stdin(Stdio::null()).envs(variables.iter().copied());
        let daemon = world.start_by(command);
        let case = format!("{variables:?}");
        deliver(&world, &daemon, &case);
        assert_eq!(daemon.admin("/readyz").0, 200, "{case}");
        stop(daemon);
    }
    let mut command = Command::new(program());
    command.stdin(Stdio::null()).env_clear();
    let daemon = world.start_by(command);
    deliver(&world, &daemon, "no variables");
    stop(daemon);
}

/// Every time and size of webhooks.toml, with its table.
const QUANTITIES: [(&str, &str, &str); 12] = [
    ("[server]", "handshake_timeout", "s"),
    ("[server]", "header_timeout", "s"),
    ("[server]", "body_timeout", "s"),
    ("[server]", "idle_timeout", "s"),
    ("[server]", "drain_timeout", "s"),
    ("[reload]", "poll", "s"),
    ("[reload]", "settle", "s"),
    ("[spool]", "keep_done", "s"),
    ("[spool]", "keep_failed", "s"),
    ("[spool]", "taken_timeout", "s"),
    ("[spool]", "min_free", " B"),
    ("path = \"/quiet\"", "max_body", " B"),
];

/// Numbers at the ends of what integers hold.
const ENDS: [&str; 6] = [
    "0",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
];

#[test]
fn times_and_sizes_at_both_ends_are_served_or_reported_with_the_range() {
    let world = World::new();
    world.configure_all("", "");
    edit(&world, "settle = \"200ms\"\n", "");
    let config = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    for (table, key, unit) in QUANTITIES {
        for number in ENDS {
            let text = config.replacen(table, &format!("{table}\n{key} = \"{number}{unit}\""), 1);
            fs::write(world.path("webhooks.toml"), &text).unwrap();
            let case = format!("{key} = {number}{unit}");
            let checked = world.run(&["check", "--json"]);
            let document: Value = serde_json::from_slice(&checked.stdout).unwrap();
            if document["ok"] == true {
                let daemon = world.start();
                assert_eq!(daemon.admin("/livez").0, 200, "{case}");
                stop(daemon);
                continue;
            }
            assert_eq!(checked.status.code(), Some(78), "{case}");
            let findings = document["findings"].as_array().unwrap();
            let errors: Vec<_> = findings.iter().filter(|finding| finding["severity"] == "error").collect();
            let message = errors[0]["message"].as_str().unwrap();
            let says = ["out of range: ", "is too large", "is longer than `1s`", "no entry would be kept"];
            assert!(
                errors.len() == 1 && says.iter().any(|text| message.contains(text)),
                "{case}: {document:#}"
            );
            let line = text.lines().position(|line| line.starts_with(key)).unwrap() + 1;
            assert_eq!(errors[0]["line"], line, "{case}");
        }
    }
    for number in ENDS.into_iter().chain(["-1", "1000001"]) {
        let text = config.replacen("[server]", &format!("[server]\nmax_connections = {number}"), 1);
        fs::write(world.path("webhooks.toml"), text).unwrap();
        let checked = world.run(&["check"]);
        assert_eq!(checked.status.code(), Some(78), "max_connections = {number}: {checked:?}");
    }
}

#[test]
fn numbers_at_both_ends_on_the_command_line_are_used_or_reported() {
    let world = World::new();
    let daemon = world.start();
    deliver(&world, &daemon, "first");
    let url = daemon.url("/webhooks/pix");
    let send = format!(
        "send {url} webhooks.toml --cert certs/client.pem --key certs/client.key --ca certs/root-ca.pem"
    );
    // The exit code for 0, and for each greater number.
    for (command, zero) in [
        ("spool list --since {}s".to_owned(), 0),
        ("spool purge --queue done --older {}s".to_owned(), 0),
        ("spool requeue --queue failed --older {}s".to_owned(), 0),
        (format!("{send} --rate {{}}"), 64),
        (format!("{send} --repeat {{}}"), 64),
    ] {
        for number in ENDS {
            if number != "0" && command.ends_with("--repeat {}") && number.parse::<u64>().is_ok() {
                // It would never end.
                continue;
            }
            let output =
                try_bash(&world, &format!("timeout 20 \"$PROGRAM\" {}", command.replace("{}", number)));
            let code = output.status.code().unwrap();
            let expected = if number == "0" { &[zero][..] } else { &[0, 64] };
            assert!(expected.contains(&code), "{command}, {number}: {output:?}");
            if code == 64 {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(!said.contains("panicked") && !said.is_empty(), "{command}, {number}: {said}");
            }
        }
    }
    stop(daemon);
}

#[test]
fn a_key_that_docker_mounts_gets_a_hint_for_docker() {
    let world = World::new();
    edit(&world, "certs/server.key", "/run/secrets/server.key");
    let mount = "mkdir -p /run/secrets && mount -t tmpfs none /run/secrets && cp certs/server.key /run/secrets/ \
                 && chmod 0444 /run/secrets/server.key && \"$PROGRAM\" check";
    let checked = try_bash(&world, &format!("unshare --mount --propagation private sh -c '{mount}'"));
    let said = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(78), "{said}");
    assert!(said.contains("can be read or changed by every user of this machine (mode 0444)"), "{said}");
    assert!(said.contains("`mode: 0400` and `uid`") && said.contains("Docker Compose"), "{said}");
    assert!(!said.contains("defaultMode"), "{said}");
}
