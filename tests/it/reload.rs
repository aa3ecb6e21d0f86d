//! Reloads: which changes are applied, which are rejected, and the reports.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use hookspool::clock::Timestamp;
use hookspool::devpki::{KeyKind, Root};
use serde_json::Value;

use crate::der::{Certificate, Name, Party, basic_constraints, key_usage, pem};
use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World, eventually, rounds};

pub fn edit(world: &World, old: &str, new: &str) {
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    assert!(text.contains(old), "{old}");
    replace(&world.path("webhooks.toml"), text.replacen(old, new, 1));
}

pub fn replace(path: &Path, bytes: impl AsRef<[u8]>) {
    let next = path.with_extension("next");
    fs::write(&next, bytes).unwrap();
    fs::set_permissions(&next, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(next, path).unwrap();
}

pub fn status(daemon: &Daemon) -> Value {
    serde_json::from_str(&daemon.admin("/status").1).unwrap()
}

fn generation(daemon: &Daemon) -> u64 {
    status(daemon)["generation"].as_u64().unwrap()
}

pub fn delivers(world: &World, daemon: &Daemon, name: &str, path: &str) -> bool {
    let answer = Wire::with_config(client_config(world, name), daemon.port).unwrap().post(path, b"{}");
    answer.is_ok_and(|answer| answer.status == 200)
}

/// A way to damage the files, and a part of the finding.
type BadFiles = (&'static str, fn(&World), &'static str);

const BAD_SETS: &[BadFiles] = &[
    (
        "key of another certificate",
        |world| drop(fs::copy(world.key("client"), world.key("server"))),
        "does not belong",
    ),
    (
        "certificate of another key",
        |world| drop(fs::copy(world.cert("client"), world.cert("server"))),
        "does not belong",
    ),
    ("certificate cut off", |world| cut(&world.cert("server")), "has no `-----END` line"),
    ("empty certificate", |world| fs::write(world.cert("server"), "").unwrap(), "the file is empty"),
    ("certificate missing", |world| fs::remove_file(world.cert("server")).unwrap(), "there is no file"),
    (
        "key that everybody can read",
        |world| mode(&world.key("server"), 0o644),
        "can be read or changed by every user",
    ),
    ("empty key", |world| fs::write(world.key("server"), "").unwrap(), "the file is empty"),
    ("expired certificate", |world| expired_server(world), "expired"),
    (
        "CA file without a certificate",
        |world| fs::write(world.cert("root-ca"), "text").unwrap(),
        "neither PEM nor DER",
    ),
    ("CA cut off", |world| cut(&world.cert("root-ca")), "has no `-----END` line"),
    (
        "CA that never issues",
        |world| drop(fs::copy(world.cert("second"), world.cert("root-ca"))),
        "cannot issue certificates",
    ),
    ("expired CA", |world| expired_ca(world), "expired"),
    ("typo", |world| edit(world, "[tls]", "[tsl]"), "did you mean"),
    ("not TOML", |world| edit(world, "[spool]", "[spool"), "webhooks.toml"),
    (
        "endpoint without its sender",
        |world| edit(world, "name = \"second\"", "name = \"zweite\""),
        "there is no sender",
    ),
    ("no endpoint left", |world| no_endpoints(world), "there is no `[[endpoint]]`"),
    ("rule removed", |world| edit(world, "cn = [\"client\"]", ""), "has no rule"),
    ("webhooks.toml missing", |world| fs::remove_file(world.path("webhooks.toml")).unwrap(), "webhooks.toml"),
];

fn cut(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, &text[..text.len() / 2]).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The CA of this world.
pub fn root(world: &World) -> Party {
    Party {
        name: Name::cn("Reload Root"),
        key: rcgen::KeyPair::from_pem(&fs::read_to_string(world.key("root-ca")).unwrap()).unwrap(),
        der: pem_der(&world.cert("root-ca")),
    }
}

/// Another CA with the same name.
pub fn twin(_world: &World) -> Party {
    Party::root(&Certificate::ca(Name::cn("Reload Root")))
}

fn pem_der(path: &Path) -> rustls_pki_types::CertificateDer<'static> {
    hookspool::tls::pem::certificates(&fs::read(path).unwrap()).unwrap().remove(0)
}

fn expired_server(world: &World) {
    let expired = Certificate { to: -1, ..Certificate::leaf(Name::cn("localhost")) };
    put(world, "server", &root(world).issue(&expired));
}

fn expired_ca(world: &World) {
    let expired = Certificate { to: -1, ..Certificate::ca(Name::cn("Old Root")) };
    replace(&world.cert("root-ca"), pem("CERTIFICATE", &Party::root(&expired).der));
}

fn no_endpoints(world: &World) {
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    replace(&world.path("webhooks.toml"), text.split("[[endpoint]]").next().unwrap());
}

pub fn put(world: &World, name: &str, party: &Party) {
    replace(&world.key(name), party.key.serialize_pem());
    replace(&world.cert(name), pem("CERTIFICATE", &party.der));
}

/// A world whose CA can sign revocation lists, and whose sender has one.
pub fn world() -> World {
    let world = World::new();
    let root = Party::root(
        &Certificate::ca(Name::cn("Reload Root")).with(vec![basic_constraints(true, None), key_usage(0x06)]),
    );
    put(&world, "root-ca", &root);
    for name in ["client", "second"] {
        put(&world, name, &root.issue(&Certificate::leaf(Name::cn(name))));
    }
    let server = Certificate::leaf(Name::cn("localhost"))
        .with(vec![key_usage(0x80), crate::der::alternative_names(&[(2, b"localhost")])]);
    put(&world, "server", &root.issue(&server));
    fs::write(world.path("certs/bank.crl"), root.list(&[], 20)).unwrap();
    edit(&world, "cn = [\"client\"]", "cn = [\"client\"]\ncrl = \"certs/bank.crl\"");
    world
}

#[test]
fn a_bad_configuration_is_rejected_and_a_corrected_one_applied() {
    assert!(BAD_SETS.len() >= 15);
    let world = world();
    let daemon = world.start();
    let files =
        ["certs/server.pem", "certs/server.key", "certs/root-ca.pem", "certs/bank.crl", "webhooks.toml"];
    let kept: Vec<_> =
        files.iter().map(|name| (world.path(name), fs::read(world.path(name)).unwrap())).collect();
    let mut wire = Wire::connect(&world, &daemon, "client");
    for (round, (name, spoil, printed)) in BAD_SETS.iter().enumerate() {
        let before = generation(&daemon);
        spoil(&world);
        let reload = eventually(name, || {
            Some(status(&daemon)["last_reload"].clone()).filter(|last| last["outcome"] == "rejected")
        });
        assert!(reload["findings"].to_string().contains(printed), "{name}: {reload:#}");
        assert_eq!(generation(&daemon), before, "{name}");
        assert_eq!(daemon.admin("/readyz").0, 200, "{name}");
        assert!(status(&daemon)["degraded"].to_string().contains("stays in force"), "{name}");
        // On an existing connection and on a new one, with the previous certificates.
        assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200, "{name}");
        assert_eq!(
            daemon.metric("hookspool_reloads_total{outcome=\"rejected\"}"),
            (round + 1) as f64,
            "{name}"
        );
        for (path, bytes) in &kept {
            replace(path, bytes);
        }
        let text = String::from_utf8(kept[4].1.clone()).unwrap();
        replace(&world.path("webhooks.toml"), format!("{text}\n# {round}\n"));
        eventually(name, || (generation(&daemon) == before + 1).then_some(()));
        assert!(delivers(&world, &daemon, "client", "/webhooks/pix"), "{name}");
        let degraded = status(&daemon)["degraded"].clone();
        // The file system of the test may be reported as a risk.
        let others =
            degraded.as_array().unwrap().iter().filter(|why| !why.to_string().contains("[spool] directory"));
        assert_eq!(others.count(), 0, "{name}: {degraded}");
    }
    // Each rejection was reported once, and not at every poll.
    let errors = daemon.log_text().matches("reload rejected").count();
    assert_eq!(errors, BAD_SETS.len());
}

/// The first half of a change; the second half installs the new pair.
type Half = (&'static str, fn(&World, &Party));

const HALVES: &[Half] = &[
    ("key before certificate", |world, fresh| replace(&world.key("server"), fresh.key.serialize_pem())),
    ("certificate before key", |world, fresh| replace(&world.cert("server"), pem("CERTIFICATE", &fresh.der))),
    ("truncated", |world, _| cut(&world.cert("server"))),
    ("empty", |world, _| fs::write(world.key("server"), "").unwrap()),
    ("missing for a moment", |world, _| fs::remove_file(world.cert("server")).unwrap()),
];

#[test]
fn an_incomplete_change_is_not_rejected_immediately() {
    let world = world();
    edit(&world, "settle = \"200ms\"", "settle = \"20ms\"");
    let daemon = world.start();
    let server = Certificate::leaf(Name::cn("localhost"))
        .with(vec![key_usage(0x80), crate::der::alternative_names(&[(2, b"localhost")])]);
    for (round, (name, half)) in (2..).zip(HALVES) {
        let fresh = root(&world).issue(&server);
        half(&world, &fresh);
        // Much longer than `settle`, and much shorter than the time after which the files are rejected.
        thread::sleep(Duration::from_millis(200));
        assert!(delivers(&world, &daemon, "client", "/webhooks/pix"), "{name}: the old pair still serves");
        put(&world, "server", &fresh);
        eventually(name, || (generation(&daemon) == round).then_some(()));
        assert!(delivers(&world, &daemon, "client", "/webhooks/pix"), "{name}");
    }
    assert_eq!(daemon.metric("hookspool_reloads_total{outcome=\"rejected\"}"), 0.0, "{}", daemon.log_text());
}

#[test]
fn a_missing_file_is_detected_when_it_is_created() {
    let world = world();
    let daemon = world.start();
    edit(&world, "ca = [\"certs/root-ca.pem\"]", "ca = [\"certs/root-ca.pem\", \"later/new/ca.pem\"]");
    daemon.logged("reload rejected; the previous configuration stays in force", |_| true);
    fs::create_dir_all(world.path("later/new")).unwrap();
    let other = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
    fs::write(world.path("later/new/ca.pem"), &other.issued.certificate_pem).unwrap();
    let begun = Instant::now();
    daemon.logged("reloaded", |_| true);
    assert!(begun.elapsed() < Duration::from_secs(10), "by inotify, not by polling");
}

#[test]
fn the_reload_command_reports_the_outcome() {
    let world = world();
    let mut daemon = world.start();
    let reload = || {
        let output = world.run(&["reload"]);
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, printed) = reload();
    assert_eq!((code, printed.as_str()), (0, "unchanged, generation 1\n"));
    edit(&world, "settle = \"200ms\"", "settle = \"1s\"");
    let (code, printed) = reload();
    assert_eq!((code, printed.contains("applied, generation 2")), (0, true), "{printed}");
    edit(&world, "[tls]", "[tsl]");
    let (code, printed) = reload();
    assert_eq!(code, 78, "{printed}");
    assert!(printed.contains("webhooks.toml:") && printed.ends_with("rejected, generation 2\n"), "{printed}");
    edit(&world, "[tsl]", "[tls]");
    edit(&world, "listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:1\"]");
    let (code, printed) = reload();
    assert_eq!(code, 0);
    assert!(printed.contains("`[server] listen` has changed, which requires a restart"), "{printed}");
    let (_, printed) = reload();
    assert!(
        printed.contains("requires a restart") && printed.contains("unchanged"),
        "still waiting for a restart: {printed}"
    );
    assert!(status(&daemon)["degraded"].to_string().contains("requires a restart"));
    daemon.signal("-HUP");
    daemon.logged("SIGHUP received; reloading", |_| true);
    assert!(delivers(&world, &daemon, "client", "/webhooks/pix"));
    daemon.signal("-TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    assert_eq!(reload().0, 69);
}

#[test]
fn endpoints_limits_and_the_log_level_change_without_a_restart() {
    let world = world();
    let daemon = world.start();
    let mut kept = Wire::connect(&world, &daemon, "client");
    assert_eq!(kept.post("/webhooks/new", b"{}").unwrap().status, 404);
    edit(
        &world,
        "[[endpoint]]",
        "[[endpoint]]\nname = \"new\"\npath = \"/webhooks/new\"\nsenders = [\"bank\"]\nmax_body = \"10 B\"\n\n[[endpoint]]",
    );
    edit(&world, "format = \"json\"", "format = \"json\"\nlevel = \"error\"");
    eventually("it is in force", || (generation(&daemon) > 1).then_some(()));
    eventually("all of it", || (kept.post("/webhooks/new", b"{}").unwrap().status == 200).then_some(()));
    assert_eq!(kept.post("/webhooks/new", b"0123456789a").unwrap().status, 413);
    assert_eq!(world.entries("new").len(), 1);
    let last = world.entries("new").into_values().next().unwrap();
    assert_eq!(last.envelope["generation"], generation(&daemon));
    assert!(daemon.metric("hookspool_deliveries_total{endpoint=\"new\",outcome=\"stored\"}") == 1.0);
    eventually("the level is in force", || {
        let before = daemon.log_text().len();
        assert_eq!(kept.post("/webhooks/pix", b"{}").unwrap().status, 200);
        thread::sleep(Duration::from_millis(50));
        (daemon.log_text().len() == before).then_some(())
    });
}

#[test]
fn certificates_are_selected_by_the_requested_server_name() {
    let world = world();
    let other = Root::new(KeyKind::EcdsaP256, Timestamp::now()).unwrap();
    let issued = other.server(&["hooks.example".to_owned()]).unwrap();
    replace(&world.path("certs/other.key"), &issued.key_pem);
    replace(&world.path("certs/other.pem"), &issued.certificate_pem);
    edit(
        &world,
        "[spool]",
        "[[tls.extra]]\ncertificate = \"certs/other.pem\"\nkey = \"certs/other.key\"\nnames = [\"hooks.example\", \"*.wild.example\"]\n\n[spool]",
    );
    let daemon = world.start();
    let shown = |name: &str| {
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!("echo | timeout 10 openssl s_client -connect 127.0.0.1:{} -servername {name} 2>/dev/null | openssl x509 -noout -subject -nameopt RFC2253", daemon.port))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    for name in ["hooks.example", "HOOKS.example", "a.wild.example"] {
        assert!(shown(name).contains("hookspool development"), "{name}: {}", shown(name));
    }
    for name in ["localhost", "a.b.wild.example", "wild.example", "example"] {
        assert_eq!(shown(name), "subject=CN=localhost", "{name}");
    }
}

#[test]
fn without_inotify_changes_are_detected_by_polling() {
    let world = world();
    edit(&world, "settle = \"200ms\"", "settle = \"20ms\"\npoll = \"1s\"");
    let daemon = world.start_traced(&[
        "-f",
        "-qq",
        "-e",
        "trace=inotify_add_watch",
        "-e",
        "inject=inotify_add_watch:error=ENOSPC",
        "-o",
        "/dev/null",
    ]);
    daemon.logged("inotify unavailable; polling files instead", |_| true);
    assert_eq!(daemon.metric("hookspool_watcher_alive"), 0.0);
    edit(&world, "cn = [\"second\"]", "cn = [\"third\"]");
    daemon.logged("reloaded", |line| line["generation"] == 2);
    assert!(!delivers(&world, &daemon, "second", "/second"));
}

#[test]
fn many_changes_cause_at_most_one_reload_per_second() {
    let world = world();
    let daemon = world.start();
    eventually("it listens", || (daemon.metric("hookspool_watcher_alive") == 1.0).then_some(()));
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap();
    let storm = Duration::from_secs(rounds(1).max(2) as u64);
    let mut wire = Wire::connect(&world, &daemon, "client");
    let mut latencies = || {
        let begun = Instant::now();
        let mut all = Vec::new();
        while begun.elapsed() < storm {
            let begun = Instant::now();
            assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
            all.push(begun.elapsed());
            thread::sleep(Duration::from_millis(1));
        }
        all.sort();
        (all[all.len() / 2], all[all.len() * 99 / 100])
    };
    let calm = latencies();
    let (stormy, changes, took) = thread::scope(|scope| {
        let changing = scope.spawn(|| {
            let (begun, mut changes) = (Instant::now(), 0_u32);
            while begun.elapsed() < storm {
                changes += 1;
                replace(&world.path("webhooks.toml"), format!("{text}\n# {changes}\n"));
                // Two hundred changes per second.
                thread::sleep(
                    (begun + changes * Duration::from_millis(5)).saturating_duration_since(Instant::now()),
                );
            }
            (changes, begun.elapsed())
        });
        let stormy = latencies();
        let (changes, took) = changing.join().unwrap();
        (stormy, changes, took)
    });
    let reloads = generation(&daemon) - 1;
    eprintln!(
        "storm: {changes} changes in {took:?}, {reloads} reloads; p50 and p99 {stormy:?}, calm {calm:?}"
    );
    assert!(reloads as f64 <= took.as_secs_f64() + 1.0, "{reloads} in {took:?}");
    eventually("the last change is in force", || {
        let last = status(&daemon)["last_reload"]["outcome"] == "applied";
        (last && world.run(&["reload"]).stdout.starts_with(b"unchanged")).then_some(())
    });
}
