//! The evaluation of a certificate for one sender.

use std::sync::Arc;

use jiff::Timestamp;

use super::matcher::Matcher;
use super::sender::Sender;
use crate::identity::{DistinguishedName, Identity};

/// The result of evaluating a certificate with one sender's trust and rule.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The sender.
    pub sender: Arc<Sender>,
    /// Why the certificate is trusted for the sender, or why it is not. Shared by senders with equal trust.
    pub trust: Result<Arc<Trusted>, Arc<TrustError>>,
    /// The number of [`Evaluation::mismatching`] matchers. Of many senders, only a few are shown.
    pub mismatches: usize,
}

/// A certificate that is trusted for a sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trusted {
    /// What the trust is based on.
    pub by: TrustedBy,
    /// The last moment at which the certificate, all certificates above it and, if the sender requires current
    /// revocation lists, those lists are valid.
    pub not_after: Timestamp,
}

/// What the trust in a certificate is based on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TrustedBy {
    /// The certificate is in the sender's `ca`, byte for byte (RFC 8705, section 2.2).
    Itself,
    /// A CA of the sender issued the certificate, directly or through intermediates.
    Anchor(DistinguishedName),
}

/// Why a certificate is not trusted for a sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustError {
    /// The check that failed.
    pub kind: TrustErrorKind,
    /// The reason as text. It may contain unescaped data from an unknown peer.
    pub detail: String,
}

/// Why a certificate is not trusted. Of several errors, the one with the latest kind is reported. From
/// [`TrustErrorKind::Purpose`] on, a CA of the sender issued the certificate, and only this check failed.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TrustErrorKind {
    /// No CA of the sender issued the certificate.
    NotIssued,
    /// A CA of the sender has the name of an issuer in the chain, but no path is valid.
    BadPath,
    /// A CA of the sender has the name of an issuer, but the algorithm of the signature is not supported.
    Unsupported,
    /// The certificate, or one of its chain, cannot be parsed.
    Unreadable,
    /// The name constraints of a CA above the certificate do not allow it, or cannot be applied.
    NameConstraints,
    /// The extended key usage of the certificate, or of one above it, does not include TLS clients.
    Purpose,
    /// The kind or length of the certificate's key is not supported.
    Key,
    /// A certificate of the chain, or the anchor, is not valid yet.
    NotYetValid,
    /// A certificate of the chain, or the anchor, has expired.
    Expired,
    /// No current list shows whether the certificate is revoked.
    RevocationUnknown,
    /// A list contains the certificate, or one above it.
    Revoked,
}

impl TrustError {
    /// Creates an error with its reason as text.
    pub fn new(kind: TrustErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl TrustErrorKind {
    /// Whether a CA of the sender issued the certificate, and only this check failed.
    pub fn is_ca_known(self) -> bool {
        self >= Self::Purpose
    }
}

impl Evaluation {
    /// Combines the result of the sender's trust with the matchers of its rule.
    pub fn new(
        sender: &Arc<Sender>,
        trust: Result<Arc<Trusted>, Arc<TrustError>>,
        identity: &Identity,
    ) -> Self {
        let evaluation = Self { sender: Arc::clone(sender), trust, mismatches: 0 };
        Self { mismatches: evaluation.mismatching(identity).count(), ..evaluation }
    }

    /// Whether a CA of the sender issued the certificate, even if a later check failed.
    pub fn is_ca_known(&self) -> bool {
        self.trust.as_ref().map_or_else(|error| error.kind.is_ca_known(), |_| true)
    }

    /// The matchers of the sender's rule that do not match the certificate. None if no CA of the sender issued it.
    pub fn mismatching(&self, identity: &Identity) -> impl Iterator<Item = &Matcher> {
        let matchers = if self.is_ca_known() { self.sender.rule.matchers() } else { &[] };
        matchers.iter().filter(|matcher| !matcher.matches(identity))
    }
}
