//! A connection to NATS, and the stream as it was when the connection was opened.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::context::{
    Context, ContextBuilder, CreateStreamErrorKind, GetStreamErrorKind, RequestError, RequestErrorKind,
};
use async_nats::jetstream::stream::{Config, Info};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{ConnectOptions, Event, ServerAddr};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Verdict;
use super::subject::accepts;
use crate::escape::Escaped;

/// The time to connect to one address, and to get an answer about the stream.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection is lost if the server does not answer two pings.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// The messages that may wait for their acknowledgment: more than a consumer attempts at the same time, so that no batch
/// waits for another.
const ACKS_MAX: usize = 1 << 14;
/// The duplicate window of streams that are created.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(3600);

/// The stream of a target.
#[derive(Debug)]
pub(super) struct StreamSettings {
    pub(super) name: String,
    /// The subjects of all entries, with wildcards.
    pub(super) subjects: String,
    /// The replicas with which it is created if it is missing.
    pub(super) create_replicas: Option<usize>,
    /// The timeout of an acknowledgment, shorter than that of an attempt: one that is missing delays no other entry.
    pub(super) ack_timeout: Duration,
}

/// A connection. It does not reconnect, so that the stream is examined again.
#[derive(Debug)]
pub(super) struct NatsSession {
    pub(super) context: Context,
    pub(super) stream: Config,
    losses: watch::Receiver<Losses>,
}

/// What will not be acknowledged.
#[derive(Debug, Default)]
struct Losses {
    /// The verdict on all messages after the connection has ended.
    ended: Option<Verdict>,
    /// The subjects that the server does not permit, and the verdict on their messages.
    denied: BTreeMap<String, Verdict>,
}

impl NatsSession {
    /// Connects, and examines the stream or creates it.
    ///
    /// # Errors
    /// The verdict on all entries.
    pub(super) async fn open(
        options: ConnectOptions,
        servers: &[ServerAddr],
        stream: &StreamSettings,
    ) -> Result<Self, Verdict> {
        let (sender, losses) = watch::channel(Losses::default());
        let client = options
            .name("hookspool")
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .ignore_discovered_servers()
            .max_reconnects(servers.len())
            .event_callback(move |event| {
                if let Some((subject, verdict)) = loss(&event) {
                    sender.send_modify(|losses| match subject {
                        Some(subject) => drop(losses.denied.insert(subject, verdict)),
                        None => drop(losses.ended.get_or_insert(verdict)),
                    });
                }
                std::future::ready(())
            })
            .connect(servers)
            .await
            .map_err(|error| {
                unreachable(format!("cannot connect to NATS: {}", Escaped(&error.to_string())))
            })?;
        let context =
            ContextBuilder::new().timeout(stream.ack_timeout).max_ack_inflight(ACKS_MAX).build(client);
        let info = timeout(CONNECT_TIMEOUT, examine(&context, stream));
        let silent = |_| unreachable("the NATS server does not answer requests about the stream".to_owned());
        let stream = info.await.map_err(silent)??.config;
        Ok(Self { context, stream, losses })
    }

    /// Whether the connection is open.
    pub(super) fn is_open(&self) -> bool {
        self.losses.borrow().ended.is_none()
    }

    /// Waits until the connection ends or the server denies the subject, and returns the verdict on a message to it that is
    /// not acknowledged.
    pub(super) async fn lost(&self, subject: impl Fn() -> String) -> Verdict {
        let mut losses = self.losses.clone();
        let denied = |losses: &Losses| {
            let is_any = !losses.denied.is_empty();
            is_any.then(|| losses.denied.get(&subject()).cloned())?
        };
        let found = losses.wait_for(|losses| losses.ended.is_some() || denied(losses).is_some()).await.ok();
        found.and_then(|losses| losses.ended.clone().or_else(|| denied(&losses))).unwrap_or_else(lost)
    }

    /// Whether the stream stores messages of a subject.
    pub(super) fn accepts(&self, subject: &str) -> bool {
        self.stream.subjects.iter().any(|accepted| accepts(accepted, subject))
    }
}

/// The verdict on messages that are not acknowledged when this happens, and the subject if it concerns only one; none if
/// all can still be acknowledged.
fn loss(event: &Event) -> Option<(Option<String>, Verdict)> {
    match event {
        Event::Disconnected | Event::Closed => Some((None, lost())),
        Event::ServerError(error) => {
            let error = error.to_string();
            let subject = denied_subject(&error).map(str::to_owned);
            Some((subject, retry(format!("error of the NATS server: {}", Escaped(&error)))))
        }
        Event::Connected
        | Event::LameDuckMode
        | Event::Draining
        | Event::SlowConsumer(_)
        | Event::ClientError(_) => None,
    }
}

/// The subject of a message that the server did not accept for lack of permission. It keeps the connection open.
fn denied_subject(error: &str) -> Option<&str> {
    let (_, subject) = error.split_once("Permissions Violation for Publish to \"")?;
    subject.split_once('"').map(|(subject, _)| subject)
}

/// The server's information about the stream, which is created if it is missing and the settings require it.
async fn examine(context: &Context, wanted: &StreamSettings) -> Result<Info, Verdict> {
    let name = &wanted.name;
    let found = match context.get_stream(name).await {
        Ok(stream) => Ok(stream.cached_info().clone()),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                create(context, wanted).await
            }
            GetStreamErrorKind::JetStream(error) => Err(refused(name, &error)),
            GetStreamErrorKind::Request => Err(unanswered(&error)),
            GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => {
                Err(retry(format!("`{name}` is not a valid name of a stream")))
            }
        },
    };
    match found {
        Ok(info) if info.config.no_ack => {
            Err(retry(format!("the stream `{name}` does not acknowledge messages (`no_ack`)")))
        }
        found => found,
    }
}

async fn create(context: &Context, wanted: &StreamSettings) -> Result<Info, Verdict> {
    let name = &wanted.name;
    let Some(num_replicas) = wanted.create_replicas else {
        return Err(retry(format!(
            "the NATS server has no stream `{name}`; create it, or add `create_stream = {{ replicas = 1 }}`"
        )));
    };
    let config = Config {
        name: name.clone(),
        subjects: vec![wanted.subjects.clone()],
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas,
        ..Config::default()
    };
    match context.create_stream(config).await {
        Ok(stream) => Ok(stream.cached_info().clone()),
        Err(error) => Err(match error.kind() {
            CreateStreamErrorKind::JetStream(error) => refused(name, &error),
            CreateStreamErrorKind::EmptyStreamName
            | CreateStreamErrorKind::InvalidStreamName
            | CreateStreamErrorKind::DomainAndExternalSet
            | CreateStreamErrorKind::JetStreamUnavailable
            | CreateStreamErrorKind::TimedOut
            | CreateStreamErrorKind::Response
            | CreateStreamErrorKind::NotFound
            | CreateStreamErrorKind::ResponseParse => unanswered(&error),
        }),
    }
}

/// The verdict after an error response about the stream.
fn refused(stream: &str, error: &jetstream::Error) -> Verdict {
    let text = Escaped(&error.to_string()).to_string();
    match error.error_code() {
        ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
            unreachable(format!("JetStream is not enabled on the NATS server: {text}"))
        }
        _ => retry(format!("the NATS server refuses the stream `{stream}`: {text}")),
    }
}

/// The verdict after a request about the stream without a response.
fn unanswered(error: &dyn std::error::Error) -> Verdict {
    let request = error.source().and_then(|source| source.downcast_ref::<RequestError>());
    match request.map(RequestError::kind) {
        Some(RequestErrorKind::NoResponders) => {
            unreachable("JetStream is not enabled on the NATS server".to_owned())
        }
        _ => unreachable(format!("the NATS server does not answer: {}", Escaped(&error.to_string()))),
    }
}

pub(super) fn lost() -> Verdict {
    unreachable("the connection to NATS was lost".to_owned())
}

pub(super) fn unreachable(reason: String) -> Verdict {
    Verdict::Unreachable { reason }
}

pub(super) fn retry(reason: String) -> Verdict {
    Verdict::Retry { after: None, reason }
}

#[cfg(test)]
mod tests {
    use async_nats::ServerError;

    use super::*;

    #[test]
    fn only_the_messages_to_a_denied_subject_are_lost() {
        let lost = |text: &str| loss(&Event::ServerError(ServerError::Other(text.to_owned())));
        let (subject, _) = lost("Permissions Violation for Publish to \"webhooks.Pix\"").expect("a loss");
        assert_eq!(subject.as_deref(), Some("webhooks.Pix"));
        for all in ["Permissions Violation for Subscription to \"_INBOX.>\"", "Unknown Protocol Operation"] {
            assert_eq!(lost(all).expect("a loss").0, None);
        }
        assert_eq!(loss(&Event::Connected), None);
    }
}
