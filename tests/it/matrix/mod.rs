//! Unusual certificates in real handshakes and with `explain`: both make the same decision.

mod beside_openssl;
mod cases;
mod constraints;
mod differences;
mod pkits;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;

use crate::der;
use crate::wire::Wire;
use crate::world::{Daemon, World, eventually};
use cases::{Case, Catalogue};

const VERSIONS: [(&str, &SupportedProtocolVersion); 2] = [("TLS 1.2", &TLS12), ("TLS 1.3", &TLS13)];

#[test]
fn handshakes_and_explain_make_the_correct_decision() {
    let catalogue = Catalogue::new();
    let world = world(&catalogue);
    let daemon = world.start();
    let mut wrong = Vec::new();
    for case in &catalogue.cases {
        for (version, protocol) in VERSIONS {
            let verdict = decision(&world, &daemon, case, protocol);
            if verdict != case.expected {
                wrong.push(format!("{}, {version}: {verdict}, not {}", case.name, case.expected));
            }
        }
        let explained = explain(&world, case);
        if explained != case.expected {
            wrong.push(format!("{}, explain: {explained}, not {}", case.name, case.expected));
        }
    }
    assert!(catalogue.cases.len() >= 60, "only {} cases", catalogue.cases.len());
    let names: BTreeSet<_> = catalogue.cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), catalogue.cases.len(), "each case has a unique name");
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), names.len(), wrong.join("\n"));
    let admitted = catalogue.cases.iter().filter(|case| case.expected == "admitted").count();
    assert_eq!(
        world.entries("all").len(),
        VERSIONS.len() * admitted,
        "an entry for each accepted certificate"
    );
}

/// A configuration with all senders, and an endpoint for them.
fn world(catalogue: &Catalogue) -> World {
    let world = World::new();
    let mut text = String::from(
        "[server]\nlisten = \"127.0.0.1:0\"\n[tls]\ncertificate = \"certs/server.pem\"\nkey = \"certs/server.key\"\n\
         [spool]\nmin_free = \"1 MiB\"\n[admin]\nlisten = \"unix:run/admin.sock\"\n[log]\nformat = \"json\"\n",
    );
    for sender in &catalogue.senders {
        let pems =
            |kind: &str, all: &[Vec<u8>]| all.iter().map(|der| der::pem(kind, der)).collect::<String>();
        let ca: Vec<_> = sender.ca.iter().map(|der| der.to_vec()).collect();
        fs::write(world.path(&format!("{}-ca.pem", sender.name)), pems("CERTIFICATE", &ca)).unwrap();
        let _ =
            writeln!(text, "[[sender]]\nname = \"{0}\"\nca = \"{0}-ca.pem\"\n{1}", sender.name, sender.lines);
        if !sender.crl.is_empty() {
            fs::write(world.path(&format!("{}.crl", sender.name)), pems("X509 CRL", &sender.crl)).unwrap();
            let _ = writeln!(text, "crl = \"{}.crl\"", sender.name);
        }
    }
    let names: Vec<_> = catalogue.senders.iter().map(|sender| format!("\"{}\"", sender.name)).collect();
    let _ = writeln!(text, "[[endpoint]]\nname = \"all\"\npath = \"/\"\nsenders = [{}]", names.join(", "));
    fs::write(world.path("webhooks.toml"), text).unwrap();
    world
}

/// The decision of a handshake: `admitted`, or the reason that was counted.
fn decision(
    world: &World,
    daemon: &Daemon,
    case: &Case,
    version: &'static SupportedProtocolVersion,
) -> String {
    let (handshakes, before) = (counted(daemon, HANDSHAKES), counted(daemon, REFUSALS));
    let admitted = is_accepted(world, daemon.port, case, version);
    eventually(case.name, || (counted(daemon, HANDSHAKES) != handshakes).then_some(()));
    let reasons: Vec<_> = counted(daemon, REFUSALS)
        .difference(&before)
        .filter_map(|line| line.split_once("reason=\"")?.1.split('"').next())
        .map(ToOwned::to_owned)
        .collect();
    match (admitted, reasons.as_slice()) {
        (true, []) => "admitted".to_owned(),
        (false, [reason]) => reason.clone(),
        (_, _) => format!("accepted: {admitted}, counted as {reasons:?}"),
    }
}

const HANDSHAKES: &str = "hookspool_handshakes_total{";
/// Counted before the handshake.
const REFUSALS: &str = "hookspool_refusals_total{";

fn counted(daemon: &Daemon, series: &str) -> BTreeSet<String> {
    let (_, text) = daemon.admin("/metrics");
    text.lines().filter(|line| line.starts_with(series)).map(ToOwned::to_owned).collect()
}

/// Whether a delivery with the case's certificate is answered 200.
fn is_accepted(world: &World, port: u16, case: &Case, version: &'static SupportedProtocolVersion) -> bool {
    let answer =
        Wire::with_config(client(world, case, version), port).and_then(|mut wire| wire.post("/", b"{}"));
    answer.is_ok_and(|answer| answer.status == 200)
}

fn client(world: &World, case: &Case, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    presenting(world, case.chain.clone(), case.key.clone(), version)
}

/// The configuration of a client that presents this chain regardless of the server's hints, with any key (PKCS#8, DER).
pub(crate) fn presenting(
    world: &World,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(world.cert("root-ca")).unwrap()).unwrap();
    let key = any_supported_type(&PrivateKeyDer::Pkcs8(key.into())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(AlwaysPresent(Arc::new(CertifiedKey::new(chain, key)))));
    Arc::new(config)
}

#[derive(Debug)]
struct AlwaysPresent(Arc<CertifiedKey>);

impl ResolvesClientCert for AlwaysPresent {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Writes the certificate to `case.pem`, and those above it to `chain.pem`.
fn write_case(world: &World, case: &Case) {
    let pems = |chain: &[CertificateDer<'_>]| {
        chain.iter().map(|der| der::pem("CERTIFICATE", der)).collect::<String>()
    };
    let (leaf, above) = case.chain.split_at(1);
    fs::write(world.path("case.pem"), pems(leaf)).unwrap();
    fs::write(world.path("chain.pem"), pems(above)).unwrap();
}

/// The decision of `explain`, which must be the same in JSON, exit code and text.
fn explain(world: &World, case: &Case) -> String {
    write_case(world, case);
    let mut args = vec!["explain", "--cert", "case.pem", "--endpoint", "all"];
    if case.chain.len() > 1 {
        args.extend(["--chain", "chain.pem"]);
    }
    let text = world.run(&args);
    args.push("--json");
    let output = world.run(&args);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let word = if output.status.success() { &document["verdict"] } else { &document["reason"] };
    let word = word.as_str().unwrap_or("nothing").to_owned();
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains(&word), "{}: {word}: {text}", case.name);
    // There is no advice for the certificate of an unknown CA.
    let advice = document["admit"].as_str();
    assert!(word != "unknown_ca" || advice.is_none(), "{}: {advice:?}", case.name);
    word
}
