//! The authorization of a connection: its peer, and whether a reload has revoked it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls_pki_types::CertificateDer;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::live::Snapshot;
use crate::policy::{Peer, Refusal};
use crate::refusals::Refusals;
use crate::shared::Shared;
use crate::tls::verifier::Admitted;

/// A connection with the result of its handshake, evaluated again under every new snapshot.
#[derive(Debug)]
pub struct Connection {
    /// The certificate that the peer proved to be its own in the handshake, then the intermediates that it sent.
    chain: Vec<CertificateDer<'static>>,
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
        let authorization = Authorization { peer: Arc::new(peer), snapshot, revoked: false };
        Self { chain, authorization: Mutex::new(authorization), stop_accepting }
    }

    /// Accepts no further requests on this connection.
    pub fn stop_accepting(&self) {
        self.stop_accepting.cancel();
    }

    /// The peer under the snapshot in force, evaluated again as in a handshake if the senders have changed. Check
    /// `revoked`: once set, it stays set, and the connection accepts no further requests.
    pub fn reevaluate(&self, shared: &Shared) -> Authorization {
        let known = self.authorization().clone();
        let current = shared.live.current();
        if known.revoked || known.snapshot.generation == current.generation {
            return known;
        }
        // If only the server's certificate or an endpoint changed, the decision is the same.
        let peer = if Arc::ptr_eq(&current.verifier, &known.snapshot.verifier) {
            Ok(known.peer)
        } else {
            // Without the lock, for which the other requests of this connection would wait.
            self.evaluate(&known.peer, &current)
        };
        let mut authorization = self.authorization();
        // Another request may have been faster, under this snapshot or a later one.
        if authorization.revoked || authorization.snapshot.generation >= current.generation {
            return authorization.clone();
        }
        match peer {
            Ok(peer) => {
                *authorization = Authorization { peer, snapshot: current, revoked: false };
                authorization.clone()
            }
            Err(refusal) => {
                authorization.revoked = true;
                let revoked = authorization.clone();
                drop(authorization);
                self.stop_accepting();
                log_revoked(&revoked.peer, &refusal, current.generation, &shared.refusals);
                revoked
            }
        }
    }

    fn authorization(&self) -> MutexGuard<'_, Authorization> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evaluate(&self, peer: &Peer, snapshot: &Snapshot) -> Result<Arc<Peer>, Refusal> {
        let (end_entity, intermediates) = self.chain.split_first().ok_or_else(Refusal::no_certificate)?;
        let Admitted { admission, .. } = snapshot.verifier.verify(end_entity, intermediates)?;
        Ok(Arc::new(peer.with_admission(admission)))
    }
}

fn log_revoked(peer: &Peer, refusal: &Refusal, generation: u64, refusals: &Refusals) {
    let reason = refusal.reason.word();
    if refusals.may_log(reason, peer.admission.senders().next(), Instant::now()) {
        tracing::warn!(
            stage = "reload",
            reason,
            detail = refusal.detail(),
            peer = %peer.address,
            generation,
            "connection revoked"
        );
    }
}
