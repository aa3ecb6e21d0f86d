//! The alert with which a server ends a handshake (RFC 8446, section 6.2), as text.

use std::fmt;
use std::io;

use rustls::{AlertDescription, Error};

/// An alert that the server sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alert(AlertDescription);

/// An alert, its name, and its meaning for the client.
struct Meaning(AlertDescription, &'static str, &'static str);

/// Alerts about the client's certificate, or its absence.
const ABOUT_THE_CERTIFICATE: &[Meaning] = &[
    Meaning(
        AlertDescription::AccessDenied,
        "access_denied",
        "it does not admit this peer: no sender's rule matches the certificate, or none was presented",
    ),
    Meaning(
        AlertDescription::BadCertificate,
        "bad_certificate",
        "it could not read or verify the certificate",
    ),
    Meaning(
        AlertDescription::CertificateExpired,
        "certificate_expired",
        "the certificate, or a CA above it, has expired or is not valid yet",
    ),
    Meaning(
        AlertDescription::CertificateRequired,
        "certificate_required",
        "it requires a certificate and none was presented; give `--cert` and `--key`",
    ),
    Meaning(AlertDescription::CertificateRevoked, "certificate_revoked", "the certificate has been revoked"),
    Meaning(
        AlertDescription::CertificateUnknown,
        "certificate_unknown",
        "it does not accept the certificate, and gives no reason",
    ),
    Meaning(
        AlertDescription::UnknownCA,
        "unknown_ca",
        "no CA that it trusts issued the certificate, or the chain is incomplete",
    ),
    Meaning(
        AlertDescription::UnsupportedCertificate,
        "unsupported_certificate",
        "the certificate is of a kind, or for a purpose, that it does not accept",
    ),
];

/// Alerts about anything else.
const OTHERS: &[Meaning] = &[
    Meaning(AlertDescription::DecryptError, "decrypt_error", "a signature is not valid"),
    Meaning(
        AlertDescription::HandshakeFailure,
        "handshake_failure",
        "the two sides support nothing in common; with TLS 1.2 also: it requires a certificate and none was presented",
    ),
    Meaning(
        AlertDescription::NoApplicationProtocol,
        "no_application_protocol",
        "it does not support the requested HTTP version",
    ),
    Meaning(AlertDescription::ProtocolVersion, "protocol_version", "it supports neither TLS 1.2 nor TLS 1.3"),
    Meaning(AlertDescription::UnrecognisedName, "unrecognized_name", "it does not serve this host name"),
];

impl Alert {
    /// The alert that caused an error of the TLS stream. With TLS 1.3 a client completes its handshake before the
    /// server has verified the certificate, so any read can return the alert.
    pub fn behind(error: &io::Error) -> Option<Self> {
        let Error::AlertReceived(description) = error.get_ref()?.downcast_ref::<Error>()? else {
            return None;
        };
        Some(Self(*description))
    }

    /// Whether the server supports none of the offered versions of TLS.
    pub fn is_about_the_version(self) -> bool {
        self.0 == AlertDescription::ProtocolVersion
    }

    /// Whether the alert is about the client's certificate.
    pub fn is_about_the_certificate(self) -> bool {
        ABOUT_THE_CERTIFICATE.iter().any(|meaning| meaning.0 == self.0)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = ABOUT_THE_CERTIFICATE.iter().chain(OTHERS);
        match known.find(|meaning| meaning.0 == self.0) {
            Some(Meaning(_, name, meaning)) => write!(f, "{name} ({meaning})"),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alert_is_found_in_an_io_error() {
        let error = io::Error::other(Error::AlertReceived(AlertDescription::UnknownCA));
        let alert = Alert::behind(&error).expect("an alert");
        assert!(alert.to_string().starts_with("unknown_ca (no CA"), "{alert}");
        assert!(alert.is_about_the_certificate());
        assert_eq!(Alert::behind(&io::ErrorKind::ConnectionReset.into()), None);
        assert_eq!(Alert(AlertDescription::InternalError).to_string(), "InternalError");
    }
}
