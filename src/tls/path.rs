//! Searches for a path from a sender's anchors to a certificate, and finds a useful reason if there is none.

use std::collections::HashMap;

use webpki::{EndEntityCert, Error};

use super::anchors::Anchor;
use super::chain::Chain;
use super::name_constraints::{likely_paths, unreadable, violation};
use super::revocation::Revocation;
use super::search::{FoundPath, Purpose, Search, SearchFailure};
use super::trust::{Moment, RelevantTrust};
use crate::policy::{TrustError, TrustErrorKind, Trusted};

/// The searches for one certificate without revocation lists, by anchors and purpose.
pub(super) type KnownSearches<'a> = HashMap<RelevantTrust<'a>, Result<FoundPath<'a>, TrustError>>;

/// Verifies a version 3 certificate: there must be a valid path from one of the anchors to it. Senders that differ
/// only in their revocation lists share a search.
pub(super) fn verify_path<'a>(
    trust: &RelevantTrust<'a>,
    chain: &'a Chain<'a>,
    moment: Moment<'a>,
    known: &mut KnownSearches<'a>,
) -> Result<Trusted, TrustError> {
    let is_revoked = |revocation: &Revocation| {
        trust.anchors.iter().any(|anchor| revocation.revokes_anchor(&anchor.identity))
    };
    if let Some(revocation) = trust.revocation.filter(|revocation| !is_revoked(revocation)) {
        let without = RelevantTrust { anchors: trust.anchors.clone(), eku: trust.eku, revocation: None };
        let found = known.entry(without).or_insert_with_key(|trust| search_path(trust, chain, moment));
        match found {
            // No path is valid even without lists. They only matter for a certificate for another purpose, which may be
            // revoked as well.
            Err(error) if error.kind != TrustErrorKind::Purpose => return Err(error.clone()),
            // With the lists, the search would try the same path first. If they refuse it, others may be valid.
            Ok(path) => {
                if let Ok(lists_end) = path.check(revocation, moment) {
                    return Ok(path.trusted(lists_end));
                }
            }
            Err(_) => {}
        }
    }
    search_path(trust, chain, moment).map(|path| path.trusted(path.lists_end))
}

/// One search covers all anchors, because the certificates that a client sends determine its duration. The library
/// checks dates and purpose before it searches for an issuer. Those errors are reported only if the path is valid
/// otherwise; an expired certificate of an unknown CA is reported as one of an unknown CA.
pub(super) fn search_path<'a>(
    trust: &RelevantTrust<'a>,
    chain: &'a Chain<'a>,
    moment: Moment<'a>,
) -> Result<FoundPath<'a>, TrustError> {
    let end_entity = EndEntityCert::try_from(chain.end_entity).map_err(|error| {
        TrustError::new(TrustErrorKind::Unreadable, format!("it cannot be used: {}", describe(&error)))
    })?;
    let verified: Vec<_> =
        trust.issuers().map(|anchor| (anchor, trust.verify_anchor(anchor, moment.now))).collect();
    let valid: Vec<_> =
        verified.iter().filter(|(_, result)| result.is_ok()).map(|(anchor, _)| *anchor).collect();
    let search = Search { end_entity: &end_entity, chain, moment };
    let error = match search.path(&valid, moment.now, trust.eku.into(), trust.revocation) {
        Ok(path) => return Ok(path),
        Err(SearchFailure::TrustError(trust_error)) => return Err(trust_error),
        Err(SearchFailure::NoPath(error)) => error,
    };
    if let Some(trust_error) = only_error(trust, &search, &valid, &error) {
        return Err(trust_error);
    }
    // If the path ends at an anchor that is not valid now, that is a more useful reason.
    let trust_errors = verified.into_iter().filter_map(|(anchor, result)| Some((anchor, result.err()?)));
    let found = trust_errors
        .filter(|(anchor, _)| search.may_end_at(anchor))
        .filter(|(anchor, _)| search.is_valid(&[anchor], moment.now, trust.eku.into()));
    match found.map(|(_, trust_error)| trust_error).max_by_key(|trust_error| trust_error.kind) {
        Some(trust_error) => Err(trust_error),
        None => Err(constrained(trust, chain, &error)
            .or_else(|| trust.unsupported(chain))
            .unwrap_or_else(|| why_unknown(trust, chain, &error))),
    }
}

/// The error, if the certificate has a valid path otherwise.
#[expect(clippy::wildcard_enum_match_arm, reason = "the errors of another crate, which may be extended")]
fn only_error<'a>(
    trust: &RelevantTrust<'a>,
    search: &Search<'_, 'a>,
    valid: &[&'a Anchor],
    error: &Error,
) -> Option<TrustError> {
    let Search { chain, moment, .. } = search;
    let all: Vec<_> = trust.issuers().collect();
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } => {
            let was_valid = search.moments().any(|at| search.is_valid(&all, at, Purpose::Any));
            was_valid.then(|| {
                search.dates_above().unwrap_or_else(|| {
                    let kind = match error {
                        Error::CertExpired { .. } => TrustErrorKind::Expired,
                        _ => TrustErrorKind::NotYetValid,
                    };
                    TrustError::new(kind, "a certificate above it is not valid now")
                })
            })
        }
        // All other checks apply: a revoked certificate must not be reported as one that only needs another `eku`.
        Error::RequiredEkuNotFoundContext(_) => {
            match search.path(valid, moment.now, Purpose::Any, trust.revocation) {
                Ok(_) => Some(search.other_purpose()),
                Err(SearchFailure::TrustError(trust_error)) => Some(trust_error),
                Err(SearchFailure::NoPath(_)) => None,
            }
        }
        Error::CaUsedAsEndEntity if chain.descends_from(&all) => Some(TrustError::new(
            TrustErrorKind::Purpose,
            "the certificate is that of a CA; it is accepted for the sender only if it is in `ca`",
        )),
        _ => None,
    }
}

/// The error, if name constraints forbid the certificate, or cannot be parsed.
#[expect(clippy::wildcard_enum_match_arm, reason = "the errors of another crate, which may be extended")]
fn constrained(trust: &RelevantTrust<'_>, chain: &Chain<'_>, error: &Error) -> Option<TrustError> {
    let find = if *error == Error::NameConstraintViolation { violation } else { unreadable };
    let found = likely_paths(chain, trust.issuers()).find_map(|path| find(&path));
    let why = match error {
        Error::InvalidSignatureForPublicKey => None,
        Error::NameConstraintViolation => found.or_else(|| Some(describe(error))),
        _ => found,
    }?;
    Some(TrustError::new(TrustErrorKind::NameConstraints, why))
}

fn why_unknown(trust: &RelevantTrust<'_>, chain: &Chain<'_>, error: &Error) -> TrustError {
    let issuer = &chain.identity.issuer;
    let known = |anchor: &Anchor| {
        std::iter::once(issuer)
            .chain(chain.above.iter().map(|identity| &identity.issuer))
            .any(|name| *name == anchor.identity.subject)
    };
    let why = describe(error);
    let (kind, why) = if trust.issuers().any(|anchor| anchor.identity.subject == *issuer) {
        (
            TrustErrorKind::BadPath,
            format!("its issuer `{issuer}` has the name of a CA of this sender, but {why}"),
        )
    } else if trust.issuers().any(known) {
        (TrustErrorKind::BadPath, format!("no path leads from a CA of this sender to it: {why}"))
    } else if trust.anchors.iter().any(|anchor| anchor.identity.subject == *issuer) {
        let why = format!("its issuer `{issuer}` is in this sender's `ca`, but cannot issue");
        (TrustErrorKind::BadPath, why)
    } else if chain.is_alone {
        let why =
            format!("its issuer `{issuer}` is not a CA of this sender, and no intermediate was sent with it");
        (TrustErrorKind::NotIssued, why)
    } else {
        let why = format!(
            "neither its issuer `{issuer}` nor any certificate sent with it descends from a CA of this sender"
        );
        (TrustErrorKind::NotIssued, why)
    };
    TrustError::new(kind, why)
}

/// The library's errors have no text, only names.
#[expect(clippy::wildcard_enum_match_arm, reason = "the errors of another crate, which may be extended")]
fn describe(error: &Error) -> String {
    match error {
        Error::InvalidSignatureForPublicKey => "that CA's key did not sign it".to_owned(),
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            "the algorithm of a signature is not supported".to_owned()
        }
        Error::NameConstraintViolation => "a CA may not issue for these names (name constraints)".to_owned(),
        Error::PathLenConstraintViolated => {
            "there are more intermediates than a CA allows (path length)".to_owned()
        }
        Error::EndEntityUsedAsCa => "a certificate above it may not issue".to_owned(),
        Error::UnknownIssuer => "an issuer is missing".to_owned(),
        Error::UnsupportedCriticalExtension => {
            "it has a critical extension that is not supported, such as certificatePolicies".to_owned()
        }
        Error::ExtensionValueInvalid => "an extension occurs twice, or is damaged".to_owned(),
        other => format!("{other:?}"),
    }
}
