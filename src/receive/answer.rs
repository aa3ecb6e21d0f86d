//! The response to a delivery: success only with a receipt, and the table of errors.

use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use super::error::{DeliveryError, Unavailable};
use crate::policy::ResponseRule;
use crate::spool::Receipt;

const CLOSE: HeaderValue = HeaderValue::from_static("close");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const POST: HeaderValue = HeaderValue::from_static("POST");
/// `Retry-After` of a 503, in seconds: long enough for a probe of the spool, short enough that no event is late.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// The response to a sender. Created only from a receipt or from an error.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// The response to a durable entry, with the endpoint's status and the headers of the request that it echoes.
    pub fn stored(receipt: Receipt, rule: &ResponseRule, request: &HeaderMap) -> Self {
        let is_echoed = |name: &HeaderName| rule.echo_headers.iter().any(|echoed| echoed == name.as_str());
        let echoed = request.iter().filter(|(name, _)| is_echoed(name));
        let mut headers: HeaderMap = echoed.map(|(name, value)| (name.clone(), value.clone())).collect();
        if rule.status == StatusCode::NO_CONTENT {
            return Self { status: rule.status, headers, body: String::new() };
        }
        headers.insert(CONTENT_TYPE, JSON);
        Self { status: rule.status, headers, body: format!("{{\"id\":\"{}\"}}\n", receipt.id()) }
    }

    /// The response to a delivery without a receipt. It contains only the outcome's word; the reason is only in the log.
    pub fn error(error: &DeliveryError) -> Self {
        let (status, more): (_, &[_]) = match error {
            DeliveryError::Aborted | DeliveryError::BadRequest(_) => {
                (StatusCode::BAD_REQUEST, &[(CONNECTION, CLOSE)])
            }
            DeliveryError::NotImplemented => (StatusCode::NOT_IMPLEMENTED, &[(CONNECTION, CLOSE)]),
            DeliveryError::Forbidden(_) => (StatusCode::FORBIDDEN, &[]),
            DeliveryError::HeadersTooLarge => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &[]),
            DeliveryError::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, &[(ALLOW, POST)]),
            DeliveryError::NotFound(_) => (StatusCode::NOT_FOUND, &[]),
            DeliveryError::Timeout => (StatusCode::REQUEST_TIMEOUT, &[(CONNECTION, CLOSE)]),
            DeliveryError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, &[]),
            DeliveryError::Unavailable(
                Unavailable::Draining
                | Unavailable::Expired
                | Unavailable::GaveWay
                | Unavailable::AuthorizationRevoked(_),
            ) => {
                (StatusCode::SERVICE_UNAVAILABLE, &[(RETRY_AFTER, RETRY_AFTER_SECONDS), (CONNECTION, CLOSE)])
            }
            DeliveryError::Unavailable(
                Unavailable::ShareUsedUp
                | Unavailable::Commit(_)
                | Unavailable::EndpointFull(_)
                | Unavailable::Spool(_),
            ) => (StatusCode::SERVICE_UNAVAILABLE, &[(RETRY_AFTER, RETRY_AFTER_SECONDS)]),
        };
        let mut headers: HeaderMap = more.iter().cloned().collect();
        headers.insert(CONTENT_TYPE, JSON);
        Self { status, headers, body: format!("{{\"error\":\"{}\"}}\n", error.outcome().word()) }
    }

    /// The status, all headers except those that HTTP itself adds, and the body: one line of JSON, or nothing.
    pub fn into_parts(self) -> (StatusCode, HeaderMap, String) {
        (self.status, self.headers, self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Denial;
    use crate::receive::authorization::AuthorizationRevoked;
    use crate::receive::error::NotFoundReason;
    use crate::spool::{CommitError, HealthFault};

    fn errors() -> Vec<DeliveryError> {
        vec![
            DeliveryError::Aborted,
            DeliveryError::BadRequest("twice"),
            DeliveryError::NotImplemented,
            DeliveryError::Forbidden(Denial::NotListed { accepted_for: Vec::new() }),
            DeliveryError::HeadersTooLarge,
            DeliveryError::MethodNotAllowed,
            DeliveryError::NotFound(NotFoundReason::Path),
            DeliveryError::NotFound(NotFoundReason::Secret),
            DeliveryError::Timeout,
            DeliveryError::TooLarge,
            DeliveryError::Unavailable(Unavailable::ShareUsedUp),
            DeliveryError::Unavailable(Unavailable::GaveWay),
            DeliveryError::Unavailable(Unavailable::Draining),
            DeliveryError::Unavailable(Unavailable::Expired),
            DeliveryError::Unavailable(Unavailable::AuthorizationRevoked(AuthorizationRevoked)),
            DeliveryError::Unavailable(Unavailable::Commit(CommitError::Busy)),
            DeliveryError::Unavailable(Unavailable::Spool(HealthFault::Failing)),
        ]
    }

    #[test]
    fn an_error_is_never_answered_with_success() {
        for error in errors() {
            let answer = Answer::error(&error);
            assert!(!answer.status.is_success() && !answer.status.is_redirection(), "{error:?}");
            assert_ne!(answer.status, StatusCode::GONE);
        }
    }

    #[test]
    fn a_receiver_fault_is_never_a_4xx_and_has_retry_after() {
        for error in errors().into_iter().filter(|error| matches!(error, DeliveryError::Unavailable(_))) {
            let answer = Answer::error(&error);
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{error:?}");
            assert!(answer.headers.contains_key(RETRY_AFTER), "{error:?}");
        }
    }

    #[test]
    fn a_timeout_closes_the_connection() {
        // hyper strips `connection` on HTTP/2 (RFC 9113, 8.2.2); the header alone decides here.
        assert_eq!(Answer::error(&DeliveryError::Timeout).headers.get(CONNECTION), Some(&CLOSE));
    }
}
