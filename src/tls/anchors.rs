//! The certificates of one sender's `ca`. They are trusted for that sender only.

use std::hash::{Hash, Hasher};

use rustls::DistinguishedName;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::anchor_from_trusted_cert;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _};
use x509_parser::x509::X509Name;

use super::signature::issued_by;
use crate::identity::{CannotIssue, Identity, UnreadableCertificate, Version};

/// A certificate that the operator trusts for one sender. The sender may present it, or a certificate that it issued
/// if it is a CA.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// The contents of the certificate.
    pub identity: Identity,
    pub(super) der: CertificateDer<'static>,
    /// The anchor for path validation, or why the certificate cannot issue.
    pub(super) trust: Result<TrustAnchor<'static>, CannotIssue>,
    pub(super) hints: Vec<DistinguishedName>,
}

impl Anchor {
    /// Parses a certificate and checks whether it can issue. The dates are checked in the handshake, which reports an
    /// expired anchor.
    ///
    /// # Errors
    /// If the certificate cannot be parsed.
    pub fn new(der: CertificateDer<'static>) -> Result<Self, UnreadableCertificate> {
        let identity = Identity::from_der(&der)?;
        let trust = match identity.issuing.never.clone() {
            Some(why) => Err(why),
            // A version 1 certificate has no basicConstraints, so only a self-signed one is accepted as a CA.
            None if identity.version == Version::One
                && !issued_by((&der, &identity), &identity, algorithms().all) =>
            {
                Err(CannotIssue::VersionOneNotSelfSigned)
            }
            None => Ok(anchor_from_trusted_cert(&der).map_err(UnreadableCertificate::because)?.to_owned()),
        };
        Ok(Self { identity, hints: hints(&der), der, trust })
    }

    /// Why the certificate cannot issue; `None` if it can.
    pub fn never_issues(&self) -> Option<&CannotIssue> {
        self.trust.as_ref().err()
    }

    /// Whether this anchor, which is another certificate, issued the given one.
    pub fn issued(&self, other: &Self) -> bool {
        let identity = &self.identity;
        self.trust.is_ok()
            && self != other
            && issued_by((&other.der, &other.identity), identity, algorithms().all)
    }

    /// Whether the names and keys of two anchors permit that one certificate is valid for both: they are equal, one is
    /// the renewed other, or one may have issued the other.
    pub fn may_overlap(&self, other: &Self) -> bool {
        let (one, two) = (&self.identity, &other.identity);
        self == other
            || one.issuer == two.subject
            || two.issuer == one.subject
            || one.subject == two.subject && one.spki == two.spki
    }

    /// Whether one certificate can be valid for both anchors.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (one, two) = (&self.identity, &other.identity);
        let is_renewed = || self.trust.is_ok() && other.trust.is_ok() && one.subject == two.subject;
        self == other || is_renewed() && one.spki == two.spki || self.issued(other) || other.issued(self)
    }

    /// Whether this anchor is the given certificate, byte for byte.
    pub(super) fn is(&self, der: &CertificateDer<'_>) -> bool {
        self.der.as_ref() == der.as_ref()
    }

    /// Whether the anchor has name constraints (RFC 5280, section 4.2.1.10).
    pub(super) fn constrains_names(&self) -> bool {
        self.trust.as_ref().is_ok_and(|trust| trust.name_constraints.is_some())
    }

    /// Whether the anchor's path length constraint permits this number of intermediates.
    pub(super) fn permits(&self, intermediates: usize) -> bool {
        let max = self.identity.issuing.path_len_max;
        max.is_none_or(|max| usize::try_from(max).is_ok_and(|max| intermediates <= max))
    }
}

/// Anchors are the same if they are the same certificate.
impl PartialEq for Anchor {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Anchor {}

impl Hash for Anchor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.sha256.hash(state);
    }
}

/// Subject and issuer. Clients choose a certificate by either of them.
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

/// The supported signature algorithms.
pub(super) fn algorithms() -> WebPkiSupportedAlgorithms {
    rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms
}
