//! The CA names in the certificate request fit every client that presents a certificate only if one of them issued a
//! certificate of its chain, as Go does (golang issue 23924).

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::FromDer as _;

use crate::der::{Certificate, Name, Party, pem};
use crate::wire::Wire;
use crate::world::World;

/// Presents its chain only under the condition of Go's `CertificateRequestInfo.SupportsCertificate`.
#[derive(Debug)]
struct LikeGo(Arc<CertifiedKey>);

impl ResolvesClientCert for LikeGo {
    fn resolve(&self, hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let issuer =
            |der: &CertificateDer<'_>| X509Certificate::from_der(der).unwrap().1.issuer().as_raw().to_vec();
        let fits = self.0.cert.iter().map(issuer).any(|issuer| hints.contains(&issuer.as_slice()));
        (fits || hints.is_empty()).then(|| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn a_client_that_withholds_an_unwanted_certificate_presents_one_that_would_be_accepted() {
    let root = Party::root(&Certificate::ca(Name::cn("Root")));
    let intermediate = root.issue(&Certificate::ca(Name::cn("Intermediate")));
    let leaf = intermediate.issue(&Certificate::leaf(Name::cn("client")));
    for (listed, chain, expected) in [
        (&root, &[&leaf, &intermediate][..], None),
        (&intermediate, &[&leaf], None),
        (&intermediate, &[&leaf, &intermediate], None),
        (&leaf, &[&leaf], None),
        // Nothing in this chain was issued by the root, and without the intermediate nothing leads there.
        (&root, &[&leaf], Some("no_certificate")),
    ] {
        let world = World::new();
        std::fs::write(world.path("bank.pem"), pem("CERTIFICATE", &listed.der)).unwrap();
        crate::tools::edit(&world, "certs/root-ca.pem", "bank.pem");
        let daemon = world.start();
        let names = (listed.der == root.der, listed.der == leaf.der, chain.len());
        for version in [&TLS12, &TLS13] {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(world.cert("root-ca")).unwrap()).unwrap();
            let key = any_supported_type(&PrivateKeyDer::Pkcs8(leaf.key.serialize_der().into())).unwrap();
            let chain = chain.iter().map(|party| party.der.clone()).collect();
            let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
                .with_protocol_versions(&[version])
                .unwrap()
                .with_root_certificates(roots)
                .with_client_cert_resolver(Arc::new(LikeGo(Arc::new(CertifiedKey::new(chain, key)))));
            let answer = Wire::with_config(Arc::new(config), daemon.port)
                .and_then(|mut wire| wire.post("/webhooks/pix", b"{}"));
            match expected {
                None => assert_eq!(answer.unwrap().status, 200, "{names:?}"),
                Some(reason) => {
                    assert!(answer.is_err(), "{names:?}");
                    daemon.logged("peer refused", |line| line["reason"] == reason);
                }
            }
        }
    }
}
