//! NIST's Public Key Interoperability Test Suite: real handshakes with its certificates, keys and revocation lists. The
//! outcome is the suite's, except for the differences that `pkits.txt` lists with their reasons.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use hookspool::identity::Fingerprint;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::cases::{Case, Catalogue, Sender};
use super::{VERSIONS, decision, explain, world};
use crate::tools::bash;
use crate::world::World;

#[test]
fn handshakes_have_the_outcomes_of_nists_suite() {
    let suite = suite();
    let extracted = World::new();
    extract(&extracted, &suite);
    let catalogue = catalogue(&extracted, &suite);
    let world = world(&catalogue);
    let daemon = world.start();
    let noted = noted();
    let mut wrong = Vec::new();
    for case in &catalogue.cases {
        // A TLS client cannot use a DSA key.
        let decisions = match any_supported_type(&PrivateKeyDer::Pkcs8(case.key.clone().into())) {
            Ok(_) => VERSIONS.map(|(_, version)| decision(&world, &daemon, case, version)).to_vec(),
            Err(_) => vec![explain(&world, case)],
        };
        let is_expected = |decision: &String| match noted.get(case.name) {
            Some(noted) => decision == noted,
            None if case.name.starts_with("Valid") => decision == "admitted",
            None => case.name.starts_with("Invalid") && decision != "admitted",
        };
        if !decisions.iter().all(is_expected) {
            wrong.push(format!("{}: {decisions:?}", case.name));
        }
    }
    let count = catalogue.cases.len();
    assert!(count >= 200, "{count}");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The suite, as the Python package of its test vectors contains it.
fn suite() -> PathBuf {
    let suite = "target/python/cryptography_vectors/x509/PKITS_data";
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join(suite);
    assert!(suite.exists(), "{}: run tests/run first", suite.display());
    suite
}

/// Writes the certificates and lists of each test to `TEST.pem`, and the keys of all certificates to `CERTIFICATE.key`.
fn extract(world: &World, suite: &Path) {
    let script = format!(
        r#"
        cd {}
        for mail in smime/*.eml; do
            name=$(basename "$mail" .eml)
            openssl smime -pk7out -in "$mail" | openssl pkcs7 -print_certs -out "$OLDPWD/${{name#Signed}}.pem"
        done
        for key in pkcs12/*EE.p12; do
            openssl pkcs12 -in "$key" -passin pass:password -legacy -nodes -nocerts 2>/dev/null |
                openssl pkcs8 -topk8 -nocrypt -outform der -out "$OLDPWD/$(basename "$key" .p12).key"
        done"#,
        suite.display()
    );
    bash(world, &script);
}

fn catalogue(extracted: &World, suite: &Path) -> Catalogue {
    let certificates = fs::read_dir(suite.join("certs")).unwrap().map(|file| file.unwrap().path());
    let named: HashMap<Vec<u8>, String> = certificates
        .map(|path| (fs::read(&path).unwrap(), path.file_stem().unwrap().to_string_lossy().into_owned()))
        .collect();
    let root = CertificateDer::from(fs::read(suite.join("certs/TrustAnchorRootCertificate.crt")).unwrap());
    let mut tests: Vec<_> =
        fs::read_dir(suite.join("smime")).unwrap().map(|file| file.unwrap().path()).collect();
    tests.sort();
    let mut catalogue = Catalogue::default();
    for test in tests {
        let name = test.file_stem().unwrap().to_string_lossy().trim_start_matches("Signed").to_owned();
        let name: &'static str = name.leak();
        let pem = fs::read(extracted.path(&format!("{name}.pem"))).unwrap();
        let mut chain: Vec<_> = CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect();
        let own = chain.iter().position(|der| named.get(der.as_ref()).is_some_and(|it| it.ends_with("EE")));
        let own = own.unwrap_or_else(|| panic!("{name}: no certificate of a user"));
        chain.swap(0, own);
        let key = fs::read(extracted.path(&format!("{}.key", named[chain[0].as_ref()]))).unwrap();
        let lists = CertificateRevocationListDer::pem_slice_iter(&pem);
        let crl = lists.map(|list| list.unwrap().to_vec()).collect();
        let sender: &'static str = name.to_lowercase().leak();
        catalogue.senders.push(Sender { name: sender, ca: vec![root.clone()], crl, lines: lines(&chain[0]) });
        catalogue.cases.push(Case { name, sender, chain, key, expected: "" });
    }
    catalogue
}

/// The decisions of `pkits.txt`, by the test.
fn noted() -> HashMap<&'static str, &'static str> {
    let (mut noted, mut decision) = (HashMap::new(), None);
    for line in include_str!("pkits.txt").lines().filter(|line| !line.starts_with('#')) {
        if let Some(test) = line.strip_prefix("    ") {
            noted.insert(test, decision.expect("a decision above the first test"));
        } else if let Some((found, _)) = line.split_once(": ") {
            decision = Some(found);
        }
    }
    noted
}

/// The rule: exactly this certificate, for any purpose.
fn lines(own: &CertificateDer<'_>) -> String {
    let digest = Fingerprint::of_certificate(own);
    format!("sha256 = \"{digest}\"")
}
