//! The output of `check` for each `tests/messages/*.toml`, compared with the `.expected` file.
//!
//! `UPDATE_EXPECT=1 cargo test --test messages` regenerates the expectations. The certificates of the cases are
//! created here with fixed dates; no key is committed.

#![expect(clippy::expect_used, reason = "a test fails if its setup fails")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use hookspool::cli::check::check;
use hookspool::cli::exit::Exit;
use hookspool::clock::Timestamp;
use hookspool::config::{
    Loaded, Process, ReadScope, admin_settings, consumer_endpoints, forward_listen, load, load_forward,
    schema::TABLES_OF_KEYS,
};
use hookspool::forward::{HttpAddress, Order, RetrySettings, TargetSettings};
use hookspool::policy::Name;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

/// The time at which all cases are validated.
fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a timestamp")
}

type Day = (i32, u8, u8);
const PAST: Day = (2026, 1, 1);
const LATER: Day = (2028, 1, 1);
/// For certificates that are compared with the clock of the system.
const NEVER: Day = (2999, 1, 1);

fn params(subject: &[(DnType, &str)], from: Day, to: Day) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.distinguished_name = rcgen::DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), *value);
    }
    params.not_before = date_time_ymd(from.0, from.1, from.2);
    params.not_after = date_time_ymd(to.0, to.1, to.2);
    params
}

fn ca(subject: &[(DnType, &str)], from: Day, to: Day) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = params(subject, from, to);
    params.subject_alt_names.clear();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA")
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>, mode: u32) {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
}

fn server(
    folder: &Path,
    name: &str,
    subject: &[(DnType, &str)],
    from: Day,
    to: Day,
    above: &CertifiedIssuer<'static, KeyPair>,
) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let pem = params(subject, from, to).signed_by(&key, above).expect("a certificate").pem();
    write(folder, &format!("{name}.pem"), &pem, 0o644);
    write(folder, &format!("{name}.key"), key.serialize_pem(), 0o600);
    (pem, key.serialize_pem())
}

/// A directory with the valid and invalid certificates that the cases name.
fn world() -> TempDir {
    let world = TempDir::new().expect("a directory");
    let certs = &world.path().join("certs");
    fs::create_dir_all(certs.join("folder")).expect("directories");
    let cn = |name: &'static str| [(DnType::CommonName, name)];
    let root = ca(&cn("Root"), PAST, LATER);
    let (pem, key) = server(certs, "server", &cn("hooks.example"), PAST, LATER, &root);
    server(certs, "expired-server", &cn("hooks.example"), PAST, (2026, 11, 20), &root);
    server(certs, "soon-server", &cn("hooks.example"), PAST, (2026, 12, 1), &root);
    server(certs, "short-server", &cn("hooks.example"), (2026, 11, 22), (2026, 11, 28), &root);
    server(certs, "client", &cn("client"), PAST, LATER, &root);
    let toy = [(DnType::CommonName, "root"), (DnType::OrganizationName, "hookspool development")];
    for (name, subject, from, to) in [
        ("other-ca", &cn("Other")[..], PAST, LATER),
        ("expired-ca", &cn("Old Root")[..], PAST, (2026, 11, 20)),
        ("future-ca", &cn("Next Root")[..], (2027, 1, 1), LATER),
        ("soon-ca", &cn("Old Root")[..], PAST, (2026, 12, 1)),
        ("dev-ca", &toy[..], PAST, LATER),
    ] {
        write(certs, &format!("{name}.pem"), ca(subject, from, to).pem(), 0o644);
    }
    write(certs, "ca.pem", root.pem(), 0o644);
    write(certs, "root-first.pem", root.pem() + &pem, 0o644);
    write(
        certs,
        "bundle.pem",
        root.pem() + &fs::read_to_string(certs.join("client.pem")).expect("PEM"),
        0o644,
    );
    write(certs, "open.key", &key, 0o644);
    write(
        certs,
        "encrypted.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        0o600,
    );
    write(certs, "empty.pem", "", 0o644);
    write(certs, "text.pem", "not a certificate\n", 0o644);
    write(certs, "cut.pem", &pem[..200], 0o644);
    write(certs, "hollow.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", 0o644);
    lists(certs, &root);
    own(certs, &root);
    write(certs, "short.secret", "hunter2\n", 0o644);
    secrets(certs);
    mounted(certs, &key);
    stores(certs, &root);
    generations(certs, &root);
    write(certs, "large.pem", vec![b'\n'; (1 << 20) + 1], 0o644);
    world
}

/// A bundle like that of a system, and files that begin like PKCS#12.
fn stores(certs: &Path, root: &CertifiedIssuer<'static, KeyPair>) {
    let name = [(DnType::CommonName, "One of many")];
    let system: String = (0..20).map(|_| ca(&name, PAST, LATER).pem()).collect();
    write(certs, "system.pem", system + &root.pem(), 0o644);
    let pkcs12 = [0x30, 0x80, 2, 1, 3, 0x30, 0x80, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    write(certs, "store.p12", pkcs12, 0o600);
    let pem = pem::Pem::new("PKCS12", pkcs12);
    write(certs, "store.pem", pem::encode(&pem), 0o600);
}

/// The renewed root with the same key, and another root with its name.
fn generations(certs: &Path, root: &CertifiedIssuer<'static, KeyPair>) {
    let mut renewed = params(&[(DnType::CommonName, "Root")], PAST, NEVER);
    renewed.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let renewed = renewed.self_signed(root.key()).expect("a certificate");
    write(certs, "renewed-ca.pem", renewed.pem(), 0o644);
    write(certs, "namesake-ca.pem", ca(&[(DnType::CommonName, "Root")], PAST, LATER).pem(), 0o644);
}

/// Secrets in the encodings of other programs.
fn secrets(certs: &Path) {
    for (name, bytes) in [
        ("base64", &b"q83vASNFZ4mrze8B+/A=\n"[..]),
        ("bom", b"\xef\xbb\xbf5f0c9f3aa1b2c3d4e5f60718293a4b5c\n"),
        ("blank", b"5f0c9f3aa1b2c3d4e5f60718293a4b5c \n"),
        ("utf16", b"\xff\xfe5\0f\x000\0c\0"),
    ] {
        write(certs, &format!("{name}.secret"), bytes, 0o600);
    }
}

/// A key with the symlinks of a Kubernetes volume.
fn mounted(certs: &Path, key: &str) {
    let mount = certs.join("mount");
    fs::create_dir_all(mount.join("..2026_11_23")).expect("directories");
    write(&mount, "..2026_11_23/server.key", key, 0o644);
    symlink("..2026_11_23", mount.join("..data")).expect("a symlink");
    symlink("..data/server.key", mount.join("server.key")).expect("a symlink");
}

/// Certificates that a sender could or could not present.
fn own(certs: &Path, root: &CertifiedIssuer<'static, KeyPair>) {
    let mut for_servers = params(&[(DnType::CommonName, "server-only")], PAST, LATER);
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut issuing = params(&[(DnType::CommonName, "For Servers")], PAST, LATER);
    issuing.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    issuing.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().expect("a key");
    write(certs, "for-servers.pem", issuing.self_signed(&key).expect("a certificate").pem(), 0o644);
    write(certs, "server-only.pem", for_servers.signed_by(&key, root).expect("a certificate").pem(), 0o644);
}

/// Valid and invalid revocation lists.
fn lists(certs: &Path, root: &CertifiedIssuer<'static, KeyPair>) {
    let list = |issuer: &CertifiedIssuer<'static, KeyPair>, from: Day, to: Day, revoked: &[u8]| {
        let entry = |serial: &u8| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: date_time_ymd(2026, 1, 2),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(from.0, from.1, from.2),
            next_update: date_time_ymd(to.0, to.1, to.2),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        };
        params.signed_by(issuer).expect("a list")
    };
    let (twin, other) =
        (ca(&[(DnType::CommonName, "Root")], PAST, LATER), ca(&[(DnType::CommonName, "X")], PAST, LATER));
    for (name, issuer, from, to) in [
        ("good", root, PAST, LATER),
        ("stale", root, PAST, (2026, 11, 20)),
        ("soon", root, (2026, 10, 1), (2026, 11, 26)),
        ("tomorrow", root, (2026, 11, 24), LATER),
        ("forged", &twin, PAST, LATER),
        ("other", &other, PAST, LATER),
    ] {
        write(certs, &format!("{name}.crl"), list(issuer, from, to, &[]).pem().expect("PEM"), 0o644);
    }
    let mut middle = params(&[(DnType::CommonName, "Middle")], PAST, LATER);
    middle.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    middle.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    middle.serial_number = Some(SerialNumber::from_slice(&[7]));
    let middle = CertifiedIssuer::signed_by(middle, KeyPair::generate().expect("a key"), root).expect("a CA");
    write(certs, "middle.pem", middle.pem(), 0o644);
    let revoking = list(root, PAST, LATER, &[7]).pem().expect("PEM")
        + &list(&middle, PAST, LATER, &[]).pem().expect("PEM");
    write(certs, "middle.crl", revoking, 0o644);
    write(certs, "hollow.crl", "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n", 0o644);
    for (name, version, extension) in [
        ("v1", &[][..], &[][..]),
        // deltaCRLIndicator 1; issuingDistributionPoint with indirectCRL, and with onlySomeReasons.
        ("delta", &[2, 1, 1], &[0x55, 0x1d, 0x1b, 0x02, 0x01, 0x01]),
        ("indirect", &[2, 1, 1], &[0x55, 0x1d, 0x1c, 0x30, 0x03, 0x84, 0x01, 0xff]),
        // A distributionPoint that is a directory name instead of a URI.
        (
            "somewhere",
            &[2, 1, 1],
            &[0x55, 0x1d, 0x1c, 0x30, 0x08, 0xa0, 0x06, 0xa0, 0x04, 0xa4, 0x02, 0x30, 0x00],
        ),
        ("partial", &[2, 1, 1], &[0x55, 0x1d, 0x1c, 0x30, 0x04, 0x83, 0x02, 0x00, 0x40]),
    ] {
        write(certs, &format!("{name}.crl"), list_by_hand(version, extension), 0o644);
    }
}

/// A revocation list in DER that no library produces, with the given INTEGER of the version, and a critical extension
/// with its identifier (three bytes) and value. The signature is empty, because it is not verified.
fn list_by_hand(version: &[u8], extension: &[u8]) -> Vec<u8> {
    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).expect("short")][..], content].concat()
    }
    let algorithm = tlv(0x30, &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
    let name = tlv(0x30, &tlv(0x31, &tlv(0x30, &[&[0x06, 3, 0x55, 4, 3, 0x0c, 4][..], b"Root"].concat())));
    let dates = [tlv(0x17, b"260101000000Z"), tlv(0x17, b"280101000000Z")].concat();
    let extensions = match extension.split_at_checked(3) {
        Some((id, value)) => {
            let whole = [tlv(0x06, id), vec![1, 1, 0xff], tlv(0x04, value)].concat();
            tlv(0xa0, &tlv(0x30, &tlv(0x30, &whole)))
        }
        None => Vec::new(),
    };
    let signed = tlv(0x30, &[version, &algorithm, &name, &dates, &extensions].concat());
    let whole = [signed, algorithm, vec![0x03, 1, 0]].concat();
    // The long form of the length distinguishes DER from PEM.
    [vec![0x30, 0x82, 0, u8::try_from(whole.len()).expect("short")], whole].concat()
}

fn load_text(world: &Path, text: &str) -> Loaded {
    let path = world.join("webhooks.toml");
    fs::write(&path, text).expect("a file");
    load(&path, now(), Process::Check).expect("the file can be read")
}

/// The findings as text, without the directory of this run.
fn rendered(world: &Path, loaded: &Loaded) -> String {
    let folder = format!("{}/", world.display());
    format!("{}\nhookspool: {}\n", loaded.report.render(false), loaded.report.summary()).replace(&folder, "")
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages");
    let entries = fs::read_dir(folder).expect("the directory of the cases");
    let mut cases: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    cases.sort();
    cases
}

#[test]
fn every_finding_reads_as_expected() {
    let world = world();
    let cases = cases();
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let loaded = load_text(world.path(), &fs::read_to_string(&case).expect("a case"));
        let shown = rendered(world.path(), &loaded);
        let expected = case.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &shown).expect("the expectation can be written");
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        if shown != expected {
            wrong.push(format!("{}\n--- expected\n{expected}--- shown\n{shown}", case.display()));
        }
        has_places_and_hints(&case, &loaded);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn has_places_and_hints(case: &Path, loaded: &Loaded) {
    let case = case.display();
    assert!(!loaded.report.findings().is_empty(), "{case} has no findings");
    for finding in loaded.report.findings() {
        let shown = finding.to_finding();
        assert!(shown.line.is_some() && shown.column.is_some(), "{case}: no place: {finding:?}");
        assert!(shown.hint.is_some_and(|hint| !hint.is_empty()), "{case}: no hint: {finding:?}");
        assert!(!shown.message.ends_with('.') && !shown.message.contains('\n'), "{case}: {}", shown.message);
    }
    let fatal = loaded.report.forbids_start();
    assert_eq!(
        loaded.settings.is_none(),
        fatal,
        "{case}: there must be settings if and only if `run` may start"
    );
}

#[test]
fn expired_certificates_do_not_prevent_a_start() {
    let world = world();
    let text = r#"
        tls = { certificate = "certs/expired-server.pem", key = "certs/expired-server.key" }
        [[sender]]
        name = "efi"
        ca = ["certs/expired-ca.pem", "certs/future-ca.pem"]
        cn = ["a"]
        [[sender]]
        name = "bb"
        ca = ["certs/ca.pem", "certs/expired-ca.pem"]
        cn = ["b"]
        [[endpoint]]
        name = "pix"
        path = "/pix"
        senders = ["efi", "bb"]
    "#;
    let loaded = load_text(world.path(), text);
    assert_eq!(loaded.report.errors(), 4, "{}", loaded.report.render(false));
    let settings = loaded.settings.expect("run starts");
    assert_eq!(settings.degraded.len(), 2, "{:?}", settings.degraded);
    assert!(settings.degraded[1].starts_with("sender `efi`: no valid CA: "), "{:?}", settings.degraded);
    assert_eq!(settings.senders.iter().map(|sender| sender.trust.anchors.len()).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn the_settings_contain_the_configured_values() {
    let world = world();
    let case = shipped();
    shipped_certificates(world.path());
    let text = case
        .replace("\"/rec\"", "\"/rec/x\"")
        .replace("\"15s\"", "\"3m\"")
        .replace("echo_headers = []", "echo_headers = [\"x-webhook-interaction-id\"]");
    let loaded = load_text(world.path(), &text);
    let settings = loaded.settings.unwrap_or_else(|| panic!("{}", loaded.report.render(false)));
    assert_eq!(settings.limits.header_timeout.as_secs(), 180);
    let route = settings.policy.route("/webhooks/pix//rec/x").expect("a route");
    assert_eq!(route.endpoint.response.echo_headers, ["x-webhook-interaction-id"]);
    assert_eq!(settings.spool.directory, world.path().join("spool"));
    let names: Vec<_> =
        settings.files.iter().map(|file| file.file_name().expect("a name").to_string_lossy()).collect();
    assert_eq!(names, ["webhooks.toml", "server.pem", "server.key", "root-ca.pem"]);
    assert_eq!(settings.certificates.len(), 2);
}

#[test]
fn the_exit_code_of_check_depends_on_the_findings() {
    let world = world();
    let exit = |name: &str| check(&world.path().join(name), true).unwrap_or_else(|why| Exit::from(&why));
    assert_eq!(exit("nowhere.toml"), Exit::NoInput);
    assert_eq!(exit("certs/folder"), Exit::Data);
    write(world.path(), "large.toml", vec![b'\n'; (4 << 20) + 1], 0o644);
    assert_eq!(exit("large.toml"), Exit::Data);
    shipped_certificates(world.path());
    load_text(world.path(), &shipped());
    assert_eq!(exit("webhooks.toml"), Exit::Success, "only warnings");
    load_text(world.path(), &shipped().replace("[\"dev\"]", "[\"dave\"]"));
    assert_eq!(exit("webhooks.toml"), Exit::Config);
    fs::write(world.path().join("latin1.toml"), b"# first\n# a\xe7\xe3o\n").expect("a file");
    assert_eq!(exit("latin1.toml"), Exit::Data);
    let error = load(&world.path().join("latin1.toml"), now(), Process::Check)
        .map(|_| ())
        .map_err(|why| why.to_string());
    assert!(error.is_err_and(|error| error.ends_with("see line 2, column 4")));
}

#[test]
fn the_admin_address_is_read_from_a_broken_configuration() {
    let world = world();
    let admin = |text: &str| {
        load_text(world.path(), text);
        let admin = admin_settings(&world.path().join("webhooks.toml")).expect("the file can be read");
        admin.listen.iter().map(|address| format!("{address:?}")).collect::<Vec<_>>().join(" ")
    };
    let written = "[admin]\nlisten = [\"127.0.0.1:7\", \"nowhere\", \"0.0.0.0:8\"]\n";
    assert_eq!(admin(written), "Tcp(127.0.0.1:7)");
    assert_eq!(admin(&format!("{written}[server]\nlisten = /x\n[[sender]\n")), "Tcp(127.0.0.1:7)");
    assert_eq!(admin("[admin]\nlisten = []\n"), "");
    for default in ["", "[admin]\nlisten = 5\n", "admin = 1\n", "admin"] {
        assert!(admin(default).starts_with("Tcp(127.0.0.1:9464) Unix("), "{default}: {}", admin(default));
    }
}

/// A valid configuration with these consumers.
fn with_consumers(consumers: &str) -> String {
    let base = fs::read_to_string("tests/messages/consumer_kinds.toml").expect("a case");
    let (base, _) = base.split_once("[[consumer]]").expect("a consumer");
    format!("{base}{consumers}")
}

#[test]
fn settings_of_a_consumer_have_the_configured_values_and_the_defaults() {
    let world = world();
    write(world.path(), "signing", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n", 0o600);
    write(world.path(), "password", "hunter2\n", 0o600);
    let text = with_consumers(
        r#"
        [[consumer]]
        name = "app"
        endpoints = "pix"
        http = { url = "https://App.example/in{suffix}?e={event}", secret = "signing", ca = "certs/ca.pem", headers = { X-A = "1", x-b = { file = "password" } } }
        [[consumer]]
        name = "ledger"
        endpoints = ["rec"]
        concurrency = 2
        order = "arrival"
        timeout = "1s"
        retry = { min = "1s", give_up = "30d" }
        postgres = { url = "postgresql://app@127.0.0.1/app?sslmode=verify-full&connect_timeout=5", table = "in.hooks", password = "password", notify = "hooks" }
        [[consumer]]
        name = "bus"
        endpoints = ["cobr"]
        nats = { urls = ["nats://localhost", "tls://N.example:1"], stream = "HOOKS", create_stream = {} }
        "#,
    );
    load_text(world.path(), &text);
    let loaded = load_forward(&world.path().join("webhooks.toml"), now(), ReadScope::default());
    let loaded = loaded.expect("the file can be read");
    assert!(loaded.report.findings().is_empty(), "{}", loaded.report.render(false));
    let settings = loaded.settings.expect("no errors");
    assert_eq!(settings.endpoints.iter().map(Name::as_str).collect::<Vec<_>>(), ["pix", "rec", "cobr"]);
    let [app, ledger, bus] = &settings.consumers[..] else { panic!("{:?}", settings.consumers) };
    let TargetSettings::Http(http) = &app.target else { panic!("{app:?}") };
    let (host, port) = ("app.example".to_owned(), 443);
    assert_eq!(http.address, HttpAddress::Tcp { https: true, host, port });
    assert_eq!(http.path.filled("x"), "/inx?e=x");
    assert_eq!(http.secret.as_ref().map(|secret| secret.0.len()), Some(24));
    assert_eq!((http.tls.anchors.len(), &http.headers["x-b"]), (1, &"hunter2".parse().expect("a value")));
    assert_eq!((app.concurrency.get(), app.order, app.timeout.as_secs()), (8, Order::None, 30));
    let RetrySettings { min, max, give_up } = app.retry;
    assert_eq!((min.as_secs(), max.as_secs(), give_up.as_secs()), (5, 3600, 259_200));
    let TargetSettings::Postgres(postgres) = &ledger.target else { panic!("{ledger:?}") };
    assert_eq!(postgres.url, "postgresql://app@127.0.0.1/app?connect_timeout=5");
    assert_eq!(
        (&postgres.table[..], postgres.notify.as_deref()),
        (&["in".to_owned(), "hooks".to_owned()][..], Some("hooks"))
    );
    assert!(postgres.tls.as_ref().is_some_and(|tls| tls.anchors.is_empty() && !tls.insecure));
    assert_eq!((ledger.concurrency.get(), ledger.order, ledger.retry.min.as_secs()), (2, Order::Arrival, 1));
    let TargetSettings::Nats(nats) = &bus.target else { panic!("{bus:?}") };
    assert_eq!(nats.urls, ["nats://localhost:4222", "tls://n.example:1"]);
    assert_eq!(
        (nats.create_replicas.map(usize::from), nats.subject.filled("x").as_str()),
        (Some(1), "webhooks.x")
    );
    assert!(!format!("{settings:?}").contains("hunter2"));
    let names: Vec<_> = settings.files.iter().filter_map(|file| file.file_name()?.to_str()).collect();
    assert_eq!(names, ["webhooks.toml", "signing", "ca.pem", "password"]);
}

#[test]
fn postgres_is_verified_unless_it_is_on_this_machine_or_sslmode_is_disable() {
    let world = world();
    for (url, has_tls, warnings) in [
        ("postgresql://a@db.example/a", true, 0),
        ("postgresql://a@db.example/a?sslmode=prefer", true, 0),
        ("postgresql://a@db.example/a?sslmode=disable", false, 1),
        ("postgresql://a@localhost/a", false, 0),
        ("postgresql://a@localhost/a?sslmode=require", true, 0),
        ("postgresql://a@%2Frun%2Fpostgresql/a", false, 0),
        ("postgresql://a@localhost,db.example/a", true, 0),
        ("postgresql:///a?host=/run/postgresql&user=a", false, 0),
    ] {
        let consumer =
            format!("[[consumer]]\nname = \"a\"\nendpoints = \"pix\"\npostgres = {{ url = \"{url}\" }}\n");
        load_text(world.path(), &with_consumers(&consumer));
        let loaded = load_forward(&world.path().join("webhooks.toml"), now(), ReadScope::default());
        let loaded = loaded.expect("the file can be read");
        assert_eq!(loaded.report.warnings(), warnings, "{}", loaded.report.render(false));
        let settings = loaded.settings.unwrap_or_else(|| panic!("{}", loaded.report.render(false)));
        let TargetSettings::Postgres(postgres) = &settings.consumers[0].target else { panic!("{url}") };
        assert_eq!(postgres.tls.is_some(), has_tls, "{url}");
    }
}

#[test]
fn each_process_opens_only_the_files_of_its_tables_and_reports_errors_in_others_apart() {
    let world = world();
    let path = world.path().join("webhooks.toml");
    let text = with_consumers(
        r#"
        [forward]
        listen = "nowhere"
        [[consumer]]
        name = "app"
        endpoints = "pix"
        pasword = "x"
        http = { url = "http://127.0.0.1:1/", secret = "credential:signing", certificate = "certs/nowhere.pem", key = "certs/nowhere.key" }
        [[consumer]]
        name = "book"
        endpoints = "rec"
        exec = { command = ["/nowhere/book"] }
        "#,
    );
    load_text(world.path(), &text);
    let daemon = load(&path, now(), Process::Daemon).expect("the file can be read");
    assert!(daemon.report.findings().is_empty(), "{}", daemon.report.render(false));
    assert_eq!(daemon.elsewhere.errors(), 2, "{}", daemon.elsewhere.render(false));
    let settings = daemon.settings.expect("the daemon starts");
    assert_eq!(settings.degraded.len(), 2);
    assert!(
        settings.degraded.iter().any(|why| why.contains("`pasword` is not a key of [[consumer]]")),
        "{:?}",
        settings.degraded
    );
    assert_eq!(settings.forwarded.iter().map(Name::as_str).collect::<Vec<_>>(), ["pix", "rec"]);
    let named = |files: &[PathBuf]| files.iter().any(|file| file.ends_with("certs/nowhere.pem"));
    assert!(!named(&settings.files));
    let forward = load_forward(&path, now(), ReadScope::default()).expect("the file can be read");
    assert!(forward.settings.is_none());
    assert_eq!(forward.report.errors(), 6, "{}", forward.report.render(false));
    assert!(named(&forward.files));

    // The same for the tables of the daemon.
    let text =
        with_consumers("[[consumer]]\nname = \"a\"\nendpoints = \"pix\"\nexec = { command = \"true\" }\n")
            .replace("certs/server.key", "credential:key")
            .replace("ca = ", "cas = ");
    load_text(world.path(), &text);
    let forward = load_forward(&path, now(), ReadScope::default()).expect("the file can be read");
    assert!(forward.report.findings().is_empty(), "{}", forward.report.render(false));
    assert_eq!(forward.elsewhere.errors(), 2, "{}", forward.elsewhere.render(false));
    let settings = forward.settings.expect("forward starts");
    assert_eq!((settings.degraded.len(), settings.files.len()), (2, 1), "{:?}", settings.degraded);
    let daemon = load(&path, now(), Process::Daemon).expect("the file can be read");
    assert_eq!(
        (daemon.settings.is_none(), daemon.report.errors()),
        (true, 3),
        "{}",
        daemon.report.render(false)
    );
    // A syntax error concerns both.
    load_text(world.path(), &format!("{text}\nx"));
    let forward = load_forward(&path, now(), ReadScope::default()).expect("the file can be read");
    assert!(forward.settings.is_none() && forward.report.forbids_start());
}

#[test]
fn consumers_are_read_from_a_broken_configuration() {
    let world = world();
    let path = world.path().join("webhooks.toml");
    load_text(
        world.path(),
        "[forward]\nlisten = [\"127.0.0.1:7\", 8, \"x\"]\n[[consumer]]\nname = \"a\"\nendpoints = [\"x\", \"y\"]\n[[consumer]]\nhttp = 1\n",
    );
    let consumers = consumer_endpoints(&path).expect("the file can be read");
    let endpoints = vec!["x".to_owned(), "y".to_owned()];
    assert_eq!(consumers, [("a".to_owned(), endpoints), (String::new(), Vec::new())]);
    load_text(world.path(), "[forward]\nlisten = [\"127.0.0.1:7\", \"x\"]\n[[");
    let listen = forward_listen(&path).expect("the file can be read").listen;
    assert_eq!(listen.iter().map(|address| format!("{address:?}")).collect::<Vec<_>>(), ["Tcp(127.0.0.1:7)"]);
}

#[test]
fn a_six_day_certificate_is_no_finding_with_a_third_of_its_lifetime_left() {
    let world = world();
    let text = fs::read_to_string("tests/messages/tls_expires_soon.toml").expect("a case");
    let loaded = load_text(world.path(), &text.replace("soon-server", "short-server"));
    assert!(loaded.report.findings().is_empty(), "{}", loaded.report.render(false));
}

fn shipped() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("webhooks.toml"))
        .expect("it is in the repository")
}

/// Creates the certificates of `certs init`.
fn shipped_certificates(world: &Path) {
    let toy = |name| [(DnType::CommonName, name), (DnType::OrganizationName, "hookspool development")];
    let root = ca(&toy("root"), PAST, NEVER);
    write(world, "certs/root-ca.pem", root.pem(), 0o644);
    server(&world.join("certs"), "server", &toy("localhost"), PAST, NEVER, &root);
}

#[test]
fn the_shipped_configuration_has_only_the_finding_about_its_development_ca() {
    let world = world();
    shipped_certificates(world.path());
    let text = shipped();
    let loaded = load_text(world.path(), &text);
    let findings = loaded.report.findings();
    let shown = loaded.report.render(false);
    assert!(loaded.settings.is_some() && findings.len() == 1, "{shown}");
    assert!(findings[0].message.contains("development CA"), "{shown}");
}

#[test]
fn the_shipped_configuration_contains_every_key_with_its_default() {
    let text = shipped();
    let words: BTreeSet<_> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    for table in TABLES_OF_KEYS {
        for key in table.names() {
            assert!(words.contains(key), "`{key}` of {} is not shown", table.name);
        }
    }

    // Without the tables that have defaults, the result is the same.
    let world = world();
    shipped_certificates(world.path());
    let whole = load_text(world.path(), &text).settings.expect("no errors");
    let certificates = text.find("\n[[sender]]").map(|at| &text[at..]).expect("a sender");
    let short =
        format!("[tls]\ncertificate = \"certs/server.pem\"\nkey = \"certs/server.key\"\n{certificates}");
    let short = load_text(world.path(), &short).settings.expect("no errors");
    assert_eq!((whole.server, whole.limits, whole.reload), (short.server, short.limits, short.reload));
    assert_eq!((whole.spool, whole.admin, whole.log), (short.spool, short.admin, short.log));
    assert_eq!(whole.sandbox, short.sandbox);
    assert_eq!(whole.tls.min_version, short.tls.min_version);
}

#[test]
fn no_text_panics() {
    use proptest::prelude::*;
    let world = world();
    let seeds: Vec<_> = cases().iter().map(|case| fs::read_to_string(case).expect("a case")).collect();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    });
    let damaged = (
        proptest::sample::select(seeds),
        any::<proptest::sample::Index>(),
        0usize..12,
        "[\\[\\]{}\"'=.,#\n\\\\ a0é\u{0}]{0,4}",
    );
    let texts = prop_oneof![
        ".{0,200}",
        damaged.prop_map(|(text, at, cut, put)| {
            let chars: Vec<_> = text.chars().collect();
            let at = at.index(chars.len());
            let rest = chars.iter().skip(at + cut);
            chars[..at].iter().copied().chain(put.chars()).chain(rest.copied()).collect::<String>()
        }),
    ];
    runner
        .run(&texts, |text| {
            let _ = load_text(world.path(), &text).report.render(true);
            let path = world.path().join("webhooks.toml");
            let forward = load_forward(&path, now(), ReadScope::default()).expect("the file can be read");
            prop_assert_eq!(forward.settings.is_none(), forward.report.forbids_start(), "{}", text);
            let loaded = load(&path, now(), Process::Daemon).expect("the file can be read");
            prop_assert_eq!(loaded.settings.is_none(), loaded.report.forbids_start(), "{}", text);
            Ok(())
        })
        .expect("no panic");
}
