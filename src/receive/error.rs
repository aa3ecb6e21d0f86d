//! Why a delivery has no receipt. Only the faults of the receiver, and authorization that ended, are `Unavailable`.

use super::authorization::AuthorizationRevoked;
use crate::metrics::DeliveryOutcome;
use crate::policy::{Denial, TooLong};
use crate::spool::{CommitError, EndpointFull, HealthFault};

/// Why a delivery has no receipt.
#[derive(Debug)]
pub enum DeliveryError {
    /// The sender disconnected before its body was complete.
    Aborted,
    /// The request is not valid HTTP; the text states the cause, and contains no part of it.
    BadRequest(&'static str),
    /// The endpoint lists none of the peer's senders, or not its address.
    Forbidden(Denial),
    /// There are too many header fields.
    HeadersTooLarge,
    /// The method is not POST.
    MethodNotAllowed,
    /// The path is not that of an endpoint, or the query lacks its secret.
    NotFound(NotFoundReason),
    /// The body has a transfer coding other than chunked.
    NotImplemented,
    /// The body stalled or never ended.
    Timeout,
    /// The body is longer than the endpoint accepts.
    TooLarge,
    /// The sender should try again, over a new connection if its authorization has ended.
    Unavailable(Unavailable),
}

/// Why a request's URL belongs to no endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotFoundReason {
    /// No endpoint has the path.
    #[error("no endpoint has this path")]
    Path,
    /// The endpoint's `query_secret` is not in the query.
    #[error("the query does not contain the endpoint's `query_secret`")]
    Secret,
}

/// Why deliveries cannot be accepted at the moment.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// The sender's deliveries in flight use its share of the memory, and everything except the reserve is used.
    #[error("the deliveries in flight of this sender use its share of the memory")]
    ShareUsedUp,
    /// The body gave way to a delivery of another sender.
    #[error("the memory is needed for another sender, and this sender uses most of it")]
    GaveWay,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Draining,
    /// The certificate, its CA or a required revocation list expired while the connection was open.
    #[error("the certificate, its CA or a revocation list has expired since the handshake")]
    Expired,
    /// A reload has revoked the sender's authorization.
    #[error(transparent)]
    AuthorizationRevoked(#[from] AuthorizationRevoked),
    /// The endpoint's entries in the spool reach its limit.
    #[error(transparent)]
    EndpointFull(#[from] EndpointFull),
    /// The spool could not make the entry durable.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The spool is failing or low on space.
    #[error("{0}")]
    Spool(HealthFault),
}

impl From<Unavailable> for DeliveryError {
    fn from(why: Unavailable) -> Self {
        Self::Unavailable(why)
    }
}

impl From<TooLong> for DeliveryError {
    fn from(TooLong: TooLong) -> Self {
        Self::TooLarge
    }
}

impl DeliveryError {
    /// The outcome that is counted and logged, and whose word is in the response.
    pub fn outcome(&self) -> DeliveryOutcome {
        match self {
            Self::Aborted => DeliveryOutcome::Aborted,
            Self::BadRequest(_) => DeliveryOutcome::BadRequest,
            Self::Forbidden(_) => DeliveryOutcome::Forbidden,
            Self::HeadersTooLarge => DeliveryOutcome::HeadersTooLarge,
            Self::MethodNotAllowed => DeliveryOutcome::MethodNotAllowed,
            Self::NotFound(_) => DeliveryOutcome::NotFound,
            Self::NotImplemented => DeliveryOutcome::NotImplemented,
            Self::Timeout => DeliveryOutcome::Timeout,
            Self::TooLarge => DeliveryOutcome::TooLarge,
            Self::Unavailable(_) => DeliveryOutcome::Unavailable,
        }
    }

    /// The reason, only for the log.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::BadRequest(why) => Some((*why).to_owned()),
            Self::Forbidden(denial) => Some(denial.to_string()),
            Self::NotFound(reason) => Some(reason.to_string()),
            Self::Unavailable(why) => Some(why.to_string()),
            Self::NotImplemented => Some("the request has a transfer coding other than chunked".to_owned()),
            Self::HeadersTooLarge => Some("there are more than 100 header fields".to_owned()),
            Self::MethodNotAllowed => Some("the method is not POST".to_owned()),
            Self::Timeout => Some("the body was not complete within [server] body_timeout".to_owned()),
            Self::TooLarge => Some("the body is longer than the endpoint's max_body".to_owned()),
            Self::Aborted => None,
        }
    }

    /// Whether the body may be unread, so that the rest must be discarded for the sender to get the response.
    pub fn leaves_body_unread(&self) -> bool {
        !matches!(self, Self::Aborted | Self::Timeout)
    }
}
