//! Revocation lists that go back, are broken or are large: what is admitted and what is reported.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hookspool::clock::Timestamp;
use hookspool::config::{AcceptedLists, Loaded, Process, ReadScope, load_within};
use serde_json::Value;

use crate::der::{Certificate, List, Name, pem};
use crate::reload::{delivers, edit, put, replace, root, status, twin, world as reload_world};
use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually, rounds};

/// The serial number of the certificate `client`.
const CLIENT: &[u8] = &[0x40, 1];

/// A world whose sender `bank` has an empty list with the number 7, and in which `client` has a known serial number.
fn world() -> World {
    let world = reload_world();
    let leaf = Certificate { serial: CLIENT.to_vec(), ..Certificate::leaf(Name::cn("client")) };
    put(&world, "client", &root(&world).issue(&leaf));
    world
}

fn list_file(world: &World) -> PathBuf {
    world.path("certs/bank.crl")
}

fn publish(world: &World, list: &List<'_>) {
    replace(&list_file(world), root(world).issue_list(list));
}

/// A list with this number that contains the client's certificate.
fn revoking(number: u8) -> List<'static> {
    List { number, ..List::of(&[CLIENT]) }
}

fn reloaded(daemon: &Daemon, generation: u64) -> Value {
    eventually("a reload", || {
        let status = status(daemon);
        (status["last_reload"]["generation"] == generation).then_some(status)
    })
}

fn is_admitted(world: &World, daemon: &Daemon, name: &str) -> bool {
    let path = if name == "second" { "/second" } else { "/webhooks/pix" };
    let posted = Wire::with_config(client_config(world, name), daemon.port)
        .and_then(|mut wire| wire.post(path, b"{}"));
    posted.is_ok_and(|answer| answer.status == 200)
}

/// Asserts that a certificate is refused for this reason; returns the detail.
fn refused(world: &World, daemon: &Daemon, name: &str, reason: &str, why: &str) -> String {
    let series = format!("hookspool_refusals_total{{reason=\"{reason}\"}}");
    let before = daemon.metric(&series);
    assert!(!is_admitted(world, daemon, name), "{why}");
    eventually(why, || (daemon.metric(&series) > before).then_some(()));
    eventually(why, || {
        let refusals = status(daemon)["refusals"].as_array().unwrap().clone();
        let last = refusals.iter().rev().find(|refusal| refusal["reason"] == reason)?;
        Some(last["detail"].as_str().unwrap().to_owned())
    })
}

fn degraded(daemon: &Daemon) -> Vec<String> {
    let degraded = status(daemon)["degraded"].as_array().unwrap().clone();
    let sentences = degraded.iter().map(|why| why.as_str().unwrap().to_owned());
    // The file system of the test may be reported as a risk.
    sentences.filter(|why| !why.contains("[spool] directory")).collect()
}

fn check(world: &World) -> (Option<i32>, String) {
    let output = world.run(&["check"]);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn kept_files(world: &World) -> Vec<PathBuf> {
    let Ok(found) = fs::read_dir(world.path("spool/.state")) else { return Vec::new() };
    found.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn list_that_goes_back_is_reported_and_the_newer_one_stays_in_force_after_a_restart() {
    let world = world();
    publish(&world, &revoking(8));
    let mut daemon = world.start();
    let refused = |daemon: &Daemon, why: &str| {
        refused(&world, daemon, "client", "revoked", why);
        assert!(is_admitted(&world, daemon, "second"), "{why}");
    };
    refused(&daemon, "the newest list");
    let older = [
        ("a lower number", List { number: 7, ..List::of(&[]) }),
        ("an older date", List { number: 8, from: -11, ..List::of(&[]) }),
    ];
    for (generation, (why, list)) in (2..).zip(&older) {
        publish(&world, list);
        let reload = reloaded(&daemon, generation)["last_reload"].clone();
        assert_eq!(reload["outcome"], "applied", "{why}: {reload:#}");
        let degraded = degraded(&daemon);
        let [sentence] = degraded.as_slice() else { panic!("{why}: {degraded:?}") };
        assert!(
            sentence.contains("bank.crl") && sentence.contains("stays in force until"),
            "{why}: {sentence}"
        );
        refused(&daemon, why);
        let (code, printed) = check(&world);
        assert_eq!(code, Some(78), "{why}");
        assert!(printed.contains("--accept-older-lists bank"), "{why}: {printed}");
        daemon.signal("-TERM");
        daemon.wait();
        daemon = world.start();
        refused(&daemon, why);
        assert_eq!(self::degraded(&daemon), degraded, "{why}: as before the restart");
        // The next reload has the number after the one of the start.
        for round in 1..generation {
            edit(&world, "[tls]", "[tls]\n#");
            reloaded(&daemon, round + 1);
        }
        refused(&daemon, why);
    }
    publish(&world, &List { number: 8, from: -9, ..List::of(&[]) });
    reloaded(&daemon, 4);
    assert!(is_admitted(&world, &daemon, "client"), "the same number, and newer");
    assert_eq!(degraded(&daemon), Vec::<String>::new());
    assert_eq!(check(&world).0, Some(0));
}

#[test]
fn list_that_is_replaced_by_one_for_another_distribution_point_stays_in_force() {
    let world = world();
    edit(&world, "crl = ", "crl_policy = \"soft\"\ncrl = ");
    publish(&world, &revoking(8));
    let daemon = world.start();
    publish(&world, &List { number: 9, point: Some("http://crl.example/2"), ..List::of(&[]) });
    reloaded(&daemon, 2);
    refused(&world, &daemon, "client", "revoked", "the other list does not cover it");
    let degraded = degraded(&daemon);
    assert!(degraded.len() == 1 && degraded[0].contains("is no longer in the file"), "{degraded:?}");
    let (code, printed) = check(&world);
    assert!(code == Some(0) && printed.contains("is no longer in the file"), "{printed}");
    assert_eq!(kept_files(&world).len(), 2);
    assert_eq!(in_force(&world, 19).0.len(), 2);
    assert_eq!(in_force(&world, 21).0.len(), 1, "after its next update");
}

#[test]
fn newest_list_is_kept_in_a_file_that_openssl_reads_and_only_while_it_is_configured() {
    let world = world();
    publish(&world, &revoking(8));
    let daemon = world.start();
    let kept = kept_files(&world);
    let [path] = kept.as_slice() else { panic!("{kept:?}") };
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    let read = format!("tail -n +2 '{}' | openssl crl -inform DER -noout -crlnumber", path.display());
    let output = Command::new("sh").args(["-c", &read]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "crlNumber=0x08\n", "{output:?}");
    let bytes = fs::read(path).unwrap();
    let head: Value = serde_json::from_slice(bytes.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!((&head["version"], &head["sender"]), (&1.into(), &"bank".into()));
    assert_eq!(head["file"], list_file(&world).display().to_string());
    publish(&world, &revoking(9));
    reloaded(&daemon, 2);
    assert_eq!(kept_files(&world), kept, "the same file");
    assert_ne!(fs::read(path).unwrap(), bytes);
    edit(&world, "crl = \"certs/bank.crl\"", "");
    reloaded(&daemon, 3);
    assert_eq!(kept_files(&world), Vec::<PathBuf>::new());
}

type Breaking = (&'static str, fn(&World), &'static str);

const BROKEN: &[Breaking] = &[
    ("missing", |world| fs::remove_file(list_file(world)).unwrap(), "there is no file"),
    (
        "HTML",
        |world| replace(&list_file(world), "<!DOCTYPE html><html>502 Bad Gateway</html>\n"),
        "the file is an HTML page",
    ),
    ("truncated", |world| cut(world, |bytes| bytes.len() / 2), "damaged"),
    ("truncated by a byte", |world| cut(world, |bytes| bytes.len() - 1), "damaged"),
    ("empty", |world| replace(&list_file(world), ""), "the file is empty"),
    ("truncated PEM", truncated_pem, "has no `-----END` line"),
    ("of a forger", |world| replace(&list_file(world), twin(world).list(&[], 20)), "not signed by the CA"),
    ("a directory", a_directory, "is not a regular file"),
    ("a FIFO", a_fifo, "is not a regular file"),
];

fn cut(world: &World, length: fn(&[u8]) -> usize) {
    let bytes = root(world).issue_list(&List { number: 9, ..List::of(&[]) });
    replace(&list_file(world), &bytes[..length(&bytes)]);
}

fn truncated_pem(world: &World) {
    let text = pem("X509 CRL", &root(world).issue_list(&List { number: 9, ..List::of(&[]) }));
    replace(&list_file(world), &text[..text.len() / 2]);
}

fn a_directory(world: &World) {
    fs::remove_file(list_file(world)).unwrap();
    fs::create_dir(list_file(world)).unwrap();
}

fn a_fifo(world: &World) {
    fs::remove_file(list_file(world)).unwrap();
    assert!(Command::new("mkfifo").arg(list_file(world)).status().unwrap().success());
}

fn repair(world: &World, list: &List<'_>) {
    let _ = fs::remove_dir(list_file(world));
    publish(world, list);
}

#[test]
fn broken_list_leaves_the_accepted_one_in_force_and_other_senders_unaffected() {
    let world = world();
    publish(&world, &revoking(8));
    let other = root(&world).issue(&Certificate::leaf(Name::cn("client")));
    put(&world, "other", &other);
    let mut daemon = world.start();
    let works = |daemon: &Daemon, name: &str, printed: &str| {
        refused(&world, daemon, "client", "revoked", name);
        assert!(delivers(&world, daemon, "other", "/webhooks/pix"), "{name}: the kept list covers it");
        assert!(is_admitted(&world, daemon, "second"), "{name}");
        let degraded = degraded(daemon);
        assert_eq!(degraded.len(), 1, "{name}: {degraded:?}");
        assert!(degraded[0].contains("bank.crl") && degraded[0].contains(printed), "{name}: {degraded:?}");
        assert!(degraded[0].contains("stays in force until"), "{name}: {degraded:?}");
        let (code, found) = check(&world);
        assert!(code == Some(78) && found.contains(printed), "{name}: {found}");
    };
    for (name, spoil, printed) in BROKEN {
        let generation = status(&daemon)["generation"].as_u64().unwrap();
        spoil(&world);
        let reload = reloaded(&daemon, generation + 1)["last_reload"].clone();
        assert!(reload["findings"].to_string().contains(printed), "{name}: {reload:#}");
        works(&daemon, name, printed);
        daemon.signal("-TERM");
        daemon.wait();
        daemon = world.start();
        works(&daemon, name, printed);
        repair(&world, &revoking(8));
        reloaded(&daemon, 2);
        assert_eq!(degraded(&daemon), Vec::<String>::new(), "{name}");
    }
    assert_eq!(daemon.metric("hookspool_reloads_total{outcome=\"rejected\"}"), 0.0);
}

#[test]
fn broken_list_without_an_accepted_one_refuses_only_its_sender_and_only_with_strict() {
    for (name, spoil, printed) in BROKEN {
        let world = world();
        spoil(&world);
        let daemon = world.start();
        let detail = refused(&world, &daemon, "client", "revocation_unknown", name);
        assert!(detail.contains("certs/bank.crl") && detail.contains(printed), "{name}: {detail}");
        let explained = world.run(&["explain", "--cert", "certs/client.pem"]);
        assert!(String::from_utf8_lossy(&explained.stdout).contains(printed), "{name}: {explained:?}");
        assert!(is_admitted(&world, &daemon, "second"), "{name}");
        assert!(degraded(&daemon).iter().any(|why| why.contains(printed)), "{name}: {:?}", degraded(&daemon));
        assert_eq!(check(&world).0, Some(78), "{name}");
        // Changes of others are applied.
        edit(&world, "cn = [\"second\"]", "cn = [\"third\"]");
        reloaded(&daemon, 2);
        assert!(!is_admitted(&world, &daemon, "second"), "{name}");
        edit(&world, "crl = ", "crl_policy = \"soft\"\ncrl = ");
        reloaded(&daemon, 3);
        assert!(is_admitted(&world, &daemon, "client"), "{name}: soft");
        repair(&world, &revoking(8));
        reloaded(&daemon, 4);
        refused(&world, &daemon, "client", "revoked", name);
        assert_eq!(degraded(&daemon), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn reload_that_names_a_new_broken_list_is_rejected() {
    let world = world();
    let daemon = world.start();
    edit(&world, "cn = [\"second\"]", "cn = [\"second\"]\ncrl = \"certs/nowhere.crl\"");
    daemon.logged("reload rejected; the previous configuration stays in force", |_| true);
    assert!(is_admitted(&world, &daemon, "second"));
}

#[test]
fn older_lists_are_accepted_once_on_request() {
    let world = world();
    publish(&world, &revoking(8));
    let mut daemon = world.start();
    publish(&world, &List { number: 7, ..List::of(&[]) });
    reloaded(&daemon, 2);
    assert!(!is_admitted(&world, &daemon, "client"));
    let reload = |sender: &str| {
        let output = world.run(&["reload", "--accept-older-lists", sender]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, printed) = reload("nobody");
    assert!(code == Some(78) && printed.contains("there is no sender `nobody`"), "{printed}");
    assert_eq!(reload("second").0, Some(0));
    assert!(!is_admitted(&world, &daemon, "client"), "another sender's lists");
    let (code, printed) = reload("bank");
    assert!(code == Some(0) && printed.contains("applied"), "{printed}");
    daemon.logged("revocation lists accepted regardless of their age", |line| line["sender"] == "bank");
    assert!(is_admitted(&world, &daemon, "client"));
    assert_eq!(degraded(&daemon), Vec::<String>::new());
    daemon.signal("-TERM");
    daemon.wait();
    let daemon = world.start();
    assert!(is_admitted(&world, &daemon, "client"), "also after a restart");
    // Only once.
    publish(&world, &List { number: 6, ..revoking(6) });
    reloaded(&daemon, 2);
    assert!(is_admitted(&world, &daemon, "client"));
    assert_eq!(degraded(&daemon).len(), 1);
    // A broken file is not accepted by this.
    replace(&list_file(&world), "<html>");
    assert_eq!(reload("bank").0, Some(0));
    assert!(is_admitted(&world, &daemon, "client"));
    assert!(degraded(&daemon)[0].contains("stays in force"), "{:?}", degraded(&daemon));
}

/// The lists in force after a start at a time in days from now, and what is reported.
fn in_force(world: &World, days: u64) -> (Vec<String>, String) {
    let now = Timestamp::now() + Duration::from_secs(days * 86_400);
    let config = world.path("webhooks.toml");
    let loaded = load_within(&config, now, Process::Daemon, ReadScope::default(), AcceptedLists::Kept);
    let Loaded { settings, report, .. } = loaded.unwrap();
    let lists = settings.unwrap().accepted_lists.into_iter().map(|list| list.head.digest).collect();
    (lists, report.render(false))
}

#[test]
fn after_the_next_update_of_the_accepted_list_a_current_one_on_disk_counts() {
    let world = world();
    publish(&world, &List { until: 5, ..revoking(8) });
    drop(world.start());
    let accepted = in_force(&world, 0).0;
    publish(&world, &List { number: 7, until: 20, ..List::of(&[]) });
    let (lists, printed) = in_force(&world, 4);
    assert_eq!(lists, accepted);
    assert!(
        printed.contains("goes back: it is number 0x07") && printed.contains("is number 0x08"),
        "{printed}"
    );
    let (lists, printed) = in_force(&world, 6);
    assert_ne!(lists, accepted);
    assert!(!printed.contains("goes back"), "{printed}");
    let (lists, printed) = in_force(&world, 21);
    assert_eq!(lists, accepted, "neither is current, and the newer one revokes more");
    assert!(printed.contains("goes back") && printed.contains("became outdated"), "{printed}");
}

#[test]
fn state_that_cannot_be_used_is_reported_and_stops_nothing() {
    let world = world();
    publish(&world, &revoking(8));
    drop(world.start());
    let kept = kept_files(&world);
    let mut bytes = fs::read(&kept[0]).unwrap();
    // Part of the signed content.
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    fs::write(&kept[0], bytes).unwrap();
    publish(&world, &List { number: 7, ..List::of(&[]) });
    let (code, printed) = check(&world);
    assert!(code == Some(0) && printed.contains("the accepted revocation list in"), "{printed}");
    fs::remove_dir_all(world.path("spool/.state")).unwrap();
    fs::write(world.path("spool/.state"), "").unwrap();
    let (code, printed) = check(&world);
    assert!(code == Some(0) && printed.contains("cannot read the revocation lists kept in"), "{printed}");
    let daemon = world.start();
    assert!(is_admitted(&world, &daemon, "client"));
    assert!(degraded(&daemon)[0].contains("cannot be kept"), "{:?}", degraded(&daemon));
    daemon.logged("cannot keep revocation lists", |_| true);
}

#[test]
fn large_lists_are_read_up_to_crl_max() {
    let world = world();
    let serials: Vec<_> =
        (0..rounds(100_000) as u64).map(|number| (1 << 62 | number).to_be_bytes()).collect();
    let serials: Vec<_> = serials.iter().map(<[u8; 8]>::as_slice).chain([CLIENT]).collect();
    publish(&world, &List { number: 8, ..List::of(&serials) });
    edit(&world, "crl = ", "crl_max = \"1 MiB\"\ncrl = ");
    let (code, printed) = check(&world);
    assert!(code == Some(78) && printed.contains("is larger than 1024 KiB"), "{printed}");
    assert!(printed.contains("raise `crl_max`"), "{printed}");
    edit(&world, "crl_max = \"1 MiB\"\n", "");
    let daemon = world.start();
    refused(&world, &daemon, "client", "revoked", "the last one on the list");
    assert!(is_admitted(&world, &daemon, "second"));
    let fresh = root(&world).issue(&Certificate::leaf(Name::cn("client")));
    put(&world, "fresh", &fresh);
    assert!(is_admitted(&world, &daemon, "fresh"));
}
