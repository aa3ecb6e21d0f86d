//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use super::admission::Admission;
use crate::envelope::PeerFacts;
use crate::identity::Identity;

/// Who is on a connection: made once a mutual TLS handshake has been completed.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where the connection comes from.
    pub address: SocketAddr,
    /// What the end-entity certificate says. Its key was proved by the handshake.
    pub identity: Arc<Identity>,
    /// Whose certificate this can be.
    pub admission: Admission,
    /// How the channel is protected.
    pub session: Session,
    /// All of this as envelopes carry it.
    pub facts: PeerFacts,
}

impl Peer {
    /// Puts together what a handshake proved.
    pub fn new(address: SocketAddr, identity: Arc<Identity>, admission: Admission, session: Session) -> Self {
        let facts = PeerFacts {
            address: address.to_string(),
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
        Self { address, identity, admission, session, facts }
    }
}

/// The negotiated TLS session, in the names of the TLS registries (IANA).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// `TLSv1.2` or `TLSv1.3`.
    pub tls_version: &'static str,
    /// As in `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
}
