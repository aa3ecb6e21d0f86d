//! TLS for the targets of `forward`: servers of the operator, verified with the configured CAs or the system's.

use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;

use super::handshake::{ClientSettings, Connector, Protocols, TlsVersions};
use super::server_verifier::{ServerFault, Trust};
use crate::tls::key_pair::KeyPair;

/// The configuration of a client that verifies servers as `trust` specifies, and presents this certificate if the
/// server requests one.
///
/// # Errors
/// If a CA certificate cannot be used.
pub fn target_config(trust: Trust, key_pair: Option<KeyPair>) -> Result<ClientConfig, ServerFault> {
    let settings =
        ClientSettings { trust, key_pair, protocols: Protocols::default(), versions: TlsVersions::default() };
    let mut config = Connector::new(&settings)?.into_config();
    // The clients of PostgreSQL and NATS need no ALPN, and the one for HTTP uses HTTP/1.1.
    config.alpn_protocols.clear();
    Ok(config)
}

/// The CA certificates of the system; those that cannot be read are skipped.
pub fn system_anchors() -> Vec<CertificateDer<'static>> {
    let mut found = rustls_native_certs::load_native_certs().certs;
    found.retain(|der| webpki::anchor_from_trusted_cert(der).is_ok());
    found
}
