//! `failed/<id>.why`: shown, removed with the failure, and harmless if it is not a note.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::power::disk::tool;
use crate::spool_commands::{run_ok, spool_of};
use crate::wire::Wire;
use crate::world::{World, eventually};

const NOTE: &str = "{\"at\":\"2026-11-23T14:05:00.000000Z\",\"consumer\":\"ledger\",\"attempts\":7,\
    \"reason\":\"422 Unprocessable Entity: \\u001b[31m\"}\n";
const SHOWN: &str = "given up by ledger at 2026-11-23T14:05:00.000000Z after 7 attempts: \
    422 Unprocessable Entity: \\u{1b}[31m";

fn note(world: &World, id: &str) -> std::path::PathBuf {
    world.path(&format!("spool/pix/failed/{id}.why"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn reason_of_a_failure_is_shown_and_removed_with_the_failure() {
    let (world, ids) = spool_of(&[b"1", b"2", b"3"]);
    let [noted, purged, plain] = &ids[..] else { panic!("three entries") };
    // From an earlier attempt that a crash ended before its move: it is not the reason of this failure.
    fs::write(note(&world, plain), NOTE).unwrap();
    run_ok(&world, &["take", noted, purged, plain]);
    run_ok(&world, &["fail", noted, purged, plain]);
    assert!(!note(&world, plain).exists());
    for id in [noted, purged] {
        fs::write(note(&world, id), NOTE).unwrap();
    }

    let listed = run_ok(&world, &["list", "--queue", "failed"]);
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines.len() == 3 && lines[0].ends_with(&format!("  rec  1 bytes  {SHOWN}")), "{listed}");
    assert!(lines[2].ends_with("  rec  1 bytes"), "{listed}");
    let rows = json(&run_ok(&world, &["list", "--queue", "failed", "--json"]));
    assert_eq!(rows["entries"][0]["why"], json(NOTE));
    assert!(rows["entries"][2].get("why").is_none());
    assert!(run_ok(&world, &["show", noted]).contains(&format!("\nintact\n{SHOWN}\n\n")));
    assert_eq!(json(&run_ok(&world, &["show", noted, "--json"]))["why"], json(NOTE));
    assert!(json(&run_ok(&world, &["show", plain, "--json"]))["why"].is_null());
    assert_eq!(run_ok(&world, &["verify"]), "3 intact, 0 not intact\n");

    run_ok(&world, &["requeue", noted, plain]);
    assert!(!note(&world, noted).exists() && note(&world, purged).exists());
    assert_eq!(run_ok(&world, &["list", "--queue", "failed"]).lines().count(), 1);
    assert_eq!(run_ok(&world, &["purge", "--queue", "failed", "--older", "0s"]), "1 removed from `failed`\n");
    assert!(fs::read_dir(world.path("spool/pix/failed")).unwrap().next().is_none());
}

#[test]
fn file_that_is_not_a_note_is_not_shown_and_prevents_no_move() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for payload in [b"0", b"1", b"2", b"3", b"4", b"5"] {
        assert_eq!(wire.post("/webhooks/pix/rec", payload).unwrap().status, 200);
    }
    let ids: Vec<_> = world.entries("pix").into_keys().collect();
    run_ok(&world, &["take", "--endpoint", "pix", "--all"]);
    run_ok(&world, &[&["fail"][..], &ids.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    fs::write(world.path("elsewhere"), NOTE.replace("422", "secret")).unwrap();
    fs::write(note(&world, &ids[0]), "").unwrap();
    fs::write(note(&world, &ids[1]), format!("{}{NOTE}", " ".repeat(1 << 20))).unwrap();
    fs::write(note(&world, &ids[2]), NOTE.replace("\"attempts\":7,", "")).unwrap();
    fs::create_dir(note(&world, &ids[3])).unwrap();
    tool("mkfifo", &[note(&world, &ids[4])]);
    symlink(world.path("elsewhere"), note(&world, &ids[5])).unwrap();

    let listed = run_ok(&world, &["list", "--queue", "failed"]);
    assert!(listed.lines().count() == 6 && listed.lines().all(|line| line.ends_with("1 bytes")), "{listed}");
    for id in &ids {
        assert!(!run_ok(&world, &["show", id]).contains("given up"));
    }
    eventually("the entries are counted", || {
        (daemon.metric("hookspool_spool_entries{endpoint=\"pix\",queue=\"failed\"} ") == 6.0).then_some(())
    });
    assert!(!daemon.log_text().contains(".why"), "{}", daemon.log_text());
    assert_eq!(run_ok(&world, &["requeue", "--queue", "failed"]), "6 returned to `new`\n");
    assert!(world.path("elsewhere").exists());
}

#[test]
fn lock_file_of_forward_exists_for_each_endpoint_also_after_a_reload() {
    let world = World::new();
    let daemon = world.start();
    let lock = |endpoint: &str| world.path(&format!("spool/{endpoint}/.forward.lock"));
    assert!(lock("pix").exists() && lock("second").exists() && !lock("third").exists());
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let third = "\n[[endpoint]]\nname = \"third\"\npath = \"/third\"\nsenders = [\"bank\"]\n";
    fs::write(world.path("webhooks.toml"), text + third).unwrap();
    assert!(world.run(&["reload"]).status.success());
    assert!(lock("third").exists());
    assert!(!daemon.log_text().contains(".forward.lock"), "{}", daemon.log_text());

    // A file that cannot be locked prevents only `forward`.
    drop(daemon);
    fs::remove_file(lock("pix")).unwrap();
    fs::create_dir(lock("pix")).unwrap();
    let daemon = world.start();
    daemon.logged("cannot create the lock file for hookspool forward", |line| {
        line["file"].as_str().is_some_and(|file| file.ends_with("spool/pix/.forward.lock"))
    });
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    for command in [&["list"][..], &["verify"], &["take", "--endpoint", "pix"]] {
        run_ok(&world, command);
    }
}
