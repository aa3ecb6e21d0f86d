//! The paths of the admin listener, its socket, and the `status` command.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::wire::Wire;
use crate::world::{World, eventually};

#[test]
fn it_serves_health_metrics_and_status() {
    let world = World::new();
    let daemon = world.start();
    assert_eq!(daemon.admin("/livez").0, 200);
    assert_eq!(daemon.admin("/readyz"), (200, "[]\n".to_owned()));
    assert_eq!(daemon.admin("/other").0, 404);
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    assert_eq!(daemon.metric("hookspool_deliveries_total{endpoint=\"pix\",outcome=\"stored\"}"), 1.0);
    assert_eq!(daemon.metric("hookspool_handshakes_total{outcome=\"accepted\"}"), 1.0);
    assert_eq!(daemon.metric("hookspool_generation"), 1.0);
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    assert_eq!(status["generation"], 1);
    assert_eq!(status["endpoints"][0]["path"], "/webhooks/pix");
    assert_eq!(status["certificates"][0]["role"], "server");
    let printed = world.run(&["status"]);
    assert!(printed.status.success(), "{printed:?}");
    let json = world.run(&["status", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&json.stdout).unwrap()["generation"], 1);
}

#[test]
fn its_socket_is_accessible_to_no_other_user_and_a_stale_one_is_replaced() {
    let world = World::new();
    fs::create_dir(world.path("run")).unwrap();
    drop(UnixListener::bind(world.path("run/admin.sock")).unwrap());
    let mut daemon = world.start();
    assert_eq!(daemon.admin("/livez").0, 200);
    let mode = fs::metadata(world.path("run/admin.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    daemon.signal("-TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(!world.path("run/admin.sock").exists());
    assert_eq!(world.run(&["status"]).status.code(), Some(69));
}

#[test]
fn status_shows_endpoints_queued_entries_and_refusals() {
    let world = World::new();
    let daemon = world.start();
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    assert!(Wire::connect(&world, &daemon, "nobody").post("/webhooks/pix", b"{}").is_err());
    let page = eventually("the entry is counted and the refusal listed", || {
        let page = String::from_utf8(world.run(&["status"]).stdout).unwrap();
        (page.contains("1 new") && page.contains("refused and failed handshakes")).then_some(page)
    });
    for line in [
        "generation 1, loaded ",
        "  server  server ",
        "  anchor  bank ",
        "/webhooks/pix  from bank\n",
        "1 new, 0 taken, 0 failed, 0 done",
        "  rule  from 127.0.0.1:",
        "CN=nobody",
        "to admit it: sender `bank`: cn = ['client', 'nobody']",
    ] {
        assert!(page.contains(line), "`{line}` is not in\n{page}");
    }
}

#[test]
fn status_counts_the_entries_of_the_daemons_spool_itself() {
    let world = World::new();
    let daemon = world.start();
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    let counted = eventually("the daemon has counted the entry", || {
        let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
        (status["endpoints"][0]["entries"]["new"] == 1).then(|| status["endpoints"][0]["counted_at"].clone())
    });
    assert!(counted.as_str().unwrap().starts_with("20"), "{counted}");
    // The daemon counts again only 10 s later.
    let id = world.entries("pix").into_keys().next().unwrap();
    let at = |queue: &str| world.path(&format!("spool/pix/{queue}/{id}.hook"));
    fs::rename(at("new"), at("taken")).unwrap();
    // On a busy machine, the time of one command may not be sufficient.
    eventually("the page shows the numbers without their age", || {
        let page = String::from_utf8(world.run(&["status"]).stdout).unwrap();
        (page.contains("  0 new, 1 taken, 0 failed, 0 done") && !page.contains("counted")).then_some(())
    });
    eventually("the document contains them", || {
        let document: Value = serde_json::from_slice(&world.run(&["status", "--json"]).stdout).unwrap();
        let endpoint = &document["endpoints"][0];
        (endpoint["entries"]["taken"] == 1 && endpoint["counted_at"].as_str() > counted.as_str())
            .then_some(())
    });

    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let elsewhere = text.replace("[spool]\n", "[spool]\ndirectory = \"elsewhere\"\n");
    fs::write(world.path("other.toml"), elsewhere).unwrap();
    let page = String::from_utf8(world.run(&["status", "--config", "other.toml"]).stdout).unwrap();
    assert!(page.contains(" failed, 0 done") && page.contains("; counted "), "{page}");
}

#[test]
fn silent_connections_do_not_make_the_admin_listener_unreachable() {
    let world = World::new();
    let daemon = world.start();
    let socket = world.path("run/admin.sock");
    let silent: Vec<_> = (0..140).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    let asked = Instant::now();
    for _ in 0..10 {
        assert_eq!(daemon.admin("/readyz").0, 200);
    }
    // A silent connection ends after 5 s.
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    drop(silent);
}
