//! Why a TLS handshake failed before the client's certificate was judged, in words for an operator.

use std::io;

use rustls::server::ClientHello;
use rustls::{
    AlertDescription, CipherSuite, Error, InvalidMessage, NamedGroup, PeerIncompatible, PeerMisbehaved,
    SignatureScheme,
};

/// The most values of one kind that are shown of a ClientHello.
const OFFERED_MAX: usize = 24;
/// The longest text of them, in bytes: the peer chooses it.
const OFFERED_BYTES_MAX: usize = 512;

/// A handshake that failed, with what the peer offered.
#[derive(Debug)]
pub(super) struct HandshakeFailure {
    pub(super) reason: FailureReason,
    pub(super) detail: String,
    /// What the peer offered of what was not in common.
    pub(super) offered: Option<String>,
}

/// The reasons: a closed set, and the labels of `hookspool_handshake_failures_total`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FailureReason {
    /// No cipher suite, group or signature scheme is in common.
    NoCommonCipher,
    /// No version of TLS is in common.
    NoCommonProtocol,
    /// The name in the server_name extension is not a DNS name (RFC 6066, 3).
    BadServerName,
    /// No protocol of the ALPN list is served (RFC 7301).
    NoApplicationProtocol,
    /// What the peer sent is not TLS.
    NotTls,
    /// The peer closed the connection.
    Closed,
    /// Anything else.
    Other,
}

impl FailureReason {
    /// The reason as a metric's label.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::NoCommonCipher => "no_common_cipher",
            Self::NoCommonProtocol => "no_common_protocol",
            Self::BadServerName => "bad_server_name",
            Self::NoApplicationProtocol => "no_application_protocol",
            Self::NotTls => "not_tls",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }

    /// Whether it is counted and not logged: port scanners and clients that hang up are no news.
    pub(super) fn is_noise(self) -> bool {
        matches!(self, Self::NotTls | Self::Closed)
    }
}

/// What a ClientHello offered, kept for the case that nothing of it is in common.
#[derive(Debug, Default)]
pub(super) struct Offer {
    suites: Vec<CipherSuite>,
    groups: Vec<NamedGroup>,
    schemes: Vec<SignatureScheme>,
    protocols: Vec<Vec<u8>>,
}

impl Offer {
    pub(super) fn of(hello: &ClientHello<'_>) -> Self {
        Self {
            suites: hello.cipher_suites().to_vec(),
            groups: hello.named_groups().unwrap_or_default().to_vec(),
            schemes: hello.signature_schemes().to_vec(),
            protocols: hello.alpn().into_iter().flatten().take(OFFERED_MAX).map(<[u8]>::to_vec).collect(),
        }
    }
}

impl HandshakeFailure {
    /// What an error says; `offer` is what was in the ClientHello, if one was read.
    pub(super) fn new(error: &io::Error, offer: Option<&Offer>) -> Self {
        match tls_error(error) {
            Some(error) => Self::of_tls(error, offer),
            None => Self::plain(FailureReason::Closed, format!("the connection ended: {}", error.kind())),
        }
    }

    /// A failure that is not the peer's.
    pub(super) fn own(detail: &str) -> Self {
        Self::plain(FailureReason::Other, detail.to_owned())
    }

    fn plain(reason: FailureReason, detail: String) -> Self {
        Self { reason, detail, offered: None }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
    fn of_tls(error: &Error, offer: Option<&Offer>) -> Self {
        match error {
            Error::PeerIncompatible(incompatible) => Self::incompatible(incompatible, offer),
            Error::NoApplicationProtocol => Self {
                reason: FailureReason::NoApplicationProtocol,
                detail: "the peer offers no application protocol (ALPN) of h2, http/1.1 and http/1.0".to_owned(),
                offered: offer.map(|offer| list(&offer.protocols, |name| name.escape_ascii().to_string())),
            },
            Error::PeerMisbehaved(
                PeerMisbehaved::ServerNameMustContainOneHostName | PeerMisbehaved::ServerNameDifferedOnRetry,
            )
            | Error::InvalidMessage(InvalidMessage::InvalidServerName) => Self::plain(
                FailureReason::BadServerName,
                "the server name (SNI) that the peer asks for is not a DNS name; the peer must send a DNS name or none"
                    .to_owned(),
            ),
            Error::InvalidMessage(_) if offer.is_none() => {
                Self::plain(FailureReason::NotTls, "the peer sent no TLS ClientHello".to_owned())
            }
            Error::AlertReceived(AlertDescription::CloseNotify | AlertDescription::UserCanceled) => {
                Self::plain(FailureReason::Closed, "the peer closed the connection".to_owned())
            }
            Error::AlertReceived(alert) => Self::plain(FailureReason::Other, alert_words(*alert)),
            other => Self::plain(FailureReason::Other, format!("the peer broke the TLS protocol: {other}")),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
    fn incompatible(error: &PeerIncompatible, offer: Option<&Offer>) -> Self {
        let offered = |list: fn(&Offer) -> String| offer.map(list);
        let (reason, detail, offered) = match error {
            PeerIncompatible::NoCipherSuitesInCommon => (
                FailureReason::NoCommonCipher,
                "no cipher suite in common (in TLS 1.2 this also depends on the kind of key of the server's certificate)",
                offered(|offer| list(&offer.suites, |suite| format!("{suite:?}"))),
            ),
            PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NamedGroupsExtensionRequired
            | PeerIncompatible::KeyShareExtensionRequired
            | PeerIncompatible::NoEcPointFormatsInCommon
            | PeerIncompatible::UncompressedEcPointsRequired
            | PeerIncompatible::EcPointsExtensionRequired => (
                FailureReason::NoCommonCipher,
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
                FailureReason::NoCommonCipher,
                "no signature scheme in common for the kind of key of the server's certificate",
                offered(|offer| list(&offer.schemes, |scheme| format!("{scheme:?}"))),
            ),
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => {
                (FailureReason::NoCommonProtocol, "no TLS version in common", None)
            }
            // What TLS 1.1 and older do not send.
            PeerIncompatible::SignatureAlgorithmsExtensionRequired => (
                FailureReason::NoCommonProtocol,
                "no TLS version in common: the peer sends no signature algorithms, as TLS 1.1 and older",
                None,
            ),
            PeerIncompatible::ExtendedMasterSecretExtensionRequired => (
                FailureReason::Other,
                "the peer offers TLS 1.2 without the extended master secret (RFC 7627)",
                None,
            ),
            _ => (FailureReason::Other, "the peer requires something of TLS that is not supported", None),
        };
        Self { reason, detail: detail.to_owned(), offered }
    }
}

/// The TLS library's error behind an error of the stream.
pub(super) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// At most [`OFFERED_MAX`] values in [`OFFERED_BYTES_MAX`], separated by commas.
fn list<T>(values: &[T], word: impl Fn(&T) -> String) -> String {
    let mut words: Vec<_> = values.iter().take(OFFERED_MAX).map(word).collect();
    if let more @ 1.. = values.len().saturating_sub(OFFERED_MAX) {
        words.push(format!("{more} more"));
    }
    let mut text = words.join(", ");
    if text.len() > OFFERED_BYTES_MAX {
        text.truncate(text.floor_char_boundary(OFFERED_BYTES_MAX));
        text.push('…');
    }
    text
}

/// An alert of the peer (RFC 8446, 6.2): after the server's certificate, it is about that.
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
            "what was negotiated is not secure enough for it"
        }
        _ => "it gave up",
    };
    format!("the peer sent the alert {alert:?}: {meaning}")
}
