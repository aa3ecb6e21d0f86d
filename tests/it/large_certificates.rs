//! More certificates of a client than the TLS library reads end with an alert, a log line and a count.

use std::io::Read;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::{AlertDescription, ClientConfig, Error, RootCertStore, SupportedCipherSuite};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::wire::Wire;
use crate::world::{Daemon, World, eventually};

const DETAIL: &str = "the presented certificates take more than 64 KiB";

/// A client that sends its certificate and a number of others, in records of at most this size.
fn config(
    world: &World,
    suite: SupportedCipherSuite,
    more: usize,
    record: Option<usize>,
) -> Arc<ClientConfig> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites = vec![suite];
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_file(world.cert("root-ca")).unwrap();
    roots.add(root.clone()).unwrap();
    let mut chain = vec![CertificateDer::from_pem_file(world.cert("client")).unwrap()];
    chain.extend(vec![root; more]);
    let key = PrivateKeyDer::from_pem_file(world.key("client")).unwrap();
    let version = if suite.tls13().is_some() { &rustls::version::TLS13 } else { &rustls::version::TLS12 };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.max_fragment_size = record;
    Arc::new(config)
}

/// The alert that ends the handshake, or the error if there is none.
fn alert(daemon: &Daemon, config: Arc<ClientConfig>) -> Result<AlertDescription, String> {
    let mut wire = Wire::with_config(config, daemon.port).unwrap();
    let failed = wire.0.read(&mut [0]).expect_err("a refusal");
    match failed.get_ref().and_then(|error| error.downcast_ref()) {
        Some(Error::AlertReceived(alert)) => Ok(*alert),
        _ => Err(failed.to_string()),
    }
}

#[test]
fn certificates_of_more_than_64_kib_end_with_an_alert_in_each_cipher_suite() {
    let world = World::new();
    let daemon = world.start();
    let root = CertificateDer::from_pem_file(world.cert("root-ca")).unwrap().len();
    let enough = (64 << 10) / root + 1;
    let suites = [
        cipher_suite::TLS13_AES_256_GCM_SHA384,
        cipher_suite::TLS13_AES_128_GCM_SHA256,
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    // The second fills the buffer of the library with the overhead of its records.
    let forms = [(enough, None), (enough - 2, Some(100)), (enough * 8, None)];
    let mut refused = 0;
    for suite in suites {
        for (more, record) in forms {
            let case = format!("{:?}, {more} certificates, records of {record:?}", suite.suite());
            let alert = alert(&daemon, config(&world, suite, more, record));
            assert_eq!(alert, Ok(AlertDescription::BadCertificate), "{case}");
            refused += 1;
            let count = "hookspool_refusals_total{reason=\"unreadable\"} ";
            eventually(&case, || (daemon.metric(count) == f64::from(refused)).then_some(()));
        }
    }
    daemon.logged("peer refused", |line| line["detail"] == DETAIL);
    // A chain within the limit gets the alert from the library, and other clients are served.
    let few = config(&world, suites[0], 6, None);
    assert_eq!(alert(&daemon, few), Ok(AlertDescription::BadCertificate));
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
}
