//! A JetStream stream in NATS: one message for each entry, acknowledged by the stream.

mod subject;
mod session;

use std::error::Error as _;
use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{ConnectOptions, HeaderMap, HeaderValue, ServerAddr};
use futures_util::future::{BoxFuture, FutureExt as _};
use tokio::sync::Mutex;

use self::session::{NatsSession, StreamSettings, lost, retry};
use super::cloud_events::cloud_events;
use super::trust::trust;
use super::{BatchLimits, Target, TargetFault, Verdict};
use crate::escape::Escaped;
use crate::forward::delivery::Delivery;
use crate::forward::settings::{NatsSettings, TargetTls};
use crate::forward::template::Template;
use crate::tls::client::target_config;

/// A JetStream stream in NATS.
#[derive(Debug)]
pub(super) struct NatsTarget {
    options: ConnectOptions,
    servers: Vec<ServerAddr>,
    subject: Template,
    stream: StreamSettings,
    /// A stream with a shorter duplicate window may store a repeated message twice.
    window_min: Duration,
    warned: AtomicBool,
    session: Mutex<Option<Arc<NatsSession>>>,
}

impl NatsTarget {
    /// Creates the target for a consumer with this timeout and shortest delay of a retry. It connects with its first
    /// attempt.
    ///
    /// # Errors
    /// If a URL, the credentials or a CA certificate cannot be used.
    pub(super) fn new(
        settings: &NatsSettings,
        timeout: Duration,
        retry_min: Duration,
    ) -> Result<Self, TargetFault> {
        let mut options = ConnectOptions::new();
        if let Some(credentials) = &settings.credentials {
            let text = str::from_utf8(&credentials.0).ok();
            let with = text.and_then(|text| options.credentials(text).ok());
            let fault = "`credentials` is not a credentials file of NATS, with a JWT and a seed";
            options = with.ok_or(TargetFault::Credentials(fault))?;
        }
        let servers: Result<Vec<ServerAddr>, _> = settings.urls.iter().map(|url| url.parse()).collect();
        let servers = servers.map_err(|error| TargetFault::Url(error.to_string()))?;
        if settings.tls != TargetTls::default() || servers.iter().any(ServerAddr::tls_required) {
            let config = target_config(trust(&settings.tls), settings.tls.key_pair.clone());
            options = options.tls_client_config(config?);
        }
        let stream = StreamSettings {
            name: settings.stream.clone(),
            subjects: settings.subject.subjects(),
            create_replicas: settings.create_replicas.map(Into::into),
            ack_timeout: timeout * 4 / 5,
        };
        Ok(Self {
            options,
            servers,
            subject: settings.subject.clone(),
            stream,
            window_min: timeout.saturating_add(retry_min.saturating_mul(2)),
            warned: AtomicBool::new(false),
            session: Mutex::default(),
        })
    }

    /// The open connection, or else a new one.
    async fn session(&self) -> Result<Arc<NatsSession>, Verdict> {
        let mut current = self.session.lock().await;
        if let Some(session) = current.as_ref().filter(|session| session.is_open()) {
            return Ok(Arc::clone(session));
        }
        *current = None;
        let session = Arc::new(NatsSession::open(self.options.clone(), &self.servers, &self.stream).await?);
        let window = session.stream.duplicate_window;
        if window < self.window_min && !self.warned.swap(true, Ordering::Relaxed) {
            let (stream, needed) = (&self.stream.name, self.window_min);
            tracing::warn!(
                stream,
                ?window,
                ?needed,
                "duplicate window of the stream too short; retries may store duplicates"
            );
        }
        *current = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn attempt(&self, batch: &[Delivery]) -> Vec<Verdict> {
        let session = match self.session().await {
            Ok(session) => session,
            Err(verdict) => return vec![verdict; batch.len()],
        };
        let mut published = Vec::with_capacity(batch.len());
        for delivery in batch {
            published.push(self.publish(&session, delivery).await);
        }
        let mut verdicts = Vec::with_capacity(batch.len());
        for (acknowledgment, delivery) in published.into_iter().zip(batch) {
            let acknowledged = match acknowledgment {
                Ok(acknowledgment) => {
                    self.unless_lost(&session, delivery, acknowledgment.into_future()).await
                }
                Err(verdict) => Err(verdict),
            };
            verdicts.push(match acknowledged {
                Ok(Ok(_)) => Verdict::Done { detail: "acknowledged".into() },
                Ok(Err(error)) => self.refused(&session, &error, delivery),
                Err(verdict) => verdict,
            });
        }
        if verdicts
            .iter()
            .any(|verdict| matches!(verdict, Verdict::Retry { .. } | Verdict::Unreachable { .. }))
        {
            // The stream may have been changed since it was examined.
            let mut current = self.session.lock().await;
            current.take_if(|current| Arc::ptr_eq(current, &session));
        }
        verdicts
    }

    async fn publish(&self, session: &NatsSession, delivery: &Delivery) -> Result<PublishAckFuture, Verdict> {
        let stream = &self.stream.name;
        let subject = self.subject.subject(&delivery.facts);
        if !session.accepts(&subject) {
            let accepted = session.stream.subjects.join("`, `");
            let subject = Escaped(&subject);
            return Err(retry(format!(
                "the stream `{stream}` does not accept the subject `{subject}`, only `{accepted}`"
            )));
        }
        let message = PublishMessage::build()
            .payload(delivery.payload.clone())
            .headers(headers(delivery))
            .message_id(&delivery.facts.id)
            .expected_stream(stream);
        let publishing = session.context.send_publish(subject, message);
        let published = self.unless_lost(session, delivery, publishing).await?;
        published.map_err(|error| self.refused(session, &error, delivery))
    }

    /// What the future returns, or the verdict on the message if it will not be acknowledged.
    async fn unless_lost<T>(
        &self,
        session: &NatsSession,
        delivery: &Delivery,
        future: impl Future<Output = T>,
    ) -> Result<T, Verdict> {
        tokio::select! {
            biased;
            result = future => Ok(result),
            verdict = session.lost(|| self.subject.subject(&delivery.facts)) => Err(verdict),
        }
    }

    /// The verdict on a message that was not published or not acknowledged.
    fn refused(&self, session: &NatsSession, error: &PublishError, delivery: &Delivery) -> Verdict {
        let stream = &self.stream.name;
        let response = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
        match (error.kind(), response.map(jetstream::Error::error_code)) {
            (PublishErrorKind::MaxPayloadExceeded, _) => {
                let max = session.context.client().max_payload();
                Verdict::Failed {
                    reason: format!(
                        "the message is larger than the NATS server accepts (`max_payload`): {max} bytes, headers included"
                    ),
                }
            }
            (_, Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM)) => {
                let max = session.stream.max_message_size;
                let reason = format!(
                    "the message is larger than the stream `{stream}` accepts (`max_msg_size`): {max} bytes"
                );
                Verdict::Failed { reason }
            }
            (PublishErrorKind::StreamNotFound, _) => {
                let subject = self.subject.subject(&delivery.facts);
                retry(format!("no stream accepts the subject `{}`", Escaped(&subject)))
            }
            // No response: the client's task for the connection has ended, or the response is not JetStream's.
            (PublishErrorKind::BrokenPipe | PublishErrorKind::Other, None) => lost(),
            _ => retry(format!(
                "the stream `{stream}` does not accept the message: {}",
                Escaped(&error.to_string())
            )),
        }
    }
}

/// The headers of CloudEvents, and the content type.
fn headers(delivery: &Delivery) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in cloud_events(&delivery.facts) {
        headers.insert(name, value);
    }
    let content_type = delivery.facts.payload.content_type.as_deref();
    if let Some(value) = content_type.and_then(|value| value.parse::<HeaderValue>().ok()) {
        headers.insert("content-type", value);
    }
    headers
}

impl Target for NatsTarget {
    fn limits(&self) -> BatchLimits {
        BatchLimits { entries: 500, bytes: 8 << 20 }
    }

    fn deliver<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Verdict>> {
        self.attempt(batch).boxed()
    }
}
