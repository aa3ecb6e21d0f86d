//! Why a TLS handshake failed for a reason other than the client's certificate, described for an operator.

use std::io;

use rustls::{AlertDescription, ContentType, Error, InvalidMessage, PeerIncompatible, PeerMisbehaved};

use super::offer::{Offer, list};
use crate::metrics::HandshakeFailureReason;

/// A handshake that failed, with what the peer offered.
#[derive(Debug)]
pub(super) struct HandshakeFailure {
    pub(super) reason: HandshakeFailureReason,
    pub(super) detail: String,
    /// The peer's values of the parameter that is not in common.
    pub(super) offered: Option<String>,
}

impl HandshakeFailure {
    /// Whether it is counted and not logged, because port scanners and clients that disconnect cause it.
    pub(super) fn is_noise(&self) -> bool {
        matches!(self.reason, HandshakeFailureReason::NotTls | HandshakeFailureReason::Closed)
    }

    /// Describes an error; `offer` is that of the ClientHello, if one was read.
    pub(super) fn new(error: &io::Error, offer: Option<&Offer>) -> Self {
        match tls_error(error) {
            Some(error) => Self::of_tls(error, offer),
            None => {
                Self::plain(HandshakeFailureReason::Closed, format!("the connection ended: {}", error.kind()))
            }
        }
    }

    /// The peer stalled after its ClientHello. Its first large packets may be lost on the way.
    pub(super) fn stalled_after_hello() -> Self {
        Self::plain(
            HandshakeFailureReason::Other,
            "timeout: the peer stalled after its ClientHello; the network path may drop large packets"
                .to_owned(),
        )
    }

    /// A failure that the peer did not cause.
    pub(super) fn internal(detail: &str) -> Self {
        Self::plain(HandshakeFailureReason::Other, detail.to_owned())
    }

    fn plain(reason: HandshakeFailureReason, detail: String) -> Self {
        Self { reason, detail, offered: None }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
    fn of_tls(error: &Error, offer: Option<&Offer>) -> Self {
        match error {
            Error::PeerIncompatible(incompatible) => Self::incompatible(incompatible, offer),
            Error::InvalidMessage(invalid) if offer.is_none() => Self::invalid_hello(invalid),
            Error::NoApplicationProtocol => Self {
                reason: HandshakeFailureReason::NoApplicationProtocol,
                detail: "the peer offers no application protocol (ALPN) of h2, http/1.1 and http/1.0"
                    .to_owned(),
                offered: offer.map(|offer| list(&offer.protocols, |name| name.escape_ascii().to_string())),
            },
            Error::PeerMisbehaved(
                PeerMisbehaved::ServerNameMustContainOneHostName | PeerMisbehaved::ServerNameDifferedOnRetry,
            ) => Self::plain(HandshakeFailureReason::BadServerName, BAD_SERVER_NAME.to_owned()),
            Error::InappropriateMessage { got_type: ContentType::Alert, .. } if offer.is_none() => {
                Self::plain(
                    HandshakeFailureReason::Closed,
                    "the peer sent an alert and no ClientHello".to_owned(),
                )
            }
            Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. }
                if offer.is_none() =>
            {
                Self::plain(HandshakeFailureReason::NotTls, NO_HELLO.to_owned())
            }
            Error::AlertReceived(AlertDescription::CloseNotify | AlertDescription::UserCanceled) => {
                Self::plain(HandshakeFailureReason::Closed, "the peer closed the connection".to_owned())
            }
            Error::AlertReceived(alert) => Self::plain(HandshakeFailureReason::Other, alert_words(*alert)),
            other => Self::plain(
                HandshakeFailureReason::Other,
                format!("the peer violated the TLS protocol: {other}"),
            ),
        }
    }

    /// Describes data that is not a valid ClientHello. It is noise only if it is not a TLS record at all.
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
    fn invalid_hello(error: &InvalidMessage) -> Self {
        let (reason, detail) = match error {
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::InvalidEmptyPayload
            | InvalidMessage::MessageTooLarge => (HandshakeFailureReason::NotTls, NO_HELLO),
            InvalidMessage::InvalidServerName | InvalidMessage::IllegalEmptyList("ServerNames") => {
                (HandshakeFailureReason::BadServerName, BAD_SERVER_NAME)
            }
            // The library does not report which of the two is empty.
            InvalidMessage::IllegalEmptyValue => (
                HandshakeFailureReason::BadServerName,
                "the ClientHello contains an empty server name (SNI) or application protocol (ALPN)",
            ),
            InvalidMessage::IllegalEmptyList("CipherSuites") => {
                (HandshakeFailureReason::NoCommonCipher, "the peer offers no cipher suite")
            }
            InvalidMessage::IllegalEmptyList("NamedGroups" | "ECPointFormats") => {
                (HandshakeFailureReason::NoCommonCipher, "the peer offers no key exchange group")
            }
            InvalidMessage::NoSignatureSchemes => {
                (HandshakeFailureReason::NoCommonCipher, "the peer offers no signature scheme")
            }
            InvalidMessage::IllegalEmptyList("ProtocolVersions") => {
                (HandshakeFailureReason::NoCommonProtocol, "the peer offers no TLS version")
            }
            InvalidMessage::IllegalEmptyList("ProtocolNames") => (
                HandshakeFailureReason::NoApplicationProtocol,
                "the peer offers an empty list of application protocols (ALPN)",
            ),
            InvalidMessage::HandshakePayloadTooLarge => {
                (HandshakeFailureReason::Other, "the ClientHello is larger than 16 KiB")
            }
            other => {
                return Self::plain(
                    HandshakeFailureReason::Other,
                    format!("the ClientHello is malformed: {other:?}"),
                );
            }
        };
        Self::plain(reason, detail.to_owned())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
    fn incompatible(error: &PeerIncompatible, offer: Option<&Offer>) -> Self {
        let offered = |list: fn(&Offer) -> String| offer.map(list);
        let (reason, detail, offered) = match error {
            PeerIncompatible::NoCipherSuitesInCommon => (
                HandshakeFailureReason::NoCommonCipher,
                "no cipher suite in common (in TLS 1.2 this also depends on the kind of key of the server's certificate)",
                offered(|offer| list(&offer.suites, |suite| format!("{suite:?}"))),
            ),
            PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::KeyShareExtensionRequired
            | PeerIncompatible::NoEcPointFormatsInCommon
            | PeerIncompatible::UncompressedEcPointsRequired
            | PeerIncompatible::EcPointsExtensionRequired => (
                HandshakeFailureReason::NoCommonCipher,
                "no key exchange group in common",
                // Suites without ECDHE need no group, and are not supported.
                offered(|offer| {
                    let suites = || list(&offer.suites, |suite| format!("{suite:?}"));
                    if offer.groups.is_empty() {
                        suites()
                    } else {
                        list(&offer.groups, |group| format!("{group:?}"))
                    }
                }),
            ),
            PeerIncompatible::NoSignatureSchemesInCommon
            | PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon => (
                HandshakeFailureReason::NoCommonCipher,
                "no signature scheme in common for the kind of key of the server's certificate",
                offered(|offer| list(&offer.schemes, |scheme| format!("{scheme:?}"))),
            ),
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => {
                (HandshakeFailureReason::NoCommonProtocol, "no TLS version in common", None)
            }
            // TLS 1.1 and older do not send it.
            PeerIncompatible::SignatureAlgorithmsExtensionRequired => (
                HandshakeFailureReason::NoCommonProtocol,
                "no TLS version in common: the peer sends no signature algorithms, like TLS 1.1 and older",
                None,
            ),
            PeerIncompatible::ExtendedMasterSecretExtensionRequired => (
                HandshakeFailureReason::Other,
                "the peer offers TLS 1.2 without the extended master secret (RFC 7627)",
                None,
            ),
            _ => {
                (HandshakeFailureReason::Other, "the peer requires a TLS feature that is not supported", None)
            }
        };
        Self { reason, detail: detail.to_owned(), offered }
    }
}

const NO_HELLO: &str = "the peer sent no TLS ClientHello";
const BAD_SERVER_NAME: &str =
    "the server name (SNI) that the peer requests is not a DNS name; the peer must send a DNS name or none";

/// The TLS library's error inside an error of the stream.
pub(super) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Describes an alert of the peer (RFC 8446, 6.2), which usually concerns the server's certificate.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's list, which may grow")]
fn alert_words(alert: AlertDescription) -> String {
    let meaning = match alert {
        AlertDescription::UnknownCA => {
            "it does not trust the CA of this server's certificate, or an intermediate is missing"
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::DecryptError => "it does not accept this server's certificate",
        AlertDescription::CertificateExpired => "this server's certificate has expired by its clock",
        AlertDescription::CertificateRevoked => "this server's certificate has been revoked",
        AlertDescription::ProtocolVersion => "no TLS version in common",
        AlertDescription::InsufficientSecurity | AlertDescription::HandshakeFailure => {
            "the negotiated parameters are not secure enough for it"
        }
        _ => "it ended the handshake",
    };
    format!("the peer sent the alert {alert:?}: {meaning}")
}
