//! The directory of the spool is replaced while the daemon runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Fixture;
use super::disk::{Kind, MIB, Mount};
use super::load::{Outcome, deliver_to};
use crate::world::{Daemon, eventually};

fn fixture(landlock: bool) -> Fixture {
    let fixture = Fixture::on_disk(Kind::Ext4);
    let file = fixture.world.path("webhooks.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[sandbox]\nlandlock = {landlock}\n")).unwrap();
    fixture
}

fn ids_in(spool: &Path) -> Vec<String> {
    let names = fs::read_dir(spool.join("pix/new")).unwrap();
    names.map(|name| name.unwrap().file_name().into_string().unwrap().replace(".hook", "")).collect()
}

/// Sends `count` deliveries; returns the IDs of the stored entries.
fn stored(fixture: &Fixture, daemon: &Daemon, count: usize) -> Vec<String> {
    (0..count)
        .filter_map(|number| match deliver_to(fixture, daemon, 0, format!("{number}").as_bytes()) {
            Outcome::Stored(id) => Some(id),
            Outcome::Unavailable => None,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn assert_unavailable_with_both_locations(fixture: &Fixture, daemon: &Daemon, case: &str) {
    assert_eq!(stored(fixture, daemon, 20), Vec::<String>::new(), "{case}: an entry was acknowledged");
    let (status, reasons) = daemon.admin("/readyz");
    assert_eq!(status, 503, "{case}");
    assert!(reasons.contains("\"spool_failing\""), "{case}: {reasons}");
    assert!(reasons.contains(&fixture.spool.display().to_string()), "{case}: {reasons}");
    assert!(reasons.contains("is not the directory that the daemon has open (device "), "{case}: {reasons}");
    daemon.logged("spool directory replaced; deliveries get 503", |_| true);
}

#[test]
fn mount_over_the_spool_gives_503_until_it_is_unmounted() {
    for landlock in [true, false] {
        let case = format!("landlock = {landlock}");
        let fixture = fixture(landlock);
        let daemon = fixture.world.start();
        let before = stored(&fixture, &daemon, 20);
        assert_eq!(before.len(), 20, "{case}");
        let mounted = Mount::tmpfs(64 * MIB, fixture.spool.clone());
        assert_unavailable_with_both_locations(&fixture, &daemon, &case);
        mounted.unmount();
        eventually(&case, || (daemon.admin("/readyz").0 == 200).then_some(()));
        let after = stored(&fixture, &daemon, 20);
        assert_eq!(after.len(), 20, "{case}");
        let found = ids_in(&fixture.spool);
        assert!(before.iter().chain(&after).all(|id| found.contains(id)), "{case}");
    }
}

#[test]
fn moved_spool_gives_503_until_it_is_moved_back() {
    for landlock in [true, false] {
        let case = format!("landlock = {landlock}");
        let fixture = fixture(landlock);
        let daemon = fixture.world.start();
        let before = stored(&fixture, &daemon, 20);
        let away = fixture.spool.with_file_name("away");
        fs::rename(&fixture.spool, &away).unwrap();
        assert_unavailable_with_both_locations(&fixture, &daemon, &format!("{case}, moved away"));
        assert!(Command::new("cp").arg("-a").args([&away, &fixture.spool]).status().unwrap().success());
        assert_unavailable_with_both_locations(&fixture, &daemon, &format!("{case}, copied back"));
        fs::remove_dir_all(&fixture.spool).unwrap();
        fs::rename(&away, &fixture.spool).unwrap();
        eventually(&case, || (daemon.admin("/readyz").0 == 200).then_some(()));
        let after = stored(&fixture, &daemon, 20);
        let found = ids_in(&fixture.spool);
        assert_eq!((before.len(), after.len()), (20, 20), "{case}");
        assert!(before.iter().chain(&after).all(|id| found.contains(id)), "{case}");
    }
}

#[test]
fn restart_uses_a_copied_spool() {
    let fixture = fixture(true);
    let mut daemon = fixture.world.start();
    let before = stored(&fixture, &daemon, 20);
    let away = fixture.spool.with_file_name("away");
    fs::rename(&fixture.spool, &away).unwrap();
    assert!(Command::new("cp").arg("-a").args([&away, &fixture.spool]).status().unwrap().success());
    assert_unavailable_with_both_locations(&fixture, &daemon, "copied");
    daemon.signal("-TERM");
    daemon.wait();
    let daemon = fixture.world.start();
    let after = stored(&fixture, &daemon, 5);
    let found = ids_in(&fixture.spool);
    assert_eq!(found.len(), before.len() + after.len());
}
