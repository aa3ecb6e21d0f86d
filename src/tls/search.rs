//! Path validation (RFC 5280, section 6.1) by the library, plus what it omits: the path length of the anchors,
//! keyCertSign of the intermediates, name constraints on what a rule can require, and one sender's revocation lists.

use std::cell::RefCell;

use jiff::Timestamp;
use rustls_pki_types::{TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, VerifiedPath};

use super::anchors::Anchor;
use super::chain::Chain;
use super::name_constraints::violation;
use super::revocation::{Link, Revocation};
use super::trust::{Eku, Moment, dates, for_another_purpose};
use crate::identity::Identity;
use crate::policy::{TrustError, Trusted, TrustedBy};

/// The search for a path from an anchor to one certificate.
pub(super) struct Search<'e, 'a> {
    pub(super) end_entity: &'e EndEntityCert<'a>,
    pub(super) chain: &'a Chain<'a>,
    pub(super) moment: Moment<'a>,
}

/// A valid path from an anchor to the certificate.
pub(super) struct FoundPath<'a> {
    links: Vec<Link<'a>>,
    anchor: &'a Anchor,
    /// The earliest next update of the revocation lists that were used.
    pub(super) lists_end: Option<Timestamp>,
}

impl FoundPath<'_> {
    /// Checks the path against one sender's revocation lists, and returns the earliest next update of those that were
    /// used.
    pub(super) fn check(
        &self,
        revocation: &Revocation,
        moment: Moment<'_>,
    ) -> Result<Option<Timestamp>, TrustError> {
        revocation.check(&self.links, moment.now, moment.algorithms)
    }

    pub(super) fn trusted(&self, lists_end: Option<Timestamp>) -> Trusted {
        let ends = self.links.iter().flat_map(|link| [link.certificate.not_after, link.issuer.not_after]);
        Trusted {
            by: TrustedBy::Anchor(self.anchor.identity.subject.clone()),
            not_after: ends.chain(lists_end).min().unwrap_or(self.anchor.identity.not_after),
        }
    }
}

pub(super) enum SearchFailure {
    /// A path was found, but a later check failed.
    TrustError(TrustError),
    /// No path was found.
    NoPath(Error),
}

impl<'a> Search<'_, 'a> {
    /// Whether there is a valid path, without revocation.
    pub(super) fn is_valid(&self, anchors: &[&'a Anchor], at: Timestamp, purpose: Purpose) -> bool {
        self.path(anchors, at, purpose, None).is_ok()
    }

    pub(super) fn path(
        &self,
        anchors: &[&'a Anchor],
        at: Timestamp,
        purpose: Purpose,
        revocation: Option<&Revocation>,
    ) -> Result<FoundPath<'a>, SearchFailure> {
        let trusted: Vec<TrustAnchor<'_>> =
            anchors.iter().filter_map(|anchor| anchor.trust.as_ref().ok().cloned()).collect();
        // The library returns a path, but no result of the callback.
        let (trusted_path, found_errors) = (RefCell::new(None), RefCell::new(None::<TrustError>));
        let inspect = |path: &VerifiedPath<'_>| match self.inspect(path, anchors, revocation) {
            Ok(found) => {
                *trusted_path.borrow_mut() = Some(found);
                Ok(())
            }
            Err(SearchFailure::NoPath(error)) => Err(error),
            Err(SearchFailure::TrustError(trust_error)) => {
                let mut worst = found_errors.borrow_mut();
                if worst.as_ref().is_none_or(|known| known.kind < trust_error.kind) {
                    *worst = Some(trust_error);
                }
                Err(Error::UnknownIssuer)
            }
        };
        let verified = self.end_entity.verify_for_usage(
            self.chain.signatures,
            &trusted,
            &self.chain.intermediates,
            unix_time(at),
            purpose,
            None,
            Some(&inspect),
        );
        match (verified.map(|_| ()), trusted_path.take(), found_errors.take()) {
            (Ok(()), Some(found), _) => Ok(found),
            (_, _, Some(trust_error)) => Err(SearchFailure::TrustError(trust_error)),
            (Err(error), _, None) => Err(SearchFailure::NoPath(error)),
            (Ok(()), None, None) => Err(SearchFailure::NoPath(Error::UnknownIssuer)),
        }
    }

    /// Applies the remaining checks to a path that the library considers valid.
    fn inspect(
        &self,
        path: &VerifiedPath<'_>,
        anchors: &[&'a Anchor],
        revocation: Option<&Revocation>,
    ) -> Result<FoundPath<'a>, SearchFailure> {
        let above = path
            .intermediate_certificates()
            .map(|certificate| self.chain.intermediates.iter().position(|der| *der == certificate.der()))
            .map(|index| self.chain.above.get(index?))
            .collect::<Option<Vec<_>>>()
            .ok_or(SearchFailure::NoPath(Error::BadDer))?;
        // The library checks basicConstraints only; RFC 5280, section 6.1.4 (n), requires keyCertSign as well.
        if above.iter().any(|identity| identity.issuing.never.is_some()) {
            return Err(SearchFailure::NoPath(Error::EndEntityUsedAsCa));
        }
        // RFC 5280, section 6.1.4 (l): self-issued certificates do not count.
        let counted = above.iter().filter(|identity| !identity.is_self_issued()).count();
        // `ca` may contain a CA and its renewal with the same key; the later end counts.
        let anchor = anchors
            .iter()
            .filter(|anchor| anchor.trust.as_ref().is_ok_and(|trust| trust == path.anchor()))
            .filter(|anchor| anchor.permits(counted))
            .max_by_key(|anchor| anchor.identity.not_after)
            .ok_or(SearchFailure::NoPath(Error::PathLenConstraintViolated))?;
        let issuers = above.iter().copied().chain([&anchor.identity]);
        let issued = std::iter::once(self.chain.identity).chain(above.iter().copied());
        let names: Vec<_> = issued.clone().chain([&anchor.identity]).collect();
        if violation(&names).is_some() {
            return Err(SearchFailure::NoPath(Error::NameConstraintViolation));
        }
        let links: Vec<_> =
            issued.zip(issuers).map(|(certificate, issuer)| Link { certificate, issuer }).collect();
        let mut found = FoundPath { links, anchor, lists_end: None };
        if let Some(revocation) = revocation {
            found.lists_end = found.check(revocation, self.moment).map_err(SearchFailure::TrustError)?;
        }
        Ok(found)
    }

    /// Whether the anchor has the name of an issuer in the chain.
    pub(super) fn may_end_at(&self, anchor: &Anchor) -> bool {
        self.all().any(|identity| identity.issuer == anchor.identity.subject)
    }

    /// Moments at which all certificates of the chain may have been valid: the latest notBefore, and that of the
    /// end-entity certificate.
    pub(super) fn moments(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let own = self.chain.identity.not_before;
        let youngest = self.all().map(|identity| identity.not_before).max().filter(|above| *above > own);
        youngest.into_iter().chain([own])
    }

    /// The first error in the dates of the certificate and those above it.
    pub(super) fn dates_above(&self) -> Option<TrustError> {
        self.all().find_map(|identity| dates(identity, &self.describe(identity), self.moment.now).err())
    }

    /// The error about the first certificate whose extended key usage does not include TLS clients.
    pub(super) fn other_purpose(&self) -> TrustError {
        let other = self.all().find(|identity| !identity.purposes.include_clients());
        for_another_purpose(&self.describe(other.unwrap_or(self.chain.identity)))
    }

    fn describe(&self, identity: &Identity) -> String {
        if identity.sha256 == self.chain.identity.sha256 {
            "the certificate".to_owned()
        } else {
            format!("the CA `{}` above it", identity.subject)
        }
    }

    /// The certificate and those above it.
    fn all(&self) -> impl Iterator<Item = &Identity> {
        std::iter::once(self.chain.identity).chain(&self.chain.above)
    }
}

/// The required extended key usage, if a certificate has that extension (RFC 5280, section 4.2.1.12).
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Any,
    Client,
}

impl From<Eku> for Purpose {
    fn from(eku: Eku) -> Self {
        match eku {
            Eku::Any => Self::Any,
            Eku::Client => Self::Client,
        }
    }
}

impl ExtendedKeyUsageValidator for Purpose {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        match self {
            Self::Any => Ok(()),
            Self::Client => KeyUsage::client_auth().validate(purposes),
        }
    }
}

fn unix_time(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(u64::try_from(at.as_second()).unwrap_or(0)))
}
