//! Anyone can present a certificate that a bank has shown to the world. Without its key, nothing about a sender is
//! logged, and floods of certificates neither displace nor suppress the bank's own refusals.

use std::fs;
use std::io;

use rcgen::{KeyPair, PublicKeyData as _};
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::CertificateDer;
use serde_json::Value;

use crate::der::{Certificate, Name, Party, pem};
use crate::matrix::presenting;
use crate::tools::edit;
use crate::wire::{Answer, Wire};
use crate::world::{Daemon, World, eventually, rounds};

/// Delivers with a certificate and a key, which may be another one than the certificate's.
pub(crate) fn deliver(
    world: &World,
    port: u16,
    der: &CertificateDer<'static>,
    key: &KeyPair,
    attempt: usize,
) -> io::Result<Answer> {
    let version = [&TLS12, &TLS13][attempt % 2];
    let config = presenting(world, vec![der.clone()], key.serialize_der(), version);
    Wire::with_config(config, port)?.post("/webhooks/pix", b"{}")
}

/// A world in which this CA vouches for the sender `bank`.
pub(crate) fn world_of(bank: &Party) -> World {
    let world = World::new();
    fs::write(world.path("bank.pem"), pem("CERTIFICATE", &bank.der)).unwrap();
    edit(&world, "certs/root-ca.pem", "bank.pem");
    world
}

fn bank() -> Party {
    Party::root(&Certificate::ca(Name::cn("Bank")))
}

fn refusals(daemon: &Daemon, reason: &str) -> Vec<Value> {
    let status: Value = serde_json::from_str(&daemon.admin("/status").1).unwrap();
    let all = status["refusals"].as_array().unwrap();
    all.iter().filter(|it| it["reason"] == reason).cloned().collect()
}

fn refused(daemon: &Daemon, reason: &str) -> f64 {
    daemon.metric(&format!("hookspool_refusals_total{{reason=\"{reason}\"}}"))
}

#[test]
fn without_its_key_a_certificate_shows_nothing_about_its_sender() {
    let bank = bank();
    let world = world_of(&bank);
    let daemon = world.start();
    let client = bank.issue(&Certificate::leaf(Name::cn("client")));
    let other_key = KeyPair::generate().unwrap();
    for attempt in 0..200 {
        assert!(deliver(&world, daemon.port, &client.der, &other_key, attempt).is_err());
    }
    eventually("all are counted", || (refused(&daemon, "unproven") == 200.0).then_some(()));
    // The bank's own certificate, which it has renewed with another name.
    let renewed = bank.issue(&Certificate::leaf(Name::cn("client-2027")));
    assert!(deliver(&world, daemon.port, &renewed.der, &renewed.key, 0).is_err());
    let own = daemon.logged("peer refused", |line| line["reason"] == "rule");
    assert_eq!(own["vouched"], "bank", "{own:#}");
    assert!(own["admit"].as_str().unwrap().contains("cn = ['client', 'client-2027']"), "{own:#}");
    let unproven: Vec<_> =
        daemon.lines("peer refused").into_iter().filter(|line| line["reason"] == "unproven").collect();
    // One in 10 s; the test may take longer.
    assert!((1..20).contains(&unproven.len()), "{}", unproven.len());
    for line in &unproven {
        for field in ["vouched", "admit", "expected", "presented"] {
            assert!(line[field].is_null(), "{field}: {line:#}");
        }
        assert!(line["detail"].as_str().unwrap().contains("key is not proven"), "{line:#}");
    }
    let kept = eventually("all are in status", || {
        let [kept] = refusals(&daemon, "unproven").try_into().unwrap();
        (kept["count"] == 200).then_some(kept)
    });
    assert!(kept["admit"].is_null() && kept["vouched"] == serde_json::json!([]), "{kept:#}");
    assert!(kept["last_at"].as_str() > kept["at"].as_str(), "{kept:#}");
    assert_eq!(refusals(&daemon, "rule").len(), 1);
    // With the key the certificate is admitted.
    assert_eq!(deliver(&world, daemon.port, &client.der, &client.key, 1).unwrap().status, 200);
}

/// The certificates of a flood, all of one issuer.
struct Flood<'a> {
    name: &'static str,
    issuer: &'a Party,
    has_key: bool,
    reason: &'static str,
}

impl Flood<'_> {
    fn run(&self, world: &World, daemon: &Daemon, count: usize) {
        let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        for attempt in 0..count {
            let leaf = Certificate::leaf(Name::cn(&format!("other-{attempt}.example")));
            let leaf = Certificate { spki: Some(own.subject_public_key_info()), ..leaf };
            let der = self.issuer.issue(&leaf).der;
            let key = if self.has_key { &own } else { &other };
            assert!(deliver(world, daemon.port, &der, key, attempt).is_err());
        }
    }
}

fn resident_bytes(daemon: &Daemon) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024 * line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
}

#[test]
fn the_banks_own_refusal_is_logged_and_kept_in_floods_of_other_certificates() {
    let (bank, stranger) = (bank(), Party::root(&Certificate::ca(Name::cn("Bank"))));
    let count = rounds(1_000);
    let floods = [
        Flood { name: "strangers", issuer: &stranger, has_key: true, reason: "unknown_ca" },
        Flood { name: "others of the CA without keys", issuer: &bank, has_key: false, reason: "unproven" },
        Flood { name: "others of the CA with keys", issuer: &bank, has_key: true, reason: "rule" },
    ];
    for flood in floods {
        let world = world_of(&bank);
        let daemon = world.start();
        let renewed = bank.issue(&Certificate::leaf(Name::cn("client-2027")));
        let digest = hookspool::identity::Fingerprint::of_certificate(&renewed.der).to_string();
        let before = (daemon.log_text().len(), resident_bytes(&daemon));
        flood.run(&world, &daemon, count);
        let is_own = |line: &Value| line["claimed_sha256"] == digest.as_str();
        if flood.reason == "rule" {
            // The CA vouches for the flood as well, so the line may have to wait for the next second. Banks try again.
            eventually("the refusal is logged", || {
                assert!(deliver(&world, daemon.port, &renewed.der, &renewed.key, 0).is_err());
                daemon.lines("peer refused").iter().any(is_own).then_some(())
            });
        } else {
            assert!(deliver(&world, daemon.port, &renewed.der, &renewed.key, 0).is_err());
            daemon.logged("peer refused", is_own);
            flood.run(&world, &daemon, 150);
        }
        eventually("all are counted", || (refused(&daemon, flood.reason) >= count as f64).then_some(()));
        eventually("it is in status", || {
            let is_own = |it: &Value| it["claimed"]["sha256"] == digest.as_str();
            refusals(&daemon, "rule").iter().any(is_own).then_some(())
        });
        daemon.logged("refusals not logged; rate limit exceeded", |line| line["reason"] == flood.reason);
        let status = daemon.admin("/status").1.len();
        let logged = daemon.log_text().len() - before.0;
        let grown = resident_bytes(&daemon).saturating_sub(before.1);
        eprintln!(
            "{}: {count} certificates: {logged} bytes logged, status {status}, memory +{grown}",
            flood.name
        );
        // 50 lines, and one more for each second.
        assert!(logged < 300_000 && status < 300_000, "{}: {logged}, {status}", flood.name);
        assert!(grown < 64 << 20, "{}: {grown}", flood.name);
    }
}

#[test]
fn a_key_that_cannot_sign_is_refused_at_once_and_shows_nothing_about_its_sender() {
    let world = World::new();
    let made = crate::tools::try_bash(
        &world,
        "set -eu; openssl req -newkey rsa:1024 -nodes -keyout short.key -subj /CN=client -out short.csr 2>/dev/null
         openssl x509 -req -in short.csr -CA certs/root-ca.pem -CAkey certs/root-ca.key -set_serial 9 -days 9 -out short.pem 2>/dev/null",
    );
    assert!(made.status.success(), "{made:?}");
    let daemon = world.start();
    let port = daemon.port;
    for version in ["-tls1_2", "-tls1_3"] {
        let before = refused(&daemon, "unsupported");
        crate::tools::try_bash(
            &world,
            &format!(
                "openssl s_client -connect localhost:{port} {version} -cert short.pem -key short.key \
                      -cipher DEFAULT@SECLEVEL=0 </dev/null"
            ),
        );
        eventually(version, || (refused(&daemon, "unsupported") > before).then_some(()));
    }
    let line = daemon.logged("peer refused", |line| line["reason"] == "unsupported");
    assert!(line["detail"].as_str().unwrap().contains("1024 bits"), "{line:#}");
    assert!(line["vouched"].is_null() && line["admit"].is_null(), "{line:#}");
    assert!(!line.to_string().contains("`bank`"), "{line:#}");
}
