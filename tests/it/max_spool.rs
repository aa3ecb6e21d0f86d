//! `[[endpoint]] max_spool`: what an endpoint's entries may take of the disk.

use std::fs;
use std::time::Duration;

use crate::wire::Wire;
use crate::world::{World, eventually, within};

const PATH: &str = "path = \"/webhooks/pix\"";
const BODY: &[u8] = &[b'a'; 20 << 10];
/// A count of the bytes is made every 4 s.
const COUNTED: Duration = Duration::from_secs(30);

fn limit(world: &World, max_spool: &str) {
    world.configure("");
    let file = world.path("webhooks.toml");
    let text =
        fs::read_to_string(&file).unwrap().replace(PATH, &format!("{PATH}\nmax_spool = \"{max_spool}\""));
    fs::write(file, text).unwrap();
}

#[test]
fn endpoint_at_its_limit_gets_503_until_its_entries_are_finished_or_the_limit_is_raised() {
    let world = World::new();
    limit(&world, "64 KiB");
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    eventually("a delivery is refused", || {
        let answer = wire.post("/webhooks/pix", BODY).unwrap();
        assert!(answer.status == 200 || answer.head.to_lowercase().contains("retry-after"), "{answer:?}");
        (answer.status == 503).then_some(())
    });
    // More than that would mean that the limit applies only after the next count.
    let stored = world.entries("pix").len();
    assert!((2..=5).contains(&stored), "{stored} entries of 20 KiB");
    assert_eq!(wire.post("/ofb", BODY).unwrap().status, 202, "other endpoints are not affected");

    let refused = daemon.logged("delivery refused", |line| line["endpoint"] == "pix");
    let detail = refused["detail"].as_str().unwrap();
    for part in ["endpoint `pix`", "[[endpoint]] max_spool is 64 KiB", "new/ and taken/ have", "is raised"] {
        assert!(detail.contains(part), "{detail}");
    }
    let (_, status) = daemon.admin("/status");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert!(status["degraded"][0].as_str().unwrap().contains("max_spool is 64 KiB"), "{status}");
    assert_eq!(daemon.admin("/readyz").0, 200);
    let series = "hookspool_deliveries_total{endpoint=\"pix\",outcome=\"unavailable\"}";
    assert!(daemon.metric(series) >= 1.0);

    limit(&world, "1 GiB");
    eventually("the limit is raised", || {
        (wire.post("/webhooks/pix", b"{}").unwrap().status == 200).then_some(())
    });
    limit(&world, "64 KiB");
    eventually("the limit is lowered", || {
        (wire.post("/webhooks/pix", b"{}").unwrap().status == 503).then_some(())
    });
    // Claimed entries still count; finished ones do not.
    let all = |from: &str, to: &str| {
        for entry in fs::read_dir(world.path(&format!("spool/pix/{from}"))).unwrap() {
            let name = entry.unwrap().file_name();
            let [from, to] = [from, to].map(|queue| world.path(&format!("spool/pix/{queue}")).join(&name));
            fs::rename(from, to).unwrap();
        }
    };
    all("new", "taken");
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 503);
    all("taken", "done");
    within(COUNTED, "the finished entries are no longer counted", || {
        (wire.post("/webhooks/pix", b"{}").unwrap().status == 200).then_some(())
    });
}

#[test]
fn limits_larger_than_the_disk_are_a_warning() {
    let world = World::new();
    limit(&world, "1048576 GiB");
    let checked = world.run(&["check"]);
    let findings = String::from_utf8(checked.stderr).unwrap();
    assert!(checked.status.success(), "{findings}");
    assert!(findings.contains("warning: `max_spool` of all endpoints is 1048576 GiB in total"), "{findings}");
    assert!(findings.contains("hint: lower `max_spool`"), "{findings}");
    limit(&world, "1 MiB");
    let checked = world.run(&["check"]);
    assert!(!String::from_utf8(checked.stderr).unwrap().contains("max_spool"));
}
