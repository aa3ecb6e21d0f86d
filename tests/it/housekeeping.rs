//! Background maintenance of the spool.

use std::fs;
use std::time::SystemTime;

use crate::wire::Wire;
use crate::world::{World, eventually};

#[test]
fn damaged_entries_are_moved_to_corrupt_and_expired_ones_are_removed() {
    let world = World::new();
    world.configure_all("", "min_free = \"1 MiB\"\nkeep_done = \"1ms\"");
    let mut daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for payload in ["torn", "done", "failed", "waiting"] {
        assert_eq!(wire.post("/webhooks/pix", payload.as_bytes()).unwrap().status, 200);
    }
    daemon.signal("-TERM");
    daemon.wait();
    let names: Vec<_> = world.entries("pix").into_keys().map(|id| format!("{id}.hook")).collect();
    let at = |queue: &str, name: &str| world.path(&format!("spool/pix/{queue}/{name}"));
    let bytes = fs::read(at("new", &names[0])).unwrap();
    fs::write(at("new", &names[0]), &bytes[..bytes.len() - 1]).unwrap();
    fs::rename(at("new", &names[1]), at("done", &names[1])).unwrap();
    fs::rename(at("new", &names[2]), at("failed", &names[2])).unwrap();

    let daemon = world.start();
    let line = daemon.logged("entry not intact", |_| true);
    assert_eq!(line["fault"], "its payload has 3 bytes instead of the 4 in its envelope");
    assert!(world.path(&format!("spool/corrupt/{}", names[0])).exists());
    eventually("the entry in `done` is removed", || (!at("done", &names[1]).exists()).then_some(()));
    assert!(at("failed", &names[2]).exists() && at("new", &names[3]).exists());
}

#[test]
fn entry_that_is_neither_locked_nor_touched_returns_to_new_after_taken_timeout() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for payload in ["abandoned", "locked", "touched"] {
        assert_eq!(wire.post("/webhooks/pix", payload.as_bytes()).unwrap().status, 200);
    }
    let names: Vec<_> = world.entries("pix").into_keys().map(|id| format!("{id}.hook")).collect();
    let at = |queue: &str, name: &str| world.path(&format!("spool/pix/{queue}/{name}"));
    for name in &names {
        fs::rename(at("new", name), at("taken", name)).unwrap();
    }
    let locked = fs::File::open(at("taken", &names[1])).unwrap();
    locked.lock().unwrap();
    let touched = fs::File::options().append(true).open(at("taken", &names[2])).unwrap();

    // The setting is applied by a reload.
    world.configure_all("", "min_free = \"1 MiB\"\ntaken_timeout = \"2s\"");
    assert!(world.run(&["reload"]).status.success());
    eventually("the abandoned entry returns", || {
        touched.set_modified(SystemTime::now()).unwrap();
        at("new", &names[0]).exists().then_some(())
    });
    let line =
        daemon.logged("entry returned to new; its consumer did not finish it within taken_timeout", |_| true);
    assert_eq!(
        (line["endpoint"].as_str(), line["id"].as_str()),
        (Some("pix"), names[0].strip_suffix(".hook"))
    );
    assert_eq!(daemon.metric("hookspool_spool_returned_total{endpoint=\"pix\"} "), 1.0);
    assert!(at("taken", &names[1]).exists() && at("taken", &names[2]).exists());
    drop(locked);
    eventually("the entry returns when its lock is released", || {
        touched.set_modified(SystemTime::now()).unwrap();
        at("new", &names[1]).exists().then_some(())
    });
    assert!(at("taken", &names[2]).exists());
}
