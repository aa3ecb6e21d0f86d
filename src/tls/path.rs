//! Path validation (RFC 5280, 6.1), as the library does it, with what it leaves out: the anchors'
//! own constraints, one sender's revocation lists, and a reason that can be acted on.

use std::cell::RefCell;

use jiff::Timestamp;
use rustls_pki_types::{TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, VerifiedPath};

use super::anchors::Anchor;
use super::revocation::{Link, Revocation};
use super::signature::issued_by;
use super::trust::{Chain, Eku, Moment, SenderTrust, dates, for_another_purpose};
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
        let end_entity = EndEntityCert::try_from(chain.end_entity)
            .map_err(|error| Doubt::new(DoubtKind::Unreadable, format!("it cannot be used: {error:?}")))?;
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
        if let Some(doubt) = self.known_but(&search, &error) {
            return Err(doubt);
        }
        // An anchor that stands for nothing now may be the one, which is a better reason than none.
        let doubts = standing.into_iter().filter_map(|(anchor, standing)| Some((anchor, standing.err()?)));
        let found = doubts.filter(|(anchor, _)| search.holds(&[anchor], moment.now, self.eku.into()));
        match found.map(|(_, doubt)| doubt).max_by_key(|doubt| doubt.kind) {
            Some(doubt) => Err(doubt),
            None => Err(Doubt::new(DoubtKind::UnknownCa, self.why_unknown(chain, &error))),
        }
    }

    /// The doubt, if an anchor would stand for the certificate without it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
    fn known_but(&self, search: &Search<'_>, error: &Error) -> Option<Doubt> {
        let Search { chain, moment, .. } = search;
        let all: Vec<_> = self.issuers().collect();
        let holds_once = || search.moments().any(|at| search.holds(&all, at, Purpose::Any));
        match error {
            Error::CertExpired { .. } | Error::CertNotValidYet { .. } if holds_once() => {
                Some(search.dates_above().unwrap_or_else(|| {
                    let kind = match error {
                        Error::CertExpired { .. } => DoubtKind::Expired,
                        _ => DoubtKind::NotYetValid,
                    };
                    Doubt::new(kind, "a certificate above it is not valid now")
                }))
            }
            Error::RequiredEkuNotFoundContext(_) if holds_once() => Some(for_another_purpose()),
            Error::CaUsedAsEndEntity
                if all
                    .iter()
                    .any(|anchor| issued_by(chain.end_entity, &anchor.identity, moment.algorithms)) =>
            {
                Some(Doubt::new(
                    DoubtKind::Purpose,
                    "the certificate is a CA's own; it counts as the sender's only where it stands in `ca` itself",
                ))
            }
            _ => None,
        }
    }

    fn why_unknown(&self, chain: &Chain<'_>, error: &Error) -> String {
        let issuer = &chain.identity.issuer;
        if self.issuers().any(|anchor| anchor.identity.subject == *issuer) {
            let why = words(error);
            return format!("its issuer `{issuer}` has the name of a CA of this sender, but {why}");
        }
        if self.anchors.iter().any(|anchor| anchor.identity.subject == *issuer) {
            return format!("its issuer `{issuer}` stands in this sender's `ca`, but never issues");
        }
        if chain.intermediates.is_empty() {
            return format!(
                "its issuer `{issuer}` is no CA of this sender, and no intermediate came with it"
            );
        }
        format!("no path leads from a CA of this sender to its issuer `{issuer}`: {}", words(error))
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
            self.chain.intermediates,
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
            .map(|certificate| Identity::from_der(&certificate.der()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Failure::NoPath(Error::BadDer))?;
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
        let issuers = above.iter().chain([&anchor.identity]);
        let issued = std::iter::once(self.chain.identity).chain(&above);
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

    /// Moments at which all certificates of the chain may have been valid together: when the
    /// youngest began, and when the end-entity's own did.
    fn moments(&self) -> impl Iterator<Item = Timestamp> + use<> {
        let own = self.chain.identity.not_before;
        let youngest = self.above().map(|identity| identity.not_before).max().filter(|above| *above > own);
        youngest.into_iter().chain([own])
    }

    /// What is wrong with the dates of the certificate, or of those that came with it.
    fn dates_above(&self) -> Option<Doubt> {
        let now = self.moment.now;
        let own = dates(self.chain.identity, "the certificate", now).err();
        let what = |identity: &Identity| format!("the CA `{}` above it", identity.subject);
        own.or_else(|| self.above().find_map(|identity| dates(&identity, &what(&identity), now).err()))
    }

    fn above(&self) -> impl Iterator<Item = Identity> {
        self.chain.intermediates.iter().filter_map(|der| Identity::from_der(der).ok())
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
