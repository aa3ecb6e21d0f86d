//! Verifies a server's certificate, and records it with the reason if it is not accepted.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::clock::{Timestamp, distance};
use crate::identity::{Identity, Version};

/// How a client verifies servers.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Accepts servers whose certificate one of these CAs issued, by the usual rules for servers.
    Anchors(Vec<CertificateDer<'static>>),
    /// Accepts any server: its certificate, name, dates and key are not verified.
    DangerouslyAnything,
}

/// Why a server's certificate is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerFault {
    /// A CA of the command line cannot be used.
    #[error("a CA certificate cannot be used: {0}")]
    Anchor(String),
    /// The certificate, or a CA above it, has expired or is not valid yet.
    #[error("the server's certificate `{subject}` {when}")]
    Dates {
        /// The certificate's subject.
        subject: String,
        /// The date, and how far it is from now.
        when: String,
    },
    /// The certificate is for other hosts.
    #[error("the server's certificate is not for `{expected}`; it is for {presented}")]
    Name {
        /// The host of the URL.
        expected: String,
        /// The names in the certificate.
        presented: String,
    },
    /// The certificate has no subjectAltName, the only field that clients compare with the host.
    #[error(
        "the server's certificate `{subject}` has no subjectAltName, so it is not valid for any host; \
         give the server a certificate with one, or use `--insecure`"
    )]
    NoSan {
        /// Its subject.
        subject: String,
    },
    /// The certificate is not accepted for another reason.
    #[error("the server's certificate `{subject}` is not valid for a server: {why}")]
    Other {
        /// Its subject.
        subject: String,
        /// The TLS library's error.
        why: String,
    },
    /// None of the CAs issued the certificate.
    #[error("no CA of `--ca` issued the server's certificate `{subject}`; its issuer is `{issuer}`")]
    UnknownIssuer {
        /// Its subject.
        subject: String,
        /// The name of the issuer.
        issuer: String,
    },
    /// The certificate is of version 1, which has no extensions.
    #[error(
        "the server's certificate `{subject}` is X.509 version 1, without a subjectAltName, which clients refuse; \
         give the server a version 3 certificate with one (`hookspool certs init` creates one), or use `--insecure`"
    )]
    VersionOne {
        /// Its subject.
        subject: String,
    },
}

/// The server's certificate of the latest handshake, and why it was not accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordedServer {
    pub(super) leaf: Option<CertificateDer<'static>>,
    pub(super) fault: Option<ServerFault>,
}

#[derive(Debug)]
pub(super) struct RecordingVerifier {
    /// `None` accepts any server.
    library: Option<Arc<WebPkiServerVerifier>>,
    schemes: Vec<SignatureScheme>,
    recorded: Mutex<RecordedServer>,
}

impl RecordingVerifier {
    pub(super) fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, ServerFault> {
        let library = match trust {
            Trust::DangerouslyAnything => None,
            Trust::Anchors(anchors) => Some(library_verifier(anchors, provider)?),
        };
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        Ok(Self { library, schemes, recorded: Mutex::default() })
    }

    pub(super) fn take(&self) -> RecordedServer {
        std::mem::take(&mut *self.recorded.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn library_verifier(
    anchors: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, ServerFault> {
    let mut roots = RootCertStore::empty();
    for anchor in anchors {
        roots.add(anchor.clone()).map_err(|error| ServerFault::Anchor(error.to_string()))?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| ServerFault::Anchor(error.to_string()))
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let result = match &self.library {
            None => Ok(ServerCertVerified::assertion()),
            Some(library) => {
                library.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
        };
        let fault = result.as_ref().err().map(|error| explain(error, end_entity, now));
        let leaf = Some(end_entity.clone().into_owned());
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = RecordedServer { leaf, fault };
        result
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.library {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(library) => library.verify_tls12_signature(message, certificate, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.library {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(library) => library.verify_tls13_signature(message, certificate, signed),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// The library's error, with the details of the certificate that it omits.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum is open")]
fn explain(error: &Error, der: &CertificateDer<'_>, now: UnixTime) -> ServerFault {
    let identity = match Identity::from_der(der) {
        Ok(identity) => identity,
        Err(why) => return ServerFault::Other { subject: "?".to_owned(), why: why.to_string() },
    };
    let subject = identity.subject.to_string();
    if identity.version == Version::One {
        return ServerFault::VersionOne { subject };
    }
    let now = Timestamp::from_second(i64::try_from(now.as_secs()).unwrap_or(i64::MAX)).unwrap_or_default();
    let Error::InvalidCertificate(fault) = error else {
        return ServerFault::Other { subject, why: error.to_string() };
    };
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let when = if identity.not_after < now {
                format!("expired {}, {}", identity.not_after, distance(now, identity.not_after))
            } else {
                "was issued by a CA that has expired".to_owned()
            };
            ServerFault::Dates { subject, when }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let from = identity.not_before;
            ServerFault::Dates { subject, when: format!("is valid from {from}, {}", distance(now, from)) }
        }
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            ServerFault::NoSan { subject }
        }
        CertificateError::NotValidForNameContext { expected, presented } => ServerFault::Name {
            expected: expected.to_str().into_owned(),
            presented: presented
                .iter()
                .map(|name| format!("`{}`", bare(name)))
                .collect::<Vec<_>>()
                .join(", "),
        },
        // Two development PKIs have CAs of the same name with different keys.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            ServerFault::UnknownIssuer { subject, issuer: identity.issuer.to_string() }
        }
        other => ServerFault::Other { subject, why: other.to_string() },
    }
}

/// Removes the library's type names: `DnsName("a")`, `IpAddress(::1)`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_without_the_librarys_types() {
        assert_eq!(bare("DnsName(\"a.example\")"), "a.example");
        assert_eq!(bare("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(bare("a"), "a");
    }
}
