//! Why there was no answer.

use std::io;
use std::time::Duration;

use http::StatusCode;

use crate::tls::client::{Alert, HandshakeFault};

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// No connection came about.
    #[error("cannot connect to `{address}`")]
    Connect {
        /// Who was called.
        address: String,
        /// What the system said.
        #[source]
        why: io::Error,
    },
    /// The handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeFault),
    /// HTTP failed.
    #[error("the connection ended without an answer (some servers refuse a certificate this way)")]
    Http(#[from] hyper::Error),
    /// The server refused after its side of the handshake, as TLS 1.3 has it.
    #[error("the server refused the certificate: {0}")]
    Refused(Alert),
    /// The server ended the connection with another alert.
    #[error("the server ended the connection: {0}")]
    Alert(Alert),
    /// The request cannot be put into words.
    #[error("this is not a request that can be sent")]
    Request(#[from] http::Error),
    /// The answer's body is longer than anyone will read, or broke off.
    #[error("the answer was {status}, and its body cannot be read")]
    Body {
        /// What was answered.
        status: StatusCode,
        /// Why no more is known.
        #[source]
        why: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A deadline passed.
    #[error("no {what} within {} s", .after.as_secs())]
    Deadline {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
}

impl ClientFault {
    /// Whether a server was there and said no, or was not believed.
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
