//! Revocation lists that are older, damaged or large: what is admitted and what is reported.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hookspool::clock::Timestamp;
use hookspool::config::{AcceptedLists, Loaded, Process, ReadScope, load_within};
use rustls::ClientConfig;
use rustls::version::TLS13;
use serde_json::Value;

use crate::der::{Certificate, List, Name, Party, basic_constraints, key_usage, pem};
use crate::matrix::presenting;
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
fn older_list_is_reported_and_the_newer_one_stays_in_force_after_a_restart() {
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
    assert_eq!(
        (in_force(&world, 19).1, in_force(&world, 21).1),
        (2, 2),
        "it revokes after its next update, too"
    );
    let accepted = world.run(&["reload", "--accept-older-lists", "bank"]);
    assert!(
        String::from_utf8_lossy(&accepted.stdout).contains("no longer applies: it was number 0x08"),
        "{accepted:?}"
    );
    assert_eq!(kept_files(&world).len(), 1);
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

/// The accepted lists and the number of lists in force after a start at a time in days from now, and what is reported.
fn in_force(world: &World, days: u64) -> (Vec<String>, usize, String) {
    let now = Timestamp::now() + Duration::from_secs(days * 86_400);
    let config = world.path("webhooks.toml");
    let loaded = load_within(&config, now, Process::Daemon, ReadScope::default(), AcceptedLists::Kept);
    let Loaded { settings, report, .. } = loaded.unwrap();
    let settings = settings.unwrap();
    let trusts = settings.senders.iter().filter_map(|trusted| trusted.trust.revocation.as_ref());
    let count = trusts.map(|revocation| revocation.lists().len()).sum();
    let accepted = settings.accepted_lists.into_iter().map(|list| list.head.digest).collect();
    (accepted, count, report.render(false))
}

#[test]
fn after_the_next_update_of_the_accepted_list_a_current_one_on_disk_counts() {
    let world = world();
    publish(&world, &List { until: 5, ..revoking(8) });
    drop(world.start());
    let accepted = in_force(&world, 0).0;
    publish(&world, &List { number: 7, until: 20, ..List::of(&[]) });
    let (lists, count, printed) = in_force(&world, 4);
    assert_eq!((lists, count), (accepted.clone(), 1));
    assert!(
        printed.contains("is older than the accepted list: it is number 0x07")
            && printed.contains("is number 0x08"),
        "{printed}"
    );
    for (days, why) in [(6, "the newer list still revokes"), (21, "neither list is current")] {
        let (lists, count, printed) = in_force(&world, days);
        assert_eq!((&lists, count), (&accepted, 2), "{why}");
        assert!(printed.contains("is older than the accepted list"), "{why}: {printed}");
    }
}

/// A CA below the root that is not in `ca`, and a certificate that it issued. The list of this CA is checked in handshakes.
struct BelowIntermediate {
    world: World,
    intermediate: Party,
    client: Arc<ClientConfig>,
}

impl BelowIntermediate {
    fn new() -> Self {
        let world = world();
        edit(&world, "crl = ", "crl_policy = \"soft\"\ncrl = ");
        let ca =
            || Certificate::ca(Name::cn("Middle")).with(vec![basic_constraints(true, None), key_usage(0x06)]);
        let intermediate = root(&world).issue(&ca());
        let leaf = Certificate { serial: CLIENT.to_vec(), ..Certificate::leaf(Name::cn("client")) };
        let leaf = intermediate.issue(&leaf);
        let chain = vec![leaf.der, intermediate.der.clone()];
        let client = presenting(&world, chain, leaf.key.serialize_der(), &TLS13);
        Self { client, world, intermediate }
    }

    fn is_admitted(&self, daemon: &Daemon) -> bool {
        let wire = Wire::with_config(Arc::clone(&self.client), daemon.port);
        wire.and_then(|mut wire| wire.post("/webhooks/pix", b"{}")).is_ok_and(|answer| answer.status == 200)
    }
}

#[test]
fn forged_list_of_an_intermediate_does_not_cancel_a_revocation() {
    let setup = BelowIntermediate::new();
    let world = &setup.world;
    replace(&list_file(world), setup.intermediate.issue_list(&revoking(8)));
    let mut daemon = world.start();
    assert!(!setup.is_admitted(&daemon));
    let forger = Party::root(&Certificate::ca(Name::cn("Middle")));
    // A list can only be followed by a different one, of which there are two.
    for (number, generation) in [(9, 2), (10, 3)] {
        replace(&list_file(world), forger.issue_list(&List { number, ..List::of(&[]) }));
        reloaded(&daemon, generation);
        assert!(!setup.is_admitted(&daemon), "{number}");
        assert_eq!(degraded(&daemon), Vec::<String>::new());
    }
    assert_eq!(kept_files(world).len(), 1);
    daemon.signal("-TERM");
    daemon.wait();
    daemon = world.start();
    assert!(!setup.is_admitted(&daemon), "after a restart");
}

#[test]
fn list_replaces_a_copy_with_a_damaged_signature() {
    let setup = BelowIntermediate::new();
    let world = &setup.world;
    let list = setup.intermediate.issue_list(&revoking(8));
    let mut damaged = list.clone();
    *damaged.last_mut().unwrap() ^= 1;
    replace(&list_file(world), damaged);
    let daemon = world.start();
    assert!(setup.is_admitted(&daemon), "nobody knows who made this list");
    replace(&list_file(world), list);
    reloaded(&daemon, 2);
    assert!(!setup.is_admitted(&daemon));
}

#[test]
fn kept_list_that_cannot_be_read_at_one_start_counts_at_the_next() {
    let world = world();
    let serials: Vec<_> = (0..100_u16).map(|number| [0x40, (number >> 8) as u8 + 2, number as u8]).collect();
    let serials = serials.iter().map(<[u8; 3]>::as_slice).chain([CLIENT]).collect::<Vec<_>>();
    publish(&world, &List { number: 8, ..List::of(&serials) });
    drop(world.start());
    let kept = kept_files(&world);
    fs::create_dir(world.path(&format!("spool/.state/second.{}.crl", "5e".repeat(32)))).unwrap();
    publish(&world, &List { number: 7, ..List::of(&[]) });
    edit(&world, "crl = ", "crl_max = \"1 KiB\"\ncrl = ");
    let daemon = world.start();
    assert!(is_admitted(&world, &daemon, "client"), "the accepted list is too large");
    assert!(check(&world).1.contains("cannot be used"), "{}", check(&world).1);
    drop(daemon);
    assert!(kept.iter().all(|path| path.exists()));
    edit(&world, "crl_max = \"1 KiB\"\n", "");
    let daemon = world.start();
    refused(&world, &daemon, "client", "revoked", "the accepted list");
    assert!(
        degraded(&daemon).iter().any(|why| why.contains("is older than the accepted list")),
        "{:?}",
        degraded(&daemon)
    );
}

#[test]
fn accepted_list_stays_in_force_if_its_file_has_another_name() {
    let world = world();
    publish(&world, &revoking(8));
    let mut daemon = world.start();
    fs::write(world.path("certs/other.crl"), root(&world).issue_list(&List { number: 7, ..List::of(&[]) }))
        .unwrap();
    edit(&world, "certs/bank.crl", "certs/other.crl");
    reloaded(&daemon, 2);
    let degraded = degraded(&daemon);
    assert!(degraded.len() == 1 && degraded[0].contains("is older than the accepted list"), "{degraded:?}");
    refused(&world, &daemon, "client", "revoked", "the older list");
    fs::write(world.path("certs/other.crl"), "<html>").unwrap();
    daemon.signal("-TERM");
    daemon.wait();
    daemon = world.start();
    refused(&world, &daemon, "client", "revoked", "the broken file");
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
    assert!(degraded(&daemon)[0].contains("is not stored"), "{:?}", degraded(&daemon));
    daemon.logged("revocation lists not stored", |_| true);
    // A requested reload tries again, although the files are unchanged.
    let reload = world.run(&["reload"]);
    let printed = String::from_utf8_lossy(&reload.stdout);
    assert!(printed.contains("error: a revocation list is not stored"), "{printed}");
    fs::remove_file(world.path("spool/.state")).unwrap();
    let reload = world.run(&["reload"]);
    assert!(reload.status.success(), "{reload:?}");
    assert_eq!((degraded(&daemon), kept_files(&world).len()), (Vec::new(), 1));
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
