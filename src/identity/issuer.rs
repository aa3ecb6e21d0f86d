//! Whether and how a certificate can issue others, according to its contents.
//!
//! A TLS library uses only the name and the key of an anchor, so everything else in a certificate that
//! concerns issuing is checked here, once, when it is loaded.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::x509::X509Version;

use super::key::{PublicKeyKind, UnusableKey};

/// Whether and how a certificate may issue others, and revocation lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuing {
    /// Why it cannot issue; `None` if it can. The caller verifies that a version 1 certificate signed
    /// itself; here only its names are compared.
    pub never: Option<CannotIssue>,
    /// Whether basicConstraints contains CA:TRUE.
    pub is_ca: bool,
    /// The maximum number of intermediates between it and an end-entity certificate, if it limits them.
    pub path_len_max: Option<u32>,
    /// Whether its keyUsage, if there is one, allows it to sign revocation lists (cRLSign).
    pub signs_lists: bool,
}

/// Why a certificate cannot issue (RFC 5280, 6.1.4, steps k to o).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CannotIssue {
    /// basicConstraints is missing or contains CA:FALSE.
    #[error("it is not a CA certificate (no basicConstraints with CA:TRUE)")]
    NotACa,
    /// A version 1 certificate does not state its purpose, so only a root may be one.
    #[error("it is a version 1 certificate that is not self-signed")]
    VersionOneNotSelfSigned,
    /// keyUsage is present and does not allow it, or cannot be parsed.
    #[error("its keyUsage does not include keyCertSign")]
    NoKeyCertSign,
    /// Its signatures are not accepted.
    #[error(transparent)]
    Key(#[from] UnusableKey),
    /// It has a critical extension that is not supported.
    #[error("it has a critical extension that is not supported")]
    UnknownCriticalExtension,
}

impl Issuing {
    pub(super) fn of(certificate: &X509Certificate<'_>, key: &PublicKeyKind) -> Self {
        let constraints = certificate.basic_constraints().ok().flatten().map(|found| found.value);
        Self {
            never: cannot_issue(certificate, key),
            is_ca: constraints.is_some_and(|constraints| constraints.ca),
            path_len_max: constraints.and_then(|constraints| constraints.path_len_constraint),
            signs_lists: match certificate.key_usage() {
                Ok(usage) => usage.is_none_or(|found| found.value.crl_sign()),
                Err(_) => false,
            },
        }
    }
}

fn cannot_issue(certificate: &X509Certificate<'_>, key: &PublicKeyKind) -> Option<CannotIssue> {
    if let Err(unusable) = key.is_usable() {
        return Some(unusable.into());
    }
    if certificate.version() != X509Version::V3 {
        let self_issued = certificate.subject().as_raw() == certificate.issuer().as_raw();
        return (!self_issued).then_some(CannotIssue::VersionOneNotSelfSigned);
    }
    if !certificate.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca) {
        return Some(CannotIssue::NotACa);
    }
    // A keyUsage that occurs twice or cannot be parsed allows nothing.
    if certificate.key_usage().map_or(true, |usage| usage.is_some_and(|found| !found.value.key_cert_sign())) {
        return Some(CannotIssue::NoKeyCertSign);
    }
    certificate
        .extensions()
        .iter()
        .any(|extension| extension.critical && !is_understood(extension.parsed_extension()))
        .then_some(CannotIssue::UnknownCriticalExtension)
}

/// Whether an extension is processed, by the path validation or by this program. This includes
/// policies, which have no effect as long as no policy is required (RFC 5280, 6.1.1, d to f).
fn is_understood(extension: &ParsedExtension<'_>) -> bool {
    matches!(
        extension,
        ParsedExtension::AuthorityKeyIdentifier(_)
            | ParsedExtension::BasicConstraints(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::CertificatePolicies(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::KeyUsage(_)
            | ParsedExtension::NameConstraints(_)
            | ParsedExtension::SubjectAlternativeName(_)
            | ParsedExtension::SubjectKeyIdentifier(_)
    )
}
