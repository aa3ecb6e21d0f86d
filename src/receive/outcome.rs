//! The outcomes of a delivery, with the response, the metric label and the logged reason of each.

use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use super::authorization::AuthorizationRevoked;
use crate::policy::Denial;
use crate::spool::{CommitError, HealthFault, Receipt};

/// `Retry-After` of a 503, in seconds: long enough for a probe of the spool, short enough that no event is late.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// The outcome of a delivery.
#[derive(Debug)]
pub enum Outcome {
    /// The sender disconnected before its body was complete.
    Aborted,
    /// The request is not valid HTTP; the text states the cause, and contains no part of it.
    BadRequest(&'static str),
    /// The endpoint lists none of the peer's senders, or not its address.
    Forbidden(Denial),
    /// The method is not POST.
    MethodNotAllowed,
    /// The path is not that of an endpoint, or the query lacks its secret.
    NotFound(NotFoundReason),
    /// The body has a transfer coding other than chunked.
    NotImplemented,
    /// The entry is durable.
    Stored(Receipt),
    /// The body stalled or never ended.
    Timeout,
    /// The body is longer than the endpoint accepts.
    TooLarge,
    /// A temporary fault of the receiver.
    Unavailable(Unavailable),
}

/// Why the HTTP library rejected a request by itself, before it reached the intake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rejection {
    /// The request is not valid HTTP, or uses a form that the library does not accept.
    BadRequest,
    /// The request line and the headers are larger than the documented limit.
    HeadersTooLarge,
}

impl Rejection {
    /// The rejection as a metric's label.
    pub fn word(self) -> &'static str {
        match self {
            Self::BadRequest => "bad_request",
            Self::HeadersTooLarge => "headers_too_large",
        }
    }
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
    /// The bodies being received fill the memory set aside for them.
    #[error("too many bytes of other deliveries are in flight")]
    BodyMemoryFull,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Draining,
    /// The certificate, its CA or a required revocation list expired while the connection was open.
    #[error("the certificate, its CA or a revocation list has expired since the handshake")]
    Expired,
    /// A reload has revoked the sender's authorization.
    #[error(transparent)]
    AuthorizationRevoked(#[from] AuthorizationRevoked),
    /// The spool could not make the entry durable.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The spool is failing or low on space.
    #[error("{0}")]
    Spool(HealthFault),
}

/// The response to the sender.
#[derive(Debug)]
pub struct Answer {
    /// The status line.
    pub status: StatusCode,
    /// All headers except those that HTTP itself adds.
    pub headers: HeaderMap,
    /// One line of JSON, or nothing.
    pub body: String,
}

impl Outcome {
    /// The outcome as a metric's label, and in a refusal's body.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::BadRequest(_) => "bad_request",
            Self::Forbidden(_) => "forbidden",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound(_) => "not_found",
            Self::NotImplemented => "not_implemented",
            Self::Stored(_) => "stored",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::Unavailable(_) => "unavailable",
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
            Self::Aborted | Self::MethodNotAllowed | Self::Stored(_) | Self::Timeout | Self::TooLarge => None,
        }
    }

    /// Whether the rest of the request's body, if there is one, is worth discarding so that the sender gets the response.
    pub fn leaves_body_unread(&self) -> bool {
        !matches!(self, Self::Aborted | Self::Stored(_) | Self::Timeout)
    }

    /// The response. `success` and `echo` are used only for [`Outcome::Stored`]; every other outcome has its own status.
    pub fn answer(&self, success: StatusCode, echo: HeaderMap) -> Answer {
        match self {
            Self::Stored(receipt) => stored(receipt, success, echo),
            Self::Aborted => self.refuse(StatusCode::BAD_REQUEST, &[(CONNECTION, CLOSE)]),
            Self::BadRequest(_) => self.refuse(StatusCode::BAD_REQUEST, &[(CONNECTION, CLOSE)]),
            Self::NotImplemented => self.refuse(StatusCode::NOT_IMPLEMENTED, &[(CONNECTION, CLOSE)]),
            Self::Forbidden(_) => self.refuse(StatusCode::FORBIDDEN, &[]),
            Self::MethodNotAllowed => {
                self.refuse(StatusCode::METHOD_NOT_ALLOWED, &[(ALLOW, HeaderValue::from_static("POST"))])
            }
            Self::NotFound(_) => self.refuse(StatusCode::NOT_FOUND, &[]),
            Self::Timeout => self.refuse(StatusCode::REQUEST_TIMEOUT, &[(CONNECTION, CLOSE)]),
            Self::TooLarge => self.refuse(StatusCode::PAYLOAD_TOO_LARGE, &[]),
            Self::Unavailable(
                Unavailable::Draining | Unavailable::Expired | Unavailable::AuthorizationRevoked(_),
            ) => self.refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                &[(RETRY_AFTER, RETRY_AFTER_SECONDS), (CONNECTION, CLOSE)],
            ),
            Self::Unavailable(
                Unavailable::BodyMemoryFull | Unavailable::Commit(_) | Unavailable::Spool(_),
            ) => self.refuse(StatusCode::SERVICE_UNAVAILABLE, &[(RETRY_AFTER, RETRY_AFTER_SECONDS)]),
        }
    }

    /// A response with only the outcome's word; the reason is only in the log.
    fn refuse(&self, status: StatusCode, more: &[(HeaderName, HeaderValue)]) -> Answer {
        let mut headers: HeaderMap = more.iter().cloned().collect();
        headers.insert(CONTENT_TYPE, JSON);
        Answer { status, headers, body: format!("{{\"error\":\"{}\"}}\n", self.word()) }
    }
}

const CLOSE: HeaderValue = HeaderValue::from_static("close");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

fn stored(receipt: &Receipt, status: StatusCode, echo: HeaderMap) -> Answer {
    let mut headers = echo;
    if status == StatusCode::NO_CONTENT {
        return Answer { status, headers, body: String::new() };
    }
    headers.insert(CONTENT_TYPE, JSON);
    Answer { status, headers, body: format!("{{\"id\":\"{}\"}}\n", receipt.id()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::OUTCOMES;

    fn refusals() -> Vec<Outcome> {
        vec![
            Outcome::Aborted,
            Outcome::BadRequest("twice"),
            Outcome::NotImplemented,
            Outcome::Forbidden(Denial::NotListed { accepted_for: Vec::new() }),
            Outcome::MethodNotAllowed,
            Outcome::NotFound(NotFoundReason::Path),
            Outcome::NotFound(NotFoundReason::Secret),
            Outcome::Timeout,
            Outcome::TooLarge,
            Outcome::Unavailable(Unavailable::BodyMemoryFull),
            Outcome::Unavailable(Unavailable::Draining),
            Outcome::Unavailable(Unavailable::Expired),
            Outcome::Unavailable(Unavailable::AuthorizationRevoked(AuthorizationRevoked)),
            Outcome::Unavailable(Unavailable::Commit(CommitError::Busy)),
            Outcome::Unavailable(Unavailable::Spool(HealthFault::Failing)),
        ]
    }

    #[test]
    fn every_outcome_has_its_series() {
        for outcome in refusals() {
            assert!(OUTCOMES.contains(&outcome.word()), "{outcome:?}");
        }
        for rejection in [Rejection::BadRequest, Rejection::HeadersTooLarge] {
            assert!(OUTCOMES.contains(&rejection.word()), "{rejection:?}");
        }
    }

    #[test]
    fn only_a_receipt_is_answered_with_success() {
        for outcome in refusals() {
            let answer = outcome.answer(StatusCode::OK, HeaderMap::new());
            assert!(!answer.status.is_success() && !answer.status.is_redirection(), "{outcome:?}");
            assert_ne!(answer.status, StatusCode::GONE);
        }
    }

    #[test]
    fn a_receiver_fault_is_never_a_4xx_and_has_retry_after() {
        for outcome in refusals().into_iter().filter(|outcome| outcome.word() == "unavailable") {
            let answer = outcome.answer(StatusCode::OK, HeaderMap::new());
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{outcome:?}");
            assert!(answer.headers.contains_key(RETRY_AFTER), "{outcome:?}");
        }
    }

    #[test]
    fn connection_close_is_not_sent_where_http2_forbids_it() {
        // hyper strips `connection` on HTTP/2 (RFC 9113, 8.2.2); the header alone decides here.
        let answer = Outcome::Timeout.answer(StatusCode::OK, HeaderMap::new());
        assert_eq!(answer.headers.get(CONNECTION), Some(&CLOSE));
    }
}
