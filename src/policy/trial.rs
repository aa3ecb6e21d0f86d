//! What one sender's trust and rule make of a certificate.

use jiff::Timestamp;

use super::matcher::Mismatch;
use super::name::Name;
use super::sender::Sender;
use crate::identity::{DistinguishedName, Identity};

/// One sender's look at a certificate.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The sender.
    pub sender: Name,
    /// Whether what the sender trusts vouches for the certificate.
    pub trust: Result<Vouched, Doubt>,
    /// Where the sender's rule does not hold. Only looked at where [`Trial::knows_the_ca`].
    pub mismatches: Vec<Mismatch>,
}

/// A sender's own CA stands for a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Vouched {
    /// Which one.
    pub by: Voucher,
    /// The last moment at which everything that vouches is valid: the certificate and all above it
    /// and, where the sender asks for current revocation lists, those.
    pub not_after: Timestamp,
}

/// What stands for a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Voucher {
    /// It stands byte for byte in the sender's `ca` (RFC 8705, 2.2).
    Itself,
    /// A CA of the sender's issued it, directly or through intermediates.
    Anchor(DistinguishedName),
}

/// Why nothing that a sender trusts vouches for a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Doubt {
    /// The reason.
    pub kind: DoubtKind,
    /// The reason in words. May hold what a stranger chose, unescaped.
    pub detail: String,
}

/// Reasons for doubt. From [`DoubtKind::Purpose`] on, the sender's own CA stands for the
/// certificate in all other respects; the later the reason, the more has been made sure of.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DoubtKind {
    /// It has nothing to do with the sender's CAs.
    NotIssued,
    /// It bears the name of one of them as its issuer, or of one above, and no path holds.
    BadPath,
    /// It names one of them as its issuer, and the signature cannot be verified: its algorithm is not supported.
    Unsupported,
    /// It, or a part of its chain, is not readable.
    Unreadable,
    /// It is marked for another purpose.
    Purpose,
    /// Its holder could prove nothing with such a key.
    Key,
    /// A certificate of the chain, or the anchor itself, is not valid yet.
    NotYetValid,
    /// A certificate of the chain, or the anchor itself, is not valid any more.
    Expired,
    /// No current list tells whether it is revoked.
    RevocationUnknown,
    /// A list says that it, or a certificate above it, is revoked.
    Revoked,
}

impl Doubt {
    /// A doubt in words.
    pub fn new(kind: DoubtKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl DoubtKind {
    /// Whether the sender's own CA stands for the certificate in all other respects.
    pub fn knows_the_ca(self) -> bool {
        self >= Self::Purpose
    }
}

impl Trial {
    /// Holds the sender's rule against a certificate, once what its trust says of it is known.
    pub fn new(sender: &Sender, trust: Result<Vouched, Doubt>, identity: &Identity) -> Self {
        let looks = trust.as_ref().map_or_else(|doubt| doubt.kind.knows_the_ca(), |_| true);
        let mismatches = if looks { sender.rule.mismatches(identity) } else { Vec::new() };
        Self { sender: sender.name.clone(), trust, mismatches }
    }

    /// Whether a CA of the sender stands for the certificate, other doubts aside.
    pub fn knows_the_ca(&self) -> bool {
        self.trust.as_ref().map_or_else(|doubt| doubt.kind.knows_the_ca(), |_| true)
    }
}
