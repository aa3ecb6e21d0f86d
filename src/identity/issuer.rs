//! What a certificate says of itself as an issuer.
//!
//! A TLS library takes only name and key from an anchor, so everything else that a certificate says
//! about issuing has to be read here, once, when it is loaded.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::x509::X509Version;

use super::key::{PublicKeyKind, UnusableKey};

/// Whether and how a certificate may issue others, and revocation lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Issuing {
    /// Why it never issues, if it does not. That a version 1 certificate signed itself is for the
    /// caller to verify; here only its names are compared.
    pub never: Option<CannotIssue>,
    /// basicConstraints says CA:TRUE.
    pub is_ca: bool,
    /// How many intermediates may stand between it and an end-entity certificate, if it says so.
    pub path_len_max: Option<u32>,
    /// Whether its keyUsage, if there is one, allows it to sign revocation lists (cRLSign).
    pub signs_lists: bool,
}

/// Why a certificate never issues (RFC 5280, 6.1.4, steps k to o).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CannotIssue {
    /// basicConstraints is missing or says CA:FALSE.
    #[error("it is not a CA certificate (basicConstraints does not say CA:TRUE)")]
    NotACa,
    /// A version 1 certificate can say nothing about itself, so only a root may be one.
    #[error("it is a version 1 certificate that is not self-signed")]
    VersionOneNotSelfSigned,
    /// keyUsage is there and does not allow it, or cannot be read.
    #[error("its keyUsage does not include keyCertSign")]
    NoKeyCertSign,
    /// Its signatures are not believed.
    #[error(transparent)]
    Key(#[from] UnusableKey),
    /// Its issuer demands that something be understood which is not.
    #[error("it carries a critical extension that is not understood")]
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
    // A usage that stands twice or cannot be read allows nothing.
    if certificate.key_usage().map_or(true, |usage| usage.is_some_and(|found| !found.value.key_cert_sign())) {
        return Some(CannotIssue::NoKeyCertSign);
    }
    certificate
        .extensions()
        .iter()
        .any(|extension| extension.critical && !is_understood(extension.parsed_extension()))
        .then_some(CannotIssue::UnknownCriticalExtension)
}

/// The extensions whose meaning the path validation, or this program, takes into account, and
/// policies, which bind nobody as long as no policy is asked for (RFC 5280, 6.1.1, d to f).
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
