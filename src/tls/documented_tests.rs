//! The documentation lists exactly the algorithms that are negotiated and the signatures that are accepted.

use rustls::ServerConfig;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::AlgorithmIdentifier;

use super::*;
use crate::clock::Clock;
use crate::devpki::{KeyKind, Root};
use crate::identity::signature_name;
use crate::tls::anchors::algorithms;
use crate::tls::pem::private_keys;

const TLS: &str = include_str!("../../docs/tls.md");
const IDENTITY: &str = include_str!("../../docs/identity.md");

/// The first column of the table below a heading, without backticks.
fn table(document: &str, heading: &str) -> Vec<String> {
    let (_, below) = document.split_once(&format!("\n## {heading}\n")).expect(heading);
    let rows = below.lines().skip_while(|line| !line.starts_with("|--")).skip(1);
    let cell = |row: &str| row.split('|').nth(1).expect("a cell").trim().trim_matches('`').to_owned();
    rows.take_while(|line| line.starts_with('|')).map(cell).collect()
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort();
    names.dedup();
    names
}

fn config(min: MinVersion) -> Arc<ServerConfig> {
    let server =
        Root::new(KeyKind::EcdsaP256, Clock::System.now()).expect("a root").server(&[]).expect("a server");
    let keys = private_keys(server.key_pem.as_bytes()).expect("a key");
    let pair = KeyPair::new(vec![server.certificate], &keys).expect("a pair");
    let verifier = SenderVerifier::new(Vec::new(), Clock::System);
    server_config(&pair, &[], Arc::new(verifier), min)
}

#[test]
fn the_negotiated_algorithms_are_documented() {
    let config = config(MinVersion::Tls12);
    let provider = config.crypto_provider();
    let suites = provider.cipher_suites.iter().map(|suite| format!("{:?}", suite.suite()));
    assert_eq!(
        sorted(table(TLS, "Cipher suites")),
        sorted(suites.map(|name| name.replace("TLS13_", "TLS_")))
    );
    let groups = provider.kx_groups.iter().map(|group| format!("{:?}", group.name()));
    assert_eq!(sorted(table(TLS, "Key exchange groups")), sorted(groups));
    let protocols = config.alpn_protocols.iter().map(|name| String::from_utf8_lossy(name).into_owned());
    assert_eq!(sorted(table(TLS, "Application protocols")), sorted(protocols));
    let schemes = SenderVerifier::new(Vec::new(), Clock::System);
    let schemes = rustls::server::danger::ClientCertVerifier::supported_verify_schemes(&schemes);
    assert_eq!(
        sorted(table(TLS, "Signature schemes")),
        sorted(schemes.iter().map(|scheme| format!("{scheme:?}")))
    );
}

#[test]
fn the_accepted_certificate_signatures_are_documented() {
    let names = algorithms().all.iter().map(|algorithm| {
        let id = algorithm.signature_alg_id();
        let length = u8::try_from(id.len()).expect("short");
        let der = [&[0x30, length], id.as_ref()].concat();
        signature_name(&AlgorithmIdentifier::from_der(&der).expect("an algorithm").1)
    });
    let names = sorted(names.filter(|name| !name.starts_with("ML-DSA")));
    assert_eq!(sorted(table(IDENTITY, "Algorithms")), names);
}
