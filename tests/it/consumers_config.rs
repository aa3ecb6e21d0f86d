//! The tables of `hookspool forward` do not disturb the daemon.

use std::fs;

use serde_json::Value;

use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually};

const BROKEN: &str =
    "\n[[consumer]]\nname = \"ledger\"\nendpoints = [\"pix\"]\nhtp = { url = \"http://127.0.0.1:1/\" }\n";
const WITH_CREDENTIAL: &str = "\n[[consumer]]\nname = \"ledger\"\nendpoints = [\"pix\"]\n\
                               http = { url = \"http://127.0.0.1:1/\", secret = \"credential:signing\" }\n";

fn with(world: &World, tables: &str) {
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let text = text.split("\n[[consumer]]").next().unwrap().to_owned();
    let next = world.path("webhooks.next");
    fs::write(&next, text + tables).unwrap();
    fs::rename(next, world.path("webhooks.toml")).unwrap();
}

/// The sentences of `degraded` about webhooks.toml.
fn degraded(daemon: &Daemon) -> Vec<String> {
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    let degraded = status["degraded"].as_array().unwrap().iter().map(|why| why.as_str().unwrap().to_owned());
    degraded.filter(|why| why.contains("webhooks.toml")).collect()
}

fn delivers(world: &World, daemon: &Daemon) -> bool {
    let answer =
        Wire::with_config(client_config(world, "client"), daemon.port).unwrap().post("/webhooks/pix", b"{}");
    answer.is_ok_and(|answer| answer.status == 200)
}

fn check(world: &World) -> (Option<i32>, Value) {
    let output = world.run(&["check", "--json"]);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn broken_consumer_is_degraded_and_prevents_neither_a_start_nor_a_reload() {
    let world = World::new();
    with(&world, BROKEN);
    let daemon = world.start();
    let expected = "the configuration of `hookspool forward` has an error: ";
    let why = degraded(&daemon);
    assert!(why.iter().any(|why| why.starts_with(expected) && why.contains("`htp`")), "{why:?}");
    assert_eq!(why.len(), 2, "the unknown key and the missing target: {why:?}");
    daemon.logged("configuration finding", |line| line.to_string().contains("`htp`"));
    assert!(delivers(&world, &daemon));
    let (code, document) = check(&world);
    assert_eq!((code, &document["ok"]), (Some(78), &Value::Bool(false)), "{document}");
    assert_eq!(document["consumers"][0]["name"], "ledger");
    assert_eq!(world.run(&["check", "--process", "run"]).status.code(), Some(0));
    assert_eq!(world.run(&["check", "--process", "forward"]).status.code(), Some(78));

    // Another error is a change, which is applied with one that concerns the daemon.
    with(&world, &BROKEN.replace("htp", "http").replace("ledger", "Ledger"));
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    fs::write(world.path("webhooks.toml"), text.replace("path = \"/second\"", "path = \"/renamed\""))
        .unwrap();
    let output = world.run(&["reload"]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("`Ledger` is not a name") && printed.contains("generation 2"), "{printed}");
    let why = degraded(&daemon);
    assert!(why.len() == 1 && why[0].contains("`Ledger` is not a name"), "{why:?}");
    assert!(delivers(&world, &daemon));

    with(&world, "");
    eventually("the consumer is removed", || degraded(&daemon).is_empty().then_some(()));
}

#[test]
fn credential_of_a_consumer_does_not_concern_the_daemon() {
    let world = World::new();
    with(&world, WITH_CREDENTIAL);
    let daemon = world.start();
    assert_eq!(degraded(&daemon), Vec::<String>::new());
    assert!(delivers(&world, &daemon));
    let (code, document) = check(&world);
    assert_eq!((code, &document["errors"]), (Some(0), &Value::from(0)), "{document}");
    let findings = document["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|found| found["severity"] == "note" && found.to_string().contains("credential:signing")),
        "{document}"
    );
    // The process that needs it does not start without it.
    assert_eq!(world.run(&["check", "--process", "forward"]).status.code(), Some(78));
    assert_eq!(document["consumers"][0]["kind"], "http");
}
