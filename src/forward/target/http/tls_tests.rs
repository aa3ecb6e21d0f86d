//! How the http target verifies servers, and presents its certificate.

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

use super::*;
use crate::devpki::{Issued, KeyKind, Root};
use crate::tls::key_pair::KeyPair;

fn key(issued: &Issued) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).expect("a key")
}

fn acceptor(root: &Root, require_client: bool) -> tokio_rustls::TlsAcceptor {
    let issued = root.server(&[]).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(root.issued.certificate.clone()).expect("a root");
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = if require_client {
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(clients.build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let config = builder.with_single_cert(vec![issued.certificate.clone()], key(&issued)).expect("a pair");
    Arc::new(config).into()
}

fn root() -> Root {
    Root::new(KeyKind::EcdsaP256, Clock::System.now()).expect("a root")
}

async fn verdict(port: u16, host: &str, tls: TargetTls) -> Verdict {
    let target = HttpTarget::new(&HttpSettings { tls, ..at(true, host, port) }).expect("a target");
    deliver(&target, "{}").await
}

#[tokio::test]
async fn server_is_verified_unless_it_is_turned_off() {
    let (root, other) = (root(), root());
    let script = Script::new(|_| (OK, Then::Keep));
    let (port, _tasks) = server(&script, Some(acceptor(&root, false))).await;
    let trusting =
        |root: &Root| TargetTls { anchors: vec![root.issued.certificate.clone()], ..TargetTls::default() };
    assert_eq!(verdict(port, "localhost", trusting(&root)).await, done("200 OK"));
    assert_eq!(verdict(port, "127.0.0.1", trusting(&root)).await, done("200 OK"));
    let reason = unreachable(verdict(port, "localhost", trusting(&other)).await);
    assert_eq!(
        reason,
        format!(
            "cannot connect to `localhost:{port}`: invalid peer certificate: BadSignature; \
             if the server has a private CA, name its file in `ca`"
        )
    );
    let insecure = TargetTls { insecure: true, ..TargetTls::default() };
    assert_eq!(verdict(port, "localhost", insecure).await, done("200 OK"));
    assert_eq!(script.received().len(), 3);

    let (plain, _tasks) = server(&Script::new(|_| (OK, Then::Close)), None).await;
    let reason = unreachable(verdict(plain, "localhost", trusting(&root)).await);
    assert!(reason.starts_with("cannot connect to"), "{reason}");
}

#[tokio::test]
async fn client_certificate_is_presented() {
    let root = root();
    let script = Script::new(|_| (OK, Then::Keep));
    let (port, _tasks) = server(&script, Some(acceptor(&root, true))).await;
    let mut tls = TargetTls { anchors: vec![root.issued.certificate.clone()], ..TargetTls::default() };
    let reason = unreachable(verdict(port, "localhost", tls.clone()).await);
    assert!(reason.contains("CertificateRequired"), "{reason}");
    let client = root.client("forward").expect("a certificate");
    let pair = KeyPair::new(vec![client.certificate.clone()], &[key(&client).into()]).expect("a pair");
    tls.key_pair = Some(pair);
    assert_eq!(verdict(port, "localhost", tls).await, done("200 OK"));
}

#[test]
fn host_that_no_certificate_can_name_is_refused() {
    let fault = HttpTarget::new(&at(true, "a b", 443)).expect_err("no target");
    assert!(matches!(fault, TargetFault::Host(host) if host == "a b"));
}
