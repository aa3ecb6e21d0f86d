//! Processes one delivery; read this first.
//!
//! [`Intake::deliver`] checks, routes, authorizes, reads and commits, in that order. Its answer is made from the
//! receipt or from a [`DeliveryError`]. It does not use TLS.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Buf;
use futures_util::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderMap};
use http::{Method, Uri, Version};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::answer::Answer;
use super::authorization::{Authorization, AuthorizationRevoked, Connection};
use super::body::{self, BodyFault, ReceivedBody};
use super::error::{DeliveryError, NotFoundReason, Unavailable};
use super::head;
use super::memory::{DeliveryMemory, MemoryShare};
use super::recent::Recent;
use crate::clock::{Timestamp, rfc3339_micros};
use crate::envelope::{ENVELOPE_VERSION, EntryId, EntryIds, Envelope, PayloadFacts, RequestFacts, latin1};
use crate::escape::Escaped;
use crate::metrics::{DeliveryOutcome, NO_ENDPOINT, StallKind};
use crate::policy::{Denial, Payload, Permit, Policy, Route};
use crate::shared::Shared;
use crate::spool::{CommitError, Draft, Receipt};

/// The head of one request.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The connection that it arrived on.
    pub connection: Arc<Connection>,
    /// The authorization at its arrival.
    pub authorization: Authorization,
    /// The request method.
    pub method: Method,
    /// Path and query, undecoded.
    pub uri: Uri,
    /// Whether a fragment followed, which is not in `uri`.
    pub has_fragment: bool,
    /// The HTTP version.
    pub version: Version,
    /// The headers as received.
    pub headers: HeaderMap,
    /// Whether there were too many header fields, so that most were discarded.
    pub has_too_many_fields: bool,
}

/// Receives deliveries. There is one, shared by all connections.
#[derive(Debug)]
pub struct Intake {
    /// The snapshot in force, the spool, the metrics and the clock.
    pub shared: Arc<Shared>,
    /// The source of entry IDs.
    pub ids: EntryIds,
    /// The memory for deliveries in flight.
    pub memory: DeliveryMemory,
    /// The payloads that were stored recently.
    pub recent: Recent,
    /// The tasks that the shutdown waits for, even if their senders have disconnected.
    pub tasks: TaskTracker,
}

impl Intake {
    /// Processes one delivery, from its head to the response.
    pub async fn deliver<S, B>(self: Arc<Self>, request: RequestHead, mut body: S) -> Answer
    where
        S: Stream<Item = Result<B, BodyFault>> + Send + Unpin + 'static,
        B: Buf + Send + 'static,
    {
        let arrival = ArrivalTime { at: self.shared.clock.now(), instant: Instant::now() };
        let route = request.policy().route(request.uri.path());
        let guard = AbortGuard { intake: &self, request: &request, arrival, route, armed: true };

        let checked = self.check_before_body(&request, route);
        let reading_began = checked.is_ok();
        let deadline = arrival.instant + request.authorization.snapshot.limits.body_timeout;
        let received = match checked {
            Ok((permit, memory)) => body::read(permit, &mut body, deadline, memory).await,
            Err(error) => Err(error),
        };
        let received = match received {
            Ok(received) => received,
            Err(error) => {
                guard.finish(&error);
                // A client that sent `Expect: 100-continue` sends no body before the server continues.
                let may_be_coming = reading_began || !request.headers.contains_key(EXPECT);
                if error.leaves_body_unread() && may_be_coming {
                    self.tasks.spawn(body::discard_rest(body));
                }
                return Answer::error(&error);
            }
        };
        // From here on the entry may be stored whatever the sender does, so a separate task completes it. A sender that
        // disconnects loses only the response.
        guard.disarm();
        let intake = Arc::clone(&self);
        let stored = self.tasks.spawn(async move { intake.store(request, arrival, received).await });
        stored.await.unwrap_or_else(|_| Answer::error(&Unavailable::Commit(CommitError::Closed).into()))
    }

    /// Checks that do not need the body, in the order 400, 501, 431, 503 (authorization revoked, certificate expired), 404,
    /// 403 (503 if the sender's trust expired), 405, 503 (draining, spool fault or `max_spool`), 413, 503 (the sender's
    /// share).
    fn check_before_body(
        &self,
        request: &RequestHead,
        route: Option<&Route>,
    ) -> Result<(Permit, MemoryShare), DeliveryError> {
        request.check_head()?;
        let Authorization { peer, revoked, .. } = &request.authorization;
        let now = self.shared.clock.now();
        let expired = || {
            request.connection.stop_accepting();
            DeliveryError::Unavailable(Unavailable::Expired)
        };
        if *revoked {
            return Err(DeliveryError::Unavailable(AuthorizationRevoked.into()));
        }
        if now > peer.admission.not_after() {
            return Err(expired());
        }
        let route = route.ok_or(DeliveryError::NotFound(NotFoundReason::Path))?;
        if !route.endpoint.has_secret_in(request.uri.query()) {
            return Err(DeliveryError::NotFound(NotFoundReason::Secret));
        }
        let permit =
            request.policy().authorize(peer, &route.endpoint, now).map_err(|denial| match denial {
                Denial::Expired => expired(),
                Denial::NotListed { .. } | Denial::Network { .. } => DeliveryError::Forbidden(denial),
            })?;
        if request.method != Method::POST {
            return Err(DeliveryError::MethodNotAllowed);
        }
        if self.shared.live.is_draining() {
            return Err(DeliveryError::Unavailable(Unavailable::Draining));
        }
        if let Some(fault) = self.shared.spool.health().faults().next() {
            return Err(DeliveryError::Unavailable(Unavailable::Spool(fault)));
        }
        if let Some(fault) = self.shared.spool.health().fault_of(&permit.endpoint().name) {
            return Err(DeliveryError::Unavailable(Unavailable::Commit(CommitError::Endpoint(fault))));
        }
        self.shared.spool.space().check(permit.endpoint()).map_err(Unavailable::EndpointFull)?;
        if request.declared_length().is_some_and(|declared| declared > permit.endpoint().max_body) {
            return Err(DeliveryError::TooLarge);
        }
        let memory = self.memory.take(permit.sender(), request.policy().senders().len())?;
        Ok((permit, memory))
    }

    async fn store(&self, mut request: RequestHead, arrival: ArrivalTime, received: ReceivedBody) -> Answer {
        // The share of memory is held until the entry is on disk: the bytes in the commit queue are bounded by it too.
        let ReceivedBody { payload, memory } = received;
        let permit = self.reauthorize(&mut request, payload.permit());
        let endpoint = Arc::clone(permit.as_ref().unwrap_or(payload.permit()).endpoint());
        let stored = match permit {
            Ok(permit) => self.commit(&request, arrival, payload.with_permit(permit)).await,
            Err(revoked) => Err(revoked.into()),
        };
        drop(memory);
        match stored {
            Ok(receipt) => {
                self.shared.stored.fetch_add(1, Ordering::Relaxed);
                self.count(endpoint.name.as_str(), DeliveryOutcome::Stored, arrival);
                Answer::stored(receipt, &endpoint.response, &request.headers)
            }
            Err(why) => {
                let error = DeliveryError::Unavailable(why);
                self.log_refused(&request, Some(endpoint.name.as_str()), &error, arrival);
                self.count(endpoint.name.as_str(), error.outcome(), arrival);
                Answer::error(&error)
            }
        }
    }

    /// The permit under the snapshot in force, which may have changed while the body was received.
    fn reauthorize(
        &self,
        request: &mut RequestHead,
        permit: &Permit,
    ) -> Result<Permit, AuthorizationRevoked> {
        let authorization = request.connection.reevaluate(&self.shared);
        if authorization.revoked {
            return Err(AuthorizationRevoked);
        }
        if authorization.snapshot.generation == request.authorization.snapshot.generation {
            return Ok(permit.clone());
        }
        let route = authorization.snapshot.policy.route(request.uri.path());
        let addressed = route.filter(|route| route.endpoint.has_secret_in(request.uri.query()));
        let endpoint = &addressed.ok_or(AuthorizationRevoked)?.endpoint;
        let again =
            authorization.snapshot.policy.authorize(&authorization.peer, endpoint, self.shared.clock.now());
        let again = again.map_err(|_| AuthorizationRevoked)?;
        request.authorization = authorization;
        Ok(again)
    }

    async fn commit(
        &self,
        request: &RequestHead,
        arrival: ArrivalTime,
        payload: Payload,
    ) -> Result<Receipt, Unavailable> {
        let content_type = request.headers.get(CONTENT_TYPE).map(|value| latin1(value.as_bytes()));
        let facts = payload.facts(content_type.as_deref());
        let (bytes, sha256) = (facts.length, facts.sha256);
        let permit = payload.permit().clone();
        let endpoint = &permit.endpoint().name;
        let duplicate_of = self.recent.first(endpoint, sha256);
        let id = self.ids.next(self.shared.clock.now());
        let envelope = request.envelope(id, arrival.at, &permit, facts, duplicate_of);
        let draft = Draft::new(&envelope, payload);
        let receipt = self.shared.spool.commit(draft).await?;
        self.recent.stored(endpoint, sha256, receipt.id());
        log_stored(request, &permit, &receipt, bytes, arrival);
        Ok(receipt)
    }

    /// Logs a delivery that is not stored, unless too many of the same sender were logged recently.
    fn log_refused(
        &self,
        request: &RequestHead,
        endpoint: Option<&str>,
        error: &DeliveryError,
        arrival: ArrivalTime,
    ) {
        let peer = &request.authorization.peer;
        let reason = error.outcome().word();
        if !self.shared.refusals.may_log(reason, peer.admission.senders().next(), Instant::now()) {
            return;
        }
        tracing::warn!(
            stage = "request",
            reason,
            detail = error.reason(),
            endpoint,
            path = %Escaped(&request.redacted_path()),
            method = %Escaped(request.method.as_str()),
            senders = peer.admission.joined_names(),
            peer = %peer.address,
            subject = %Escaped(peer.identity.subject.as_str()),
            issuer = %Escaped(peer.identity.issuer.as_str()),
            serial = %peer.identity.serial,
            sha256 = %peer.identity.sha256,
            milliseconds = milliseconds(arrival),
            "delivery refused"
        );
    }

    fn count(&self, endpoint: &str, outcome: DeliveryOutcome, arrival: ArrivalTime) {
        self.shared.metrics.delivery(endpoint, outcome, arrival.instant.elapsed().as_secs_f64());
    }
}

impl RequestHead {
    fn policy(&self) -> &Policy {
        &self.authorization.snapshot.policy
    }

    fn declared_length(&self) -> Option<u64> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// The path without the secrets of all endpoints: a sender may have put one into it by mistake.
    fn redacted_path(&self) -> String {
        let secrets = self.policy().endpoints().iter().filter_map(|endpoint| endpoint.secret.as_ref());
        secrets.fold(self.uri.path().to_owned(), |path, secret| secret.redact(&path))
    }

    fn check_head(&self) -> Result<(), DeliveryError> {
        if self.has_fragment {
            return Err(DeliveryError::BadRequest("the URL contains a fragment (#)"));
        }
        head::check(&self.uri, self.version, &self.headers)?;
        if self.has_too_many_fields { Err(DeliveryError::HeadersTooLarge) } else { Ok(()) }
    }

    fn envelope<'a>(
        &'a self,
        id: EntryId,
        at: Timestamp,
        permit: &'a Permit,
        payload: PayloadFacts<'a>,
        duplicate_of: Option<EntryId>,
    ) -> Envelope<'a> {
        let endpoint = permit.endpoint();
        let suffix = self.policy().route(self.uri.path()).and_then(|route| route.suffix);
        // Every consumer could read a secret in the spool.
        let redacted = |text: String| match &endpoint.secret {
            Some(secret) => secret.redact(&text),
            None => text,
        };
        let query = self.uri.query().map(|query| latin1(query.as_bytes()));
        let query = query.map(|query| match &endpoint.secret {
            Some(secret) => secret.redact_query(&query),
            None => query,
        });
        Envelope {
            version: ENVELOPE_VERSION,
            id,
            received_at: rfc3339_micros(at),
            endpoint: endpoint.name.as_str(),
            sender: permit.sender().as_str(),
            event: endpoint.event(suffix, self.uri.query()),
            request: RequestFacts {
                method: self.method.as_str(),
                path: latin1(self.uri.path().as_bytes()),
                query,
                http_version: format!("{:?}", self.version),
                headers: self
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), redacted(latin1(value.as_bytes()))))
                    .collect(),
            },
            peer: self.authorization.peer.facts(),
            generation: self.authorization.snapshot.generation,
            payload,
            duplicate_of,
        }
    }
}

/// The time at which a request's headers were complete.
#[derive(Clone, Copy, Debug)]
struct ArrivalTime {
    at: Timestamp,
    instant: Instant,
}

/// Counts and logs a delivery even if its sender disconnects in the middle, which drops the future that reads it.
struct AbortGuard<'a> {
    intake: &'a Intake,
    request: &'a RequestHead,
    arrival: ArrivalTime,
    route: Option<&'a Route>,
    armed: bool,
}

impl AbortGuard<'_> {
    fn finish(mut self, error: &DeliveryError) {
        self.record(error);
        self.armed = false;
    }

    /// Leaves counting and logging to another task.
    fn disarm(mut self) {
        self.armed = false;
    }

    fn record(&self, error: &DeliveryError) {
        if matches!(error, DeliveryError::Timeout) {
            self.intake.shared.metrics.peers.stalls.inc(StallKind::Body);
        }
        let endpoint = self.route.map(|route| route.endpoint.name.as_str());
        self.intake.log_refused(self.request, endpoint, error, self.arrival);
        self.intake.count(endpoint.unwrap_or(NO_ENDPOINT), error.outcome(), self.arrival);
    }
}

impl Drop for AbortGuard<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.record(&DeliveryError::Aborted);
        }
    }
}

fn log_stored(request: &RequestHead, permit: &Permit, receipt: &Receipt, bytes: usize, arrival: ArrivalTime) {
    let peer = &request.authorization.peer;
    tracing::info!(
        id = %receipt.id(),
        endpoint = %permit.endpoint().name,
        sender = %permit.sender(),
        peer = %peer.address,
        bytes,
        milliseconds = milliseconds(arrival),
        "delivery stored"
    );
}

fn milliseconds(arrival: ArrivalTime) -> f64 {
    (arrival.instant.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
