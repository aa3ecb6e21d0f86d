//! Whether to believe a server, and a record of what it showed.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::clock::{Timestamp, distance};
use crate::identity::{Identity, Version};

/// What a client trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Servers that one of these vouches for, by the normal rules for servers.
    Anchors(Vec<CertificateDer<'static>>),
    /// Any server: neither certificate, name, dates nor key are verified.
    DangerouslyAnything,
}

/// Why a server is not believed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerFault {
    /// A CA that was named cannot be one.
    #[error("a CA certificate cannot be used: {0}")]
    Anchor(String),
    /// Its dates do not hold.
    #[error("the server's certificate `{subject}` {when}")]
    Dates {
        /// Its subject.
        subject: String,
        /// Expired, or not valid yet, and by how much.
        when: String,
    },
    /// It is another host's.
    #[error("the server's certificate is not for `{expected}`; it is for {presented}")]
    Name {
        /// The host of the URL.
        expected: String,
        /// The names it carries.
        presented: String,
    },
    /// It names no host in the one place where clients look.
    #[error(
        "the server's certificate `{subject}` has no subjectAltName, so nothing in it says which host it is for; \
         give the server a certificate with one, or use `--insecure`"
    )]
    NoSan {
        /// Its subject.
        subject: String,
    },
    /// It is for something else than a server.
    #[error("the server's certificate `{subject}` is not one for a server: {why}")]
    Other {
        /// Its subject.
        subject: String,
        /// In the library's words.
        why: String,
    },
    /// Nobody vouches for it.
    #[error("no CA of `--ca` vouches for the server's certificate `{subject}`, issued by `{issuer}`")]
    UnknownIssuer {
        /// Its subject.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// It says nothing of what it is for.
    #[error(
        "the server's certificate `{subject}` is X.509 version 1, without a subjectAltName, which clients refuse; \
         give the server a version 3 certificate with one (`hookspool certs init` makes such), or use `--insecure`"
    )]
    VersionOne {
        /// Its subject.
        subject: String,
    },
}

/// What the server of the latest handshake showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    pub(super) leaf: Option<CertificateDer<'static>>,
    pub(super) fault: Option<ServerFault>,
}

#[derive(Debug)]
pub(super) struct RecordingVerifier {
    /// None accepts anything.
    rules: Option<Arc<WebPkiServerVerifier>>,
    schemes: Vec<SignatureScheme>,
    witness: Mutex<Witness>,
}

impl RecordingVerifier {
    pub(super) fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, ServerFault> {
        let rules = match trust {
            Trust::DangerouslyAnything => None,
            Trust::Anchors(anchors) => Some(rules(anchors, provider)?),
        };
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        Ok(Self { rules, schemes, witness: Mutex::default() })
    }

    pub(super) fn take(&self) -> Witness {
        std::mem::take(&mut *self.witness.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn rules(
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
        let verdict = match &self.rules {
            None => Ok(ServerCertVerified::assertion()),
            Some(rules) => {
                rules.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
        };
        let fault = verdict.as_ref().err().map(|error| explain(error, end_entity, now));
        let leaf = Some(end_entity.clone().into_owned());
        *self.witness.lock().unwrap_or_else(PoisonError::into_inner) = Witness { leaf, fault };
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.rules {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(rules) => rules.verify_tls12_signature(message, certificate, signed),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.rules {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(rules) => rules.verify_tls13_signature(message, certificate, signed),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

/// The library's verdict with the evidence that it leaves out.
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
        // A CA of the same name with another key, as two throwaway PKIs have it.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            ServerFault::UnknownIssuer { subject, issuer: identity.issuer.to_string() }
        }
        other => ServerFault::Other { subject, why: other.to_string() },
    }
}

/// The library shows names as its own types: `DnsName("a")`, `IpAddress(::1)`.
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
