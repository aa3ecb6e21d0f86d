//! An authenticated peer.

use std::net::SocketAddr;
use std::sync::Arc;

use super::admission::Admission;
use crate::envelope::PeerFacts;
use crate::identity::Identity;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Origin {
    /// The address and port of the peer: those that a trusted proxy names, or those that it connects from.
    pub address: SocketAddr,
    /// The address and port of the proxy that named the peer's.
    pub proxy: Option<SocketAddr>,
}

impl From<SocketAddr> for Origin {
    /// A connection without a proxy.
    fn from(address: SocketAddr) -> Self {
        Self { address, proxy: None }
    }
}

/// The peer of a connection, created after its mutual TLS handshake.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address and port of [`Origin`].
    pub address: SocketAddr,
    /// The contents of the end-entity certificate. The handshake proved possession of its key.
    pub identity: Arc<Identity>,
    /// The senders that the certificate is accepted for.
    pub admission: Admission,
    /// The negotiated protocol version and cipher suite.
    pub session: Session,
    facts: PeerFacts,
}

impl Peer {
    /// Creates a peer from the results of its handshake, which proved possession of the certificate's key.
    pub fn new(origin: Origin, identity: Arc<Identity>, admission: Admission, session: Session) -> Self {
        let facts = PeerFacts {
            address: origin.address.to_string(),
            proxy: origin.proxy.map(|proxy| proxy.to_string()),
            subject: identity.subject.as_str().to_owned(),
            issuer: identity.issuer.as_str().to_owned(),
            common_name: identity.common_name.one().map(str::to_owned),
            serial: identity.serial.to_string(),
            sha256: identity.sha256.to_string(),
            spki_sha256: identity.spki_sha256.to_string(),
            not_before: identity.not_before.to_string(),
            not_after: identity.not_after.to_string(),
            tls_version: session.tls_version,
            cipher_suite: session.cipher_suite.clone(),
        };
        Self { address: origin.address, identity, admission, session, facts }
    }

    /// The same peer after a reload, under which its certificate is accepted for these senders.
    #[must_use]
    pub fn with_admission(&self, admission: Admission) -> Self {
        Self { admission, ..self.clone() }
    }

    /// The peer in the form that envelopes contain.
    pub fn facts(&self) -> &PeerFacts {
        &self.facts
    }
}

/// The negotiated TLS session. The names are those of the IANA registries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// `TLSv1.2` or `TLSv1.3`.
    pub tls_version: &'static str,
    /// For example `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
}
