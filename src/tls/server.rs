//! The server side of the handshake: versions, protocols, and no session resumption.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::alert::SecretOfHandshake;
use super::key_pair::KeyPair;
use super::verifier::SenderVerifier;

/// The application protocols in order of preference (RFC 7301). Some HTTP/1.0 clients announce only that version.
pub const PROTOCOLS: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

/// The oldest protocol version that is accepted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MinVersion {
    /// TLS 1.2 (RFC 5246) and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446) only.
    Tls13,
}

/// A certificate that is used for certain server names.
#[derive(Clone, Debug)]
pub struct NamedPair {
    /// The names, in lower case; the first label may be `*`.
    pub names: Vec<String>,
    /// The certificate chain and its key.
    pub pair: KeyPair,
}

/// The TLS configuration of one snapshot.
///
/// Sessions are never resumed. A resumed handshake would restore the client's identity without verifying it, and
/// accept a sender that has been removed since.
pub fn server_config(
    key_pair: &KeyPair,
    extra: &[NamedPair],
    verifier: Arc<SenderVerifier>,
    min: MinVersion,
) -> Arc<ServerConfig> {
    let versions: &[_] = match min {
        MinVersion::Tls12 => &[&TLS13, &TLS12],
        MinVersion::Tls13 => &[&TLS13],
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[expect(clippy::expect_used, reason = "the provider always has cipher suites for both versions")]
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("aws-lc-rs supports TLS 1.2 and 1.3")
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(ByName::new(key_pair, extra)));
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    config.key_log = Arc::new(SecretOfHandshake);
    Arc::new(config)
}

/// Selects the certificate by the requested server name (RFC 6066, section 3), with a default. The library's own
/// resolvers refuse version 1 certificates.
#[derive(Debug)]
struct ByName {
    names: HashMap<String, Arc<CertifiedKey>>,
    default: Arc<CertifiedKey>,
}

impl ByName {
    fn new(key_pair: &KeyPair, extra: &[NamedPair]) -> Self {
        let named = |it: &NamedPair| {
            let certified = Arc::clone(&it.pair.certified);
            it.names.iter().map(move |name| (name.clone(), Arc::clone(&certified))).collect::<Vec<_>>()
        };
        Self { names: extra.iter().flat_map(named).collect(), default: Arc::clone(&key_pair.certified) }
    }

    fn named(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        // A wildcard matches exactly one label, the first (RFC 9525, section 6.3).
        let wildcard = || Some(format!("*.{}", name.split_once('.')?.1));
        self.names.get(&name).or_else(|| self.names.get(&wildcard()?))
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certified = hello.server_name().and_then(|name| self.named(name));
        Some(Arc::clone(certified.unwrap_or(&self.default)))
    }
}

#[cfg(test)]
#[path = "documented_tests.rs"]
mod tests;
