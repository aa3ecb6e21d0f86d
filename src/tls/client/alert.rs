//! What a server says when it hangs up in the handshake (RFC 8446, 6.2), in words.

use std::fmt;
use std::io;

use rustls::{AlertDescription, Error};

/// An alert that the server sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alert(AlertDescription);

/// The name of an alert, and what it means for the client.
struct Words(AlertDescription, &'static str, &'static str);

/// Alerts that speak of the certificate that was shown, or was not.
const ABOUT_THE_CERTIFICATE: &[Words] = &[
    Words(
        AlertDescription::AccessDenied,
        "access_denied",
        "it does not let this peer in: no rule of a sender fits the certificate, or none was shown",
    ),
    Words(AlertDescription::BadCertificate, "bad_certificate", "it could not read or verify the certificate"),
    Words(
        AlertDescription::CertificateExpired,
        "certificate_expired",
        "the certificate, or a CA above it, has expired or is not valid yet",
    ),
    Words(
        AlertDescription::CertificateRequired,
        "certificate_required",
        "it asks for a certificate and none was shown; give `--cert` and `--key`",
    ),
    Words(AlertDescription::CertificateRevoked, "certificate_revoked", "the certificate has been revoked"),
    Words(
        AlertDescription::CertificateUnknown,
        "certificate_unknown",
        "it does not accept the certificate, and does not say why",
    ),
    Words(
        AlertDescription::UnknownCA,
        "unknown_ca",
        "no CA that it trusts issued the certificate, or the chain is incomplete",
    ),
    Words(
        AlertDescription::UnsupportedCertificate,
        "unsupported_certificate",
        "the certificate is of a kind, or for a purpose, that it does not accept",
    ),
];

/// Alerts that speak of something else.
const ABOUT_OTHER_THINGS: &[Words] = &[
    Words(AlertDescription::DecryptError, "decrypt_error", "a signature did not hold"),
    Words(
        AlertDescription::HandshakeFailure,
        "handshake_failure",
        "there is nothing that both sides accept; with TLS 1.2 also: it asks for a certificate and none was shown",
    ),
    Words(
        AlertDescription::NoApplicationProtocol,
        "no_application_protocol",
        "it does not speak the HTTP version that was asked for",
    ),
    Words(AlertDescription::ProtocolVersion, "protocol_version", "it speaks neither TLS 1.2 nor TLS 1.3"),
    Words(AlertDescription::UnrecognisedName, "unrecognized_name", "it serves no host of that name"),
];

impl Alert {
    /// The alert behind an error of the TLS stream. With TLS 1.3 a client has finished its
    /// handshake before the server has judged the certificate, so this may come with any read.
    pub fn behind(error: &io::Error) -> Option<Self> {
        let Error::AlertReceived(description) = error.get_ref()?.downcast_ref::<Error>()? else {
            return None;
        };
        Some(Self(*description))
    }

    /// Whether it says that none of the offered versions of TLS is spoken.
    pub fn is_about_the_version(self) -> bool {
        self.0 == AlertDescription::ProtocolVersion
    }

    /// Whether it speaks of our certificate.
    pub fn is_about_the_certificate(self) -> bool {
        ABOUT_THE_CERTIFICATE.iter().any(|words| words.0 == self.0)
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = ABOUT_THE_CERTIFICATE.iter().chain(ABOUT_OTHER_THINGS);
        match known.find(|words| words.0 == self.0) {
            Some(Words(_, name, meaning)) => write!(f, "{name} ({meaning})"),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_found_behind_an_io_error() {
        let error = io::Error::other(Error::AlertReceived(AlertDescription::UnknownCA));
        let alert = Alert::behind(&error).expect("an alert");
        assert!(alert.to_string().starts_with("unknown_ca (no CA"), "{alert}");
        assert!(alert.is_about_the_certificate());
        assert_eq!(Alert::behind(&io::ErrorKind::ConnectionReset.into()), None);
        assert_eq!(Alert(AlertDescription::InternalError).to_string(), "InternalError");
    }
}
