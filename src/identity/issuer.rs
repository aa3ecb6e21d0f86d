//! Whether a certificate may vouch for others at all.
//!
//! A TLS library takes only name and key from an anchor, so everything else that a certificate says
//! about issuing has to be read here, once, when it is loaded.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

/// The smallest RSA modulus, in bits, that is believed.
const RSA_BITS_MIN: usize = 2048;

/// Why a certificate never issues (RFC 5280, 6.1.4, steps k to o).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CannotIssue {
    /// basicConstraints is missing or says CA:FALSE.
    #[error("it is not a CA certificate (basicConstraints does not say CA:TRUE)")]
    NotACa,
    /// A version 1 certificate can say nothing about itself, so only a root may be one.
    #[error("it is a version 1 certificate that is not self-signed")]
    VersionOneNotSelfSigned,
    /// keyUsage is there and does not allow it.
    #[error("its keyUsage does not include keyCertSign")]
    NoKeyCertSign,
    /// The key is too short to be believed.
    #[error("its RSA key is shorter than 2048 bits")]
    ShortRsaKey,
    /// Its issuer demands that something be understood which is not.
    #[error("it carries a critical extension that is not understood")]
    UnknownCriticalExtension,
}

pub(super) fn cannot_issue(certificate: &X509Certificate<'_>) -> Option<CannotIssue> {
    if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
        && key.key_size() < RSA_BITS_MIN
    {
        return Some(CannotIssue::ShortRsaKey);
    }
    if certificate.version() != X509Version::V3 {
        let self_issued = certificate.subject().as_raw() == certificate.issuer().as_raw();
        return (!self_issued).then_some(CannotIssue::VersionOneNotSelfSigned);
    }
    if !certificate.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca) {
        return Some(CannotIssue::NotACa);
    }
    if certificate.key_usage().ok().flatten().is_some_and(|found| !found.value.key_cert_sign()) {
        return Some(CannotIssue::NoKeyCertSign);
    }
    certificate
        .extensions()
        .iter()
        .any(|extension| extension.critical && !is_understood(extension.parsed_extension()))
        .then_some(CannotIssue::UnknownCriticalExtension)
}

/// The extensions whose meaning the path validation, or this program, takes into account.
fn is_understood(extension: &ParsedExtension<'_>) -> bool {
    matches!(
        extension,
        ParsedExtension::BasicConstraints(_)
            | ParsedExtension::ExtendedKeyUsage(_)
            | ParsedExtension::KeyUsage(_)
            | ParsedExtension::NameConstraints(_)
            | ParsedExtension::SubjectAlternativeName(_)
            | ParsedExtension::SubjectKeyIdentifier(_)
    )
}
