//! Whether a path leads from a sender's anchors to a certificate, and if not, a reason that can be
//! acted on.

use webpki::{EndEntityCert, Error};

use super::anchors::Anchor;
use super::chain::Chain;
use super::search::{Purpose, Search, SearchFailure};
use super::trust::{Moment, SenderTrust};
use crate::policy::{TrustError, TrustErrorKind, Trusted};

impl SenderTrust {
    /// Version 3: whether a path leads from one of the anchors to the certificate.
    ///
    /// All anchors are searched at once, since what a stranger sends along decides how long it
    /// takes. The library looks at dates and purpose before it looks for an issuer, so those errors
    /// are believed only when a path holds without them: a stranger's expired certificate is a
    /// stranger's.
    pub(super) fn vouch_for_path(
        &self,
        chain: &Chain<'_>,
        moment: Moment<'_>,
    ) -> Result<Trusted, TrustError> {
        let end_entity = EndEntityCert::try_from(chain.end_entity).map_err(|error| {
            TrustError::new(TrustErrorKind::Unreadable, format!("it cannot be used: {}", words(&error)))
        })?;
        let standing: Vec<_> =
            self.issuers().map(|anchor| (anchor, self.standing(anchor, moment.now))).collect();
        let sound: Vec<_> =
            standing.iter().filter(|(_, standing)| standing.is_ok()).map(|(anchor, _)| *anchor).collect();
        let search = Search { end_entity: &end_entity, chain, moment };
        let error = match search.path(&sound, moment.now, self.eku.into(), self.revocation.as_ref()) {
            Ok(vouched) => return Ok(vouched),
            Err(SearchFailure::TrustError(trust_error)) => return Err(trust_error),
            Err(SearchFailure::NoPath(error)) => error,
        };
        if let Some(trust_error) = self.known_but(&search, &sound, &error) {
            return Err(trust_error);
        }
        // An anchor that is not valid now may be the one, which is a better reason than none.
        let trust_errors =
            standing.into_iter().filter_map(|(anchor, standing)| Some((anchor, standing.err()?)));
        let found = trust_errors
            .filter(|(anchor, _)| search.may_end_at(anchor))
            .filter(|(anchor, _)| search.holds(&[anchor], moment.now, self.eku.into()));
        match found.map(|(_, trust_error)| trust_error).max_by_key(|trust_error| trust_error.kind) {
            Some(trust_error) => Err(trust_error),
            None => Err(self.unsupported(chain, moment).unwrap_or_else(|| self.why_unknown(chain, &error))),
        }
    }

    /// The error, if an anchor would vouch for the certificate without it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
    fn known_but(&self, search: &Search<'_>, sound: &[&Anchor], error: &Error) -> Option<TrustError> {
        let Search { chain, moment, .. } = search;
        let all: Vec<_> = self.issuers().collect();
        match error {
            Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
                let once = search.moments().any(|at| search.holds(&all, at, Purpose::Any));
                once.then(|| {
                    search.dates_above().unwrap_or_else(|| {
                        let kind = match error {
                            Error::CertExpired { .. } => TrustErrorKind::Expired,
                            _ => TrustErrorKind::NotYetValid,
                        };
                        TrustError::new(kind, "a certificate above it is not valid now")
                    })
                })
            }
            // Everything else is asked for: who is revoked is not to be told how to get in.
            Error::RequiredEkuNotFoundContext(_) => {
                match search.path(sound, moment.now, Purpose::Any, self.revocation.as_ref()) {
                    Ok(_) => Some(search.other_purpose()),
                    Err(SearchFailure::TrustError(trust_error)) => Some(trust_error),
                    Err(SearchFailure::NoPath(_)) => None,
                }
            }
            Error::CaUsedAsEndEntity if chain.descends_from(&all, moment.algorithms) => {
                Some(TrustError::new(
                    TrustErrorKind::Purpose,
                    "the certificate is a CA's own; it counts as the sender's only if it is itself in `ca`",
                ))
            }
            _ => None,
        }
    }

    fn why_unknown(&self, chain: &Chain<'_>, error: &Error) -> TrustError {
        let issuer = &chain.identity.issuer;
        let known = |anchor: &Anchor| {
            std::iter::once(issuer)
                .chain(chain.above.iter().map(|identity| &identity.issuer))
                .any(|name| *name == anchor.identity.subject)
        };
        let (kind, why) = if self.issuers().any(|anchor| anchor.identity.subject == *issuer) {
            let why = words(error);
            (
                TrustErrorKind::BadPath,
                format!("its issuer `{issuer}` has the name of a CA of this sender, but {why}"),
            )
        } else if self.issuers().any(known) {
            (
                TrustErrorKind::BadPath,
                format!("no path leads from a CA of this sender to it: {}", words(error)),
            )
        } else if self.anchors.iter().any(|anchor| anchor.identity.subject == *issuer) {
            let why = format!("its issuer `{issuer}` is in this sender's `ca`, but cannot issue");
            (TrustErrorKind::BadPath, why)
        } else if chain.sent.is_empty() {
            let why =
                format!("its issuer `{issuer}` is no CA of this sender, and no intermediate came with it");
            (TrustErrorKind::NotIssued, why)
        } else {
            let why = format!(
                "neither its issuer `{issuer}` nor what came with it descends from a CA of this sender"
            );
            (TrustErrorKind::NotIssued, why)
        };
        TrustError::new(kind, why)
    }
}

/// The library's words are the names of its errors.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's errors, which may grow")]
fn words(error: &Error) -> String {
    match error {
        Error::InvalidSignatureForPublicKey => "that CA's key did not sign it".to_owned(),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "the algorithm of a signature is not supported".to_owned()
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
