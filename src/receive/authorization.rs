//! The authorization of a connection: its peer, and whether a reload has revoked it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls_pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use crate::live::{Live, Snapshot};
use crate::policy::{Peer, Session};
use crate::tls::verifier::Admitted;

/// A connection with the result of its handshake, evaluated again under every new snapshot.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    /// The certificate that the peer proved to be its own in the handshake, then the intermediates that it sent.
    chain: Vec<CertificateDer<'static>>,
    session: Session,
    authorization: Mutex<Authorization>,
    /// Canceled when the connection accepts no further requests.
    stop_accepting: CancellationToken,
}

/// The peer, with the snapshot under which it was evaluated. A request is authorized by one of these alone: identity and
/// policy never come from different generations.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// The peer.
    pub peer: Arc<Peer>,
    /// The snapshot under which the peer was evaluated.
    pub snapshot: Arc<Snapshot>,
    /// Whether a reload has revoked the authorization. The other fields then keep their last values.
    pub revoked: bool,
}

/// A reload has revoked the authorization of this connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a reload has revoked the authorization of this sender")]
pub struct AuthorizationRevoked;

impl Connection {
    /// A connection after its handshake. `stop_accepting` is canceled when it accepts no further requests.
    pub fn new(
        peer: Peer,
        snapshot: Arc<Snapshot>,
        chain: Vec<CertificateDer<'static>>,
        stop_accepting: CancellationToken,
    ) -> Self {
        let (address, session) = (peer.address, peer.session.clone());
        let authorization = Authorization { peer: Arc::new(peer), snapshot, revoked: false };
        Self { address, chain, session, authorization: Mutex::new(authorization), stop_accepting }
    }

    /// Accepts no further requests on this connection.
    pub fn stop_accepting(&self) {
        self.stop_accepting.cancel();
    }

    /// The peer under the snapshot in force, evaluated again as in a handshake if the snapshot has changed. Check
    /// `revoked`: once set, it stays set, and the connection accepts no further requests.
    pub fn reevaluate(&self, live: &Live) -> Authorization {
        let mut authorization = self.authorization.lock().unwrap_or_else(PoisonError::into_inner);
        let current = live.current();
        if !authorization.revoked && authorization.snapshot.generation != current.generation {
            // If only the server's certificate or an endpoint changed, the decision is the same.
            let peer = if current.verifier.decides_like(&authorization.snapshot.verifier) {
                Some(Arc::clone(&authorization.peer))
            } else {
                self.evaluate(&current)
            };
            match peer {
                Some(peer) => *authorization = Authorization { peer, snapshot: current, revoked: false },
                None => {
                    authorization.revoked = true;
                    self.stop_accepting();
                }
            }
        }
        authorization.clone()
    }

    fn evaluate(&self, snapshot: &Snapshot) -> Option<Arc<Peer>> {
        let (end_entity, intermediates) = self.chain.split_first()?;
        match snapshot.verifier.verify(end_entity, intermediates) {
            Ok(Admitted { identity, admission }) => {
                Some(Arc::new(Peer::new(self.address, identity, admission, self.session.clone())))
            }
            Err(refusal) => {
                tracing::warn!(
                    stage = "reload",
                    reason = refusal.reason.word(),
                    detail = refusal.detail(),
                    peer = %self.address,
                    generation = snapshot.generation,
                    "connection revoked"
                );
                None
            }
        }
    }
}
