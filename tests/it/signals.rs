//! Signals stop the daemon gracefully, reload it, or change nothing.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::wire::Wire;
use crate::world::{Daemon, World, eventually, program};

/// A request whose body is only partly sent and which the daemon has begun to read.
fn half_request(world: &World, daemon: &Daemon) -> Wire {
    let mut wire = Wire::connect(world, daemon, "client");
    let head = "POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\nexpect: 100-continue\r\n\r\n";
    wire.send(head).unwrap();
    assert_eq!(wire.answer().unwrap().status, 100);
    wire.send("half").unwrap();
    wire
}

/// Signals that have no effect, by number, with the name under which the log reports them.
fn ignored() -> Vec<(String, &'static str)> {
    let named = [
        ("USR1", "SIGUSR1"),
        ("USR2", "SIGUSR2"),
        ("ALRM", "SIGALRM"),
        ("VTALRM", "SIGVTALRM"),
        ("PROF", "SIGPROF"),
        ("POLL", "SIGIO"),
        ("PWR", "SIGPWR"),
        ("STKFLT", "SIGSTKFLT"),
        ("34", "SIGRTMIN+0"),
        ("37", "SIGRTMIN+3"),
        ("64", "SIGRTMIN+30"),
    ];
    named.map(|(number, name)| (format!("-{number}"), name)).to_vec()
}

#[test]
fn signals_without_effect_are_logged_and_cut_off_no_request() {
    let world = World::new();
    let daemon = world.start();
    for (number, name) in ignored() {
        let mut wire = half_request(&world, &daemon);
        daemon.signal(&number);
        let line = daemon.logged("signal ignored", |line| line["signal"] == name);
        assert!(line["hint"].as_str().unwrap().contains("`hookspool reload`"), "{line}");
        wire.send("done").unwrap();
        assert_eq!(wire.answer().unwrap().status, 200, "{name}");
    }
    // Signals with a harmless default action, and those that only accompany an error.
    for number in ["-WINCH", "-CHLD", "-URG", "-CONT", "-PIPE", "-XFSZ"] {
        let mut wire = half_request(&world, &daemon);
        daemon.signal(number);
        wire.send("done").unwrap();
        assert_eq!(wire.answer().unwrap().status, 200, "{number}");
    }
    assert_eq!(daemon.metric("hookspool_generation"), 1.0);
}

#[test]
fn hangup_reloads_and_cuts_off_no_request() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = half_request(&world, &daemon);
    // Without the file watcher, so that only the signal can cause the reload.
    daemon.signal("-HUP");
    eventually("the reload", || {
        (daemon.metric("hookspool_reloads_total{outcome=\"unchanged\"}") >= 1.0).then_some(())
    });
    wire.send("done").unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
}

#[test]
fn a_signal_while_the_configuration_is_read_does_not_end_the_daemon() {
    for (signal, effect) in
        [("HUP", "SIGHUP received; reloading"), ("USR1", "signal ignored"), ("TERM", "stopping")]
    {
        let world = World::new();
        let path = world.path("webhooks.toml");
        let inject = format!("inject=openat:signal={signal}:when=1");
        let path = path.to_str().unwrap();
        let daemon = world.start_traced(&["-f", "-qqq", "-o", "/dev/null", "-e", &inject, "-P", path]);
        daemon.logged(effect, |_| true);
    }
}

#[test]
fn term_int_and_quit_finish_the_request_in_progress_and_exit_with_0() {
    for signal in ["TERM", "INT", "QUIT"] {
        let world = World::new();
        let mut daemon = world.start();
        let mut wire = half_request(&world, &daemon);
        daemon.signal(&format!("-{signal}"));
        let name = format!("SIG{signal}");
        daemon.logged("stopping", |line| line["signal"] == *name);
        wire.send("done").unwrap();
        assert_eq!(wire.answer().unwrap().status, 200, "{name}");
        assert_eq!(daemon.wait().code(), Some(0), "{name}");
        daemon.logged("stopped", |_| true);
    }
}

#[test]
fn a_second_stop_signal_ends_the_wait_and_no_other_signal_does() {
    let world = World::new();
    world.configure("drain_timeout = \"1h\"\nbody_timeout = \"1h\"");
    let mut daemon = world.start();
    let _stalled = half_request(&world, &daemon);
    daemon.signal("-QUIT");
    eventually("it drains", || (daemon.admin("/readyz").0 == 503).then_some(()));
    daemon.signal("-USR1");
    daemon.logged("signal ignored", |line| line["signal"] == "SIGUSR1");
    daemon.signal("-HUP");
    daemon.logged("signal ignored while stopping", |line| line["signal"] == "SIGHUP");
    assert_eq!(daemon.admin("/readyz").0, 503);
    daemon.signal("-QUIT");
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_limit_on_the_size_of_files_refuses_deliveries_and_does_not_end_the_daemon() {
    let world = World::new();
    let daemon = world.start();
    let limit = |bytes: &str| {
        let pid = daemon.pid().to_string();
        let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
        assert!(set.unwrap().success());
    };
    limit("100");
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 503);
    limit("unlimited");
    eventually("deliveries are stored again", || {
        let mut wire = Wire::connect(&world, &daemon, "client");
        (wire.post("/webhooks/pix", b"{}").unwrap().status == 200).then_some(())
    });
}

#[test]
fn quit_ends_the_demo_as_it_ends_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../../webhooks.toml").replace("127.0.0.1:8443", "127.0.0.1:0");
    std::fs::write(folder.path().join("webhooks.toml"), text.replace("127.0.0.1:9464", "127.0.0.1:0"))
        .unwrap();
    let mut demo = Command::new(program())
        .arg("demo")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = String::new();
    let mut output = demo.stdout.take().unwrap();
    while !printed.contains("Serving until") {
        let mut buffer = [0; 4096];
        let length = output.read(&mut buffer).unwrap();
        assert!(length > 0, "{printed}");
        printed.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    let kill = |signal: &str| Command::new("kill").args([signal, &demo.id().to_string()]).status().unwrap();
    assert!(kill("-USR1").success());
    thread::sleep(Duration::from_millis(200));
    assert!(kill("-QUIT").success());
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}

#[test]
fn a_repeated_send_that_is_ended_reports_what_it_has_done() {
    let world = World::new();
    let daemon = world.start();
    for signal in ["-TERM", "-QUIT", "-INT", "-HUP"] {
        let before = daemon.metric("hookspool_deliveries_total{endpoint=\"pix\",outcome=\"stored\"}");
        let child = Command::new(program())
            .args(["send", &daemon.url("/webhooks/pix"), "-", "--repeat", "1000000", "--rate", "20"])
            .arg("--cert")
            .arg(world.cert("client"))
            .arg("--key")
            .arg(world.key("client"))
            .arg("--ca")
            .arg(world.cert("root-ca"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        eventually("deliveries", || {
            let stored = daemon.metric("hookspool_deliveries_total{endpoint=\"pix\",outcome=\"stored\"}");
            (stored >= before + 2.0).then_some(())
        });
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{signal}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("200 OK") && text.contains("responses "), "{signal}: {text}");
    }
}
