//! The accept loop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::{ConnectionLimits, Connections, Slot};
use super::failure::HandshakeFailure;
use super::handshake::{Established, NotEstablished, handshake};
use super::handshake_pool::HandshakePool;
use super::http::{ConnectionContext, serve};
use super::opening::Opening;
use super::proxy::{ProxyFault, is_trusted, read_origin};
use super::routes::delivery_filter;
use super::socket;
use super::source_address::SourceAddress;
use crate::escape::Escaped;
use crate::live::Snapshot;
use crate::metrics::{CertificateRole, ConnectionRefusalReason, HandshakeOutcome, StallKind};
use crate::policy::{Name, Refusal};
use crate::receive::intake::Intake;
use crate::refusals::{ClaimedCertificate, HandshakeRecord};
use crate::shared::Shared;

/// The pause when the system is out of descriptors or memory: long enough for a
/// connection to end, short enough that no client's connect times out.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);

/// The time in which a connection that gives way to another one tells its peer, and completes a request that has just
/// arrived.
const GIVE_WAY_TIME_MAX: Duration = Duration::from_secs(1);

/// The listener for senders.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
    context: ConnectionContext,
    connections: Connections,
    handshakes: HandshakePool,
}

impl Server {
    /// Creates a server that passes deliveries to `intake`. Its connections run as tasks of `tasks`; it
    /// accepts none once `drain` is canceled.
    ///
    /// # Errors
    /// If the system cannot start the threads for handshakes.
    pub fn new(intake: Arc<Intake>, tasks: TaskTracker, drain: CancellationToken) -> io::Result<Self> {
        let shared = Arc::clone(&intake.shared);
        let connections = Connections::new(limits(&shared.live.current()));
        let handshakes = HandshakePool::start()?;
        let filter = delivery_filter(intake);
        let context = ConnectionContext { shared: Arc::clone(&shared), filter, tasks, drain };
        Ok(Self { shared, context, connections, handshakes })
    }

    /// Applies the changed limits of connections after each reload. The other limits are read for each connection.
    pub async fn follow_limits(self) {
        let mut changes = self.shared.live.subscribe();
        while changes.changed().await.is_ok() {
            self.connections.resize(limits(&self.shared.live.current()));
        }
    }

    /// Accepts connections from one listener until the drain begins.
    pub async fn accept(self, listener: TcpListener) {
        let drain = self.context.drain.clone();
        let _ = drain.run_until_cancelled(self.accept_all(listener)).await;
    }

    async fn accept_all(self, listener: TcpListener) {
        loop {
            self.connections.closing_ones_are_few().await;
            match listener.accept().await {
                Ok((stream, address)) => {
                    // A socket for both families reports an IPv4 peer as `::ffff:192.0.2.1`.
                    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                    let source = SourceAddress::from(address);
                    let is_proxy = is_trusted(address, &self.shared.live.current().trusted_proxies);
                    let slot = if is_proxy {
                        self.connections.open_behind_proxy(source)
                    } else {
                        self.connections.open(source)
                    };
                    self.context.tasks.spawn(self.clone().connection(stream, address, slot));
                }
                Err(error) if is_peer_error(&error) => {
                    tracing::debug!(%error, "connection closed before it was accepted");
                }
                Err(error) => {
                    self.shared.metrics.peers.accept_errors.inc_by(1);
                    tracing::error!(%error, "accept failed; retrying");
                    sleep(ACCEPT_BACK_OFF).await;
                }
            }
        }
    }

    async fn connection(self, mut stream: TcpStream, address: SocketAddr, mut slot: Slot) {
        socket::configure(&stream);
        let _open = Open::count(&self.shared);
        let live = &self.shared.live;
        let snapshot = live.current();
        let opening = Opening::new(snapshot.limits.handshake_timeout, self.context.drain.clone());
        let origin = tokio::select! {
            origin = read_origin(&mut stream, address, &snapshot.trusted_proxies, &opening) => origin,
            reason = slot.gives_way() => return self.closed(address, reason, None),
        };
        let address = origin.as_ref().map_or(address, |origin| origin.address);
        slot.move_to(SourceAddress::from(address));
        drop(snapshot);
        let outcome = match origin {
            Ok(origin) => tokio::select! {
                // Boxed separately: a handshake needs many kilobytes, which are freed when it ends; a connection lasts longer.
                outcome = Box::pin(handshake(stream, (origin, slot.is_known()), live, &opening, &self.handshakes)) => outcome,
                reason = slot.gives_way() => return self.closed(address, reason, None),
            },
            Err(no_origin) => Err(no_origin.into()),
        };
        match outcome {
            Ok(established) => self.accepted(established, &mut slot, address).await,
            Err(NotEstablished::GaveWay) => self.closed(address, ConnectionRefusalReason::Handshakes, None),
            Err(NotEstablished::Failed { failure, sni }) => {
                self.failed(address, sni.as_deref(), &failure, HandshakeOutcome::Failed);
            }
            Err(NotEstablished::TimedOutAfterHello { sni }) => {
                let failure = HandshakeFailure::stalled_after_hello();
                self.shared.metrics.peers.stalls.inc(StallKind::Handshake);
                self.failed(address, sni.as_deref(), &failure, HandshakeOutcome::Timeout);
            }
            Err(NotEstablished::NotProxied(fault)) => self.not_proxied(address, &fault),
            Err(NotEstablished::Refused { refusal, sni }) => self.refused(address, sni.as_deref(), &refusal),
            Err(NotEstablished::TimedOutBeforeHello) => {
                self.shared.metrics.peers.stalls.inc(StallKind::Handshake);
                self.shared.metrics.handshakes.outcomes.inc(HandshakeOutcome::Timeout);
                tracing::debug!(stage = "handshake", peer = %address, "handshake timed out");
            }
        }
    }

    async fn accepted(&self, established: Established, slot: &mut Slot, address: SocketAddr) {
        self.shared.metrics.handshakes.outcomes.inc(HandshakeOutcome::Accepted);
        self.record_expiry(&established);
        let sender = established.peer.admission.senders().next().cloned();
        let admitted = sender.as_ref().is_some_and(|sender| slot.admit(sender).is_ok());
        if !admitted {
            return self.closed(address, ConnectionRefusalReason::Share, sender.as_ref());
        }
        tokio::select! {
            () = serve(established, slot, self.context.clone()) => {}
            () = gave_way(slot) => {}
        }
        if let Some(reason) = slot.close_reason() {
            self.closed(address, reason, sender.as_ref());
        }
    }

    /// Records a connection that was closed at a limit.
    fn closed(&self, address: SocketAddr, reason: ConnectionRefusalReason, sender: Option<&Name>) {
        self.shared.metrics.connections_refused.inc(reason);
        let reason = reason.word();
        if self.shared.refusals.may_log(reason, sender, Instant::now()) {
            let sender = sender.map(Name::as_str);
            tracing::warn!(stage = "connection", reason, sender, peer = %address, "connection closed at a limit");
        }
    }

    /// Sets the metrics of the validity of the peer's certificate, for each sender it is accepted for.
    fn record_expiry(&self, established: &Established) {
        let peer = &established.peer;
        for sender in peer.admission.senders() {
            let (begin, end) = (peer.identity.not_before.as_second(), peer.identity.not_after.as_second());
            self.shared.metrics.certificate(CertificateRole::Client, sender.as_str(), begin, end);
        }
    }

    fn failed(
        &self,
        address: SocketAddr,
        sni: Option<&str>,
        failure: &HandshakeFailure,
        outcome: HandshakeOutcome,
    ) {
        let HandshakeFailure { reason, detail, offered } = failure;
        self.shared.metrics.handshakes.failures.inc(*reason);
        self.shared.metrics.handshakes.outcomes.inc(outcome);
        let reason = reason.word();
        if failure.is_noise() {
            tracing::debug!(stage = "handshake", reason, detail, peer = %address, "handshake failed");
            return;
        }
        let failed =
            HandshakeRecord::failed(self.shared.clock.now(), address, sni, (reason, detail), offered.clone());
        if self.shared.refusals.record_failure(reason, failed, Instant::now()) {
            tracing::warn!(
                stage = "handshake",
                reason,
                detail,
                peer = %address,
                sni = sni.map(|sni| Escaped(sni).to_string()),
                offered,
                "handshake failed"
            );
        }
    }

    fn not_proxied(&self, address: SocketAddr, fault: &ProxyFault) {
        self.shared.metrics.connections_refused.inc(ConnectionRefusalReason::Proxy);
        let (reason, detail) = (ConnectionRefusalReason::Proxy.word(), fault.to_string());
        let record = HandshakeRecord::failed(self.shared.clock.now(), address, None, (reason, &detail), None);
        if self.shared.refusals.record_failure(reason, record, Instant::now()) {
            tracing::warn!(stage = "proxy", reason, detail, peer = %address, "connection refused");
        }
    }

    fn refused(&self, address: SocketAddr, sni: Option<&str>, refusal: &Refusal) {
        let refused = HandshakeRecord::new(self.shared.clock.now(), address, sni, refusal);
        // The counter of the reason is incremented before that of refused handshakes, and both before the log line.
        self.shared.metrics.handshakes.refusals.inc(refusal.reason);
        self.shared.metrics.handshakes.outcomes.inc(HandshakeOutcome::Refused);
        if self.shared.refusals.record_refusal(refusal, refused.clone(), Instant::now()) {
            log(&refused);
        }
    }
}

/// Waits until a connection has given way, and its time has passed.
async fn gave_way(slot: &Slot) {
    slot.gives_way().await;
    sleep(GIVE_WAY_TIME_MAX).await;
}

/// The limits of connections of a snapshot.
fn limits(snapshot: &Snapshot) -> ConnectionLimits {
    ConnectionLimits {
        max_connections: snapshot.limits.max_connections,
        max_connections_per_address: snapshot.limits.max_connections_per_address,
        senders: snapshot.policy.senders().len(),
    }
}

fn log(refused: &HandshakeRecord) {
    // What could not be read is empty.
    let claimed = |field: fn(&ClaimedCertificate) -> &String| {
        refused.claimed.as_ref().map(field).filter(|text| !text.is_empty())
    };
    tracing::warn!(
        stage = &*refused.stage,
        reason = &*refused.reason,
        detail = refused.detail,
        peer = refused.address,
        sni = refused.sni,
        vouched = refused.vouched_names(),
        expected = refused.expected,
        presented = refused.presented,
        admit = refused.admit,
        claimed_subject = claimed(|it| &it.subject),
        claimed_issuer = claimed(|it| &it.issuer),
        claimed_serial = claimed(|it| &it.serial),
        claimed_not_before = claimed(|it| &it.not_before),
        claimed_not_after = claimed(|it| &it.not_after),
        claimed_sha256 = claimed(|it| &it.sha256),
        claimed_spki_sha256 = claimed(|it| &it.spki_sha256),
        "peer refused"
    );
}

/// Counts a connection while it is open.
struct Open<'a>(&'a Shared);

impl<'a> Open<'a> {
    fn count(shared: &'a Shared) -> Self {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        shared.metrics.connections.inc();
        Self(shared)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.metrics.connections.dec();
    }
}

fn is_peer_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
