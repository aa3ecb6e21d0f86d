//! One connection: who it is, and whether it is still welcome.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls_pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use crate::live::{Live, Snapshot};
use crate::policy::{Peer, Session};
use crate::tls::verifier::Admitted;

/// One connection, as its handshake left it, and as every new snapshot has judged it since.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    /// What the handshake proved to belong to whoever is there, end-entity certificate first.
    chain: Vec<CertificateDer<'static>>,
    session: Session,
    standing: Mutex<Standing>,
    /// Cancelled when no further request shall come over this connection.
    retire: CancellationToken,
}

/// Who is at the other end, and the snapshot that says so. A request is judged by one of these
/// alone: identity and policy never come from different moments.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Who is at the other end.
    pub peer: Arc<Peer>,
    /// What was in force when that was judged.
    pub snapshot: Arc<Snapshot>,
    /// Whether it still holds. Once it does not, the rest is what held last.
    pub is_welcome: bool,
}

/// A snapshot has taken away what this connection was let in by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("what let this sender in has been taken away by a reload")]
pub struct NotWelcome;

impl Connection {
    /// A connection whose handshake is done. `retire` is cancelled when it shall end.
    pub fn new(
        peer: Peer,
        snapshot: Arc<Snapshot>,
        chain: Vec<CertificateDer<'static>>,
        retire: CancellationToken,
    ) -> Self {
        let (address, session) = (peer.address, peer.session.clone());
        let standing = Standing { peer: Arc::new(peer), snapshot, is_welcome: true };
        Self { address, chain, session, standing: Mutex::new(standing), retire }
    }

    /// Says that no further request shall come.
    pub fn retire(&self) {
        self.retire.cancel();
    }

    /// How this connection stands with what is in force now: judged anew when that has changed, by
    /// the very judge of handshakes. It ends when it is not welcome any more, and never is again.
    pub fn standing(&self, live: &Live) -> Standing {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = live.current();
        if standing.is_welcome && standing.snapshot.generation != current.generation {
            // Where only our own certificate or an endpoint changed, the verdict stands.
            let peer = if current.verifier.judges_like(&standing.snapshot.verifier) {
                Some(Arc::clone(&standing.peer))
            } else {
                self.judge(&current)
            };
            match peer {
                Some(peer) => *standing = Standing { peer, snapshot: current, is_welcome: true },
                None => {
                    standing.is_welcome = false;
                    self.retire();
                }
            }
        }
        standing.clone()
    }

    fn judge(&self, snapshot: &Snapshot) -> Option<Arc<Peer>> {
        let (end_entity, intermediates) = self.chain.split_first()?;
        match snapshot.verifier.judge(end_entity, intermediates) {
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
                    "a connection is not welcome any more"
                );
                None
            }
        }
    }
}
