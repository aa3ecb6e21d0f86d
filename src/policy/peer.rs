//! Who is at the other end of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use super::admission::Admission;
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
}

/// The negotiated TLS session, in the names of the TLS registries (IANA).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// `TLSv1.2` or `TLSv1.3`.
    pub tls_version: &'static str,
    /// As in `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
}
