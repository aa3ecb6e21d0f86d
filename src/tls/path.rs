//! Path validation (RFC 5280, 6.1), as the library does it, with what it leaves out: the anchors'
//! own constraints, one sender's revocation lists, and a reason that can be acted on.

use std::cell::RefCell;

use jiff::Timestamp;
use rustls_pki_types::{TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, VerifiedPath};

use super::anchors::Anchor;
use super::chain::Chain;
use super::revocation::{Link, Revocation};
use super::trust::{Eku, Moment, SenderTrust, dates, for_another_purpose};
use crate::identity::Identity;
use crate::policy::{Doubt, DoubtKind, Vouched, Voucher};

impl SenderTrust {
    /// Version 3: whether a path leads from one of the anchors to the certificate.
    ///
    /// All anchors are searched at once, since what a stranger sends along decides how long it
    /// takes. The library looks at dates and purpose before it looks for an issuer, so those doubts
    /// are believed only when a path holds without them: a stranger's expired certificate is a
    /// stranger's.
    pub(super) fn vouch_for_path(&self, chain: &Chain<'_>, moment: Moment<'_>) -> Result<Vouched, Doubt> {
        let end_entity = EndEntityCert::try_from(chain.end_entity).map_err(|error| {
            Doubt::new(DoubtKind::Unreadable, format!("it cannot be used: {}", words(&error)))
        })?;
        let standing: Vec<_> =
            self.issuers().map(|anchor| (anchor, self.standing(anchor, moment.now))).collect();
        let sound: Vec<_> =
            standing.iter().filter(|(_, standing)| standing.is_ok()).map(|(anchor, _)| *anchor).collect();
        let search = Search { end_entity: &end_entity, chain, moment };
        let error = match search.path(&sound, moment.now, self.eku.into(), self.revocation.as_ref()) {
            Ok(vouched) => return Ok(vouched),
            Err(Failure::Doubt(doubt)) => return Err(doubt),
            Err(Failure::NoPath(error)) => error,
        };
        if let Some(doubt) = self.known_but(&search, &sound, &error) {
            return Err(doubt);
        }
        // An anchor that stands for nothing now may be the one, which is a better reason than none.
        let doubts = standing.into_iter().filter_map(|(anchor, standing)| Some((anchor, standing.err()?)));
        let found = doubts
            .filter(|(anchor, _)| search.may_end_at(anchor))
            .filter(|(anchor, _)| search.holds(&[anchor], moment.now, self.eku.into()));
        match found.map(|(_, doubt)| doubt).max_by_key(|doubt| doubt.kind) {
            Some(doubt) => Err(doubt),
            None => Err(self.why_unknown(chain, &error)),
        }
    }

    /// The doubt, if an anchor would stand for the certificate without it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
    fn known_but(&self, search: &Search<'_>, sound: &[&Anchor], error: &Error) -> Option<Doubt> {
        let Search { chain, moment, .. } = search;
        let all: Vec<_> = self.issuers().collect();
        match error {
            Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
                let once = search.moments().any(|at| search.holds(&all, at, Purpose::Any));
                once.then(|| {
                    search.dates_above().unwrap_or_else(|| {
                        let kind = match error {
                            Error::CertExpired { .. } => DoubtKind::Expired,
                            _ => DoubtKind::NotYetValid,
                        };
                        Doubt::new(kind, "a certificate above it is not valid now")
                    })
                })
            }
            // Everything else is asked for: who is revoked is not to be told how to get in.
            Error::RequiredEkuNotFoundContext(_) => {
                match search.path(sound, moment.now, Purpose::Any, self.revocation.as_ref()) {
                    Ok(_) => Some(search.other_purpose()),
                    Err(Failure::Doubt(doubt)) => Some(doubt),
                    Err(Failure::NoPath(_)) => None,
                }
            }
            Error::CaUsedAsEndEntity if chain.descends_from(&all, moment.algorithms) => Some(Doubt::new(
                DoubtKind::Purpose,
                "the certificate is a CA's own; it counts as the sender's only where it stands in `ca` itself",
            )),
            _ => None,
        }
    }

    fn why_unknown(&self, chain: &Chain<'_>, error: &Error) -> Doubt {
        let issuer = &chain.identity.issuer;
        let known = |anchor: &Anchor| {
            std::iter::once(issuer)
                .chain(chain.above.iter().map(|identity| &identity.issuer))
                .any(|name| *name == anchor.identity.subject)
        };
        let (kind, why) = if self.issuers().any(|anchor| anchor.identity.subject == *issuer) {
            let why = words(error);
            (
                DoubtKind::BadPath,
                format!("its issuer `{issuer}` has the name of a CA of this sender, but {why}"),
            )
        } else if self.issuers().any(known) {
            (DoubtKind::BadPath, format!("no path leads from a CA of this sender to it: {}", words(error)))
        } else if self.anchors.iter().any(|anchor| anchor.identity.subject == *issuer) {
            let why = format!("its issuer `{issuer}` stands in this sender's `ca`, but never issues");
            (DoubtKind::BadPath, why)
        } else if chain.came_alone {
            let why =
                format!("its issuer `{issuer}` is no CA of this sender, and no intermediate came with it");
            (DoubtKind::NotIssued, why)
        } else {
            let why = format!(
                "neither its issuer `{issuer}` nor what came with it descends from a CA of this sender"
            );
            (DoubtKind::NotIssued, why)
        };
        Doubt::new(kind, why)
    }
}

/// The library's words are the names of its errors.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
fn words(error: &Error) -> String {
    match error {
        Error::InvalidSignatureForPublicKey => "that CA's key did not sign it".to_owned(),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "a signature is made in a way that is not believed, such as SHA-1".to_owned()
        }
        Error::NameConstraintViolation => "a CA may not issue for such names (name constraints)".to_owned(),
        Error::PathLenConstraintViolated => {
            "more intermediates stand between than a CA allows (path length)".to_owned()
        }
        Error::EndEntityUsedAsCa => "a certificate above it may not issue".to_owned(),
        Error::UnknownIssuer => "an issuer is missing".to_owned(),
        Error::UnsupportedCriticalExtension => {
            "it carries a critical extension that is not processed, such as certificatePolicies".to_owned()
        }
        Error::ExtensionValueInvalid => "an extension stands twice, or is damaged".to_owned(),
        other => format!("{other:?}"),
    }
}

/// One certificate's search for an anchor.
struct Search<'a> {
    end_entity: &'a EndEntityCert<'a>,
    chain: &'a Chain<'a>,
    moment: Moment<'a>,
}

enum Failure {
    /// A path was found, and there is something about it.
    Doubt(Doubt),
    /// None was found.
    NoPath(Error),
}

impl Search<'_> {
    /// Whether a path holds, revocation aside.
    fn holds(&self, anchors: &[&Anchor], at: Timestamp, purpose: Purpose) -> bool {
        self.path(anchors, at, purpose, None).is_ok()
    }

    fn path(
        &self,
        anchors: &[&Anchor],
        at: Timestamp,
        purpose: Purpose,
        revocation: Option<&Revocation>,
    ) -> Result<Vouched, Failure> {
        let trusted: Vec<TrustAnchor<'_>> =
            anchors.iter().filter_map(|anchor| anchor.trust.as_ref().ok().cloned()).collect();
        // What was found on the way: the library passes on a path, but nothing about it.
        let (vouched, doubted) = (RefCell::new(None), RefCell::new(None::<Doubt>));
        let inspect = |path: &VerifiedPath<'_>| match self.inspect(path, anchors, revocation) {
            Ok(found) => {
                *vouched.borrow_mut() = Some(found);
                Ok(())
            }
            Err(Failure::NoPath(error)) => Err(error),
            Err(Failure::Doubt(doubt)) => {
                let mut worst = doubted.borrow_mut();
                if worst.as_ref().is_none_or(|known| known.kind < doubt.kind) {
                    *worst = Some(doubt);
                }
                Err(Error::UnknownIssuer)
            }
        };
        let verified = self.end_entity.verify_for_usage(
            self.moment.algorithms.all,
            &trusted,
            &self.chain.intermediates,
            unix_time(at),
            purpose,
            None,
            Some(&inspect),
        );
        match (verified.map(|_| ()), vouched.take(), doubted.take()) {
            (Ok(()), Some(found), _) => Ok(found),
            (_, _, Some(doubt)) => Err(Failure::Doubt(doubt)),
            (Err(error), _, None) => Err(Failure::NoPath(error)),
            (Ok(()), None, None) => Err(Failure::NoPath(Error::UnknownIssuer)),
        }
    }

    /// Judges one path that holds as far as the library looks.
    fn inspect(
        &self,
        path: &VerifiedPath<'_>,
        anchors: &[&Anchor],
        revocation: Option<&Revocation>,
    ) -> Result<Vouched, Failure> {
        let above = path
            .intermediate_certificates()
            .map(|certificate| self.chain.intermediates.iter().position(|der| *der == certificate.der()))
            .map(|place| self.chain.above.get(place?))
            .collect::<Option<Vec<_>>>()
            .ok_or(Failure::NoPath(Error::BadDer))?;
        // The library looks at basicConstraints; RFC 5280, 6.1.4 (n), asks for keyCertSign as well.
        if above.iter().any(|identity| identity.issuing.never.is_some()) {
            return Err(Failure::NoPath(Error::EndEntityUsedAsCa));
        }
        // RFC 5280, 6.1.4 (l): those that only carry an issuer over to a new key do not count.
        let counted = above.iter().filter(|identity| !identity.is_self_issued()).count();
        // The same CA may be there twice, renewed: the one that lasts longest counts.
        let anchor = anchors
            .iter()
            .filter(|anchor| anchor.trust.as_ref().is_ok_and(|trust| trust == path.anchor()))
            .filter(|anchor| anchor.permits(counted))
            .max_by_key(|anchor| anchor.identity.not_after)
            .ok_or(Failure::NoPath(Error::PathLenConstraintViolated))?;
        let issuers = above.iter().copied().chain([&anchor.identity]);
        let issued = std::iter::once(self.chain.identity).chain(above.iter().copied());
        let links: Vec<_> =
            issued.zip(issuers).map(|(certificate, issuer)| Link { certificate, issuer }).collect();
        let lists = match revocation {
            Some(revocation) => {
                revocation.check(&links, self.moment.now, self.moment.algorithms).map_err(Failure::Doubt)?
            }
            None => None,
        };
        let certificates = links.iter().flat_map(|link| [link.certificate.not_after, link.issuer.not_after]);
        Ok(Vouched {
            by: Voucher::Anchor(anchor.identity.subject.clone()),
            not_after: certificates.chain(lists).min().unwrap_or(self.chain.identity.not_after),
        })
    }

    /// Whether a path could lead to this anchor, by the names alone.
    fn may_end_at(&self, anchor: &Anchor) -> bool {
        self.all().any(|identity| identity.issuer == anchor.identity.subject)
    }

    /// Moments at which all certificates of the chain may have been valid together: when the
    /// youngest began, and when the end-entity's own did.
    fn moments(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let own = self.chain.identity.not_before;
        let youngest = self.all().map(|identity| identity.not_before).max().filter(|above| *above > own);
        youngest.into_iter().chain([own])
    }

    /// What is wrong with the dates of the certificate, or of those that came with it.
    fn dates_above(&self) -> Option<Doubt> {
        self.all().find_map(|identity| dates(identity, &self.what(identity), self.moment.now).err())
    }

    /// Which one is marked for another purpose.
    fn other_purpose(&self) -> Doubt {
        let other = self.all().find(|identity| !identity.purposes.include_clients());
        for_another_purpose(&self.what(other.unwrap_or(self.chain.identity)))
    }

    fn what(&self, identity: &Identity) -> String {
        if identity.sha256 == self.chain.identity.sha256 {
            "the certificate".to_owned()
        } else {
            format!("the CA `{}` above it", identity.subject)
        }
    }

    /// The certificate, and those that came with it.
    fn all(&self) -> impl Iterator<Item = &Identity> {
        std::iter::once(self.chain.identity).chain(&self.chain.above)
    }
}

/// What a certificate has to be marked for, if it is marked at all (RFC 5280, 4.2.1.12).
#[derive(Clone, Copy)]
enum Purpose {
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
