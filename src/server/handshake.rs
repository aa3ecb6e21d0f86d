//! The TLS handshake: from a TCP stream to a peer with a verified certificate, with one deadline.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::ServerConfig;
use rustls::{Error as TlsError, HandshakeKind, InvalidMessage, ProtocolVersion};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{timeout, timeout_at};
use tokio_rustls::StartHandshake;
use tokio_rustls::server::TlsStream;

use super::failure::{HandshakeFailure, tls_error};
use super::handshake_pool::{GaveWay, HandshakePeer, HandshakePool};
use super::hello::read_hello;
use super::offer::Offer;
use super::opening::Opening;
use super::proxy::{NoOrigin, ProxyFault};
use super::source_address::SourceAddress;
use crate::live::{Live, Snapshot};
use crate::policy::{Origin, Peer, Refusal, Session};
use crate::tls::alert::{bad_certificate, with_secret};
use crate::tls::handshake_decision::{Proven, Verification, with_decision};

/// The time that a refused peer has to read its alert.
const ALERT_READ_TIMEOUT: Duration = Duration::from_secs(1);
/// The maximum number of bytes from that peer that are read and discarded meanwhile.
const ALERT_DISCARD_BYTES_MAX: u64 = 1 << 20;

/// A handshake that proved the peer's identity.
#[derive(Debug)]
pub(super) struct Established {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) peer: Peer,
    /// The peer's certificates, to be evaluated again after a reload.
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) is_http2: bool,
}

/// A handshake without a proven identity.
#[derive(Debug)]
pub(super) enum NotEstablished {
    /// It ended before the peer's certificate was evaluated, or afterward without a reason to refuse.
    Failed { failure: HandshakeFailure, sni: Option<String> },
    /// A trusted proxy did not name the peer's address.
    NotProxied(ProxyFault),
    /// The peer's certificate was refused.
    Refused { refusal: Refusal, sni: Option<String> },
    /// It took too long, and no ClientHello was read.
    TimedOutBeforeHello,
    /// It took too long after its ClientHello was read.
    TimedOutAfterHello { sni: Option<String> },
    /// It gave way to other handshakes.
    GaveWay,
}

impl From<NoOrigin> for NotEstablished {
    fn from(no_origin: NoOrigin) -> Self {
        match no_origin {
            NoOrigin::Closed(error) => failed(HandshakeFailure::new(&error, None), None),
            NoOrigin::Faulty(fault) => Self::NotProxied(fault),
            NoOrigin::TimedOut => Self::TimedOutBeforeHello,
        }
    }
}

/// Performs the TLS handshake. `is_known` is that of [`HandshakePeer`]. Except for the deadline, the snapshot is read
/// once, after the ClientHello: the server's certificate, the verifier and the policy for requests belong to the same
/// generation.
pub(super) async fn handshake(
    stream: TcpStream,
    (origin, is_known): (Origin, bool),
    live: &Live,
    opening: &Opening,
    pool: &HandshakePool,
) -> Result<Established, NotEstablished> {
    let hello = opening
        .limit(read_hello(stream))
        .await
        .ok_or(NotEstablished::TimedOutBeforeHello)?
        .map_err(|error| failed(HandshakeFailure::new(&error, None), None))?;
    let sni = hello.client_hello().server_name().map(ToOwned::to_owned);
    let offer = Offer::of(&hello.client_hello());
    let snapshot = live.current();
    let accept = with_secret(with_decision(accept(hello, Arc::clone(&snapshot.tls))));
    let peer = HandshakePeer { source: SourceAddress::from(origin.address), is_known, since: opening.begun };
    let accept = pool.drive(accept, peer, snapshot.limits.max_handshakes);
    let (accepted, verification) = match timeout_at(opening.deadline, accept).await {
        Ok(Ok(accepted)) => accepted,
        Ok(Err(GaveWay)) => return Err(NotEstablished::GaveWay),
        Err(_) => return Err(NotEstablished::TimedOutAfterHello { sni }),
    };
    let refusal = match (accepted, verification) {
        (Ok(stream), Some(Verification::Proven(proven))) => {
            return established(stream, origin, proven, snapshot);
        }
        (Ok(_), Some(Verification::Deferred(_) | Verification::Refused(_)) | None) => {
            return Err(failed(HandshakeFailure::internal("the handshake ended without a decision"), sni));
        }
        (Err((error, stream)), verification) => match refusal(&error, verification) {
            Some(refusal) => {
                discard_after_alert(stream).await;
                refusal
            }
            None => return Err(failed(HandshakeFailure::new(&error, Some(&offer)), sni)),
        },
    };
    Err(NotEstablished::Refused { refusal, sni })
}

/// Performs the handshake. The library sends an alert with each error, except for messages that are too large.
async fn accept(
    hello: StartHandshake<TcpStream>,
    config: Arc<ServerConfig>,
) -> Result<TlsStream<TcpStream>, (io::Error, TcpStream)> {
    let mut suite = None;
    let accepted = hello.into_stream_with(config, |tls| suite = tls.negotiated_cipher_suite());
    let (error, mut stream) = match accepted.into_fallible().await {
        Err(failed) => failed,
        accepted => return accepted,
    };
    if let Some(alert) = suite.filter(|_| lacks_alert(&error)).and_then(bad_certificate) {
        // The peer may have closed the connection.
        let _ = stream.write_all(&alert).await;
    }
    Err((error, stream))
}

fn failed(failure: HandshakeFailure, sni: Option<String>) -> NotEstablished {
    NotEstablished::Failed { failure, sni }
}

/// The refusal that caused an error, if it concerns the peer's certificate.
fn refusal(error: &io::Error, verification: Option<Verification>) -> Option<Refusal> {
    match verification {
        Some(Verification::Refused(refusal)) => Some(refusal),
        Some(Verification::Deferred(deferred)) if is_bad_proof(error) => deferred.unproven(),
        Some(Verification::Deferred(_) | Verification::Proven(_)) => None,
        None if is_missing_certificate(error) => Some(Refusal::no_certificate()),
        None if is_too_large(error) => {
            Some(Refusal::unreadable("the presented certificates take more than 64 KiB", None))
        }
        None => None,
    }
}

fn established(
    stream: TlsStream<TcpStream>,
    origin: Origin,
    proven: Proven,
    snapshot: Arc<Snapshot>,
) -> Result<Established, NotEstablished> {
    let (_, tls) = stream.get_ref();
    // A resumed session would reuse an earlier decision. The configuration allows none; this asserts it.
    if tls.handshake_kind() == Some(HandshakeKind::Resumed) {
        return Err(failed(HandshakeFailure::internal("the session was resumed"), None));
    }
    let session = Session {
        tls_version: match tls.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
            _ => "TLSv1.3",
        },
        cipher_suite: tls
            .negotiated_cipher_suite()
            .map(|suite| format!("{:?}", suite.suite()))
            .unwrap_or_default(),
    };
    let is_http2 = tls.alpn_protocol() == Some(b"h2");
    let chain = tls.peer_certificates().unwrap_or_default().to_vec();
    Ok(Established { stream, peer: proven.peer(origin, session), chain, snapshot, is_http2 })
}

fn is_missing_certificate(error: &io::Error) -> bool {
    matches!(tls_error(error), Some(TlsError::NoCertificatesPresented))
}

/// After the ClientHello, only a certificate can be this large.
fn is_too_large(error: &io::Error) -> bool {
    let too_large = TlsError::InvalidMessage(InvalidMessage::CertificatePayloadTooLarge);
    lacks_alert(error) || tls_error(error) == Some(&too_large)
}

/// Whether the library ended the handshake because of the size of a message, without an alert. If the records are small,
/// its buffer is full before; that error has no type.
fn lacks_alert(error: &io::Error) -> bool {
    let too_large = TlsError::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge);
    tls_error(error) == Some(&too_large)
        || error.get_ref().is_some_and(|error| error.to_string() == "message buffer full")
}

/// Alerts from the peer do not concern its proof of possession.
fn is_bad_proof(error: &io::Error) -> bool {
    !matches!(tls_error(error), None | Some(TlsError::AlertReceived(_)))
}

/// In TLS 1.3 a client may already be sending its request when it is refused. Closing with unread
/// data would reset the connection, and the alert would be lost.
async fn discard_after_alert(mut stream: TcpStream) {
    let _ = timeout(ALERT_READ_TIMEOUT, async {
        stream.shutdown().await?;
        let mut rest = stream.take(ALERT_DISCARD_BYTES_MAX);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    })
    .await;
}
