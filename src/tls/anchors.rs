//! The certificates of one sender's `ca`: they vouch for that sender's certificates and for nobody
//! else's.

use rustls::DistinguishedName;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::x509::X509Name;

use super::signature::issued_by;
use crate::identity::{CannotIssue, Identity, UnreadableCertificate, Version};

/// A certificate that its operator trusts for one sender. It stands for itself, should the sender
/// present it, and for what it has issued, if it may issue.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// What it says of itself.
    pub identity: Identity,
    pub(super) der: CertificateDer<'static>,
    /// For path validation; why not, if it never issues.
    pub(super) trust: Result<TrustAnchor<'static>, CannotIssue>,
    pub(super) hints: Vec<DistinguishedName>,
}

impl Anchor {
    /// Reads one certificate, and judges it as an issuer. Dates are not looked at here: an anchor
    /// that has expired vouches for nobody, and says so at the handshake.
    ///
    /// # Errors
    /// When it is not readable.
    pub fn new(der: CertificateDer<'static>) -> Result<Self, UnreadableCertificate> {
        let identity = Identity::from_der(&der)?;
        let trust = match identity.issuing.never.clone() {
            Some(why) => Err(why),
            // A version 1 certificate says nothing of itself, so its key must be the proof.
            None if identity.version == Version::One
                && !issued_by((&der, &identity), &identity, &algorithms()) =>
            {
                Err(CannotIssue::VersionOneNotSelfSigned)
            }
            None => Ok(anchor_from_trusted_cert(&der).map_err(UnreadableCertificate::because)?.to_owned()),
        };
        Ok(Self { identity, hints: hints(&der), der, trust })
    }

    /// Why it never issues, if it does not.
    pub fn never_issues(&self) -> Option<&CannotIssue> {
        self.trust.as_ref().err()
    }

    /// Whether this very certificate stands here.
    pub(super) fn is(&self, der: &CertificateDer<'_>) -> bool {
        self.der.as_ref() == der.as_ref()
    }

    /// Whether its own name constraints bind what it issues (RFC 5280, 4.2.1.10).
    pub(super) fn constrains_names(&self) -> bool {
        self.trust.as_ref().is_ok_and(|trust| trust.name_constraints.is_some())
    }

    /// Whether it lets this many intermediates stand between itself and an end-entity certificate.
    pub(super) fn permits(&self, intermediates: usize) -> bool {
        let max = self.identity.issuing.path_len_max;
        max.is_none_or(|max| usize::try_from(max).is_ok_and(|max| intermediates <= max))
    }
}

/// Subject and issuer: what a client may have been told to look for among its certificates.
fn hints(der: &[u8]) -> Vec<DistinguishedName> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Vec::new() };
    let content = |name: &X509Name<'_>| Any::from_der(name.as_raw()).ok().map(|(_, name)| name.data.to_vec());
    [certificate.subject(), certificate.issuer()]
        .into_iter()
        .filter_map(content)
        .filter(|content| !content.is_empty())
        .map(|content| DistinguishedName::in_sequence(&content))
        .collect()
}

/// The algorithms whose signatures are believed.
pub(super) fn algorithms() -> WebPkiSupportedAlgorithms {
    rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms
}
