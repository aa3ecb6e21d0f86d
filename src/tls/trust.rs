//! What one sender trusts: its own anchors, for the purpose it asks for, as its lists allow.

use jiff::Timestamp;
use rustls::crypto::WebPkiSupportedAlgorithms;

use super::anchors::Anchor;
use super::chain::Chain;
use super::revocation::{Link, Revocation, revoked};
use super::signature::issued_by;
use crate::clock::distance;
use crate::identity::{Identity, Version};
use crate::policy::{TrustError, TrustErrorKind, Trusted, TrustedBy};

/// What a sender's certificates may be marked for (RFC 5280, 4.2.1.12).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Eku {
    /// For TLS clients, or for nothing in particular.
    #[default]
    Client,
    /// For anything.
    Any,
}

/// One sender's anchors with what else is asked of its certificates.
#[derive(Clone, Debug)]
pub struct SenderTrust {
    /// The certificates of the sender's `ca`.
    pub anchors: Vec<Anchor>,
    /// What its certificates may be marked for.
    pub eku: Eku,
    /// Its revocation lists; without them revocation is not checked.
    pub revocation: Option<Revocation>,
}

/// The moment of a judgement, and the signatures that are believed at it.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Timestamp,
    pub(super) algorithms: &'a WebPkiSupportedAlgorithms,
}

impl SenderTrust {
    /// Whether the sender's trust vouches for a chain.
    pub(super) fn vouch(&self, chain: &Chain<'_>, moment: Moment<'_>) -> Result<Trusted, TrustError> {
        let vouched = if self.anchors.iter().any(|anchor| anchor.is(chain.end_entity)) {
            self.vouch_for_itself(chain.identity, moment.now)
        } else {
            match chain.identity.version {
                Version::One => self.vouch_directly(chain, moment),
                Version::Three => self.vouch_for_path(chain, moment),
            }
        }?;
        match chain.identity.key.is_usable() {
            Ok(()) => Ok(vouched),
            Err(unusable) => Err(TrustError::new(TrustErrorKind::Key, unusable.to_string())),
        }
    }

    /// A certificate that is in `ca` byte for byte: nothing above it is checked, also not
    /// whether it is a CA, self-signed or of version 1 (RFC 8705, 2.2).
    fn vouch_for_itself(&self, identity: &Identity, now: Timestamp) -> Result<Trusted, TrustError> {
        if self.revocation.as_ref().is_some_and(|revocation| revocation.names(identity)) {
            return Err(revoked(identity));
        }
        dates(identity, "the certificate", now)?;
        if self.eku == Eku::Client && !identity.purposes.include_clients() {
            return Err(for_another_purpose("the certificate"));
        }
        Ok(Trusted { by: TrustedBy::Itself, not_after: identity.not_after })
    }

    /// Version 1: the anchor's own signature, and the dates. Never by way of an intermediate.
    fn vouch_directly(&self, chain: &Chain<'_>, moment: Moment<'_>) -> Result<Trusted, TrustError> {
        let own = (chain.end_entity.as_ref(), chain.identity);
        let issuers = self.issuers().filter(|anchor| issued_by(own, &anchor.identity, moment.algorithms));
        let mut trust_error = self.unsupported(chain, moment).unwrap_or_else(|| {
            let issuer = &chain.identity.issuer;
            let why = format!("it is of version 1, and no CA of this sender issued it directly: `{issuer}`");
            TrustError::new(TrustErrorKind::NotIssued, why)
        });
        for anchor in issuers {
            match self.judge_direct(chain.identity, anchor, moment) {
                Ok(vouched) => return Ok(vouched),
                Err(found) if trust_error.kind < found.kind => trust_error = found,
                Err(_) => {}
            }
        }
        Err(trust_error)
    }

    /// The error, if a signature up to an anchor, or an anchor's key, is of an algorithm that is not supported.
    pub(super) fn unsupported(&self, chain: &Chain<'_>, moment: Moment<'_>) -> Option<TrustError> {
        let anchors: Vec<_> = self.anchors.iter().collect();
        let (certificate, issuer) = chain.unsupported(&anchors, moment.algorithms)?;
        let Identity { subject, signature_algorithm, .. } = &certificate;
        let key = &issuer.key;
        let why = format!(
            "the signature of `{subject}` is not supported: {signature_algorithm}, made with a key of the kind {key}"
        );
        Some(TrustError::new(TrustErrorKind::Unsupported, why))
    }

    fn judge_direct(
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
                "the CA `{subject}` has name constraints, which nobody holds a version 1 certificate against"
            );
            return Err(TrustError::new(TrustErrorKind::BadPath, why));
        }
        dates(identity, "the certificate", now)?;
        self.standing(anchor, now)?;
        let lists = match &self.revocation {
            Some(revocation) => revocation.check(&[link], now, algorithms)?,
            None => None,
        };
        let ends = [identity.not_after, anchor.identity.not_after].into_iter().chain(lists).min();
        Ok(Trusted {
            by: TrustedBy::Anchor(anchor.identity.subject.clone()),
            not_after: ends.unwrap_or(identity.not_after),
        })
    }

    /// Whether an anchor can vouch for anything now.
    pub(super) fn standing(&self, anchor: &Anchor, now: Timestamp) -> Result<(), TrustError> {
        let identity = &anchor.identity;
        if self.revocation.as_ref().is_some_and(|revocation| revocation.revokes_anchor(identity)) {
            return Err(revoked(identity));
        }
        dates(identity, &format!("the CA `{}` that vouches for it", identity.subject), now)?;
        if self.eku == Eku::Client && !identity.purposes.include_clients() {
            let what = format!("the CA `{}` that vouches for it", identity.subject);
            return Err(for_another_purpose(&what));
        }
        Ok(())
    }

    /// The anchors that may issue.
    pub(super) fn issuers(&self) -> impl Iterator<Item = &Anchor> {
        self.anchors.iter().filter(|anchor| anchor.never_issues().is_none())
    }
}

pub(super) fn for_another_purpose(what: &str) -> TrustError {
    let why = format!("{what} is marked for another purpose than TLS clients (extended key usage)");
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
