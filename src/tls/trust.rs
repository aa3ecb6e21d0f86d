//! Decides whether a certificate is trusted for one sender: its anchors, purpose and revocation lists.

use jiff::Timestamp;
use rustls::crypto::WebPkiSupportedAlgorithms;

use super::anchors::Anchor;
use super::chain::Chain;
use super::revocation::{Link, Revocation};
use super::signature::issued_by;
use crate::clock::distance;
use crate::identity::Identity;
use crate::policy::{TrustError, TrustErrorKind, Trusted, TrustedBy};

/// The extended key usage that is required of a sender's certificates (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Eku {
    /// TLS clients, or no such extension.
    #[default]
    Client,
    /// Not checked.
    Any,
}

/// One sender's anchors, and the other requirements on its certificates.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SenderTrust {
    /// The certificates of the sender's `ca`.
    pub anchors: Vec<Anchor>,
    /// The required extended key usage.
    pub eku: Eku,
    /// The sender's revocation lists; without them, revocation is not checked.
    pub revocation: Option<Revocation>,
}

/// The part of a sender's trust that concerns one chain: two senders with the same part have the same result.
#[derive(Default, Eq, Hash, PartialEq)]
pub(super) struct RelevantTrust<'a> {
    /// In the order of the sender's `ca`.
    pub(super) anchors: Vec<&'a Anchor>,
    pub(super) eku: Eku,
    pub(super) revocation: Option<&'a Revocation>,
}

/// The time of an evaluation, and the supported signature algorithms.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Timestamp,
    pub(super) algorithms: &'a WebPkiSupportedAlgorithms,
}

impl SenderTrust {
    /// The part of the trust with the anchors at these positions.
    pub(super) fn relevant(&self, positions: impl IntoIterator<Item = usize>) -> RelevantTrust<'_> {
        RelevantTrust {
            anchors: positions.into_iter().map(|position| &self.anchors[position]).collect(),
            eku: self.eku,
            revocation: self.revocation.as_ref(),
        }
    }
}

impl<'a> RelevantTrust<'a> {
    /// Verifies a certificate that is in `ca` byte for byte (RFC 8705, section 2.2). Its issuer is not checked, and it
    /// may be a CA, self-signed or of version 1.
    pub(super) fn verify_pinned(&self, identity: &Identity, now: Timestamp) -> Result<Trusted, TrustError> {
        if let Some(revoked) = self.revocation.as_ref().and_then(|revocation| revocation.naming(identity)) {
            return Err(revoked);
        }
        dates(identity, "the certificate", now)?;
        if self.eku == Eku::Client && !identity.purposes.include_clients() {
            return Err(for_another_purpose("the certificate"));
        }
        Ok(Trusted { by: TrustedBy::Itself, not_after: identity.not_after })
    }

    /// Verifies a version 1 certificate: an anchor must have signed it directly.
    pub(super) fn verify_version_1(
        &self,
        chain: &Chain<'_>,
        moment: Moment<'_>,
    ) -> Result<Trusted, TrustError> {
        let own = (chain.end_entity.as_ref(), chain.identity);
        let issuers = self.issuers().filter(|anchor| issued_by(own, &anchor.identity, chain.signatures));
        let mut trust_error = self.unsupported(chain).unwrap_or_else(|| {
            let issuer = &chain.identity.issuer;
            let why = format!("it is of version 1, and no CA of this sender issued it directly: `{issuer}`");
            TrustError::new(TrustErrorKind::NotIssued, why)
        });
        for anchor in issuers {
            match self.verify_issued_by(chain.identity, anchor, moment) {
                Ok(trusted) => return Ok(trusted),
                Err(found) if trust_error.kind < found.kind => trust_error = found,
                Err(_) => {}
            }
        }
        Err(trust_error)
    }

    /// The error, if the algorithm of a signature in the path, or of an anchor's key, is not supported.
    pub(super) fn unsupported(&self, chain: &Chain<'_>) -> Option<TrustError> {
        let (certificate, issuer) = chain.unsupported(&self.anchors)?;
        let Identity { subject, signature_algorithm, .. } = certificate;
        let key = &issuer.key;
        let why = format!(
            "the signature of `{subject}` is not supported: {signature_algorithm}, made with a key of the kind {key}"
        );
        Some(TrustError::new(TrustErrorKind::Unsupported, why))
    }

    fn verify_issued_by(
        &self,
        identity: &Identity,
        anchor: &Anchor,
        moment: Moment<'_>,
    ) -> Result<Trusted, TrustError> {
        let Moment { now, algorithms } = moment;
        let link = Link { certificate: identity, issuer: &anchor.identity };
        if anchor.constrains_names() {
            let subject = &anchor.identity.subject;
            let why = format!(
                "the CA `{subject}` has name constraints, which cannot be applied to a version 1 certificate"
            );
            return Err(TrustError::new(TrustErrorKind::NameConstraints, why));
        }
        dates(identity, "the certificate", now)?;
        self.verify_anchor(anchor, now)?;
        let lists = match self.revocation {
            Some(revocation) => revocation.check(&[link], now, algorithms)?,
            None => None,
        };
        let ends = [identity.not_after, anchor.identity.not_after].into_iter().chain(lists).min();
        Ok(Trusted {
            by: TrustedBy::Anchor(anchor.identity.subject.clone()),
            not_after: ends.unwrap_or(identity.not_after),
        })
    }

    /// Checks that an anchor is valid now: not revoked, within its dates, and for the required purpose.
    pub(super) fn verify_anchor(&self, anchor: &Anchor, now: Timestamp) -> Result<(), TrustError> {
        let identity = &anchor.identity;
        if let Some(revoked) = self.revocation.as_ref().and_then(|it| it.revoked_anchor(identity)) {
            return Err(revoked);
        }
        dates(identity, &format!("the CA `{}` that issued it", identity.subject), now)?;
        if self.eku == Eku::Client && !identity.purposes.include_clients() {
            let what = format!("the CA `{}` that issued it", identity.subject);
            return Err(for_another_purpose(&what));
        }
        Ok(())
    }

    /// The anchors that can issue certificates.
    pub(super) fn issuers(&self) -> impl Iterator<Item = &'a Anchor> {
        self.anchors.iter().copied().filter(|anchor| anchor.never_issues().is_none())
    }
}

pub(super) fn for_another_purpose(what: &str) -> TrustError {
    let why = format!("the extended key usage of {what} does not include TLS clients");
    TrustError::new(TrustErrorKind::Purpose, why)
}

pub(super) fn dates(identity: &Identity, what: &str, now: Timestamp) -> Result<(), TrustError> {
    let (kind, word, at) = if now < identity.not_before {
        (TrustErrorKind::NotYetValid, "is not valid before", identity.not_before)
    } else if identity.is_valid_at(now) {
        return Ok(());
    } else {
        (TrustErrorKind::Expired, "expired", identity.not_after)
    };
    Err(TrustError::new(kind, format!("{what} {word} {at}, {}", distance(now, at))))
}
