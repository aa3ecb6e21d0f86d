//! A client that closes its sending side after the request gets its response (hyper issues 1764 and 1981).

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::wire::Wire;
use crate::world::{Daemon, World};

/// How the sending side is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// The TCP connection alone, as by a client that knows nothing of close_notify.
    Fin,
    /// The TLS connection alone.
    CloseNotify,
    Both,
}

fn config(world: &World, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(world.cert("root-ca")).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_file(world.cert("client")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(world.key("client")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    Arc::new(builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap())
}

fn deliver(config: Arc<ClientConfig>, daemon: &Daemon, end: End) -> u16 {
    let mut wire = Wire::with_config(config, daemon.port).unwrap();
    wire.0.conn.complete_io(&mut wire.0.sock).unwrap();
    let request = "POST /webhooks/pix HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    wire.0.conn.writer().write_all(request.as_bytes()).unwrap();
    if end != End::Fin {
        wire.0.conn.send_close_notify();
    }
    while wire.0.conn.wants_write() {
        wire.0.conn.write_tls(&mut wire.0.sock).unwrap();
    }
    if end != End::CloseNotify {
        wire.0.sock.shutdown(Shutdown::Write).unwrap();
    }
    wire.answer().unwrap_or_else(|error| panic!("{end:?}: {error}")).status
}

#[test]
fn a_request_is_answered_after_a_fin_and_after_close_notify() {
    let world = World::new();
    let daemon = world.start();
    let mut delivered = 0;
    for version in [&TLS12, &TLS13] {
        let config = config(&world, version);
        for end in [End::Fin, End::CloseNotify, End::Both] {
            for _ in 0..5 {
                assert_eq!(deliver(Arc::clone(&config), &daemon, end), 200, "{version:?}, {end:?}");
                delivered += 1;
            }
        }
    }
    assert_eq!(world.entries("pix").len(), delivered);
}
