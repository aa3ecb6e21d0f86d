//! The evaluation of a certificate for one sender.

use jiff::Timestamp;

use super::matcher::Mismatch;
use super::name::Name;
use super::sender::Sender;
use crate::identity::{DistinguishedName, Identity};

/// The result of evaluating a certificate with one sender's trust and rule.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The sender.
    pub sender: Name,
    /// What vouches for the certificate, or why nothing does.
    pub trust: Result<Vouched, TrustError>,
    /// Where the certificate does not match the sender's rule. Evaluated only if [`Evaluation::knows_the_ca`].
    pub mismatches: Vec<Mismatch>,
}

/// A sender's own CA vouches for a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vouched {
    /// Which one.
    pub by: VouchedBy,
    /// The last moment at which everything that vouches is valid: the certificate and all above it
    /// and, where the sender asks for current revocation lists, those.
    pub not_after: Timestamp,
}

/// What vouches for a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VouchedBy {
    /// The certificate itself is in the sender's `ca`, byte for byte (RFC 8705, section 2.2).
    Itself,
    /// A CA of the sender's issued it, directly or through intermediates.
    Anchor(DistinguishedName),
}

/// Why nothing that a sender trusts vouches for a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrustError {
    /// The reason.
    pub kind: TrustErrorKind,
    /// The reason as text. It may contain what an unknown peer chose, unescaped.
    pub detail: String,
}

/// Why nothing vouches. From [`TrustErrorKind::Purpose`] on, the sender's own CA vouches for the certificate in all other
/// respects; the later the reason, the more has been verified.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum TrustErrorKind {
    /// No CA of the sender issued it.
    NotIssued,
    /// A CA of the sender has the name of its issuer, or of one above, and no path is valid.
    BadPath,
    /// It names one of them as its issuer, and the signature cannot be verified: its algorithm is not supported.
    Unsupported,
    /// It, or a part of its chain, is not readable.
    Unreadable,
    /// It is marked for another purpose.
    Purpose,
    /// Its key is of a kind or length that is not supported.
    Key,
    /// A certificate of the chain, or the anchor itself, is not valid yet.
    NotYetValid,
    /// A certificate of the chain, or the anchor itself, has expired.
    Expired,
    /// No current list shows whether it is revoked.
    RevocationUnknown,
    /// A list says that it, or a certificate above it, is revoked.
    Revoked,
}

impl TrustError {
    /// An error with its reason as text.
    pub fn new(kind: TrustErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl TrustErrorKind {
    /// Whether the sender's own CA vouches for the certificate in all other respects.
    pub fn knows_the_ca(self) -> bool {
        self >= Self::Purpose
    }
}

impl Evaluation {
    /// Combines what the sender's trust found with the matchers of its rule.
    pub fn new(sender: &Sender, trust: Result<Vouched, TrustError>, identity: &Identity) -> Self {
        let looks = trust.as_ref().map_or_else(|error| error.kind.knows_the_ca(), |_| true);
        let mismatches = if looks { sender.rule.mismatches(identity) } else { Vec::new() };
        Self { sender: sender.name.clone(), trust, mismatches }
    }

    /// Whether a CA of the sender vouches for the certificate, other errors aside.
    pub fn knows_the_ca(&self) -> bool {
        self.trust.as_ref().map_or_else(|error| error.kind.knows_the_ca(), |_| true)
    }
}
