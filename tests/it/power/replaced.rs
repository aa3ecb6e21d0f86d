//! The spool's directory is replaced while the daemon runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Ground;
use super::disk::{Kind, MIB, Mount};
use super::load::{Outcome, deliver_to};
use crate::world::{Daemon, eventually};

fn ground(landlock: bool) -> Ground {
    let ground = Ground::on_disk(Kind::Ext4);
    let file = ground.world.path("webhooks.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n[sandbox]\nlandlock = {landlock}\n")).unwrap();
    ground
}

fn ids_in(spool: &Path) -> Vec<String> {
    let names = fs::read_dir(spool.join("pix/new")).unwrap();
    names.map(|name| name.unwrap().file_name().into_string().unwrap().replace(".hook", "")).collect()
}

/// Delivers until it is refused; what was stored is returned.
fn stored(ground: &Ground, daemon: &Daemon, count: usize) -> Vec<String> {
    (0..count)
        .filter_map(|number| match deliver_to(ground, daemon, 0, format!("{number}").as_bytes()) {
            Outcome::Stored(id) => Some(id),
            Outcome::Unavailable => None,
            other => panic!("{other:?}"),
        })
        .collect()
}

fn assert_refuses_with_both_places(ground: &Ground, daemon: &Daemon, case: &str) {
    assert_eq!(stored(ground, daemon, 20), Vec::<String>::new(), "{case}: nothing is acknowledged");
    let (status, reasons) = daemon.admin("/readyz");
    assert_eq!(status, 503, "{case}");
    assert!(reasons.contains("\"spool_failing\""), "{case}: {reasons}");
    assert!(reasons.contains(&ground.spool.display().to_string()), "{case}: {reasons}");
    assert!(reasons.contains("is not the directory that the daemon has open (device "), "{case}: {reasons}");
    daemon.logged("spool directory replaced; deliveries get 503", |_| true);
}

#[test]
fn something_mounted_over_the_spool_stops_it_until_it_is_gone() {
    for landlock in [true, false] {
        let case = format!("landlock = {landlock}");
        let ground = ground(landlock);
        let daemon = ground.world.start();
        let before = stored(&ground, &daemon, 20);
        assert_eq!(before.len(), 20, "{case}");
        let mounted = Mount::tmpfs(64 * MIB, ground.spool.clone());
        assert_refuses_with_both_places(&ground, &daemon, &case);
        mounted.unmount();
        eventually(&case, || (daemon.admin("/readyz").0 == 200).then_some(()));
        let after = stored(&ground, &daemon, 20);
        assert_eq!(after.len(), 20, "{case}");
        let there = ids_in(&ground.spool);
        assert!(before.iter().chain(&after).all(|id| there.contains(id)), "{case}");
    }
}

#[test]
fn a_spool_that_is_moved_away_and_copied_back_stops_until_it_is_moved_back() {
    for landlock in [true, false] {
        let case = format!("landlock = {landlock}");
        let ground = ground(landlock);
        let daemon = ground.world.start();
        let before = stored(&ground, &daemon, 20);
        let away = ground.spool.with_file_name("away");
        fs::rename(&ground.spool, &away).unwrap();
        assert_refuses_with_both_places(&ground, &daemon, &format!("{case}, moved away"));
        assert!(Command::new("cp").arg("-a").args([&away, &ground.spool]).status().unwrap().success());
        assert_refuses_with_both_places(&ground, &daemon, &format!("{case}, copied back"));
        fs::remove_dir_all(&ground.spool).unwrap();
        fs::rename(&away, &ground.spool).unwrap();
        eventually(&case, || (daemon.admin("/readyz").0 == 200).then_some(()));
        let after = stored(&ground, &daemon, 20);
        let there = ids_in(&ground.spool);
        assert_eq!((before.len(), after.len()), (20, 20), "{case}");
        assert!(before.iter().chain(&after).all(|id| there.contains(id)), "{case}");
    }
}

#[test]
fn a_restart_on_a_copy_serves_from_there() {
    let ground = ground(true);
    let mut daemon = ground.world.start();
    let before = stored(&ground, &daemon, 20);
    let away = ground.spool.with_file_name("away");
    fs::rename(&ground.spool, &away).unwrap();
    assert!(Command::new("cp").arg("-a").args([&away, &ground.spool]).status().unwrap().success());
    assert_refuses_with_both_places(&ground, &daemon, "copied");
    daemon.signal("-TERM");
    daemon.wait();
    let daemon = ground.world.start();
    let after = stored(&ground, &daemon, 5);
    let there = ids_in(&ground.spool);
    assert_eq!(there.len(), before.len() + after.len());
}
