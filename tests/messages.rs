//! What `check` says: every `tests/messages/NAME.toml` is a broken configuration, and
//! `NAME.expected` what is found in it. `UPDATE_EXPECT=1 cargo test --test messages` rewrites them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may panic")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hookspool::clock::Timestamp;
use hookspool::config::load;
use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// All certificates and all distances are relative to this day, so that texts stay the same.
const NOW: &str = "2026-11-23T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn params(cn: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, cn);
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    params
}

fn ca(folder: &Path, file: &str, params: CertificateParams) -> Issuer<'static, KeyPair> {
    let mut params = params;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    write(folder, &format!("{file}.pem"), &params.self_signed(&key).unwrap().pem(), 0o644);
    write(folder, &format!("{file}.key"), &key.serialize_pem(), 0o600);
    Issuer::new(params, key)
}

fn leaf(folder: &Path, file: &str, params: &CertificateParams, issuer: &Issuer<'static, KeyPair>) {
    let key = KeyPair::generate().unwrap();
    write(folder, &format!("{file}.pem"), &params.signed_by(&key, issuer).unwrap().pem(), 0o644);
    write(folder, &format!("{file}.key"), &key.serialize_pem(), 0o600);
}

fn write(folder: &Path, file: &str, text: &str, mode: u32) {
    let path = folder.join(file);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A folder with `certs/` in it, good ones and bad ones.
fn world() -> tempfile::TempDir {
    let world = tempfile::tempdir().unwrap();
    let certs = world.path().join("certs");
    fs::create_dir(&certs).unwrap();
    let root = ca(&certs, "root-ca", params("Bank Root", (2026, 2036)));
    ca(&certs, "expired-ca", params("Bank Root 2020", (2020, 2025)));
    ca(&certs, "early-ca", params("Bank Root 2030", (2030, 2040)));
    let mut development = params("hookspool development root", (2026, 2036));
    development.distinguished_name.push(DnType::OrganizationName, "hookspool development");
    ca(&certs, "dev-ca", development);
    leaf(&certs, "server", &params("hooks.example", (2026, 2028)), &root);
    leaf(&certs, "client", &params("client", (2026, 2028)), &root);
    leaf(&certs, "expired", &params("hooks.example", (2025, 2026)), &root);
    let mut soon = params("hooks.example", (2026, 2028));
    soon.not_after = date_time_ymd(2026, 12, 1);
    leaf(&certs, "soon", &soon, &root);

    let server = fs::read_to_string(certs.join("server.pem")).unwrap();
    write(&certs, "empty.pem", "", 0o644);
    write(&certs, "truncated.pem", &server[..server.len() / 2], 0o644);
    write(&certs, "garbage.pem", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", 0o644);
    write(&certs, "open.key", &fs::read_to_string(certs.join("server.key")).unwrap(), 0o644);
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    write(&certs, "encrypted.key", encrypted, 0o600);
    world
}

fn findings(world: &Path, text: &str) -> String {
    let config = world.join("webhooks.toml");
    fs::write(&config, text).unwrap();
    let report = load(&config, now()).unwrap().report;
    format!("{}\n{}\n", report.render(false), report.summary()).replace(&format!("{}/", world.display()), "")
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_mistake_has_its_place_and_a_hint() {
    let world = world();
    let cases = cases();
    assert!(cases.len() >= 25, "{}", cases.len());
    let mut different = Vec::new();
    for case in cases {
        let said = findings(world.path(), &fs::read_to_string(&case).unwrap());
        let place = said.lines().any(|line| {
            let mut parts = line.split(':');
            parts.next() == Some("webhooks.toml")
                && parts.next().is_some_and(|line| line.parse::<usize>().is_ok())
                && parts.next().is_some_and(|column| column.parse::<usize>().is_ok())
        });
        assert!(place && said.contains("= hint: ") && said.contains('^'), "{}:\n{said}", case.display());
        let expected = case.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            different.push(format!("{}:\n{said}", case.display()));
        }
    }
    assert!(different.is_empty(), "not as expected:\n{}", different.join("\n"));
}

#[test]
fn the_shipped_example_serves_what_certs_init_makes() {
    let world = world();
    let certs = world.path().join("certs");
    fs::rename(certs.join("dev-ca.pem"), certs.join("root-ca.pem")).unwrap();
    let shipped = include_str!("../webhooks.toml");
    let config = world.path().join("webhooks.toml");
    fs::write(&config, shipped).unwrap();
    let loaded = load(&config, now()).unwrap();
    let messages: Vec<_> = loaded.report.findings().iter().map(|finding| &finding.message).collect();
    assert!(loaded.settings.is_some() && loaded.report.errors() == 0, "{messages:?}");
    assert_eq!(messages.len(), 1, "only the development CA: {messages:?}");
}

#[test]
fn what_time_brought_fails_the_check_and_not_the_start() {
    let world = world();
    for name in ["expired_server_certificate", "expired_ca", "ca_not_yet_valid"] {
        let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages").join(name);
        let config = world.path().join("webhooks.toml");
        fs::copy(case.with_extension("toml"), &config).unwrap();
        let loaded = load(&config, now()).unwrap();
        assert_eq!(loaded.report.errors(), 1, "{name}");
        let settings = loaded.settings.unwrap_or_else(|| panic!("{name} keeps from serving"));
        assert_eq!(settings.degraded.len(), 1, "{name}: {:?}", settings.degraded);
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "(\\[{1,2}(server|tls|spool|admin|log|sender|endpoint)\\]{1,2}\n|(listen|name|ca|cn|path|suffixes|senders|key|response|status) ?= ?(\"[^\"\n]{0,9}\"|\\[.{0,9}\\]|-?[0-9]{1,20}|\\{.{0,9}\\})\n|.{0,9}\n){0,20}") {
        let world = tempfile::tempdir().unwrap();
        findings(world.path(), &text);
    }
}
