//! Why a client received no response.

use std::io;
use std::time::Duration;

use http::StatusCode;

use crate::tls::client::{Alert, HandshakeFault};

/// Why a client received no complete response.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// The TCP or Unix connection failed.
    #[error("cannot connect to `{address}`")]
    Connect {
        /// The address.
        address: String,
        /// The error of the system.
        #[source]
        why: io::Error,
    },
    /// The TLS handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeFault),
    /// The HTTP connection failed.
    #[error("the connection ended without a response (some servers refuse a certificate this way)")]
    Http(#[from] hyper::Error),
    /// The server refused the certificate after the client's handshake, which is usual with TLS 1.3.
    #[error("the server refused the certificate: {0}")]
    Refused(Alert),
    /// The server ended the connection with another alert.
    #[error("the server ended the connection: {0}")]
    Alert(Alert),
    /// The URL or a header is not valid in a request.
    #[error("the request is not valid")]
    Request(#[from] http::Error),
    /// The response's body is too long or incomplete.
    #[error("the response was {status}, but its body cannot be read")]
    Body {
        /// The status of the response.
        status: StatusCode,
        /// The error.
        #[source]
        why: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A timeout expired.
    #[error("no {what} within {} s", .after.as_secs())]
    Deadline {
        /// The missing event.
        what: &'static str,
        /// The timeout.
        after: Duration,
    },
}

impl ClientFault {
    /// Whether the server refused the client, or the client did not accept the server's certificate.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Alert(_) => true,
            Self::Handshake(fault) => match fault {
                HandshakeFault::Server(_) | HandshakeFault::Alert(_) | HandshakeFault::NoHttp2 => true,
                HandshakeFault::Io(_) => false,
            },
            Self::Connect { .. }
            | Self::Http(_)
            | Self::Request(_)
            | Self::Body { .. }
            | Self::Deadline { .. } => false,
        }
    }
}

impl From<Alert> for ClientFault {
    fn from(alert: Alert) -> Self {
        if alert.is_about_the_certificate() { Self::Refused(alert) } else { Self::Alert(alert) }
    }
}
