//! Our side of the handshake: which versions, which protocols, and no second way in.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::key_pair::KeyPair;
use super::verifier::SenderVerifier;

/// The application protocols that are served (RFC 7301), best first. Some HTTP/1.0 clients announce that version alone.
pub const PROTOCOLS: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

/// The oldest protocol version that is spoken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MinVersion {
    /// TLS 1.2 (RFC 5246) and 1.3.
    #[default]
    Tls12,
    /// TLS 1.3 (RFC 8446) alone.
    Tls13,
}

/// A certificate for some names.
#[derive(Clone, Debug)]
pub struct NamedPair {
    /// In lower case; the first label may be `*`.
    pub names: Vec<String>,
    /// The chain and its key.
    pub pair: KeyPair,
}

/// The configuration for all handshakes under one snapshot.
///
/// Sessions are never resumed: a resumed handshake would restore the client's identity without
/// verifying it, and let in a sender that has been removed since.
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
    #[expect(clippy::expect_used, reason = "the provider has cipher suites for both versions, always")]
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("aws-lc-rs speaks TLS 1.2 and 1.3")
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(ByName::new(key_pair, extra)));
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.as_bytes().to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Arc::new(config)
}

/// A certificate by the name that a client asks for (RFC 6066, 3), or else the first. The library's
/// own resolvers cannot be made for a version 1 certificate.
#[derive(Debug)]
struct ByName {
    names: HashMap<String, Arc<CertifiedKey>>,
    otherwise: Arc<CertifiedKey>,
}

impl ByName {
    fn new(key_pair: &KeyPair, extra: &[NamedPair]) -> Self {
        let named = |it: &NamedPair| {
            let certified = Arc::clone(&it.pair.certified);
            it.names.iter().map(move |name| (name.clone(), Arc::clone(&certified))).collect::<Vec<_>>()
        };
        Self { names: extra.iter().flat_map(named).collect(), otherwise: Arc::clone(&key_pair.certified) }
    }

    fn named(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        // A wildcard matches one label, the first (RFC 9525, 6.3).
        let wildcard = || Some(format!("*.{}", name.split_once('.')?.1));
        self.names.get(&name).or_else(|| self.names.get(&wildcard()?))
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certified = hello.server_name().and_then(|name| self.named(name));
        Some(Arc::clone(certified.unwrap_or(&self.otherwise)))
    }
}

#[cfg(test)]
#[path = "documented_tests.rs"]
mod tests;
