//! `hookspool status` with and without `hookspool forward` and the daemon.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::wire::Wire;
use crate::world::{World, eventually, program};

const CONSUMERS: &str = r#"
[forward]
listen = ["unix:run/forward.sock"]

[[consumer]]
name = "ledger"
endpoints = ["pix"]
exec = { command = ["sh", "-c", "echo broken >&2; exit 3"] }
"#;

/// `hookspool forward`, which ends when this is dropped.
struct Forward(Child);

impl Forward {
    fn start(world: &World) -> Self {
        let mut command = Command::new(program());
        command.args(["forward", "--config"]).arg(world.path("webhooks.toml"));
        Self(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn add_consumers(world: &World) {
    let mut file = OpenOptions::new().append(true).open(world.path("webhooks.toml")).unwrap();
    file.write_all(CONSUMERS.as_bytes()).unwrap();
}

/// The exit code, the text on standard output, and the JSON document.
fn status(world: &World) -> (Option<i32>, String, Value) {
    let text = world.run(&["status"]);
    let json = world.run(&["status", "--json"]);
    assert_eq!(text.status, json.status);
    let document = serde_json::from_slice(&json.stdout).unwrap();
    (text.status.code(), String::from_utf8(text.stdout).unwrap(), document)
}

#[test]
fn status_shows_the_consumers_of_forward_and_requires_neither_process() {
    let world = World::new();
    let daemon = world.start();
    let (code, text, document) = status(&world);
    assert!(code == Some(0) && !text.contains("forward"), "{text}");
    assert_eq!((&document["forward"], &document["generation"]), (&Value::Null, &json!(1)));
    assert!(document.as_object().unwrap().contains_key("forward"));

    add_consumers(&world);
    let (code, text, document) = status(&world);
    assert!(code == Some(0) && text.contains("\nforward is not running: cannot connect"), "{text}");
    assert_eq!(document["forward"]["running"], false);
    assert!(document["forward"]["reason"].as_str().unwrap().contains("forward.sock"), "{document}");

    let _forward = Forward::start(&world);
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    eventually("the daemon has counted the failed entry", || {
        (status(&world).2["forward"]["consumers"][0]["in_failed"] == 1).then_some(())
    });
    let (_, text, document) = status(&world);
    let lines = [
        "  ledger           exec, entries of pix, target up\n",
        "0 waiting, 0 in flight, 0 retrying, 1 failed\n",
        "last error 20",
        ": `sh` ended with exit status: 3: broken\n",
    ];
    for line in lines {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
    assert_eq!(
        (&document["forward"]["running"], &document["forward"]["generation"]),
        (&json!(true), &json!(1))
    );

    drop(daemon);
    let (code, text, document) = status(&world);
    assert!(code == Some(69) && text.contains("1 failed since its start"), "{text}");
    assert_eq!(document["forward"]["consumers"][0]["in_failed"], Value::Null);
}

#[test]
fn consumer_of_an_endpoint_without_a_lock_file_starts_when_the_daemon_has_created_it() {
    let world = World::new();
    add_consumers(&world);
    let daemon = world.start();
    let _forward = Forward::start(&world);
    let forward = || status(&world).2["forward"].clone();
    eventually("forward runs", || (forward()["running"] == true).then_some(()));
    // Only a daemon that runs would create the file again.
    drop(daemon);
    let lock = world.path("spool/second/.forward.lock");
    fs::remove_file(&lock).unwrap();
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    fs::write(world.path("webhooks.toml"), text.replace("endpoints = [\"pix\"]", "endpoints = [\"second\"]"))
        .unwrap();
    let is_degraded = || forward()["degraded"].to_string().contains("has no lock file");
    eventually("the missing file is reported", || is_degraded().then_some(()));
    let _daemon = world.start();
    assert!(lock.exists());
    eventually("the consumer starts", || {
        (!is_degraded() && forward()["consumers"][0]["endpoints"][0] == "second").then_some(())
    });
}
